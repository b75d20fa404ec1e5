"""Databases of another encoding than UTF8: every name and value arrives, nothing is left unchecked, all ways back go.

What is said to such a server, comments included, must have an equivalent in its encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import LiteralString

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.model import Options, blockers
from jobs.core.verdict import RowDifference
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.inspect import inspect
from jobs.engines.postgres.lane import open_lane
from tests.servers.pg_everything import described
from tests.servers.pg_run import Migration, Spy, assert_same, nothing_of_ours, steps, work
from tests.servers.test_pg_proof_rows import damaged
from tests.servers.test_pg_rollback import back, move, picture
from tests.support.inspection import asked, endpoint, judge
from tests.support.servers import Database, database_with

SCHEMA = """
create schema "{w}"; create type "{w}"."{w}" as enum ('{w}', 'b');
create domain "d{w}" as text check (value <> '{w}{w}');
create table "{w}"."t{w}" (
    "{w}" text primary key, e "{w}"."{w}" default '{w}', d "d{w}", s serial,
    g text generated always as ('{w}') stored, c char(60), constraint "k{w}" check ("{w}" <> 'not {w}'));
insert into "{w}"."t{w}" ("{w}", d, c) select '{w}' || i, '{w}', '{w}' from generate_series(1, 3000) i;
insert into "{w}"."t{w}" ("{w}") values (repeat('{w}', 45));
create index "i{w}" on "{w}"."t{w}" (("{w}" || '{w}')) where e = '{w}';
create table "{long}" (id int unique, t text references "{w}"."t{w}") partition by range (id);
create table "p{w}" partition of "{long}" for values from (0) to (100);
create table "q{w}" partition of "{long}" default;
insert into "{long}" select i, '{w}' || i from generate_series(1, 300) i;
create view "v{w}" as select '{w}'::text as "{w}" from "{w}"."t{w}";
create materialized view "m{w}" as select count(*) as "{w}" from "v{w}";
create function "f{w}"("{w}" int) returns text language plpgsql as $$begin /* {w} */ return '{w}'; end$$;
create function "tr{w}"() returns trigger language plpgsql as $$begin return new; end$$;
create trigger "{w}" before insert on "{w}"."t{w}" for each row execute function "tr{w}"();
create policy "{w}" on "{w}"."t{w}" using ("{w}" <> '{w}');
create rule "{w}" as on delete to "v{w}" do instead nothing;
comment on table "{w}"."t{w}" is '{w}'; comment on schema public is '{w}';
create statistics "st{w}" on id, t from "{long}"; create publication "pub{w}" for table "{w}"."t{w}";
create table "x{w}" (a json, b jsonb, r int4range, t "{w}"."t{w}");
insert into "x{w}" select '{"{w}": "{w}"}', '{"{w}": "{w}"}', '[1,2)', t from "{w}"."t{w}" t limit 5;
create table "o{w}" ("{w}" text primary key, of text constraint "fk{w}" references "{w}"."t{w}");
select lo_from_bytea(4711, 'x'); comment on large object 4711 is '{w}';
"""


@dataclass(frozen=True)
class Encoding:
    name: LiteralString
    word: str
    long: str
    """As many letters as fill a name."""

    @property
    def options(self) -> LiteralString:
        return f"encoding '{self.name}' locale 'C'"

    @property
    def schema(self) -> str:
        return SCHEMA.replace("{w}", self.word).replace("{long}", self.long)


ENCODINGS = [
    Encoding("LATIN1", "né", "é" * 63),
    Encoding("WIN1251", "дa", "д" * 63),
    Encoding("EUC_JP", "日本", "本" * 31),
]


@pytest.fixture(params=ENCODINGS, ids=lambda encoding: encoding.name)
def encoding(request: pytest.FixtureRequest) -> Encoding:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def migration(encoding: Encoding, pg16: PostgresServer, pg18: PostgresServer, tmp_path: Path) -> Iterator[Migration]:
    with (
        database_with(pg16, "encoded", encoding.options) as source,
        database_with(pg18, "encoded", encoding.options) as target,
    ):
        built(source, encoding.schema)
        yield Migration(source, target, restore_folder=str(tmp_path))


def built(database: Database, text: str) -> None:
    with database.connect() as connection:
        connection.execute("set client_encoding = 'UTF8'")
        connection.execute(text.encode())


def test_files_of_sql_are_ascii() -> None:
    beyond = [
        path.name
        for path in files("jobs.engines.postgres").joinpath("sql").iterdir()
        if not path.read_text().isascii()
    ]
    assert beyond == []


def test_all_arrives_and_all_goes_again(migration: Migration) -> None:
    before, plan = picture(migration.target), migration.plan()
    kept = move(migration, plan)
    assert_same(migration.source, migration.target)
    assert described(migration.target, same=False) == described(migration.source, same=False)
    back(migration, plan, kept)
    assert picture(migration.target) == before
    assert nothing_of_ours(migration.target)


def test_what_the_target_held_is_kept_and_brought_back(migration: Migration, encoding: Encoding) -> None:
    built(migration.target, encoding.schema.replace(encoding.word, f"{encoding.word}2"))
    migration.options = Options(overwrite=True)
    before, plan = picture(migration.target), migration.plan()
    kept = move(migration, plan)
    assert described(migration.target, same=False) == described(migration.source, same=False)
    back(migration, plan, kept)
    assert picture(migration.target) == before


def test_differences_are_found_and_told_by_their_keys(migration: Migration, encoding: Encoding) -> None:
    word, plan = encoding.word, migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        work(migration.asked(), plan)
        assert conductor.verdict().reasons == []
        change = f"""update "{word}"."t{word}" set s = 0 where length("{word}") > 60 or "{word}" = '{word}7'"""
        [found] = damaged(migration, conductor, change)
        assert found == RowDifference(
            table=f"{word}.t{word}", key=(word,), changed=2, examples=(f"{word}7", (word * 45)[:60] + "…")
        )


def test_orphans_are_told_by_their_keys(migration: Migration, encoding: Encoding) -> None:
    """The mark of a key that is cut is a letter that the encoding may not have, and is kept in the target."""
    word = encoding.word
    built(
        migration.source,
        f"""set session_replication_role = replica; insert into "o{word}" values (repeat('{word}', 45), 'nobody')""",
    )
    [key] = migration.run().broken_keys
    assert (key.name, key.examples) == (f"public.o{word}.fk{word}", ((word * 45)[:60] + "…",))


def test_what_fails_is_told(migration: Migration, encoding: Encoding) -> None:
    """Words of ours, such as a cut-off mark, are kept in the target with the task that failed."""
    word, plan = encoding.word, migration.plan()
    with conduct(migration.asked(), plan) as conductor:
        conductor.prepare(Spy())
        with open_lane(migration.asked(), plan) as lane:
            task = steps(lane, lambda task: task.kind == "copy")
            lane.rollback(task, f"{word} → {word}…", fatal=True)
        assert conductor.tally().failed == f"{word} → {word}…"


def test_checks_look_at_all_of_it(migration: Migration) -> None:
    found = judge(inspect(asked(endpoint(migration.source), endpoint(migration.target))))
    assert blockers(list(found.values())) == []
    assert {result.check: result.skipped for result in found.values() if result.skipped} == {}
