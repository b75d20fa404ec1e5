"""What outlives the task table: how a finished run is rolled back, and foreign keys that are validated later."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import psycopg

from jobs.core.errors import Permanent
from jobs.core.model import Scope
from jobs.core.verdict import BrokenKey
from jobs.engines.postgres import quote, wire, worktable
from jobs.engines.postgres.connect import Connection, first_line
from jobs.ports.engine import Watch

_OBJECTS = """
select 'relation', format('%I.%I', n.nspname, c.relname), c.oid::bigint
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
  and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')"""


def make(target: Connection, scope: Scope) -> str:
    """The drops of all that was made, and the identity (oid) of every table and view."""
    if not worktable.exists(target):
        return ""
    drops = [
        drop for _, kind, payload in worktable.done_backwards(target) for drop in payload.get("drops", []) if kind
    ]
    objects = [[name, oid] for _, name, oid in target.execute(_OBJECTS).fetchall()]
    emptied, partitioned = [_copied(target, cut) if scope is Scope.data_only else [] for cut in (False, True)]
    return json.dumps({"drops": drops, "objects": objects, "emptied": emptied, "partitioned": partitioned})


def _copied(target: Connection, partitioned: bool) -> list[str]:
    tasks = worktable.done_backwards(target)
    found = {
        quote.qualified(table["schema"], table["name"])
        for _, kind, payload in tasks
        if kind == "copy"
        for table in payload["tables"]
        if bool(table.get("partitioned")) is partitioned
    }
    return sorted(found)


def roll_back(target: Connection, text: str) -> str:
    """Takes away what a finished run made, in one transaction: all of it or nothing."""
    if not text:
        return "Nothing of a run is known in the target."
    kept = json.loads(text)
    target.execute("set client_min_messages = error")
    try:
        with target.transaction():
            for name, oid in kept["objects"]:
                _must_be_the_same(target, name, oid)
            for relation in kept["emptied"]:
                target.execute(f"delete from only {relation}", prepare=False)  # noqa: S608 - quoted when kept
            for relation in kept.get("partitioned", []):
                target.execute(f"delete from {relation}", prepare=False)  # noqa: S608 - quoted when kept
            for drop in kept["drops"]:
                target.execute(drop, prepare=False)
    except psycopg.errors.DependentObjectsStillExist as error:
        raise Permanent(
            f"Something in the target needs what the run made: {first_line(error.diag.message_detail or '')}",
            meaning="It was not made by this run, so it is left alone.",
            remedy="Drop it if it is not wanted, then roll back again.",
        ) from None
    if emptied := len(kept["emptied"]) + len(kept.get("partitioned", [])):
        return f"{emptied} tables were emptied again; identities keep their values."
    return f"{len(kept['drops'])} objects were removed; the target is as it was found."


def _must_be_the_same(target: Connection, name: str, oid: int) -> None:
    row = target.execute("select to_regclass(%s)::oid::bigint", [name]).fetchone()
    if row and row[0] is not None and int(row[0]) != oid:
        raise Permanent(
            f"{name} is not the one that the run made: somebody made it anew",
            meaning="Nothing was removed.",
            remedy="Look at it; rename or drop it, then roll back again.",
            object=name,
        )


_KEY = """
select format('%%I.%%I', n.nspname, c.relname), format('%%I', k.conname), k.convalidated
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f' and n.nspname || '.' || c.relname || '.' || k.conname = %s"""
_FIND = re.compile(r"select t\.\* (from .*)", re.S)


def revalidate(target: Connection, keys: Sequence[BrokenKey], watch: Watch) -> tuple[BrokenKey, ...]:
    """Tries each again; a key that is gone or valid by now is not broken any more."""
    still = []
    for key in keys:
        row = target.execute(_KEY, [key.name]).fetchone()
        if row is None or row[2]:
            continue
        try:
            with target.transaction():
                wire.run(target, f"alter table only {row[0]} validate constraint {row[1]}", watch.check)
        except psycopg.errors.ForeignKeyViolation:
            still.append(key.model_copy(update={"orphans": _count(target, key, watch)}))
    return tuple(still)


def _count(target: Connection, key: BrokenKey, watch: Watch) -> int:
    found = _FIND.fullmatch(key.find)
    if found is None:
        return key.orphans
    rows: Any = wire.run(target, f"select count(*) {found[1]}", watch.check)
    return int(rows[0][0] or 0)
