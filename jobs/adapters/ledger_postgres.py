"""The ledger in PostgreSQL: a row per event, whose primary key (migration, version) is the optimistic concurrency.

One statement writes a whole decision, so it is there or it is not. When the connection breaks under that statement
nobody knows which: it carries a batch number, and the same statement is sent once more over a new connection. The key
refuses it if the first one went through, and the batch number then says that it was ours. (A first one that is still
under way holds the key: the second waits for its end.)

The schema makes itself when it is first needed. A trigger refuses UPDATE, DELETE and TRUNCATE of the story, whoever
asks; who owns the table could drop the trigger, so an installation that wants more lets another role own the schema
and grants this one SELECT and INSERT only (docs/operations.md).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from psycopg import errors as pg
from pydantic import SecretStr

from jobs.adapters.postgres_pool import Away, Connection, Pool
from jobs.core.errors import Conflict, LedgerAway, Permanent
from jobs.core.events import Event, Recorded
from jobs.core.record import pack, unpack

LOCK = 0x6665727279626F74
"""Advisory lock of who makes the schema: "ferrybot" in ASCII."""

_MAKE = """
create schema if not exists ferrybot_ledger;
create table ferrybot_ledger.migration (
    id text primary key,
    begun timestamptz not null default clock_timestamp(),
    open boolean not null default true
);
create index migration_begun on ferrybot_ledger.migration (begun desc, id desc);
create index migration_open on ferrybot_ledger.migration (id) where open;
create table ferrybot_ledger.story (
    migration text not null,
    version integer not null check (version > 0),
    at timestamptz not null default clock_timestamp(),
    batch uuid not null,
    event json not null,
    primary key (migration, version)
);
create table ferrybot_ledger.paper (
    migration text not null,
    name text not null,
    content bytea not null,
    primary key (migration, name)
);
create function ferrybot_ledger.refuse() returns trigger language plpgsql as
    $$ begin raise exception 'what happened stays: rows of % are never changed or deleted', tg_table_name; end $$;
create trigger append_only before update or delete or truncate on ferrybot_ledger.story
    for each statement execute function ferrybot_ledger.refuse();
"""

_APPEND = """
with told as (
    insert into ferrybot_ledger.story (migration, version, batch, event)
    select %(migration)s, %(expected)s + n, %(batch)s, event::json
    from unnest(%(events)s::text[]) with ordinality as t (event, n)
    where %(expected)s = (select coalesce(max(version), 0) from ferrybot_ledger.story where migration = %(migration)s)
    order by n
    returning version
), listed as (
    insert into ferrybot_ledger.migration (id) select %(migration)s where exists (select from told)
    on conflict (id) do update set open = true where not migration.open
)
select max(version) from told
"""
_OURS = "select max(version) from ferrybot_ledger.story where migration = %s and batch = %s"
_READ = """
select version, at, event::text from ferrybot_ledger.story where migration = %s and version > %s order by version
"""
_OPEN = 'select id from ferrybot_ledger.migration where open order by id collate "C"'
_CLOSE = "update ferrybot_ledger.migration set open = false where id = %s and open"
_RECENT = """
select id from ferrybot_ledger.migration
where %(before)s = '' or (begun, id) < coalesce(
    (select (begun, id) from ferrybot_ledger.migration where id = %(before)s), ('infinity'::timestamptz, ''))
order by begun desc, id desc limit %(limit)s
"""
_ATTACH = """
insert into ferrybot_ledger.paper (migration, name, content) values (%s, %s, %s)
on conflict (migration, name) do update set content = excluded.content
"""
_ATTACHMENT = "select content from ferrybot_ledger.paper where migration = %s and name = %s"

_PROVE = "select 1 from ferrybot_ledger.story, ferrybot_ledger.migration, ferrybot_ledger.paper limit 0"

_UNKNOWN = (
    "The ledger's database went away in the middle: whether this was written is not known. "
    "The card shows what holds; nothing is done twice."
)

Answer = TypeVar("Answer")


class Keeper(NamedTuple):
    """Who keeps the ledger, for people; `doubt` is what speaks against it."""

    server: str
    doubt: str = ""


class PostgresLedger:
    """`jobs.ports.ledger.Ledger` in PostgreSQL 13 or newer. Safe to use from several threads.

    Raises `LedgerAway` while the server cannot be reached, and `Permanent` when it refuses us."""

    def __init__(self, url: SecretStr) -> None:
        self._pool = Pool(url)

    def append(self, migration: str, expected: int, events: Sequence[Event]) -> int:
        if not events:
            return expected
        values = {
            "migration": migration,
            "expected": expected,
            "batch": uuid.uuid4(),
            "events": [pack(event) for event in events],
        }
        try:
            return self._ask(lambda c: _append(c, values))
        except Away as away:
            if not away.sent:
                raise LedgerAway() from None
        try:
            return self._ask(lambda c: _append(c, values))
        except Away:
            raise LedgerAway(_UNKNOWN, remedy="Look at the card in a minute.") from None

    def read(self, migration: str, after: int = 0) -> Sequence[Recorded]:
        rows = self._asked(lambda c: c.execute(_READ, [migration, after]).fetchall())
        return [Recorded(version=version, at=at, event=unpack(text)) for version, at, text in rows]

    def open(self) -> Sequence[str]:
        return [str(row[0]) for row in self._asked(lambda c: c.execute(_OPEN).fetchall())]

    def close(self, migration: str) -> None:
        self._asked(lambda c: c.execute(_CLOSE, [migration]))

    def recent(self, limit: int = 20, before: str = "") -> Sequence[str]:
        values = {"limit": limit, "before": before}
        return [str(row[0]) for row in self._asked(lambda c: c.execute(_RECENT, values).fetchall())]

    def attach(self, migration: str, name: str, text: str) -> None:
        # Bytes, since PostgreSQL's text cannot hold every character of ours.
        self._asked(lambda c: c.execute(_ATTACH, [migration, name, text.encode()]))

    def attachment(self, migration: str, name: str) -> str | None:
        row = self._asked(lambda c: c.execute(_ATTACHMENT, [migration, name]).fetchone())
        return bytes(row[0]).decode() if row else None

    def ready(self) -> Keeper:
        """Makes the schema where it is missing, and proves that it can be used."""
        return self._asked(_prove)

    def release(self) -> None:
        """Closes the connections; the next use opens new ones."""
        self._pool.close()

    def _asked(self, ask: Callable[[Connection], Answer]) -> Answer:
        """What may be asked twice: over a connection that broke meanwhile, once more over a new one."""
        try:
            return self._ask(ask)
        except Away as away:
            if not away.sent:
                raise LedgerAway() from None
        try:
            return self._ask(ask)
        except Away:
            raise LedgerAway() from None

    def _ask(self, ask: Callable[[Connection], Answer]) -> Answer:
        with self._pool.connection() as connection:
            try:
                return ask(connection)
            except (pg.UndefinedTable, pg.InvalidSchemaName):
                _make(connection)
                return ask(connection)


def _append(connection: Connection, values: dict[str, Any]) -> int:
    try:
        row = connection.execute(_APPEND, values).fetchone()
        version = row[0] if row else None
    except pg.UniqueViolation:
        version = None
    if version is None:
        # Another's decision came first; or this very one, sent before over a connection that broke.
        row = connection.execute(_OURS, [values["migration"], values["batch"]]).fetchone()
        version = row[0] if row else None
    if version is None:
        raise Conflict("Somebody else wrote the next event first.")
    return int(version)


def _make(connection: Connection) -> None:
    """The schema, once: whoever comes meanwhile waits and finds it made."""
    try:
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
            made = connection.execute("select to_regclass('ferrybot_ledger.paper')").fetchone()
            if made is None or made[0] is None:
                # All of it or nothing, in this transaction: whoever finds the last table finds everything.
                connection.execute(_MAKE)
    except pg.InsufficientPrivilege:
        raise Permanent(
            "The ledger's schema ferrybot_ledger is not there, and this user may not make it.",
            meaning="Nothing was written.",
            remedy="Grant it CREATE on the database, or make the schema as docs/operations.md says.",
        ) from None


def _prove(connection: Connection) -> Keeper:
    connection.execute(_PROVE)
    row = connection.execute(
        "select current_setting('server_version'), current_setting('server_encoding'), pg_is_in_recovery(), "
        "current_setting('fsync')"
    ).fetchone()
    assert row is not None
    version, encoding, standby, fsync = row
    meaning = "Nothing was written."
    if encoding != "UTF8":
        remedy = "Make a database with ENCODING 'UTF8' for it."
        raise Permanent(f"The ledger cannot be kept in a database in {encoding}.", meaning=meaning, remedy=remedy)
    if standby:
        remedy = "Let LEDGER_URL name the primary."
        raise Permanent("The ledger cannot be kept on a standby.", meaning=meaning, remedy=remedy)
    doubt = "" if fsync == "on" else "fsync is off: a crash of that server may lose decisions"
    return Keeper(f"PostgreSQL {str(version).split()[0]}", doubt)
