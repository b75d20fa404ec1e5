"""The hard cases that concern MySQL and MariaDB, by number: a test here, or the name of one that covers it wholly.

2, 7, 10-12 and 29 are PostgreSQL's own, 14 belongs to live migrations, 23 to the story. What is here runs between two
MariaDB databases and from MariaDB to PostgreSQL, unless its name says otherwise. Of 25, a full disk is not played.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from bot.sandbox.servers import MariaDbServer
from jobs.core import chunks
from jobs.core.errors import FerrybotError, Permanent, Transient
from jobs.core.model import Options
from jobs.engines.mysql import flavour, schema
from jobs.engines.mysql.perform import checksum
from jobs.engines.mysql_postgres import locks
from jobs.engines.mysql_postgres.digest import Digest
from tests.contract import worlds
from tests.contract.sides import MySide, PgSide
from tests.contract.worlds import World
from tests.support.driver import Spy, steps, work
from tests.support.my_inspection import globally, run
from tests.support.servers import PostgresPool
from tests.support.tcp_proxy import Proxy

ELSEWHERE = {
    1: ["contract.test_engine_ways::test_a_row_that_changed_on_the_target_is_found_named_and_repaired",
        "servers.test_mysql_resume::test_a_spoiled_target_is_red_and_names_the_rows",
        "servers.test_mypg_resume::test_the_rows_that_differ_are_named_by_their_keys"],
    3: ["servers.test_mysql_resume::test_a_resumed_run_copies_only_what_changed",
        "servers.test_mypg_resume::test_only_the_range_that_changed_is_copied_again",
        "contract.test_engine_ways::test_what_changed_between_two_snapshots_is_followed"],
    4: ["servers.test_mypg_edges::test_users_without_any_right_on_the_servers_suffice"],
    9: ["servers.test_mysql_resume::test_killed_at_any_moment_it_ends_exact"],
    13: ["servers.test_mysql_checks::test_check"],
    15: ["contract.test_engine::test_nothing_is_green_until_everything_is_proven",
         "servers.test_mypg_edges::test_rows_of_many_packets_arrive_whole"],
    18: ["servers.test_mysql_run_edges::test_definers_become_the_owner_of_the_target",
         "servers.test_mysql_run_snapshot::test_without_a_binary_log"],
    19: ["servers.test_mysql_texts::test_a_table_of_mysql_8_becomes_one_of_mariadb",
         "servers.test_mysql_values::test_history_of_versioned_tables_travels",
         "servers.test_mysql_resume::test_a_spoiled_target_is_red_and_names_the_rows"],
    20: ["servers.test_mysql_run_edges::test_names_may_hold_anything",
         "servers.test_mypg_edges::test_odd_names_arrive",
         "servers.test_mypg_edges::test_long_names_of_indexes_and_constraints_are_shortened"],
    21: ["servers.test_mysql_values::test_every_type_at_its_edges",
         "servers.test_mysql_values::test_any_row_arrives",
         "servers.test_mysql_values::test_rows_of_many_megabytes",
         "servers.test_mypg_values::test_every_types_edges_arrive_and_are_proven",
         "servers.test_mypg_edges::test_a_row_that_the_source_cannot_send_is_told_before_and_never_lost"],
    22: ["servers.test_mysql_resume::test_killed_at_any_moment_it_ends_exact",
         "servers.test_mypg_resume::test_a_run_killed_at_random_moments_ends_exact"],
}  # fmt: skip
HERE = {5, 6, 8, 16, 17, 24, 25, 26, 27, 28, 30}


@pytest.fixture(scope="module", params=["MariaDB", "PostgreSQL"])
def shared(request: pytest.FixtureRequest, mariadb_server: MariaDbServer, pg_server: PostgresPool) -> Iterator[World]:
    maria = mariadb_server.start()
    made = (
        worlds.mariadb(maria)
        if request.param == "MariaDB"
        else worlds.mariadb_to_postgres(maria, pg_server.server(18))
    )
    yield made
    worlds.close(made)


@pytest.fixture
def world(shared: World) -> World:
    return shared.emptied()


def to_postgres(world: World) -> bool:
    return isinstance(world.target, PgSide)


def maria(world: World) -> MariaDbServer:
    assert isinstance(world.source, MySide)
    return world.source.database.server


def test_every_case_is_tested_somewhere() -> None:
    assert set(ELSEWHERE) | HERE == {1, 3, 4, 5, 6, 8, 9, 13, *range(15, 23), *range(24, 29), 30}
    for names in ELSEWHERE.values():
        for name in names:
            module, _, function = name.partition("::")
            assert callable(getattr(importlib.import_module(f"tests.{module}"), function))
    assert {int(name.split("_")[2]) for name in globals() if name.startswith("test_case_")} == HERE


def test_case_05_a_run_that_ended_among_its_indexes_has_them_all_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "SMALL_BYTES", 0)
    world.source.run(
        "create table a (id int primary key, x varchar(40), y int, key x (x), key y (y, x), unique key u (y))",
        "insert into a select seq, concat('x', seq % 7), seq from seq_1_to_500",
    )
    plan = world.plan()
    with world.conductor(plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            lane.perform(
                steps(lane, lambda task: task.kind == "index"), Spy()
            )  # never committed: the process is gone
    assert world.run(plan=plan).reasons == []
    listed = (
        "select distinct index_name from information_schema.statistics where table_schema = database() order by 1"
    )
    if to_postgres(world):
        listed = "select indexname from pg_indexes where schemaname = 'public' order by 1"
    assert len(world.target.rows(listed)) == 4


def test_case_06_keys_that_go_in_a_circle(world: World) -> None:
    world.source.run(
        "create table a (id int primary key, b int, up int, constraint au foreign key (up) references a (id))",
        "create table b (id int primary key, a int, constraint ba foreign key (a) references a (id))",
        "alter table a add constraint ab foreign key (b) references b (id)",
        "set foreign_key_checks = 0",
        "insert into a select seq, 301 - seq, nullif(seq - 1, 0) from seq_1_to_300",
        "insert into b select seq, seq from seq_1_to_300",
    )
    world.options = Options(parallelism=3)
    verdict = world.run()
    assert verdict.reasons == [] and dict(verdict.objects)["foreign key"] == 3
    with pytest.raises(Exception, match=r"foreign key"):
        world.target.run("insert into b values (1000, 1000)")
    assert world.target.rows("select sum(b), sum(up) from a") == world.source.rows("select sum(b), sum(up) from a")


def test_case_08_counters_go_on_where_the_source_would(world: World) -> None:
    world.source.run(
        "create table t (id int auto_increment primary key, v int)",
        "insert into t (v) select seq from seq_1_to_104",
        "delete from t where id > 50",
        "create table never (id bigint auto_increment primary key, v int) auto_increment = 77",
    )
    assert world.run().reasons == []
    for table, least in (("t", 105), ("never", 77)):
        for side in (world.source, world.target):
            side.run(f"insert into {table} (v) values (1)")
        ((following,),) = world.source.rows(f"select max(id) from {table}")
        assert following >= least
        assert world.target.rows(f"select max(id) from {table}") == [(following,)]


def test_case_16_defaults_that_are_expressions_bits_and_blanks(world: World) -> None:
    world.source.run(
        "create table t (id int primary key, today date default (curdate()), yes bit(1) default b'1',"
        " five bit(3) default b'101', e enum('', 'x') default '', n int default (1 + 1),"
        " s varchar(9) default 'it''s', at datetime default now(), nothing varchar(9) default null,"
        " f double default 0.1)",
        "insert into t (id) values (1)",
    )
    assert world.run().reasons == []
    for side in (world.source, world.target):
        side.run("insert into t (id) values (2)")
    query = "select today = current_date, e, n, s, nothing, f from t order by id"
    for side in (world.source, world.target):
        assert side.rows(query) == [(1, "", 2, "it's", None, 0.1)] * 2
    bits = "select yes, five from t order by id"
    expected: tuple[Any, Any] = (True, "101") if to_postgres(world) else (b"\1", b"\5")
    assert world.target.rows(bits) == [expected] * 2
    assert world.target.rows("select count(*) from t where at > '2020-01-01'") == [(2,)]


def test_case_17_no_lane_shifts_a_timestamp_whatever_the_servers_zone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "LEAST_BYTES", 64 << 10)
    monkeypatch.setattr(locks, "CUT_BYTES", 64 << 10)
    world.source.run(
        "set time_zone = '+00:00'",
        "create table t (id int primary key, at timestamp(6) null, made timestamp not null default current_timestamp"
        " on update current_timestamp, seen datetime(3), filler varchar(200))",
        "insert into t select seq, from_unixtime(seq * 1000000 + 0.25), from_unixtime(seq * 500000),"
        " '2021-03-28 02:30:00' + interval seq second, repeat('x', 150) from seq_1_to_2000",
        "analyze table t",
    )
    world.options = Options(parallelism=3)
    with globally(maria(world), {"time_zone": "'+05:30'"}), world.conductor() as conductor:
        conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().reasons == []
        assert [line["parts"] for line in conductor.report() if line["parts"] > 2]
    theirs = "select id, unix_timestamp(at), unix_timestamp(made), cast(seen as char) from t order by id"
    ours = theirs
    if to_postgres(world):
        ours = (
            "select id, extract(epoch from at), extract(epoch from made), to_char(seen, 'YYYY-MM-DD HH24:MI:SS.MS')"
            " from t order by id"
        )
    assert world.target.rows(ours) == world.source.rows(theirs)
    for side in (world.source, world.target):
        side.run("insert into t (id) values (9999)")
        assert side.rows("select count(*) from t where id = 9999 and made > '2025-01-01'") == [(1,)]


def test_case_24_names_that_mean_something_elsewhere_are_names_here(world: World) -> None:
    world.source.run(
        "create table `<!channel>` (`*bold*` int primary key, `<@U1|x>` varchar(9))",
        "insert into `<!channel>` values (1, '&lt;')",
        "create table `%s{}$1` (i int)",
        "create view `<#C1>` as select `*bold*` from `<!channel>`",
    )
    assert world.run().reasons == []
    quote = '"' if to_postgres(world) else "`"
    query = "select * from `<!channel>`".replace("`", quote)
    assert world.target.rows(query) == [(1, "&lt;")]


def test_case_25_a_connection_cut_in_the_middle_of_a_copy(world: World) -> None:
    world.source.run(
        "create table a (id int primary key, x varchar(1000))",
        "insert into a select seq, repeat('row', 300) from seq_1_to_9000",
    )
    asked, engine = world.asked(), world.engine
    with Proxy(asked.source.port, limit=3_000_000) as proxy:
        asked = replace(asked, source=replace(asked.source, port=proxy.port))
        plan = engine.plan(asked, engine.inspect(asked))
        with pytest.raises(Transient), engine.conductor(asked, plan) as conductor:
            conductor.prepare(Spy())
            work(conductor)
            conductor.verdict()
        assert proxy.cuts == 1
        with engine.conductor(asked, plan) as conductor:
            assert conductor.prepare(Spy())
            work(conductor)
            assert conductor.verdict().reasons == []
    query = "select count(*), sum(length(x)), sum(id) from a"
    assert world.target.rows(query) == world.source.rows(query)


@pytest.fixture
def rotate(world: World) -> Iterator[Callable[[str], None]]:
    """Gives the target's account `rotated` a password; it is made by the first."""

    def change(password: str) -> None:
        if to_postgres(world):
            if not world.target.rows("select 1 from pg_roles where rolname = 'rotated'"):
                world.target.run("create role rotated superuser login")
            world.target.run(f"alter role rotated password '{password}'")
        else:
            place = world.target.rows("select database()")[0][0]
            script = f"create user if not exists rotated; grant all on {place}.* to rotated;"
            run(maria(world), script + f"set password for rotated = password('{password}')")

    yield change
    if to_postgres(world):
        world.target.empty()
        world.target.run("drop role rotated")
    else:
        run(maria(world), "drop user rotated")


def test_case_25_credentials_that_are_rotated_in_the_middle(world: World, rotate: Callable[[str], None]) -> None:
    world.source.run("create table a (id int primary key)", "insert into a select seq from seq_1_to_100")
    rotate("first-secret")

    def asked(password: str) -> Any:
        target = replace(world.asked().target, user="rotated", password=SecretStr(password))
        return replace(world.asked(), target=target)

    engine, before = world.engine, asked("first-secret")
    plan = engine.plan(before, engine.inspect(before))
    with engine.conductor(before, plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            task = steps(lane, lambda task: task.phase == "copy")
            rotate("second-secret")
            with pytest.raises(Permanent) as refused, conductor.lane() as other:
                other.claim()
            assert "secret" not in str(refused.value.problem())
            lane.commit(task, lane.perform(task, Spy()))  # what is open stays open
    with pytest.raises(FerrybotError), engine.conductor(before, plan):
        raise AssertionError
    after = asked("second-secret")
    with engine.conductor(after, plan) as conductor:
        assert conductor.prepare(Spy())
        work(conductor)
        assert conductor.verdict().reasons == []
    assert world.target.rows("select count(*), sum(id) from a") == [(100, 5050)]


def test_case_26_no_statement_needs_md5_or_sha1_where_a_server_lost_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own log of statements is the witness."""
    monkeypatch.setitem(flavour._UNTIL["md5"], "mariadb", (10, 0, 0))
    world.source.run(
        "create table t (id int primary key, v varchar(20), b longblob, d double)",
        "insert into t values (1, 'ä', x'00ff', 0.1), (2, null, null, null), (3, '', '', -1220223)",
        "create table k (v varchar(20))",
        "insert into k values ('x'), ('x')",
    )
    server = maria(world)
    run(server, "truncate mysql.general_log")
    with globally(server, {"log_output": "'TABLE'", "general_log": "1"}):
        verdict = world.run()
    said = [
        str(row[0]).lower() for row in run(server, "select convert(argument using utf8mb4) from mysql.general_log")
    ]
    run(server, "truncate mysql.general_log")
    assert verdict.reasons == []
    assert [text for text in said if "sha2(" in text]
    assert [text for text in said if "md5(" in text or "sha1(" in text or "sha(" in text] == []


def test_case_26_two_equal_errors_are_not_equal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be hashed is NULL on both sides; that proves nothing."""
    world.source.run("create table t (id int primary key)", "insert into t values (1)")
    if to_postgres(world):
        monkeypatch.setattr(Digest, "of_source", lambda self, text: f"nullif({text}, {text})")
        monkeypatch.setattr(Digest, "of_text", lambda self, text: f"nullif({text}, {text})")
        assert [proof.table for proof in world.run().unequal] == ["contract_away.t"]
    else:
        monkeypatch.setattr(checksum, "hashed", lambda text: "null")
        with pytest.raises(Permanent):
            world.run()


def test_case_27_latin1_is_cp1252_and_floats_are_whole(world: World) -> None:
    world.source.run(
        "create table l (n int primary key, v varchar(9) character set latin1)",
        *(f"insert into l values ({byte}, x'{byte:02x}')" for byte in range(1, 256)),
        "create table f (id int primary key, v float, u float unsigned)",
        "insert into f values (1, -1220223, 16777216), (2, 0.1, 1e-7), (3, 3.402823466e38, 1.17549435e-38)",
    )
    assert world.run().reasons == []
    letters = {n: bytes([n]).decode("cp1252", "replace").replace("\ufffd", chr(n)) for n in range(1, 256)}
    assert dict(world.target.rows("select n, v from l")) == letters
    exact = "select cast(v as double), cast(u as double) from f order by id"
    plain = "select cast(v as double precision), cast(u as double precision) from f order by id"
    assert world.target.rows(plain if to_postgres(world) else exact) == world.source.rows(exact)


def test_case_28_a_comment_at_the_end_a_key_that_is_not_unique_and_not_null(world: World) -> None:
    world.source.run(
        "create table p (id int primary key, v int, key (v))",
        "create table c (v int, constraint loose foreign key (v) references p (v))",
        "insert into p values (1, 5), (2, 5)",
        "insert into c values (5), (null)",
        "create table t (id int primary key, at timestamp not null default current_timestamp"
        " on update current_timestamp, also timestamp(3) not null default current_timestamp(3))",
        "insert into t (id) values (1)",
        "create procedure one() select 1 # the end",
        "create procedure two() select 2 -- the end",
        "create function three() returns int deterministic return 3 /* the end */",
    )
    verdict = world.run()
    assert verdict.reasons == []
    changed = {(d.kind, d.name): d.what + d.why for d in verdict.transformed}
    if to_postgres(world):
        assert "no unique key of p" in changed["foreign key", "c.loose"]
        assert {name for kind, name in changed} >= {"one", "two", "three"}
        nullable = "select attname from pg_attribute where attrelid = 't'::regclass and attnum > 0 and not attnotnull"
        assert world.target.rows(nullable) == []
    else:
        assert dict(verdict.objects)["foreign key"] == 1
        with closing(world.target.connect()) as connection, connection.cursor() as cursor:
            for name, value in (("one", 1), ("two", 2)):
                cursor.callproc(name)
                assert cursor.fetchall() == ((value,),)
                cursor.nextset()
        assert world.target.rows("select three()") == [(3,)]


def test_case_30_views_do_not_cry_wolf_and_the_first_queries_have_statistics(world: World) -> None:
    world.source.run(
        "create table a (id int primary key, v int, key (v))",
        "insert into a select seq, seq % 10 from seq_1_to_1000",
        "delete from a where id % 3 = 0",
        "create view v as select v, group_concat(id separator ',') as ids from a group by v",
    )
    assert world.run().reasons == []
    assert world.target.rows("select count(*) from v") == [(10,)]
    if to_postgres(world):
        assert world.target.rows("select reltuples > 0 from pg_class where relname = 'a'") == [(True,)]
        assert world.target.rows("select count(*) from pg_stats where tablename = 'a'") == [(2,)]
    else:
        query = "select n_rows from mysql.innodb_table_stats where database_name = database() and table_name = 'a'"
        assert world.target.rows(query) == [(667,)]
