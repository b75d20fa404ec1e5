"""Back to the target as it was found: what a done task made is dropped, in reverse, and nothing else.

Objects of a task that is not done do not exist: they were made in the transaction that marks it. So nobody
else's object of the same name is ever touched.
"""

from __future__ import annotations

from typing import Any

from psycopg import errors as pg

from jobs.core.errors import Permanent
from jobs.core.model import Scope
from jobs.engines.postgres import configuration, found, quote, roles, session, worktable
from jobs.engines.postgres.connect import Connection, first_line
from jobs.engines.postgres.perform.empty import muted
from jobs.ports.engine import Asked

DROPS_AT_ONCE = 200
"""A dropped table locks its indexes and its overflow table too; a default server has room for 6,400 locks."""


def remove(target: Connection, asked: Asked) -> str:
    """Drops what the run made and the run itself. Raises `Permanent` when somebody else's object needs ours."""
    target.execute("set client_min_messages = error")
    worktable.close_epoch(target)
    dropped = emptied = 0
    session.silence(target)
    for task, kind, payload in worktable.done_backwards(target):
        if kind == "copy" and asked.options.scope is Scope.data_only:
            emptied += empty_tables(target, payload["tables"])
        elif kind == "large objects":
            dropped += unlink(target, payload["oids"])
        elif kind == "roles":
            dropped += len(roles.drop_roles(target, payload["roles"]))
        else:
            dropped += drop(target, payload.get("drops", []))
        worktable.undone(target, task)
    before = found.read(target)
    if before is not None:
        configuration.take_back(target, configuration.added(target))
        found.put_back(target, before)
    worktable.drop(target)
    if asked.options.scope is Scope.data_only:
        return f"{emptied} tables were emptied again, and sequences have their earlier values."
    return f"{dropped} objects were removed; the target is as it was found."


def drop(target: Connection, statements: list[str]) -> int:
    """Each statement is harmless when repeated, so a crash in between only means to do it again."""
    for start in range(0, len(statements), DROPS_AT_ONCE):
        try:
            with target.transaction():
                for statement in statements[start : start + DROPS_AT_ONCE]:
                    target.execute(statement, prepare=False)
        except pg.DependentObjectsStillExist as error:
            who = first_line(error.diag.message_detail or str(error))
            raise Permanent(
                f"Something in the target needs what the run made: {who}",
                meaning="It was not made by this run, so it is left alone.",
                remedy="Drop it if it is not wanted, then undo again.",
            ) from None
    return len(statements)


def empty_tables(target: Connection, tables: list[dict[str, Any]]) -> int:
    for table in tables:
        # The rows of a partitioned table are its partitions'; of any other, those that inherit are not ours.
        relation = ("" if table.get("partitioned") else "only ") + quote.qualified(table["schema"], table["name"])
        with target.transaction(), muted(target, table["schema"], table["name"]):
            target.execute(f"delete from {relation}", prepare=False)  # noqa: S608 - quoted
    return len(tables)


def unlink(target: Connection, oids: list[int]) -> int:
    found = target.execute(
        "select oid::bigint from pg_largeobject_metadata where oid = any(%s::oid[])", [oids]
    ).fetchall()
    for (oid,) in found:
        target.execute("select lo_unlink(%s)", [oid])
    return len(found)


def drop_foreign_keys(target: Connection) -> None:
    """Where triggers cannot be silenced, foreign keys go before tables are emptied and come back after."""
    for task, kind, payload in worktable.done_backwards(target):
        if kind == "foreign keys":
            drop(target, payload.get("drops", []))
            worktable.undone(target, task)
        elif kind == "validate":
            worktable.undone(target, task)
