"""Green checks mean a green run, for a target user with as few rights as can be; what blocks would have failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.sandbox.servers import PostgresServer
from bot.sandbox.shop import create_shop
from jobs.core.errors import FerrybotError
from jobs.core.model import Finding, Options, Scope, blockers
from jobs.core.plan import MigrationPlan
from jobs.engines.postgres.inventory import Inventory
from tests.servers.pg_run import ENGINE, Migration, assert_same, nothing_of_ours
from tests.support.inspection import PASSWORD, Bench, judge
from tests.support.servers import Database, FreshDatabase, PostgresPool

WEAK = "weak"
_PASSWORD = PASSWORD.replace("'", "''")
LOGIN = f"create role weak login password '{_PASSWORD}'; alter database {{db}} owner to weak;"
OWNER = "create role o;"
MEMBER = LOGIN + OWNER + "grant o to weak;"
T = "create table t (id int primary key, v text); insert into t select i, 'v' from generate_series(1, 50) i;"
OWNED = OWNER + "create schema s authorization o; create table s.t (i int); alter table s.t owner to o;"
BOTH = OWNER + "create role p; create schema s authorization o; create table s.t (i int); alter table s.t owner to p;"
KEYS = T + "create table u (t int references t);"
FILL = f"create role weak login password '{_PASSWORD}'; grant create on database {{db}} to weak;"
RIGHTS = "grant select, insert, delete, truncate on all tables in schema public to weak;"
PUBLICATION = (
    T
    + OWNER
    + """create publication q for table t;
    alter table t owner to o; alter publication q owner to o;"""
)
GRANTOR = (
    OWNER
    + T
    + """create role p; alter table t owner to o; grant select on t to p with grant option;
    create role r; set role p; grant select on t to r; reset role;"""
)
HOUSE = "create schema x; create extension vector schema x;"
LIVED_IN = (
    OWNER
    + HOUSE
    + """create table x.t (id int primary key, v x.vector(2)); insert into x.t values (1, '[1,2]');
    alter schema x owner to o; alter table x.t owner to o;"""
)
GIVEN = "alter schema x owner to o; grant usage on schema x to public; comment on schema x is 'ours';"
UNTRUSTED = "revoke usage on language plpgsql from public;"


@dataclass(frozen=True)
class Case:
    """`check` names the check that blocks; none: nothing blocks, and the run is green."""

    name: str
    check: str
    source: str
    target: str
    says: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def data_only(**more: Any) -> dict[str, Any]:
    return {"scope": Scope.data_only, **more}


NOT_KEPT = {"keep_owners": False, "keep_grants": False}

CASES = [
    # owners
    Case("owns nothing in public", "owner_rights", OWNER + T + "alter table t owner to o", MEMBER,
         'GRANT CREATE ON SCHEMA public TO "o";'),
    Case("may create in public", "", OWNER + T + "alter table t owner to o",
         MEMBER + "grant create on schema public to o"),
    Case("owners are not kept", "", OWNER + T + "alter table t owner to o", LOGIN, options=NOT_KEPT),
    Case("a function in public", "owner_rights", OWNER + "create function f() returns int language sql as 'select 1';"
         "alter function f() owner to o", MEMBER),
    Case("a text search configuration in public", "owner_rights", OWNER + "create text search configuration c"
         " (copy = pg_catalog.simple); alter text search configuration c owner to o", MEMBER),
    Case("a schema of its own", "", OWNED, MEMBER),
    Case("no member", "owners", OWNED, LOGIN + OWNER, "WITH INHERIT TRUE, SET TRUE"),
    Case("a member who inherits nothing", "owners", OWNED, LOGIN + OWNER + "grant o to weak with inherit false",
         "WITH INHERIT TRUE, SET TRUE"),
    Case("a member who may not set the role", "owners", OWNED, LOGIN + OWNER + "grant o to weak with set false"),
    Case("another's schema", "owner_rights", BOTH, MEMBER + "create role p; grant p to weak", 'GRANT "o" TO "p";'),
    Case("another's schema, as a member", "", BOTH, MEMBER + "create role p; grant p to weak; grant o to p"),
    Case("a publication", "owner_rights", PUBLICATION, MEMBER + "grant create on schema public to o",
         "GRANT CREATE ON DATABASE"),
    Case("a publication, with the right", "", PUBLICATION,
         MEMBER + "grant create on schema public to o; grant create on database {db} to o"),
    # schemas that are there for extensions
    Case("a house of its own", "", LIVED_IN, MEMBER + HOUSE + "alter schema x owner to weak"),
    Case("another's house", "target_rights", LIVED_IN, MEMBER + HOUSE, 'ALTER SCHEMA "x" OWNER TO "weak";'),
    Case("another's house where it may build", "target_rights", LIVED_IN,
         MEMBER + HOUSE + "grant all on schema x to weak", 'ALTER SCHEMA "x" OWNER TO "weak";'),
    Case("another's house, without owners", "target_rights", LIVED_IN, MEMBER + HOUSE,
         'GRANT CREATE, USAGE ON SCHEMA "x" TO "weak";', options=NOT_KEPT),
    Case("another's house where it may build, without owners", "", LIVED_IN,
         MEMBER + HOUSE + "grant all on schema x to weak", options={"keep_owners": False}),
    Case("another's house of the same grants", "", OWNER + HOUSE + GIVEN, LOGIN + OWNER + HOUSE + GIVEN,
         options={"keep_owners": False}),
    # grants
    Case("granted by a grantee", "owners", GRANTOR,
         MEMBER + "create role p; create role r; grant create on schema public to o", "granted by p"),
    Case("granted by a grantee, not kept", "", GRANTOR, LOGIN, options=NOT_KEPT),
    Case("default privileges of another", "owners", T + OWNER + "alter default privileges for role o grant select on"
         " tables to pg_monitor", LOGIN + OWNER, options={"keep_owners": False}),
    Case("a policy for a missing role", "owners", T + OWNER + "create policy q on t to o", LOGIN,
         options=NOT_KEPT),
    Case("a grant on a system function", "superuser_only", OWNER + "grant execute on function pg_ls_waldir() to o",
         LOGIN + OWNER, options={"keep_owners": False}),
    Case("a grant on a system function, not kept", "", T + OWNER + "grant execute on function pg_ls_waldir() to o",
         LOGIN + OWNER, options=NOT_KEPT),
    # schema public
    Case("a comment on public", "", T + "comment on schema public is 'ours'", LOGIN, options=NOT_KEPT),
    Case("a comment on another's public", "target_rights", T + "comment on schema public is 'ours'",
         LOGIN + "alter schema public owner to postgres; grant all on schema public to weak", options=NOT_KEPT),
    Case("grants on another's public", "", T + "grant create on schema public to public",
         LOGIN + "alter schema public owner to postgres; grant all on schema public to weak",
         options={"keep_owners": False}),
    Case("public given away", "owners", "alter schema public owner to postgres;" + T, LOGIN, "not to keep owners",
         options={"keep_grants": False}),
    Case("no public at all", "target_rights", T, LOGIN + "drop schema public", "CREATE SCHEMA public", NOT_KEPT),
    # what superusers make
    Case("a leakproof function", "superuser_only",
         "create function f() returns int language sql leakproof as 'select 1'", LOGIN, options=NOT_KEPT),
    Case("a function that sets what it may not", "superuser_only",
         "create function f() returns int language sql set log_statement = 'all' as 'select 1'", LOGIN,
         options=NOT_KEPT),
    Case("an operator class", "superuser_only", "create operator class c for type int using btree as"
         " operator 1 <, operator 3 =, function 1 btint4cmp(int, int)", LOGIN, options=NOT_KEPT),
    Case("an aggregate", "", T + "create aggregate a (numeric) (sfunc = numeric_add, stype = numeric)", LOGIN,
         options=NOT_KEPT),
    Case("a range", "", "create type r as range (subtype = numeric); create table t (r r)", LOGIN, options=NOT_KEPT),
    Case("a language that is shut", "languages", "create function f() returns int language plpgsql as"
         " 'begin return 1; end'", LOGIN + UNTRUSTED, "GRANT USAGE ON LANGUAGE", NOT_KEPT),
    Case("a publication of a schema", "publications", T + "create publication q for tables in schema public", LOGIN,
         options=NOT_KEPT),
    # the proof
    Case("forced row security", "target_rights", T + "alter table t enable row level security, force row level"
         " security; create policy q on t using (id < 9)", LOGIN, "BYPASSRLS", NOT_KEPT),
    Case("row security", "", T + "alter table t enable row level security; create policy q on t using (id < 9)",
         LOGIN, options=NOT_KEPT),
    # data only
    Case("data only", "", T, T + "truncate t;" + FILL + RIGHTS, options=data_only()),
    Case("data only, no schema of ours", "target_rights", T, T + "truncate t;" + FILL + RIGHTS
         + "revoke create on database {db} from weak", "GRANT CREATE ON DATABASE", data_only()),
    Case("data only, keys", "target_rights", KEYS, KEYS + "delete from t;" + FILL + RIGHTS,
         "GRANT SET ON PARAMETER session_replication_role", data_only()),
    Case("data only, keys asleep", "", KEYS, KEYS + "delete from t;" + FILL + RIGHTS
         + "grant set on parameter session_replication_role to weak", options=data_only()),
    Case("data only, a trigger", "target_rights", T, T + "truncate t; create trigger g before update on t for each"
         " row execute function suppress_redundant_updates_trigger();" + FILL + RIGHTS, options=data_only()),
    Case("data only, a policy", "target_rights", T, T + "truncate t; alter table t enable row level security;"
         + FILL + RIGHTS, "BYPASSRLS", data_only()),
    Case("data only, a sequence", "target_rights", "create sequence q start 5", "create sequence q;" + FILL,
         "GRANT UPDATE ON SEQUENCE", data_only()),
    Case("data only, a sequence of ours", "", "create sequence q start 5", "create sequence q;" + FILL
         + "grant select, update on sequence q to weak", options=data_only()),
]  # fmt: skip


@pytest.fixture(scope="module")
def bench(pg_server: PostgresPool) -> Iterator[Bench]:
    bench = Bench(pg_server)
    yield bench
    bench.close()


def found(migration: Migration) -> tuple[list[Finding], Inventory]:
    inventory = ENGINE.inspect(migration.asked())
    return blockers(list(judge(inventory).values())), inventory


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_weak_user(case: Case, bench: Bench) -> None:
    try:
        source = bench.database(16, "source", case.source)
        target = bench.database(18, "target", case.target)
        migration = Migration(source, target, Options(**case.options), user=(WEAK, PASSWORD))
        blocking, inventory = found(migration)
        plan = ENGINE.plan(migration.asked(), inventory)
        if case.check:
            assert {f.check for f in blocking} == {case.check}, blocking
            assert case.says in "".join(f"{f.message}{f.remedy}" for f in blocking)
            assert not _arrives(migration, plan), "it would have worked"
        else:
            assert blocking == []
            assert migration.run(plan=plan).reasons == []
            assert_same(source, target)
    finally:
        bench.clean()


def _arrives(migration: Migration, plan: MigrationPlan) -> bool:
    try:
        return migration.run(plan=plan).green
    except FerrybotError:
        return False


def shop_of_an_owner(pool: PostgresPool, server: PostgresServer) -> str:
    """A template: the shop, made and owned by a role that is no superuser."""

    def build(dsn: str) -> None:
        database = Database(server, "shop_of_an_owner")
        with database.connect() as connection:
            connection.execute("create role shop_owner createrole")
            connection.execute("alter database shop_of_an_owner owner to shop_owner")
        create_shop(dsn + " options='-c role=shop_owner'", 0.01)

    return pool.template(server, "shop_of_an_owner", build)


def test_the_shop_by_a_user_who_owns_nothing_but_the_database(
    pg_server: PostgresPool, pg15: PostgresServer, pg18: PostgresServer, fresh_db: FreshDatabase
) -> None:
    source = fresh_db(pg15, shop_of_an_owner(pg_server, pg15))
    target = fresh_db(pg18)
    with target.connect() as connection:
        connection.execute((LOGIN + "create role shop_owner;").format(db=target.name))
        if not connection.execute("select 1 from pg_roles where rolname = 'shop_app'").fetchone():
            # Another test's shop on this server may have made it already.
            connection.execute("create role shop_app")
    migration = Migration(source, target, user=(WEAK, PASSWORD))
    remedies = []
    for _ in range(3):
        blocking, _ = found(migration)
        remedies += [f.remedy for f in blocking]
        with target.connect() as connection:
            for finding in blocking:
                connection.execute(finding.remedy.encode())
    assert remedies[0].startswith('GRANT "shop_owner" TO "weak" WITH INHERIT TRUE, SET TRUE;')
    assert remedies[1].startswith('GRANT CREATE ON SCHEMA public TO "shop_owner";')
    assert len(remedies) == 2
    assert migration.run(lanes=2).reasons == []
    assert_same(source, target)
    assert nothing_of_ours(target)
