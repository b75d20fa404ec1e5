"""One source that holds everything that pg_dump knows, and what two servers' own dumps say of it."""

from __future__ import annotations

import itertools
import re
import subprocess
from pathlib import Path

from bot.sandbox.servers import PostgresServer
from jobs.engines.postgres import tools
from tests.servers.pg_run import endpoint
from tests.support.servers import Database

SQL = Path(__file__).with_name("sql")
ROLES = ("{p}_owner", "{p}_app", "{p}_read", '"{p} Odd ""role"""')
CONTRIB = """
create extension citext schema app; create extension pg_trgm schema "Other schema"; create extension postgres_fdw;
create extension file_fdw; create extension btree_gist; comment on extension citext is 'our own words';
create table app.uses_citext (t app.citext primary key, g text); insert into app.uses_citext values ('Ab', 'abc');
create index on app.uses_citext using gin (g "Other schema".gin_trgm_ops);
create server far foreign data wrapper postgres_fdw options (host '127.0.0.1', port '1');
create user mapping for {p}_owner server far options (user 'x', password 'y');
create foreign table app.of_far (a int) server far options (table_name 'x');
create server files foreign data wrapper file_fdw;
create foreign table app.of_files (l text) server files options (filename '/dev/null', format 'text');
create table app.gist_too (a int, r int4range, exclude using gist (a with =, r with &&));
insert into app.gist_too values (1, '[1,2)'), (1, '[2,3)');
create foreign table app.far_part partition of app.by_expr
    for values from (100, minvalue) to (101, minvalue) server far
"""
"""What takes modules that the servers of some wheels lack."""
_STORED = re.compile(r" generated always as \([\w.]+(?:\(\w+\))?\) stored")
SINCE: list[tuple[int, str | re.Pattern[str], str]] = [
    (13, "; alter statistics app.stat_all set statistics 55", ""),
    (13, " with (publish_via_partition_root = true)", ""),
    (
        13,
        "create publication pub_root for table app.events;",
        "create publication pub_root for table app.events_old;",
    ),
    (12, _STORED, ""),
    (12, "refers (k int, v int, foreign key (k, v) references app.keyed)", "refers (k int, v int)"),
    (11, "create procedure app.work(inout n int) language plpgsql as 'begin n := n + 1; end'; ", ""),
    (11, "comment on procedure app.work(int) is 'works'", ""),
    (11, " revoke all on procedure app.work(int) from public;", ""),
    (11, " function = app.", " procedure = app."),
    (11, " execute function app.", " execute procedure app."),
    (11, re.compile(r" include \(\w+\)"), ""),
    (11, " alter index app.people_expr alter column 2 set statistics 77;", ""),
    (
        11,
        re.compile(r"events_2024_rest partition of app\.events_2024 default .*(?=;\n)"),
        "events_2024_rest partition of app.events_2024 for values in ('b', 'ünï')",
    ),
    (11, "(id > -1000)) default", "(id > -1000)) for values from ('2025-01-01') to (maxvalue)"),
    (11, re.compile(r"create index events_kind on only .*lower\(kind\)\)"), "create index on app.events_old (kind)"),
    (11, "keyed (k int, v int, primary key (k, v))", "keyed (k int, v int)"),
    (
        11,
        "parted_refers (id int references app.people, k int) partition by hash",
        "parted_refers (id int, k int) partition by list",
    ),
    (11, "for values with (modulus 1, remainder 0)", "for values in (1)"),
    (11, "t_parted after insert on app.events ", "t_parted after insert on app.events_old "),
]
"""Of everything.sql: since which version it can be said as it is there, and how it was said before."""

_numbers = itertools.count(1)


def prefix() -> str:
    """Roles belong to a server: each test's have names of their own."""
    return f"ev{next(_numbers)}"


def fill(source: Database, p: str, *, contrib: bool = False) -> None:
    """Everything that this server's version knows."""
    major = source.server.binaries.major
    texts = [
        file.read_text()
        for file in sorted(SQL.glob("everything*.sql"))
        if int(file.stem.partition("_")[2] or 0) <= major
    ]
    texts[0] = _as_said_before(texts[0], major)
    with source.connect(prepare_threshold=None) as connection:
        for text in [*texts, *([CONTRIB] if contrib else [])]:
            for statement in text.split(";\n"):
                connection.execute(statement.replace("{p}", p).replace("{db}", source.name).encode())
        connection.execute("analyze app.people; analyze app.events")


def _as_said_before(text: str, major: int) -> str:
    for since, said, before in SINCE:
        if major < since:
            words = said if isinstance(said, re.Pattern) else re.compile(re.escape(said))
            text, times = words.subn(lambda _, before=before: before, text)  # type: ignore[misc]
            assert times, said
    return text


def make_roles(server: PostgresServer, p: str) -> None:
    """The roles of the source on the target's server."""
    with Database(server, "postgres").connect() as connection:
        for role in ROLES:
            connection.execute(f"create role {role.replace('{p}', p)}".encode())


def described(database: Database, *, same: bool) -> list[str]:
    """The schema as the newest pg_dump here writes it down, one statement a line, sorted.

    Unless both sides are of the `same` major version, without what each writes in its own way or adds by itself."""
    tool = tools.newest()
    command = [str(tool.path_dump), "--schema-only", "--no-password", "--encoding=UTF8", "--restrict-key=x"]
    command += ["--exclude-schema=ferrybot"]
    ran = subprocess.run(
        command, env=tools.environment_of(endpoint(database)), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    text = re.sub(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\.*)?\n", "", ran.stdout, flags=re.M)
    text = re.sub(r"^ALTER (FOREIGN )?TABLE ONLY ([^;]|\n)*? SET \(pg_attver=\d+\);\n", "", text, flags=re.M)
    text = re.sub(r"\bpg_attver=\d+, |, pg_attver=\d+", "", text)
    found = (" ".join(statement.split()) for statement in text.split(";\n"))
    found = (statement for statement in found if not statement.startswith("COMMENT ON EXTENSION"))
    return sorted(statement if same else _head(statement) for statement in found)


def _head(statement: str) -> str:
    statement = re.sub(r",?\bMAINTAIN\b|, multirange_type_name = [\w.]+", "", statement)
    statement = re.sub(r"^(CREATE (?:CONSTRAINT )?TRIGGER .*) EXECUTE PROCEDURE ", r"\1 EXECUTE FUNCTION ", statement)
    statement = re.sub(r"^REVOKE [A-Z,]+ ON TABLE", "REVOKE ALL ON TABLE", statement)
    return re.sub(r"^(CREATE (?:RECURSIVE |MATERIALIZED )?VIEW .*?) AS .*$", r"\1", statement)
