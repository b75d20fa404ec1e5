"""Empties a target whose contents are safe in a restore point: everything that somebody made in the database goes.

Each statement commits by itself and is harmless when repeated, so after a crash it is done again. Our own tables
stay: one of them says that this was begun.
"""

from __future__ import annotations

from collections.abc import Callable

import pymysql

from jobs.core.errors import Permanent
from jobs.engines.mysql import quote, session
from jobs.engines.mysql.connect import Connection, code_of, rows, run, said
from jobs.engines.mysql.objects import FOUND_TABLE, RUN_TABLES

ORDER = ("event", "trigger", "view", "procedure", "function", "package body", "package", "table", "sequence")
"""Nothing wakes while what it needs goes, and foreign keys are not asked."""

_OBJECTS = """
select 'event', event_name from information_schema.events where event_schema = database()
union all select 'trigger', trigger_name from information_schema.triggers where trigger_schema = database()
union all select lower(routine_type), routine_name from information_schema.routines where routine_schema = database()
union all select case table_type when 'VIEW' then 'view' when 'SEQUENCE' then 'sequence' else 'table' end, table_name
    from information_schema.tables where table_schema = database()"""
_DENIED = frozenset({1044, 1142, 1227, 1370, 1419})


def objects(target: Connection) -> list[tuple[str, str]]:
    """Kind and name of all that somebody made, in an order in which it can be dropped."""
    ours = {FOUND_TABLE, *RUN_TABLES}
    found = [(str(kind), str(name)) for kind, name in rows(target, _OBJECTS) if name not in ours]
    return sorted(found, key=lambda thing: (ORDER.index(thing[0]), thing[1]))


def everything(target: Connection, check: Callable[[], None]) -> int:
    """How many objects were dropped. Raises `Permanent` when something stays."""
    session.tune(target)
    doomed = objects(target)
    for kind, name in doomed:
        check()
        _drop(target, kind, name)
    left = objects(target)
    if left:
        shown = ", ".join(f"{kind} {name}" for kind, name in left[:5])
        raise Permanent(f"The target could not be emptied: {shown}", remedy="Drop it by hand, then press Retry.")
    return len(doomed)


def _drop(target: Connection, kind: str, name: str) -> None:
    try:
        run(target, f"DROP {kind.upper()} IF EXISTS {quote.name(name)}")
    except pymysql.MySQLError as error:
        if code_of(error) not in _DENIED:
            raise
        raise Permanent(
            f"The target could not be emptied: {said(str(error))}",
            meaning="What the target held is in the restore point; some of it is removed from the target already.",
            remedy="Cancel brings it back. Or give the target's user the right to drop it, then press Retry.",
            object=f"{kind} {name}",
        ) from None
