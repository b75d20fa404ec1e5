"""Reads what a hold or an overwriting needs; nothing is asked where neither is wished. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

import psycopg

from jobs.core.errors import FerrybotError, Permanent
from jobs.core.model import Endpoint
from jobs.engines.postgres import clear, found, hold, restore_point
from jobs.engines.postgres.connect import Connection, connect, explain
from jobs.engines.postgres.facts import Fact, Unreached, Unread
from jobs.engines.postgres.facts_rights import Privileged
from jobs.engines.postgres.facts_safe import Holding, Replacement
from jobs.engines.postgres.inventory import Inventory
from jobs.engines.postgres.reader import Reader
from jobs.engines.shared.room import room
from jobs.ports.engine import Asked

T = TypeVar("T")

_SUPERUSERS = frozenset({"event trigger", "foreign-data wrapper", "access method", "language"})


def with_safety(asked: Asked, inventory: Inventory) -> Inventory:
    """The inventory with the facts that the chosen options need."""
    changes: dict[str, object] = {}
    if asked.options.hold_source:
        changes["holding"] = _read(asked.source, lambda c: _holding(c, inventory))
    if asked.options.overwrite:
        changes["replacement"] = _read(asked.target, lambda c: _replacement(c, asked, inventory))
    return inventory.model_copy(update=changes)


def _read(endpoint: Endpoint, read: Callable[[Connection], T]) -> Fact[T]:
    try:
        with closing(connect(endpoint, purpose="inspect")) as connection:
            return Fact(value=read(connection))
    except (Unread, Unreached) as error:
        return Fact(reason=str(error))
    except FerrybotError as error:
        return Fact(reason=error.what)
    except psycopg.Error as error:
        return Fact(reason=explain(error, endpoint, doing="Looking").what)


# MAINTAIN is a privilege since PostgreSQL 17; before, its very name is an error.
_SHUT = """
select n.nspname::text, c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
  and not (has_table_privilege(c.oid, 'update') or has_table_privilege(c.oid, 'delete')
           or has_table_privilege(c.oid, 'truncate')
           or case when current_setting('server_version_num')::int >= 170000
                   then has_table_privilege(c.oid, 'maintain') else false end)
order by 1, 2"""
_LOCKS = """
select current_setting('max_locks_per_transaction')::bigint * (current_setting('max_connections')::bigint
    + current_setting('max_prepared_transactions')::bigint)"""


def _holding(connection: Connection, inventory: Inventory) -> Holding:
    moved = inventory.selected_keys
    tables = sorted(t.key for t in inventory.selected if t.kind == "r")
    shut = tuple((s, n) for s, n in connection.execute(_SHUT).fetchall() if (s, n) in moved)
    locks = connection.execute(_LOCKS).fetchone()
    return Holding(shut=shut, writers=tuple(hold.writers(connection, tables)), locks=int(locks[0]) if locks else 0)


_SESSIONS = """
select distinct coalesce(nullif(application_name, ''), usename::text, 'no name') from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
  and application_name not like 'ferrybot %' order by 1"""


def _replacement(connection: Connection, asked: Asked, inventory: Inventory) -> Replacement:
    server = inventory.target.server
    size = connection.execute("select pg_database_size(current_database())").fetchone()
    things = found.things(connection)
    theirs = {e.name for e in inventory.source.extensions.get()}
    stay = clear.extensions_that_stay(connection, theirs)
    gone = [t for t in things if not (t.type == "extension" and t.identity.strip('"') in stay)]
    tool, problem, remedy = "", "", ""
    try:
        tool = restore_point.tool_for(asked.target, server.version_num).text
    except Permanent as error:
        problem, remedy = error.what, error.remedy
    hard: list[str] = []
    if not server.superuser:
        privileged = Reader(connection, asked.target).rows("privileged", Privileged).get()
        hard = [t.label for t in gone if t.type in _SUPERUSERS] + [f"{p.kind} {p.label}" for p in privileged]
    return Replacement(
        room=room(asked.restore_folder),
        bytes=int(size[0]) if size else 0,
        sessions=tuple(row[0][:60] for row in connection.execute(_SESSIONS).fetchall()),
        tool=tool,
        tool_problem=problem,
        tool_remedy=remedy,
        not_ours=tuple(f"{t.label} of {t.owner}" for t in gone if not t.ours),
        superuser_only=tuple(hard),
        going=tuple(t.identity.strip('"') for t in gone if t.type == "extension"),
    )
