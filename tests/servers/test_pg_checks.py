"""Each check on real servers: a case that trips it, and a near miss that does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from jobs.core.model import CheckResult, Scope
from tests.servers.pg_cases import (
    AGED,
    ASLEEP,
    BLOCK,
    CITEXT,
    FERRYBOT,
    FILLED,
    HELPER,
    ICU,
    INFORM,
    KEYED,
    KEYS,
    LOGIN,
    NAMES,
    ODD,
    ODD_Q,
    OWN_LANGUAGE,
    OWNED,
    OWNED_ROLE,
    PARTED,
    PATH,
    QUALIFIED,
    READER,
    RESTORE,
    SHUT,
    TIDY,
    UNKNOWN,
    UNTIDY,
    USER,
    WARN,
    YOUNG,
    Case,
    Q,
    T,
    data_only,
)
from tests.support.inspection import MIGRATION, Bench, endpoint, results
from tests.support.servers import PostgresPool

HOUSE = "create schema x; create extension vector schema x;"
CASES = [
    Case("versions", "older target", BLOCK, majors=(18, 15), says="15.", at="target"),
    Case("versions", "same version", None, majors=(18, 18)),
    # may we read
    Case("source_rights", "no select", BLOCK, SHUT, object="public", at="user",
         says=f'GRANT SELECT ON "public"."t" TO {Q};', source_user=USER),
    Case("source_rights", "select granted", None, T + READER, source_user=USER),
    Case("source_rights", "odd name", BLOCK, SHUT, object="public",
         says=f'GRANT SELECT ON "public".{ODD_Q} TO {Q};', source_user=USER),
    Case("source_rights", "table left out", None, T + "create table u (i int);" + READER
         + f"revoke all on u from {Q};", options={"exclude": ("public.u",)}, source_user=USER),
    Case("source_rights", "hidden schema", BLOCK, SHUT, object="s",
         says=f'GRANT USAGE ON SCHEMA "s" TO {Q};', source_user=USER),
    Case("source_rights", "hidden sequence", BLOCK, SHUT, object="public.q",
         says=f'GRANT SELECT ON SEQUENCE "public"."q" TO {Q};', source_user=USER),
    Case("source_rights", "large object", BLOCK, SHUT, object="4711", source_user=USER),
    Case("source_rights", "large object granted", None, "select lo_create(4711);" + READER
         + f"grant select on large object 4711 to {Q};", source_user=USER),
    Case("row_security", "policies apply", BLOCK, T + "alter table t enable row level security;" + READER,
         object="public.t", says=f"ALTER ROLE {Q} BYPASSRLS;", source_user=USER),
    Case("row_security", "bypassrls", None, T + "alter table t enable row level security;" + READER
         + f"alter role {Q} bypassrls;", source_user=USER),
    Case("row_security", "owner", None, T + "alter table t enable row level security;" + READER
         + f"alter table t owner to {Q};", source_user=USER),
    Case("row_security", "owner, forced", BLOCK, T + "alter table t enable row level security;" + READER
         + f"alter table t owner to {Q}; alter table t force row level security;", source_user=USER),
    Case("row_security", "superuser, forced", None, T + "alter table t enable row level security;"
         "alter table t force row level security"),
    # may we write
    Case("target_writable", "read-only", BLOCK, target="alter database {db} set default_transaction_read_only = on",
         at="target", says="default_transaction_read_only = off"),
    Case("target_writable", "read-write", None),
    Case("target_rights", "no create", BLOCK, target=LOGIN, says="GRANT CREATE ON DATABASE", at="user",
         target_user=USER),
    Case("target_rights", "public is shut", BLOCK, T, LOGIN + f"grant create on database {{db}} to {Q};",
         object="public", says=f"GRANT CREATE ON SCHEMA public TO {Q};", target_user=USER),
    Case("target_rights", "granted", None, T, LOGIN + f"grant create on database {{db}} to {Q};"
         f"grant create on schema public to {Q};", target_user=USER),
    Case("target_rights", "no insert", BLOCK, T, T + LOGIN, object="public.t", options=data_only(),
         target_user=USER),
    Case("target_rights", "insert granted", None, T,
         T + LOGIN + f"grant select, insert, delete, truncate on t to {Q};"
         f"grant create on database {{db}} to {Q};",
         options=data_only(), target_user=USER),
    Case("leftover", "another migration", BLOCK, target=FERRYBOT + "insert into ferrybot.run values ('m9999999999')",
         object="ferrybot", says="m9999999999"),
    Case("leftover", "empty schema", BLOCK, target="create schema ferrybot", says="unknown run"),
    Case("leftover", "this migration", None, target=FERRYBOT + f"insert into ferrybot.run values ('{MIGRATION}')"),
    # is it empty
    Case("target_empty", "a table", BLOCK, target=FILLED, says=ODD, at="target"),
    Case("target_empty", "a function", BLOCK, target=FILLED,
         says="function public.f"),
    Case("target_empty", "a schema", BLOCK, target=FILLED, says="schema Ünï"),
    Case("target_empty", "an enum", BLOCK, target=FILLED, says="enum public.e"),
    Case("target_empty", "nothing", None, target="drop schema public; create schema public"),
    Case("target_empty", "an extension", None, target="create extension vector"),
    Case("target_empty", "an extension's schema", INFORM, target=HOUSE, says="1 schema of the target houses"),
    Case("target_empty", "an extension's schema that comes too", INFORM, "create schema x", HOUSE, object="x"),
    Case("target_empty", "a table in an extension's schema", BLOCK, target=HOUSE + "create table x.t (i int)",
         says="table x.t"),
    Case("target_empty", "another's bookkeeping", None, target=FERRYBOT),
    Case("target_empty", "this migration's run", None,
         target=FERRYBOT + f"insert into ferrybot.run values ('{MIGRATION}');" + T),
    Case("target_empty", "data only, missing", BLOCK, T, object="public.t", options=data_only()),
    Case("target_empty", "data only, rows", BLOCK, T, T + "insert into t values (1)", object="public.t",
         options=data_only()),
    Case("target_empty", "data only, column missing", BLOCK, T, "create table t (id int primary key)",
         object="public.t.v", options=data_only()),
    Case("target_empty", "data only, emptied", None, T, T + "insert into t values (1); delete from t",
         options=data_only()),
    Case("filters", "slip of the pen", BLOCK, T, object="public.tt", options={"include": ("public.tt",)}),
    Case("filters", "idle exclusion", WARN, T, object="x.*", options={"exclude": ("x.*",)}),
    Case("filters", "foreign key", WARN, T + "create table u (t int constraint k references t);", object="public.k",
         options={"exclude": ("public.t",)}),
    Case("filters", "view of a view", WARN, T + "create view v as select * from t; create view w as select * from v;"
         "create table u (i int)", says="View public.w", options={"exclude": ("public.t",)}),
    Case("filters", "inheritance", BLOCK, T + "create table u () inherits (t)", object="public.u",
         options={"exclude": ("public.t",)}),
    Case("filters", "referenced only", None, T + "create table u (t int references t);",
         options={"exclude": ("public.u",)}),
    # is there room
    Case("disk", "far too little", BLOCK, T, at="free_bytes", options={"free": 1}),
    Case("disk", "unknown", UNKNOWN, T, at="free_bytes", says="state the free space"),
    Case("disk", "plenty", None, T, options={"free": 1 << 40}),
    Case("disk", "schema only", None, T, options={"free": 1, "scope": Scope.schema_only}),
    Case("connections", "role's limit", WARN, READER + f"alter role {Q} connection limit 6", source_user=USER,
         options={"parallelism": 4}),
    Case("connections", "limit suffices", None, READER + f"alter role {Q} connection limit 12", source_user=USER,
         options={"parallelism": 4}),
    Case("connections", "one too few", WARN, READER + f"alter role {Q} connection limit 7", source_user=USER,
         says="4 lanes need 8", options={"parallelism": 4}),
    Case("connections", "just enough", None, READER + f"alter role {Q} connection limit 8", source_user=USER,
         options={"parallelism": 4}),
    Case("slots", "idle slot", WARN, target="select pg_create_logical_replication_slot('s_{db}', 'pgoutput')",
         says="pg_drop_replication_slot"),
    Case("slots", "idle slot of the source", INFORM, says="of the source",
         source="select pg_create_logical_replication_slot('s_{db}', 'pgoutput')"),
    Case("slots", "none", None),
    Case("failover", "none", None),
    Case("replication", "none", None),
    # does the schema fit
    Case("collations", "ICU", BLOCK, ICU, object="de-x-icu", says="public.t.v", majors=(15, 18)),
    Case("collations", "ICU on both", None, ICU, majors=(15, 15)),
    Case("collations", "own, ICU", BLOCK, ICU, object="public.c", majors=(15, 18)),
    Case("collations", "own, libc", None, "create collation c (locale = 'C')"),
    Case("extensions", "missing", BLOCK, "create extension citext", object="citext", majors=(15, 18)),
    Case("extensions", "there", None, "create extension citext", majors=(15, 15)),
    Case("extensions", "too old", BLOCK, "create extension hstore", "create extension hstore version '1.4'",
         object="hstore", says="older than", majors=(15, 15)),
    Case("extensions", "in another schema", BLOCK, "create extension hstore",
         "create schema x; create extension hstore schema x", says='SET SCHEMA "public"', majors=(15, 15)),
    Case("extensions", "superuser only", BLOCK, "create extension pageinspect", LOGIN, object="pageinspect",
         says='CREATE EXTENSION "pageinspect" SCHEMA "public";', majors=(15, 15), target_user=USER),
    Case("extensions", "trusted", None, "create extension hstore", LOGIN, majors=(15, 15), target_user=USER),
    Case("extensions", "made before", None, "create extension pageinspect", "create extension pageinspect;" + LOGIN,
         majors=(15, 15), target_user=USER),
    Case("languages", "missing", BLOCK, "create trusted language plferry handler plpgsql_call_handler",
         object="plferry"),
    Case("languages", "with its handler", None, OWN_LANGUAGE),
    Case("languages", "there", None, "create trusted language plferry handler plpgsql_call_handler",
         "create trusted language plferry handler plpgsql_call_handler"),
    Case("wrappers", "only a superuser", BLOCK, "create foreign data wrapper w", LOGIN, object="w", target_user=USER),
    Case("wrappers", "as superuser", None, "create foreign data wrapper w"),
    Case("wrappers", "may not use it", BLOCK, "create foreign data wrapper w",
         "create foreign data wrapper w;" + LOGIN,
         says="GRANT USAGE ON FOREIGN DATA WRAPPER", target_user=USER),
    Case("native_functions", "only a superuser", BLOCK,
         "create function n() returns timestamptz language internal as 'now'", LOGIN, object="public.n()",
         target_user=USER),
    Case("native_functions", "as superuser", None,
         "create function n() returns timestamptz language internal as 'now'"),
    Case("native_functions", "library unseen", UNKNOWN,
         "create function c() returns language_handler language c as '$libdir/plpgsql', 'plpgsql_call_handler'"),
    Case("xml", "not built in", BLOCK, "create table t (x xml[])", object="public.t.x"),
    Case("xml", "in a composite", BLOCK, "create type c as (x xml); create table t (y c)",
         object="public.t.y"),
    Case("xml", "functions", BLOCK, "create table t (v text default"
         " xmlserialize(content xmlelement(name a) as text))",
         object="default of column public.t.v", majors=(15, 18)),
    Case("xml", "a constant", BLOCK, "create view v as select '<a/>'::xml as x", majors=(15, 18),
         object="view public.v"),
    Case("xml", "functions of a schema that stays", None, "create view v as select xmlcomment('x') as x",
         options={"scope": Scope.data_only}),
    Case("xml", "no value", None, "create view v as select null::xml as x"),
    Case("xml", "no column", None),
    Case("xml", "built in", None, "create table t (x xml[])", majors=(15, 15)),
    Case("compression", "not built in", BLOCK, "create table t (v text compression lz4)", majors=(15, 18),
         object="column public.t.v", says="SET COMPRESSION pglz"),
    Case("compression", "of a view's rows", BLOCK, "set default_toast_compression = lz4; create table t (v text);"
         "create materialized view m as select v from t; alter materialized view m alter v set compression lz4",
         majors=(15, 18), object="column public.m.v"),
    Case("compression", "of the database", BLOCK, "alter database {db} set default_toast_compression = 'lz4'",
         majors=(15, 18), object="default_toast_compression of everybody"),
    Case("compression", "of a table that stays", None, "create table t (v text compression lz4); create table u ()",
         majors=(15, 18), options={"exclude": ("public.t",)}),
    Case("compression", "built in", None, "create table t (v text compression lz4)", majors=(15, 17)),
    Case("compression", "pglz", None, "create table t (v text compression pglz)", majors=(15, 18)),
    Case("filters", "a key to rows that stay", BLOCK, KEYED, says="rows of public.t, which stay", at="exclude_data",
         options={"exclude_data": ("public.t",)}),
    Case("filters", "a view of rows that stay", WARN, KEYED, says="filled without", at="exclude_data",
         options={"exclude_data": ("public.*",)}),
    Case("filters", "no such rows", WARN, KEYED, says="names no table", at="exclude_data",
         options={"exclude_data": ("public.x",)}),
    Case("filters", "rows nobody needs", None, KEYED, options={"exclude_data": ("public.u",)}),
    Case("owners", "made by the run", INFORM, OWNED_ROLE, says="without a password", options={"create_roles": True}),
    Case("owners", "made by nobody", BLOCK, OWNED_ROLE, LOGIN, says="CREATEROLE", target_user=USER,
         options={"create_roles": True}),
    Case("owners", "owner missing", BLOCK, OWNED, object="owner", says=f"CREATE ROLE {ODD_Q} NOLOGIN;",
         at="keep_owners"),
    Case("owners", "grantee missing", BLOCK, OWNED, object=ODD),
    Case("owners", "column's grantee missing", BLOCK, OWNED, object="partial"),
    Case("owners", "there", None, OWNED, f"create role {ODD_Q}; create role owner; create role partial"),
    Case("owners", "not kept", None, OWNED,
         options={"keep_owners": False, "keep_grants": False}),
    Case("owners", "not ours to give", BLOCK, T + f"create role {ODD_Q}; alter table t owner to {ODD_Q}",
         LOGIN + f"create role {ODD_Q}", says=f"GRANT {ODD_Q} TO {Q} WITH INHERIT TRUE, SET TRUE;", object=ODD,
         target_user=USER),
    Case("owners", "ours to give", None, T + f"create role {ODD_Q}; alter table t owner to {ODD_Q};",
         LOGIN + f"create role {ODD_Q}; grant {ODD_Q} to {Q}; grant postgres to {Q}", target_user=USER),
    Case("owners", "of a table left out", None, OWNED, f"create role {ODD_Q}; create role partial",
         options={"exclude": ("public.t",)}),
    Case("owners", "named by a policy", BLOCK, T + "create role r; create policy q on t to r", object="r",
         options={"keep_owners": False, "keep_grants": False}),
    Case("owner_rights", "public is shut", BLOCK, T + "create role o; alter table t owner to o;",
         LOGIN + f"create role o; grant o to {Q};", says='GRANT CREATE ON SCHEMA public TO "o";', target_user=USER),
    Case("owner_rights", "public is open", None, T + "create role o; alter table t owner to o;",
         LOGIN + f"create role o; grant o to {Q}; grant create on schema public to o", target_user=USER),
    Case("target_rights", "grants on public are lost", WARN, "grant create on schema public to public", LOGIN
         + f"alter schema public owner to postgres; grant create on database {{db}} to {Q};"
         f"grant create on schema public to {Q}", object="public", target_user=USER),
    Case("superuser_only", "leakproof", BLOCK, "create function f() returns int language sql leakproof as 'select 1'",
         LOGIN, object="public.f", target_user=USER),
    Case("superuser_only", "as superuser", None,
         "create function f() returns int language sql leakproof as 'select 1'"),
    Case("native_functions", "a range and an aggregate", None, "create type r as range (subtype = numeric);"
         "create aggregate a (numeric) (sfunc = numeric_add, stype = numeric)", LOGIN, target_user=USER),
    Case("search_paths", "index", WARN, HELPER + PATH + NAMES + "create index i on t (f(v))",
         object="public.f(x text)", says='SET search_path = "h", "pg_temp"'),
    Case("search_paths", "check", WARN, HELPER + PATH + NAMES + "alter table t add check (f(v) <> '')",
         says="constraint t_v_check"),
    Case("search_paths", "generated column", WARN, HELPER + PATH + NAMES
         + "alter table t add w text generated always as (f(v)) stored", says="generated column w"),
    Case("search_paths", "domain", WARN, HELPER + PATH + NAMES + "create domain d as text check (f(value) <> '')",
         says="domain d"),
    Case("search_paths", "materialized view", WARN, HELPER + PATH + NAMES
         + "create materialized view m as select f(v) from t", says="materialized view m"),
    Case("search_paths", "of a table left out", None, HELPER + PATH + NAMES + "create index i on t (f(v))",
         options={"exclude": ("public.t",)}),
    Case("search_paths", "qualified", None, HELPER + PATH + QUALIFIED + "create index i on t (f(v))"),
    Case("search_paths", "set", None, HELPER + PATH + NAMES + "alter function f(text) set search_path = h;"
         "create index i on t (f(v))"),
    Case("search_paths", "bound when made", None, HELPER + PATH + "create function f(x text) returns text language"
         " sql immutable return low(x); create index i on t (f(v))"),
    Case("search_paths", "nothing stored needs it", None, HELPER + PATH + NAMES),
    # what a person should know
    Case("orphans", "triggers were off", WARN, KEYS + ASLEEP, object="public.c.k", says="2 rows of public.c"),
    Case("orphans", "nulls and matches", None, KEYS),
    Case("orphans", "never proven", WARN, "create table p (id int primary key); create table c (p int);"
         "insert into c values (1); alter table c add constraint k foreign key (p) references p not valid",
         says="the key as NOT VALID"),
    Case("orphans", "data only", WARN, KEYS + ASLEEP, says="arrive as they are", options=data_only()),
    Case("orphans", "in a partition", WARN, PARTED, object="public.c.k", says="2 rows of public.c"),
    Case("orphans", "many", WARN, KEYS + "set session_replication_role = replica; insert into c select i, i from"
         " generate_series(10, 2000) i", says="More than 1,000 rows"),
    Case("orphans", "one table stays", None, KEYS + ASLEEP, options={"exclude": ("public.p",)}),
    Case("orphans", "schema only", None, KEYS + ASLEEP, options={"scope": Scope.schema_only}),
    Case("orphans", "an extension's equality", None, CITEXT, majors=(15, 15)),
    Case("bloat", "mostly deleted", INFORM, "create table t (v text); insert into t select repeat('x', 1000) from"
         " generate_series(1, 20000); delete from t where ctid::text !~ '0'; analyze t", object="public.t"),
    Case("bloat", "full", None, "create table t (v text); insert into t select repeat('x', 1000) from"
         " generate_series(1, 20000); analyze t"),
    Case("collation_versions", "drift", WARN, 'create table t (v text collate "de-x-icu" primary key);'
         "update pg_collation set collversion = '1' where collname = 'de-x-icu'", object="pg_catalog.de-x-icu",
         says="REFRESH VERSION", majors=(15, 15), restore=RESTORE),
    Case("collation_versions", "drift of another", None, 'create table t (v text collate "de-x-icu" primary key);'
         "update pg_collation set collversion = '1' where collname = 'fr-x-icu'", majors=(15, 15), restore=RESTORE),
    Case("wraparound", "near", WARN, AGED.format(1_100_000_000), restore=YOUNG),
    Case("wraparound", "not near yet", None, AGED.format(900_000_000), restore=YOUNG),
    Case("primary_keys", "none", WARN, UNTIDY, object="public.bare"),
    Case("primary_keys", "there", None, TIDY),
    Case("invalid_indexes", "left by a failed build", WARN, UNTIDY, object="public.bad"),
    Case("invalid_indexes", "stays behind", WARN, UNTIDY, says="it stays behind"),
    Case("invalid_indexes", "without all its parts", WARN, "create table t (id int) partition by range (id);"
         "create table t1 partition of t for values from (1) to (2); create index i on only t (id)",
         object="public.i", says="it arrives as it is"),
    Case("invalid_indexes", "valid", None, TIDY),
    Case("unvalidated", "check", WARN, UNTIDY, object="public.t.c", says='VALIDATE CONSTRAINT "c"'),
    Case("unvalidated", "validated", None, TIDY),
    Case("trigger_modes", "always", WARN, UNTIDY, object="public.t.g"),
    Case("trigger_modes", "usual", None, TIDY),
    Case("unlogged", "a table", WARN, UNTIDY, object="public.light"),
    Case("unlogged", "logged", None, TIDY),
    Case("large_objects", "some", WARN, UNTIDY, says="1 large object"),
    Case("large_objects", "none", None, TIDY),
    Case("settings", "of the database", None, UNTIDY, says="work_mem"),
    Case("settings", "of the source's server", INFORM, "alter database {db} set temp_tablespaces = ''",
         says="stay behind: temp_tablespaces"),
    Case("settings", "not ours to set", WARN, UNTIDY, LOGIN, says="may not give it", target_user=USER),
    Case("settings", "ours to set", None, UNTIDY, f"{LOGIN} alter database {{db}} owner to {Q}", target_user=USER),
    Case("settings", "none", None, TIDY),
    Case("event_triggers", "as superuser", WARN, UNTIDY, object="et"),
    Case("event_triggers", "none", None, TIDY),
    Case("event_triggers", "plain user", BLOCK, UNTIDY, LOGIN, target_user=USER),
    Case("publications", "of all", WARN, UNTIDY, object="p"),
    Case("publications", "of all, plain user", BLOCK, UNTIDY, LOGIN, target_user=USER),
    Case("publications", "of one", None, TIDY),
    Case("wraparound", "far", None, TIDY),
    Case("source_standby", "a primary", None, TIDY),
    Case("tablespaces", "default only", None, TIDY),
    Case("collation_versions", "no drift", None, TIDY),
]  # fmt: skip


Judged = dict[tuple[object, ...], Mapping[str, CheckResult]]


@pytest.fixture(scope="module")
def bench(pg_server: PostgresPool) -> Iterator[Bench]:
    """Databases that cases use one after the other."""
    bench = Bench(pg_server)
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def judged() -> Judged:
    """What was said of databases that several cases share."""
    return {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check}: {case.name}")
def test_check(case: Case, bench: Bench, judged: Judged) -> None:
    key = (case.majors, *case.scripts, *case.users, repr(case.options))
    if key not in judged:
        judged[key] = _judge(case, bench)
    result = judged[key][case.check]
    assert result.severity is case.expect, result
    assert not result.skipped
    if case.expect is None:
        assert result.detail
        return
    texts = "\n".join(f"{f.message}\n{f.remedy}" for f in result.findings)
    assert case.says in texts
    assert not case.object or case.object in {f.object for f in result.findings}
    assert case.at is None or {f.field for f in result.findings} == {case.at}
    assert all(f.remedy for f in result.findings)


def _judge(case: Case, bench: Bench) -> Mapping[str, CheckResult]:
    sides = zip(("source", "target"), case.majors, case.scripts, case.users, strict=True)
    try:
        ends = [endpoint(bench.database(major, side, script), user) for side, major, script, user in sides]
        return results(*ends, **case.options)
    finally:
        bench.database(case.majors[0], "source", case.restore)
        bench.clean()
