"""Emptying a table that may already have triggers, rules and foreign keys, without waking any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jobs.core.errors import Permanent
from jobs.engines.postgres import events_off, quote, wire
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.perform.hands import Hands

# tgenabled and ev_enabled: O in origin mode, R in replica mode, A always. Even in replica mode R and A act.
_AWAKE = """
select 'trigger', tgname::text, tgenabled::text from pg_trigger
where tgrelid = %s::regclass and not tgisinternal and tgenabled <> 'D'
union all
select 'rule', rulename::text, ev_enabled::text from pg_rewrite
where ev_class = %s::regclass and rulename <> '_RETURN' and ev_enabled <> 'D'"""
_WAKE = {"O": "enable", "R": "enable replica", "A": "enable always"}


@contextmanager
def muted(target: Connection, schema: str, name: str) -> Iterator[None]:
    """No trigger and no rule of the table acts within; afterwards each is as it was."""
    relation = quote.qualified(schema, name)
    awake = target.execute(_AWAKE, [relation, relation]).fetchall()
    with events_off.asleep_for(target, lambda: None, ddl=bool(awake)):
        for kind, called, _ in awake:
            target.execute(f"alter table only {relation} disable {kind} {quote.name(called)}", prepare=False)
        yield
        for kind, called, state in awake:
            target.execute(f"alter table only {relation} {_WAKE[state]} {kind} {quote.name(called)}", prepare=False)


_REFERENCED = """select exists (select from pg_constraint
    where contype = 'f' and confrelid = %s::regclass and conrelid <> confrelid)"""


def empty(hands: Hands, table: dict[str, Any], *, must_be_empty: bool, check: Callable[[], None]) -> bool:
    """Leaves the table without rows; True when it has a new file, into which COPY may freeze."""
    relation = quote.qualified(table["schema"], table["name"])
    any_row = f"select exists (select from only {relation})"  # noqa: S608 - quoted
    if must_be_empty and wire.run(hands.target, any_row, check)[0][0] == "t":
        label = f"{table['schema']}.{table['name']}"
        raise Permanent(f"{label} holds rows in the target", remedy="Empty it or leave it out.", object=label)
    row = hands.target.execute(_REFERENCED, [relation]).fetchone()
    if not (row and row[0]):
        wire.run(hands.target, f"truncate only {relation}", check)
        return True
    if not must_be_empty:
        # TRUNCATE refuses a referenced table; with the session in replica mode DELETE asks no foreign key.
        wire.run(hands.target, f"delete from only {relation}", check)  # noqa: S608 - quoted
    return False
