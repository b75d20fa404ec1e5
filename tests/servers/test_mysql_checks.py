"""Each check on real servers: a case that trips it, and a near miss that does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.sandbox.servers import MariaDbServer
from jobs.core.model import CheckResult, Scope, Severity
from jobs.engines.mysql.inspect import inspect
from tests.support.my_inspection import MIGRATION, MyBench, asked, globally, judge

BLOCK, WARN, INFORM, UNKNOWN = Severity.block, Severity.warn, Severity.inform, Severity.unknown

ODD = "`we``ird. 'nä\"me`"
T = "create table t (id int primary key, v varchar(20));"
ALL = "grant all on {db}.* to {to};"
READER = "grant select, show view, trigger, event, execute on {db}.* to {to};"
OBJECTS = T + (
    "create view w as select id from t; create trigger g before insert on t for each row set new.v = 'x';"
    "create function f() returns int deterministic return 1; create event e on schedule every 1 day do select 1;"
)
FOREIGN = OBJECTS.replace("create ", "create definer = gone@nowhere ").replace(
    "definer = gone@nowhere table", "table"
)
KEYS = """
    create table p (id int primary key); create table c (id int primary key, p int, constraint k foreign key (p)
    references p (id)); insert into p values (1); insert into c values (1, 1), (2, null);
"""
ASLEEP = "set foreign_key_checks = 0; insert into c values (3, 7), (4, 8);"
RUN = "create table _ferrybot_run (migration varchar(20)); insert into _ferrybot_run values ('{}');"
WIDE = "set innodb_strict_mode = 0; create table wide ({}) engine = innodb;".format(
    ", ".join(f"c{n} varchar(60) character set latin1" for n in range(200))
)
SLIM = "create table wide ({}) engine = innodb;".format(
    ", ".join(f"c{n} varchar(30) character set latin1" for n in range(200))
)
STRICT = "'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'"
ZERO = "create table z (id int primary key, at datetime); insert into z values (1, '0000-00-00'), (2, '2020-00-01');"


@dataclass(frozen=True)
class Case:
    """`expect` None is a near miss: the check passes. `on`: global settings of the target's server meanwhile."""

    check: str
    name: str
    expect: Severity | None
    source: str = ""
    target: str = ""
    object: str = ""
    says: str = ""
    at: str | None = None
    source_grants: str = ""
    target_grants: str = ""
    on: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    free: int | None = 10**12
    folder: str = "/tmp"


CASES = [
    Case("tls", "unencrypted", INFORM, T, at="tls"),
    Case("source_rights", "single tables only", BLOCK, T, source_grants="grant select on {at}.t to {to};",
         says="GRANT SELECT ON `bench\\_source`.* TO `weak`@`%`", at="user"),
    Case("source_rights", "single tables, by name", WARN, T, source_grants="grant select on {at}.t to {to};"
         "grant trigger, event, execute on {db}.* to {to};", options={"include": ("bench_source.t",)}),
    Case("source_rights", "one column only", BLOCK, T + "create table u (a int, b int);", object="u",
         source_grants="grant trigger, event, execute on {db}.* to {to}; grant select on {at}.t to {to};"
         "grant select (a) on {at}.u to {to};", says="GRANT SELECT ON `bench_source`.`u`", at="user"),
    Case("source_rights", "no triggers and events", BLOCK, T,
         source_grants="grant select, execute on {db}.* to {to};", says="GRANT TRIGGER, EVENT ON", at="user"),
    Case("source_rights", "no routines", BLOCK, OBJECTS,
         source_grants="grant select, show view, trigger, event on {db}.* to {to};", says="GRANT EXECUTE ON"),
    Case("source_rights", "no text of views", BLOCK, OBJECTS, source_grants="grant select, trigger, event, execute"
         " on {db}.* to {to}; grant select on mysql.proc to {to};", says="GRANT SHOW VIEW ON"),
    Case("source_rights", "no text of routines", BLOCK, OBJECTS, source_grants=READER,
         says="GRANT SELECT ON `mysql`.`proc`"),
    Case("source_rights", "data only needs no text", None, OBJECTS, source_grants="grant select on {db}.* to {to};",
         options={"scope": Scope.data_only}),
    Case("source_rights", "everything", None, OBJECTS, source_grants=READER + "grant select on mysql.proc to {to};"),
    Case("source_rights", "through a role", None, T, source_grants="create or replace role bench_role; grant select,"
         " trigger, event, execute on {db}.* to bench_role; grant bench_role to {to};"
         " set default role bench_role for {to};"),
    Case("target_writable", "read-only", BLOCK, T, on={"read_only": "1"}, says="SET GLOBAL read_only = OFF",
         at="target"),
    Case("target_writable", "writable", None, T),
    Case("target_writable", "hidden", UNKNOWN, T, target_grants=ALL, says="SLAVE MONITOR"),
    Case("target_writable", "seen", None, T, target_grants=ALL + "grant slave monitor on *.* to {to};"),
    Case("target_rights", "too few", BLOCK, OBJECTS, target_grants="grant select, insert, create on {db}.* to {to};",
         says="GRANT UPDATE, DELETE, DROP, ALTER, INDEX, CREATE VIEW, SHOW VIEW, TRIGGER, CREATE ROUTINE,"
         " ALTER ROUTINE, EXECUTE, EVENT ON `bench\\_target`.*", at="user"),
    Case("target_rights", "enough without objects", None, T,
         target_grants="grant select, insert, update, delete, create, drop, alter, index on {db}.* to {to};"),
    Case("target_rights", "all", None, OBJECTS, target_grants=ALL),
    Case("target_rights", "all of a similar name", BLOCK, T, target_grants="grant all on `bench\\_targex`.* to {to};"
         "grant select on {db}.* to {to};"),
    Case("creators", "no trust", BLOCK, OBJECTS, target_grants=ALL, says="log_bin_trust_function_creators = 1"),
    Case("creators", "trust", None, OBJECTS, target_grants=ALL, on={"log_bin_trust_function_creators": "1"}),
    Case("creators", "SUPER", None, OBJECTS, target_grants=ALL + "grant super on *.* to {to};"),
    Case("creators", "undeclared", BLOCK,
         "set global log_bin_trust_function_creators = 1; create function f() returns int return 1;"
         "set global log_bin_trust_function_creators = 0;", object="f", says="DETERMINISTIC"),
    Case("creators", "procedures only", None, "create procedure p() select 1;", target_grants=ALL),
    Case("leftover", "another run", BLOCK, T, RUN.format("m999"), says="m999", at="target"),
    Case("leftover", "an empty table", BLOCK, T, "create table _ferrybot_task (i int);", says="unknown run"),
    Case("leftover", "our own", None, T, RUN.format(MIGRATION)),
    Case("target_empty", "an odd name", BLOCK, T, f"create table {ODD} (i int);", says="we`ird", at="target"),
    Case("target_empty", "a view alone", BLOCK, T, "create view v as select 1 x;", says="view v"),
    Case("target_empty", "a routine alone", BLOCK, T, "create procedure p() select 1;", says="routine p"),
    Case("target_empty", "an event alone", BLOCK, T, "create event e on schedule every 1 day do select 1;"),
    Case("target_empty", "a sequence alone", BLOCK, T, "create sequence s;", says="sequence s"),
    Case("target_empty", "empty", None, T),
    Case("target_empty", "replaced", WARN, T, T + "create view v as select 1 x;", options={"overwrite": True},
         says="EVERYTHING in database bench_target of the target will be replaced: 2 objects: table t, view v"),
    Case("target_empty", "nothing to replace", None, T, options={"overwrite": True}),
    Case("target_empty", "data only does not replace", BLOCK, T, T, at="overwrite",
         options={"overwrite": True, "scope": Scope.data_only}),
    Case("restore_point", "no folder", BLOCK, T, T, options={"overwrite": True}, folder="",
         says="FERRYBOT_RESTORE_POINTS", at="overwrite"),
    Case("restore_point", "another folder", BLOCK, T, T, options={"overwrite": True}, folder="/-", says="a folder"),
    Case("restore_point", "all is there", None, T, OBJECTS, options={"overwrite": True}),
    Case("restore_point", "rights are missing", BLOCK, T, OBJECTS, options={"overwrite": True}, at="overwrite",
         target_grants=READER + "grant insert, update, delete, create, drop, alter, index on {db}.* to {to};",
         says="it lacks LOCK TABLES, CREATE VIEW, CREATE ROUTINE, ALTER ROUTINE"),
    Case("restore_point", "another definer", BLOCK, T, FOREIGN, options={"overwrite": True},
         target_grants=ALL + "grant select on mysql.proc to {to};", says="GRANT SET USER ON *.*"),
    Case("restore_point", "may name another definer", None, T, FOREIGN, options={"overwrite": True},
         target_grants=ALL + "grant select on mysql.proc to {to}; grant set user, super on *.* to {to};"),
    Case("restore_point", "a broken view", BLOCK, T, T + "create view w as select id from t; drop table t;",
         options={"overwrite": True}, object="w"),
    Case("restore_point", "history that cannot be saved whole", BLOCK, T, options={"overwrite": True}, object="h",
         target="create table h (f float) with system versioning;"),
    Case("restore_point", "history", None, T, options={"overwrite": True},
         target="create table h (f double) with system versioning;"),
    Case("target_empty", "our own run", None, T, RUN.format(MIGRATION) + T),
    Case("target_empty", "data only: no table", BLOCK, T, options={"scope": Scope.data_only}, object="t"),
    Case("target_empty", "data only: no column", BLOCK, T, "create table t (id int primary key);", object="t.v",
         options={"scope": Scope.data_only}),
    Case("target_empty", "data only: rows", BLOCK, T, T + "insert into t values (1, '');", says="holds rows",
         options={"scope": Scope.data_only}),
    Case("target_empty", "data only: ready", None, T, T.replace("v varchar", "V varchar"),
         options={"scope": Scope.data_only}),
    Case("filters", "no such table", BLOCK, T, options={"include": ("bench_source.x",)}, at="include"),
    Case("filters", "leaves nothing out", WARN, T, options={"exclude": ("x.t",)}, at="exclude"),
    Case("filters", "nothing left", BLOCK, T, options={"exclude": ("*.*",)}),
    Case("filters", "a view's table", WARN, OBJECTS + "create table u (i int); create view w2 as select * from w;",
         object="w", options={"exclude": ("bench_source.t",), "include": ("*.*",)}, says="w2"),
    Case("filters", "a key's table", WARN, KEYS, options={"exclude": ("*.p",)}, object="c.k"),
    Case("filters", "a key's rows", BLOCK, KEYS, options={"exclude_data": ("*.p",)}, object="c.k", at="exclude_data"),
    Case("filters", "both without rows", None, KEYS, options={"exclude_data": ("*.p", "*.c")}),
    Case("filters", "one of two", None, T + "create table u (i int);", options={"exclude": ("bench_source.u",)}),
    Case("hold_source", "no right", BLOCK, T, options={"hold_source": True}, at="hold_source", source_grants=READER,
         says="GRANT LOCK TABLES ON `bench\\_source`.*"),
    Case("hold_source", "the right", None, T, options={"hold_source": True},
         source_grants=READER + "grant lock tables on {db}.* to {to};"),
    Case("hold_source", "not asked for", None, T, source_grants=READER),
    Case("disk", "unknown", UNKNOWN, T, free=None, at="free_bytes"),
    Case("disk", "too little", BLOCK, T, free=20_000, says="Not enough"),
    Case("disk", "tight", WARN, T, free=36_000),
    Case("disk", "enough", None, T, free=50_000),
    Case("disk", "schema only", None, T, free=None, options={"scope": Scope.schema_only}),
    Case("connections", "too few", WARN, T, on={"max_connections": "14"}, options={"parallelism": 8}),
    Case("connections", "enough", None, T, options={"parallelism": 8}),
    Case("connections", "the user's limit", WARN, T, at="target",
         target_grants=ALL + "alter user {to} with max_user_connections 3;"),
    Case("replication", "unknown", UNKNOWN, T, target_grants=ALL,
         says="GRANT PROCESS ON *.* TO `weak`@`%`"),
    Case("replication", "none", None, T, target_grants=ALL + "grant process on *.* to {to};"),
    Case("failover", "unknown", UNKNOWN, T, source_grants=READER, says="GRANT PROCESS ON *.* TO `weak`@`%`"),
    Case("failover", "none", None, T),
    Case("source_replica", "unknown", UNKNOWN, T, source_grants=READER, says="ON *.* TO `weak`@`%`"),
    Case("source_replica", "none", None, T),
    Case("collations", "the same", None, "create table t (v varchar(9) collate utf8mb4_unicode_520_ci);"),
    Case("engines", "every engine", None, "create table a (i int) engine = aria; create table m (i int) engine ="
         " memory;"),
    Case("engines", "rows of another table", WARN, "create table m (i int) engine = myisam; create table u (i int)"
         " engine = mrg_myisam union = (m);", object="MRG_MyISAM"),
    Case("features", "all of one kind", None, "create sequence s; create table t (id uuid primary key, j json, x int"
         " invisible check (x > 0)) with system versioning;"),
    Case("row_size", "wide rows", WARN, WIDE, object="wide"),
    Case("row_size", "slim rows", None, SLIM),
    Case("row_size", "not strict", None, WIDE, on={"innodb_strict_mode": "0"}),
    Case("definers", "absent", WARN, FOREIGN, object="gone@nowhere", says="takes its place"),
    Case("definers", "absent and kept", WARN, FOREIGN, options={"decisions": (("definer", "keep"),)}, says="refused"),
    Case("definers", "the target's user's own", None, OBJECTS),
    Case("definers", "of a table that stays", None, T + "create definer = gone@nowhere trigger g before insert on t"
         " for each row set new.v = 'x'; create table u (i int primary key);", options={"exclude": ("*.t",)}),
    Case("definers", "may not be kept", WARN, OBJECTS, object="root@127.0.0.1",
         target_grants=ALL + "grant super on *.* to {to}; revoke super on *.* from {to};", says="may not exist"),
    Case("definers", "data only", None, FOREIGN, options={"scope": Scope.data_only}),
    Case("other_databases", "a key elsewhere", BLOCK, T + "create table c (i int, constraint k foreign key (i)"
         " references bench_target.p (id));", "create table p (id int primary key);", object="c.k"),
    Case("other_databases", "a view elsewhere", WARN, "create view v as select 1 x from bench_target.p;",
         "create table p (id int primary key);", object="v", says="twin"),
    Case("other_databases", "a routine elsewhere", WARN, "create procedure p() select * from bench_target.p;"),
    Case("other_databases", "its own, by a routine", WARN, T + "create procedure p() select * from bench_source.t;",
         object="p", says="seems to name its own"),
    Case("other_databases", "its own, by a view", BLOCK, T + "create view v as select t.id from bench_source.t join"
         " bench_target.p;", "create table p (id int primary key);", object="v", says="is called bench_target"),
    Case("other_databases", "its own, unsaid", None, OBJECTS + "create procedure p() select t.id from t;"),
    Case("other_databases", "the catalog", None, "create view v as select 1 x from information_schema.tables;"),
    Case("other_databases", "a name in a text", None, "create view v as select 'bench_target.p' x;"),
    Case("broken", "a lost file", BLOCK, T.replace(");", ") engine = myisam;") + "flush tables;", object="t"),
    Case("broken", "whole", None, OBJECTS),
    Case("snapshot", "an engine without", WARN, "create table m (i int) engine = myisam;", object="m"),
    Case("snapshot", "an engine without, empty", None, "create table m (i int) engine = myisam;",
         options={"exclude_data": ("*.m",)}),
    Case("snapshot", "schema only", None, "create table m (i int) engine = aria;",
         options={"scope": Scope.schema_only}),
    Case("snapshot", "InnoDB", None, T),
    Case("transactions", "hidden", UNKNOWN, T, source_grants=READER, says="GRANT PROCESS ON *.*"),
    Case("transactions", "none", None, T),
    Case("primary_keys", "none", WARN, "create table b (i int unique);", object="b"),
    Case("primary_keys", "refused", BLOCK, "create table b (i int unique);", on={"innodb_force_primary_key": "1"},
         says="ADD COLUMN id"),
    Case("primary_keys", "refused, but there", None, T, on={"innodb_force_primary_key": "1"}),
    Case("orphans", "two", WARN, KEYS + ASLEEP, object="c.k", says="2 rows of c"),
    Case("orphans", "none", None, KEYS),
    Case("orphans", "schema only", None, KEYS + ASLEEP, options={"scope": Scope.schema_only}),
    Case("zero_dates", "strict target", WARN, ZERO, on={"sql_mode": STRICT}, object="z.at"),
    Case("zero_dates", "a zero default", WARN, "create table z (id int primary key, at date default '0000-00-00');",
         on={"sql_mode": STRICT}, object="z.at", says="default"),
    Case("zero_dates", "no zero", None, ZERO.split("insert")[0] + "insert into z values (1, '2020-01-01');",
         on={"sql_mode": STRICT}),
    Case("zero_dates", "lenient target", None, ZERO, on={"sql_mode": "'STRICT_TRANS_TABLES'"}),
    Case("local_infile", "off", INFORM, T, on={"local_infile": "0"}, says="SET GLOBAL local_infile = ON"),
    Case("local_infile", "on", None, T),
    Case("events", "active", INFORM, OBJECTS, object="e", says="ALTER EVENT `bench_target`.`e` ENABLE"),
    Case("events", "disabled", None, "create event e on schedule every 1 day disable do select 1;"),
    Case("defaults", "data only", INFORM, T, T + "alter database bench_target collate utf8mb4_bin;",
         options={"scope": Scope.data_only}, says="new tables will differ"),
    Case("defaults", "other collation", INFORM, T, "alter database bench_target collate utf8mb4_bin;",
         object="bench_target", says="COLLATE utf8mb4_general_ci"),
    Case("defaults", "same", None, T),
]  # fmt: skip


@pytest.fixture(scope="module")
def shared(mariadb_server: MariaDbServer) -> Iterator[MyBench]:
    bench = MyBench(mariadb_server, mariadb_server)
    yield bench
    bench.drop()


@pytest.fixture
def bench(shared: MyBench) -> Iterator[MyBench]:
    yield shared
    shared.fresh()


def looked(bench: MyBench, case: Case) -> Mapping[str, CheckResult]:
    if case.target:
        bench.target.run(case.target)
    if case.source:
        bench.source.run(case.source)
    users = {"source": "", "target": ""}
    for side, grants in (("source", case.source_grants), ("target", case.target_grants)):
        if grants:
            database = bench.source if side == "source" else bench.target
            bench.user(database, "weak" if side == "source" or not case.source_grants else "weak2", grants)
            users[side] = "weak" if side == "source" or not case.source_grants else "weak2"
    if case.name == "a lost file":
        # What a crashed disk leaves: the definition without the rows.
        (bench.source.server.data / bench.source.name / "t.MYI").unlink()
    ends = bench.source.endpoint(users["source"]), bench.target.endpoint(users["target"])
    with globally(bench.target.server, case.on):
        return judge(inspect(replace(asked(*ends, free=case.free, **case.options), restore_folder=case.folder)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check}: {case.name}")
def test_check(bench: MyBench, case: Case) -> None:
    result = looked(bench, case)[case.check]
    assert result.severity is case.expect, result
    assert not result.skipped
    told = "\n".join(f"{f.message} {f.remedy}" for f in result.findings)
    assert case.says in told
    if case.object:
        assert case.object in [f.object for f in result.findings]
    if case.at is not None:
        assert case.at in [f.field for f in result.findings]
    for finding in result.findings:
        assert finding.message and finding.remedy
