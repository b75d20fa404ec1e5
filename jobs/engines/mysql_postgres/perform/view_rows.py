"""A translated view that the target accepted may still mean something else: its rows are counted on both sides.

Only counted: the order of a view's rows and of what it strings together is nobody's promise. A view that takes long,
or that the source itself cannot read, is told as not counted.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pymysql

from jobs.engines.mysql_postgres import reader
from jobs.engines.mysql_postgres.perform.hands import Hands
from jobs.engines.mysql_postgres.rows import COUNT_SECONDS
from jobs.engines.postgres import wire
from jobs.ports.engine import Done, Task, Watch

ALL_SECONDS = 60.0
"""Of a run that is over but for this."""
_LOST = (2006, 2013, 2014, 2055)


def count_views(hands: Hands, task: Task, watch: Watch) -> Done:
    """A document for each view: its rows on either side, or why nobody knows."""
    end = time.monotonic() + ALL_SECONDS
    documents = []
    for view in task.payload["views"]:
        watch.report("verify", view["name"], 0, 0)
        late = "" if time.monotonic() < end else f"others took {ALL_SECONDS:.0f} s"
        documents.append({"view": view["name"], **(_unknown(late) if late else _counted(hands, view, watch))})
    return Done(result=documents)


def _unknown(reason: str) -> dict[str, Any]:
    return {"source": None, "target": None, "reason": reason}


def _counted(hands: Hands, view: dict[str, Any], watch: Watch) -> dict[str, Any]:
    try:
        ours = int(reader.ask(hands.source, hands.asked.source, view["count"], watch.check)[0][0])
    except pymysql.MySQLError as error:
        if isinstance(error, pymysql.InterfaceError) or (error.args and error.args[0] in _LOST):
            raise hands.explain_source(error, _task(view), view["name"]) from None
        return _unknown(f"the source did not count it (error {error.args[0] if error.args else '?'})")
    theirs = _in_target(hands, view["quoted"], watch)
    if isinstance(theirs, str):
        return _unknown(theirs)
    return {"source": ours, "target": theirs, "reason": ""}


def _task(view: dict[str, Any]) -> Task:
    return Task(0, "verify", "verify", view["name"])


def _in_target(hands: Hands, quoted: str, watch: Watch) -> int | str:
    """The count; why there is none; -1 where the view is there and fails."""
    row = hands.target.execute("select to_regclass(%s) is null", [quoted]).fetchone()
    if row and row[0]:
        return "it is not in the target"
    hands.target.execute("savepoint before_count")
    try:
        hands.target.execute(f"set local statement_timeout = '{COUNT_SECONDS}s'")
        found = wire.run(hands.target, f"select count(*) from {quoted}", watch.check)  # noqa: S608 - quoted
        hands.target.execute("set local statement_timeout = 0")
        return int(found[0][0] or 0)
    except psycopg.errors.QueryCanceled:
        hands.target.execute("rollback to savepoint before_count")
        return f"it took more than {COUNT_SECONDS} s"
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        hands.target.execute("rollback to savepoint before_count")
        return -1
