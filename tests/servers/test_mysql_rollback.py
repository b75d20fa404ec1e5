"""Overwriting and taking back on MariaDB: what the target held is safe before, and comes back whole after."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.certificate import write_certificate
from bot.sandbox.servers import MariaDbServer
from jobs.core.errors import FerrybotError, Permanent, Stopped
from jobs.core.model import Options, Scope, TlsMode
from jobs.core.plan import MigrationPlan
from jobs.engines.mysql import clear, quote, restore_point, safekeeping, tools
from jobs.engines.mysql.conductor import conduct
from jobs.engines.mysql.connect import connect, run
from jobs.engines.shared.restore_files import digest_of
from jobs.ports.engine import Asked
from tests.servers.mysql_run import (
    Migration,
    MysqlDatabase,
    all_tables,
    assert_same,
    contents,
    databases,
    definition,
    endpoint,
    nothing_of_ours,
    steps,
    work,
)
from tests.servers.pg_run import Spy

pytestmark = pytest.mark.servers

SOURCE = (
    "set sql_mode = ''",
    "create table person (id int primary key, mood enum ('sad', 'glad'))",
    "insert into person values (1, 'glad')",
    "create table note (id int auto_increment primary key, person int, t varchar(40), key (person),"
    " constraint of_person foreign key (person) references person (id))",
    "insert into note (person, t) select 1, md5(seq) from seq_1_to_500",
    "create view notes as select * from note",
    "create function hello(name text) returns text deterministic return concat('hi ', name)",
    "create trigger bell before insert on note for each row set new.t = ifnull(new.t, 'none')",
    "create event tidy on schedule every 1 day do delete from note where t is null",
    "create sequence counter start with 7",
)

TARGET = (
    "set sql_mode = 'ALLOW_INVALID_DATES', foreign_key_checks = 0, check_constraint_checks = 0",
    "alter database character set latin1 collate latin1_german1_ci",
    "create table `odd ``name. <b>` (id int primary key, `b \"c` varchar(30)) comment 'a ; b -- c'",
    "insert into `odd ``name. <b>` select seq, concat('row ', seq, '\\r\\n\\\\') from seq_1_to_2000",
    # One of the same name as in the source, of another shape.
    "create table note (id int auto_increment primary key, t text, unique key (t(50))) engine = Aria",
    "insert into note (t) select md5(seq) from seq_1_to_700",
    "create table typed (i bigint auto_increment primary key, f float, d double, n decimal(30, 10), b bit(9),"
    " blobs longblob, l varchar(20) character set latin1, g varchar(20) character set gbk, at timestamp(6) null,"
    " day date, e enum ('', 'ä') character set latin1, s set ('x', 'y'), j json, u uuid, y year, tm time(3),"
    " k int as (y + 1) virtual, st varchar(9) as (concat('v', y)) stored, hid int invisible default 3)",
    "insert into typed (f, d, n, b, blobs, l, g, at, day, e, s, j, u, y, tm) values"
    " (-1220223, 1e300, 12345678901234567890.0123456789, b'101010101', x'00ff0a0d1a5c27', 'ä€', '你', "
    " '2020-01-01 00:00:00.123456', '2020-02-31', 'ä', 'x,y', '{\"a\": 1}',"
    " '123e4567-e89b-12d3-a456-426614174000', 2020, '-838:59:59'),"
    " (0.1, -0e0, null, 0, '', '', null, null, '0000-00-00', '', '', null, null, 0, null)",
    "insert into typed (i) values (0x7ffffffffffffff0)",
    "create table p (id int, at date) partition by range (year(at)) (partition old values less than (2020),"
    " partition rest values less than maxvalue)",
    "insert into p values (1, '2019-05-05'), (2, '2030-01-01')",
    "create table told (id int primary key, t varchar(10)) with system versioning",
    "insert into told values (1, 'a')",
    "update told set t = 'b'",
    "create table parent (id int primary key)",
    "create table child (id int primary key, parent int, big int, key (parent), constraint k foreign key (parent)"
    " references parent (id) on delete cascade, constraint large check (big > 10))",
    # Broken by rows that came while nobody looked.
    "insert into child values (1, 99, 5)",
    "create function twice(n int) returns int deterministic return n * 2",
    "create view seen as select t.i, n.t from typed t join note n on n.id = t.i where twice(1) = 2",
    "create definer = gone@nowhere view ghost as select id from parent",
    "create definer = gone@nowhere procedure act(in n int) begin select 1; select ';;'; end",
    "create trigger first_bell before insert on note for each row set new.t = concat(new.t, '!')",
    "create trigger second_bell before insert on note for each row follows first_bell set new.t = upper(new.t)",
    "create trigger killer after delete on parent for each row delete from child",
    "create event ring on schedule every 1 hour starts '2020-01-01 00:00:00' do insert into parent values (7)",
    "create event sleeper on schedule every 1 day starts '2020-01-01 00:00:00' disable comment 'z' do select 1",
    "create sequence loose start with 40 increment by 3",
    "do nextval(loose)",
    "create table empty_one (id int auto_increment primary key) auto_increment = 77",
)


@dataclass(frozen=True)
class Picture:
    """A database as independent eyes see it: every row, every definition, next values, the state of events."""

    rows: dict[str, list[str]]
    history: list[tuple[object, ...]]
    tables: dict[str, str]
    programs: list[tuple[object, ...]]
    database: tuple[object, ...]


_PROGRAMS = (
    "select 'view', table_name, view_definition, definer, security_type from information_schema.views"
    " where table_schema = database()",
    "select routine_type, routine_name, routine_definition, definer, sql_mode from information_schema.routines"
    " where routine_schema = database()",
    "select action_order, trigger_name, action_statement, definer, sql_mode from information_schema.triggers"
    " where trigger_schema = database()",
    "select status, event_name, event_definition, definer, starts from information_schema.events"
    " where event_schema = database()",
)


@dataclass(frozen=True)
class Eye(MysqlDatabase):
    """Looks through one session: a new one for each query would take most of a test's time."""

    session: Any = None

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.session.cursor() as cursor:
            cursor.execute("set time_zone = '+00:00'")
            cursor.execute(query, values or None)
            return list(cursor.fetchall())


def picture(database: MysqlDatabase) -> Picture:
    with closing(database.server.connect(database.name)) as session:
        return seen(Eye(database.server, database.name, session))


def seen(database: MysqlDatabase) -> Picture:
    tables = [name for name in all_tables(database) if name != "loose"]
    sequences = database.rows(
        "select table_name from information_schema.tables where table_schema = database() and table_type = 'SEQUENCE'"
    )
    values: list[tuple[object, ...]] = [
        (name, *database.rows(f"select next_not_cached_value, increment from `{name}`")[0]) for (name,) in sequences
    ]
    programs = [row for query in _PROGRAMS for row in sorted(database.rows(query), key=str)]
    history = database.rows("select id, t from told for system_time all order by 1, 2") if "told" in tables else []
    return Picture(
        {name: contents(database, name) for name in tables},
        history,
        {name: definition(database, name) for name in tables},
        values + programs,
        database.rows("select @@character_set_database, @@collation_database")[0],
    )


@pytest.fixture
def migration(mariadb_server: MariaDbServer, tmp_path: Path) -> Iterator[Migration]:
    with databases(mariadb_server) as (source, target):
        source.run(*SOURCE)
        yield Migration(source, target, restore_folder=str(tmp_path))


@pytest.fixture
def filled(migration: Migration) -> Migration:
    """With a target that holds nearly everything that a database can hold."""
    migration.target.run(*TARGET)
    migration.options = Options(overwrite=True)
    return migration


def move(migration: Migration, plan: MigrationPlan) -> str:
    """The whole way to the end; the keepsake."""
    with conduct(migration.asked(), plan) as conductor:
        migration.restore_point = conductor.secure(Spy()) or migration.restore_point
        conductor.prepare(Spy())
        work(conductor)
        verdict = conductor.verdict()
        assert verdict.reasons == []
        kept = conductor.keepsake()
        conductor.finish()
        assert conductor.keepsake() == ""
    return kept


def back(migration: Migration, plan: MigrationPlan, kept: str) -> str:
    with conduct(migration.asked(), plan) as conductor:
        return conductor.roll_back(kept, Spy())


def test_overwritten_and_brought_back(filled: Migration) -> None:
    before, plan = picture(filled.target), filled.plan()
    kept = move(filled, plan)
    assert_same(filled.source, filled.target)
    point = filled.restore_point
    assert point is not None and Path(point.path).stat().st_mode & 0o777 == 0o600
    # By the second in which a table was made it is known again.
    filled.target.rows("select sleep(1 - microsecond(now(6)) / 1e6)")
    assert [f.name for f in Path(filled.restore_folder).iterdir()] == [Path(point.path).name]
    assert re.fullmatch(r"mariadb-dump 10\.\d+\.\d+", point.tool) and point.objects == 18
    for _ in range(2):  # a crash may come right before the word that it is done
        said = back(filled, plan, kept)
        assert point.path in said
        assert picture(filled.target) == before
        assert nothing_of_ours(filled.target)


def test_the_file_alone_brings_it_back_by_hand(filled: Migration) -> None:
    """As the README says it, with the client alone."""
    before = picture(filled.target)
    with conduct(filled.asked(), filled.plan()) as conductor:
        point = conductor.secure(Spy())
    assert point is not None and picture(filled.target) == before
    with conduct(filled.asked(), filled.plan()) as conductor:
        clear.everything(conductor._target, lambda: None)
    assert all_tables(filled.target) == []
    server, client = filled.target.server, tools.found()[0].client
    rules = "set session check_constraint_checks = 0"
    command = [str(client), f"--host={server.host}", f"--port={server.port}", f"--user={server.superuser}"]
    command += ["--binary-mode", "--default-character-set=utf8mb4", f"--init-command={rules}", filled.target.name]
    with Path(point.path).open("rb") as script:
        subprocess.run(command, stdin=script, env={"MYSQL_PWD": server.password}, check=True)
    assert picture(filled.target) == before


def test_cancelled_in_the_middle_it_is_brought_back(filled: Migration) -> None:
    before, plan = picture(filled.target), filled.plan()
    with conduct(filled.asked(), plan) as conductor:
        made = restore_point.created(conductor._target)
        filled.restore_point = conductor.secure(Spy())
        # Before anything is cleared a cancel touches nothing.
        assert "Nothing" in conductor.undo(Spy())
        assert restore_point.created(conductor._target) == made
    for kind in ("tables", "copy", "verify"):
        with conduct(filled.asked(), plan) as conductor:
            conductor.prepare(Spy())
            with conductor.lane() as lane:
                steps(lane, lambda task, kind=kind: task.kind == kind)  # type: ignore[misc]
        with conduct(filled.asked(), plan) as conductor:
            assert "brought back" in conductor.undo(Spy())
            assert picture(filled.target) == before
            assert "Nothing" in conductor.undo(Spy())


def test_an_empty_target_needs_no_restore_point(migration: Migration) -> None:
    migration.options = Options(overwrite=True)
    plan = migration.plan()
    kept = move(migration, plan)
    assert migration.restore_point is None
    assert "as it was found" in back(migration, plan, kept)
    assert all_tables(migration.target) == [] and nothing_of_ours(migration.target)


def test_without_its_file_nothing_is_touched(filled: Migration, tmp_path: Path) -> None:
    plan = filled.plan()
    kept = move(filled, plan)
    point = filled.restore_point
    assert point is not None
    before = picture(filled.target)
    Path(point.path).rename(tmp_path / "elsewhere")
    with pytest.raises(Permanent, match="cannot be read on this worker") as caught:
        back(filled, plan, kept)
    assert "FERRYBOT_RESTORE_POINTS" in caught.value.remedy
    data = bytearray((tmp_path / "elsewhere").read_bytes())
    data[len(data) // 2] ^= 1
    Path(point.path).write_bytes(data)
    with pytest.raises(Permanent, match="SHA-256 differs"):
        back(filled, plan, kept)
    assert picture(filled.target) == before
    (tmp_path / "elsewhere").rename(point.path)
    filled.target.run("create table extra (x int)")
    with pytest.raises(Permanent, match=r"did not make: table extra"):
        back(filled, plan, kept)


def test_a_restore_point_is_never_overwritten(filled: Migration, tmp_path: Path) -> None:
    """A worker died between the file's name and the story's word: the file may be all that somebody has."""
    with conduct(filled.asked(), filled.plan()) as conductor:
        first, second = conductor.secure(Spy()), conductor.secure(Spy())
    assert first is not None and second is not None and first.path != second.path
    assert digest_of(Path(first.path), lambda: None) == first.sha256
    assert sorted(f.suffix for f in tmp_path.iterdir()) == [".sql", ".sql"]


def test_what_the_run_made_goes_and_nothing_else(migration: Migration) -> None:
    plan = migration.plan()
    kept = move(migration, plan)
    migration.target.run(
        "create table extra (id int primary key)",
        "insert into extra values (7)",
        "create view extra_seen as select * from extra",
        "insert into note (person, t) values (1, 'written since')",
        # The target was taken into use: its events run there now.
        "alter event tidy enable",
    )
    assert back(migration, plan, kept).endswith("as it was found.")
    assert migration.target.rows("select id from extra_seen") == [(7,)]
    assert all_tables(migration.target) == ["extra"] and nothing_of_ours(migration.target)
    back(migration, plan, kept)
    assert all_tables(migration.target) == ["extra"]


NEEDED = (
    ("create view report as select * from note", "drop view report", "view report needs note"),
    (
        "create table theirs (p int, foreign key (p) references person (id))",
        "drop table theirs",
        "table theirs needs person",
    ),
    (
        "create trigger theirs before update on note for each row set new.t = 'x'",
        "drop trigger theirs",
        "trigger theirs needs note",
    ),
    ("alter table note add more int", "alter table note drop more", "not the objects that the run made"),
)


def test_what_others_need_or_changed_is_refused(migration: Migration) -> None:
    plan = migration.plan()
    kept = move(migration, plan)
    for change, mend, says in NEEDED:
        migration.target.run(change)
        before = picture(migration.target)
        with pytest.raises(Permanent, match=says):
            back(migration, plan, kept)
        assert picture(migration.target) == before
        migration.target.run(mend)
    back(migration, plan, kept)
    assert all_tables(migration.target) == []


def test_data_only_is_emptied_and_counters_go_back(migration: Migration) -> None:
    migration.options = Options(scope=Scope.data_only)
    migration.source.run("drop trigger bell")
    migration.target.run(*(text for text in SOURCE if not text.startswith(("insert", "create trigger"))))
    migration.target.run("alter table note auto_increment = 40")
    before, plan = picture(migration.target), migration.plan()
    kept = move(migration, plan)
    assert migration.target.rows("select count(*) from note") == [(500,)]
    assert "emptied" in back(migration, plan, kept)
    assert picture(migration.target) == before


def test_an_owner_without_rights_on_the_server_saves_and_brings_back(migration: Migration) -> None:
    """All rights on the database are enough; a password may hold anything."""
    name, password, target = f"owner_{secrets.token_hex(3)}", "p'a\"s\\s #;\t", migration.target
    migration.source.run("drop trigger bell", "drop function hello")
    target.run(
        f"create user {name} identified by {quote.text(password)}",
        f"grant all on `{target.name}`.* to {name}",
    )
    migration.user, migration.options = (name, password), Options(overwrite=True)
    try:
        with closing(connect(migration.asked().target, purpose="test")) as owner:
            for statement in (
                "create table kept (id int primary key, f float, g varchar(9) character set gbk, check (id > 5))",
                "set session check_constraint_checks = 0",
                "insert into kept values (1, 0.1, '你')",
                "create view seen as select * from kept",
                "create procedure act() select 1",
                "create event ring on schedule every 1 day starts '2020-01-01' do delete from kept",
            ):
                run(owner, statement)
        before, plan = picture(target), migration.plan()
        kept = move(migration, plan)
        assert_same(migration.source, target)
        assert "brought back" in back(migration, plan, kept)
        assert picture(target) == before
    finally:
        target.run(f"drop user {name}")


def test_the_dump_program_encrypts_and_verifies_as_our_sessions_do(tmp_path: Path) -> None:
    certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
    write_certificate(certificate, key)
    files = {"ssl-cert": str(certificate), "ssl-key": str(key), "ssl-ca": str(certificate)}
    with MariaDbServer(settings=files) as secure, databases(secure, 1) as (target,):
        target.run("create table t (id int primary key)", "insert into t values (1)")
        secure.connect().cursor().execute("create user shut identified by 'x' require ssl")
        secure.connect().cursor().execute("grant all on *.* to shut")
        plain = endpoint(target, "shut", "x")
        write_certificate(tmp_path / "other.crt", tmp_path / "other.key")
        for number, mode in enumerate((TlsMode.prefer, TlsMode.require, TlsMode.verify_full)):
            there = replace(plain, tls=mode, tls_root=str(certificate))
            asked = Asked(f"m{number}", there, there, Options(overwrite=True), restore_folder=str(tmp_path))
            with closing(connect(there, purpose="test")) as session:
                point = safekeeping.secure(session, asked, Spy())
                assert point is not None and restore_point.read(Path(point.path)).rows["t"][0] == 1
                # The other one's certificate: the program refuses, whatever our own session thinks of it.
                other = replace(there, tls=TlsMode.verify_full, tls_root=str(tmp_path / "other.crt"))
                with pytest.raises(FerrybotError, match=r"TLS|SSL|certificate"):
                    tools.dump(tools.found()[0], other, session, ["--no-data"], lambda _: None, lambda: None)


def test_who_cancels_is_heard_while_the_program_waits(filled: Migration) -> None:
    class Impatient(Spy):
        def check(self) -> None:
            raise Stopped("enough")

    with conduct(filled.asked(), filled.plan()) as conductor, pytest.raises(Stopped):
        conductor.secure(Impatient())
    assert list(Path(filled.restore_folder).iterdir()) == []
