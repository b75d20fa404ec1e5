"""Tasks that are SQL of the schema, in the claim's transaction, so that nothing is half made."""

from __future__ import annotations

import re
from typing import Any

import psycopg

from jobs.core.errors import Permanent
from jobs.engines.mysql_postgres.perform.hands import Hands
from jobs.engines.postgres import session, wire
from jobs.engines.postgres.connect import first_line
from jobs.ports.engine import Done, Task, Watch

_MEANING = ("42", "0A")
"""Syntax, types, what is not supported: PostgreSQL does not mean by the text what MySQL does."""
_OTHERWISE = (
    "An expression of the source means nothing here. Of a generated column the plan asks: let it travel as a plain"
    " column. Any other: change or drop it in the source. Then undo the run, and check again."
)


def run_texts(hands: Hands, task: Task, watch: Watch) -> Done:
    """Runs the task's texts in order."""
    texts = task.payload["sql"]
    for text, name in zip(texts, task.payload.get("names") or [task.title] * len(texts), strict=True):
        watch.report(task.kind, task.title, 0, 0)
        try:
            wire.run(hands.target, text, watch.check)
        except psycopg.Error as error:
            explained = hands.explain(error, task, name)
            if isinstance(explained, Permanent) and (error.sqlstate or "").startswith(_MEANING):
                explained = Permanent(explained.what, remedy=_OTHERWISE, object=name)
            raise explained from None
    return Done()


def build(hands: Hands, task: Task, watch: Watch) -> Done:
    """Indexes and keys."""
    if task.payload.get("sorted"):
        session.sort_small(hands.target)
    return run_texts(hands, task, watch)


def validate(hands: Hands, task: Task, watch: Watch) -> Done:
    """Proves foreign keys over all rows. One that rows break stays NOT VALID and is kept with the mark."""
    broken: list[dict[str, Any]] = []
    for key in task.payload["keys"]:
        watch.report("validate", key["title"], 0, 0)
        hands.target.execute("savepoint before_validation")
        try:
            wire.run(hands.target, key["sql"], watch.check)
        except psycopg.errors.ForeignKeyViolation:
            hands.target.execute("rollback to savepoint before_validation")
            broken.append(orphans(hands.target, key, watch))
        except psycopg.Error as error:
            raise hands.explain(error, task, key["title"]) from None
        hands.target.execute("release savepoint before_validation")
    return Done(result=broken)


def orphans(target: Any, key: dict[str, Any], watch: Watch) -> dict[str, Any]:
    """How many rows break a key, and how to find them."""
    found = wire.run(target, f"select count(*) {key['orphans']}", watch.check)
    return {"name": key["title"], "orphans": int(found[0][0] or 0), "find": f"select t.* {key['orphans']}"}


def make_views(hands: Hands, task: Task, watch: Watch) -> Done:
    """Makes each view after those it reads; what the target refuses to the end is kept with its reason."""
    waiting = list(task.payload["views"])
    reasons: dict[str, str] = {}
    made: list[str] = []
    while waiting:
        left = []
        for view in waiting:
            watch.report(task.kind, view["name"], 0, 0)
            reason = _try(hands, view["sql"], watch)
            if reason:
                reasons[view["name"]] = reason
                left.append(view)
            else:
                made.append(view["name"])
        if len(left) == len(waiting):
            break
        waiting = left
    return Done(result=[{"made": made, "refused": [[v["name"], reasons[v["name"]]] for v in waiting]}])


def _try(hands: Hands, sql: str, watch: Watch) -> str:
    """Empty when the target took it."""
    hands.target.execute("savepoint before_view")
    try:
        wire.run(hands.target, sql, watch.check)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        hands.target.execute("rollback to savepoint before_view")
        return first_line(re.sub(r"\s+", " ", error.diag.message_primary or str(error)))
    hands.target.execute("release savepoint before_view")
    return ""
