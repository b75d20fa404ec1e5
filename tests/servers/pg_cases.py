"""What a case of a check is, and the databases that cases are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.core.model import Scope, Severity
from tests.support.inspection import PASSWORD

BLOCK, WARN, INFORM, UNKNOWN = Severity.block, Severity.warn, Severity.inform, Severity.unknown

USER = 'Plain "user" ü'
Q = '"Plain ""user"" ü"'
LOGIN = f"create role {Q} login password '{PASSWORD.replace(chr(39), chr(39) * 2)}';"
READER = LOGIN + f"grant usage on schema public to {Q}; grant select on all tables in schema public to {Q};"
ODD = 'we"ird\nnä.me'
ODD_Q = '"we""ird\nnä.me"'
T = "create table t (id int primary key, v text);"
SHUT = f"""{T} {LOGIN}
    create table {ODD_Q} (i int);
    create schema s;
    create sequence q;
    select lo_create(4711);
"""
OWNED = f"""{T}
    create table u (i int);
    create table w (i int, v int);
    create role owner; alter table t owner to owner;
    create role {ODD_Q}; grant select on u to {ODD_Q};
    create role partial; grant select (v) on w to partial;
"""
FILLED = f"""
    create table {ODD_Q} (i int);
    create function f() returns int language sql as 'select 1';
    create schema "Ünï";
    create type e as enum ('a');
"""
ICU = """
    create table t (v text collate "de-x-icu");
    create collation c (provider = icu, locale = 'de');
"""
TIDY = f"""{T}
    create index good on t (v);
    alter table t add constraint c check (id > 0);
    create trigger g before update on t for each row execute function suppress_redundant_updates_trigger();
    create publication p for table t;
"""
KEYED = T + "create table u (t int references t); create materialized view mv as select id from t;"
OWNED_ROLE = T + "create role missing_one; grant select on t to missing_one;"
UNTIDY = f"""{T}
    create table bare (i int);
    create unlogged table light (id int primary key);
    create index bad on t (v);
    update pg_index set indisvalid = false where indexrelid = 'bad'::regclass;
    alter table t add constraint c check (id > 0) not valid;
    create trigger g before update on t for each row execute function suppress_redundant_updates_trigger();
    alter table t enable always trigger g;
    create publication p for all tables;
    create function e() returns event_trigger language plpgsql as 'begin end';
    create event trigger et on ddl_command_end execute function e();
    select lo_create(0);
    alter database {{db}} set work_mem = '8MB';
"""
RESTORE = """update pg_collation set collversion = pg_collation_actual_version(oid)
    where collname in ('de-x-icu', 'fr-x-icu')"""
_FROZEN = "update pg_database set datfrozenxid = {}::text::xid where datname = current_database()"
AGED = T + _FROZEN.format("((txid_current() + 4294967296 - {}) % 4294967296)")
YOUNG = _FROZEN.format("(select min(relfrozenxid::text::bigint) from pg_class where relkind = 'r')")
KEYS = """
    create table p (id int primary key);
    create table c (id int primary key, p int constraint k references p);
    insert into p values (1);
    insert into c values (1, 1), (2, null);
"""
ASLEEP = (
    "set session_replication_role = replica; insert into c values (3, 7), (4, 8); reset session_replication_role;"
)
PARTED = (
    """
    create table p (id int primary key);
    create table c (id int, p int constraint k references p) partition by range (id);
    create table c1 partition of c for values from (0) to (9);
"""
    + ASLEEP
)
CITEXT = """
    create extension citext;
    create table p (id citext primary key); create table c (p citext references p);
    insert into p values ('A'); insert into c values ('a');
"""
HELPER = "create schema h; create function h.low(text) returns text language sql immutable as 'select lower($1)';" + T
PATH = "set search_path = public, h;"
NAMES = "create function f(x text) returns text language plpgsql immutable as 'begin return low(x); end';"
QUALIFIED = """create function f(x text) returns text language plpgsql immutable as '
    begin return h.low(x); -- not low(x)
    end';"""
OWN_LANGUAGE = """
    create function h() returns language_handler language c as '$libdir/plpgsql', 'plpgsql_call_handler';
    create trusted language plferry handler h"""
FERRYBOT = "create schema ferrybot; create table ferrybot.run (migration text);"


@dataclass(frozen=True)
class Case:
    """`expect` None is a near miss: the check passes."""

    check: str
    name: str
    expect: Severity | None
    source: str = ""
    target: str = ""
    object: str = ""
    says: str = ""
    at: str | None = None
    source_user: str = ""
    target_user: str = ""
    majors: tuple[int, int] = (16, 18)
    options: Mapping[str, Any] = field(default_factory=dict)
    restore: str = ""
    """what undoes a source's changes of system catalogs"""

    @property
    def scripts(self) -> tuple[str, str]:
        return self.source, self.target

    @property
    def users(self) -> tuple[str, str]:
        return self.source_user, self.target_user


def data_only(**more: Any) -> dict[str, Any]:
    return {"scope": Scope.data_only, **more}
