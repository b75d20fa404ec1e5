"""Event triggers sleep while the run itself changes tables: one that guards a database against DDL must not stop it.

In replica mode those of origin mode do not fire, and from PostgreSQL 17 on a superuser's session may do without all
of them. Before, those that always fire are disabled and enabled again within the one transaction that they would
stop: ALTER EVENT TRIGGER fires none, and nobody else ever sees them disabled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from jobs.engines.postgres import quote, wire
from jobs.engines.postgres.connect import Connection

SETTING_FROM = 170000
"""Server version that knows `event_triggers` (release notes of 17)."""
_AWAKE = """select evtname::text, evtenabled::text from pg_event_trigger
where evtenabled in ('A', case when current_setting('session_replication_role') = 'replica' then 'R' else 'O' end)
order by 1"""
_MODES = {"O": "enable", "R": "enable replica", "A": "enable always"}


def off(target: Connection) -> None:
    """For the session, where the server knows how and this role may."""
    if target.info.server_version < SETTING_FROM:
        return
    try:
        target.execute("set event_triggers = off")
    except psycopg.errors.InsufficientPrivilege:
        return


@contextmanager
def asleep(target: Connection) -> Iterator[None]:
    """A transaction in which none fires that this role may disable; afterwards each is as it was."""
    with target.transaction():
        awake = [] if _are_off(target) else target.execute(_AWAKE).fetchall()
        disabled = [(name, mode) for name, mode in awake if _altered(target, name, "disable")]
        yield
        for name, mode in disabled:
            target.execute(_statement(name, _MODES[mode]), prepare=False)


KINDS = frozenset({"refresh", "comments", "validate", "foreign keys", "large objects", "configuration"})
"""Tasks that a resumed run or *Copy again* does beside event triggers that are there already, and that hold DDL."""
_ONE_AFTER_THE_OTHER = "select pg_advisory_xact_lock(hashtext('ferrybot event triggers'))"
_ANY = "select exists (select from pg_event_trigger where evtenabled <> 'D')"


@contextmanager
def asleep_for(target: Connection, check: Callable[[], None], *, ddl: bool = True) -> Iterator[None]:
    """`asleep` within a lane's transaction; nothing where none could fire, or without `ddl`.

    Lanes wait for each other here, since two cannot alter one event trigger at a time; what they hold by then are
    tables of their own tasks, which the others do not ask for."""
    if not ddl or target.info.server_version >= SETTING_FROM or wire.run(target, _ANY, check) == [("f",)]:
        yield
        return
    wire.run(target, _ONE_AFTER_THE_OTHER, check)
    with asleep(target):
        yield


def _are_off(target: Connection) -> bool:
    row = target.execute("select current_setting('event_triggers', true)").fetchone()
    return bool(row and row[0] == "off")


def _altered(target: Connection, name: str, how: str) -> bool:
    try:
        with target.transaction():
            target.execute(_statement(name, how), prepare=False)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _statement(name: str, how: str) -> bytes:
    return f"alter event trigger {quote.name(name)} {how}".encode()
