"""Tasks that are SQL of the schema: each text as it is, in the claim's transaction, so nothing is half made."""

from __future__ import annotations

from typing import Any

import psycopg

from jobs.core.errors import Permanent
from jobs.engines.postgres import keys, named, parted_keys, session, wire
from jobs.engines.postgres.perform.hands import Hands
from jobs.ports.engine import Done, Task, Watch


def run_texts(hands: Hands, task: Task, watch: Watch) -> Done:
    """Runs the task's texts in order."""
    for number, text in enumerate(task.payload["sql"]):
        watch.report(task.kind, task.title, 0, 0)
        answered = [number]
        try:
            wire.run(hands.target, text, watch.check, answered.append)
        except psycopg.Error as error:
            raise hands.explain(error, task, _named(task, text, answered, error)) from None
    return Done()


def _named(task: Task, text: str, answered: list[int], error: psycopg.Error) -> str:
    """The object that the failing statement was to make; empty where the task names none."""
    position = int(error.diag.statement_position or 0)
    told = named.at(text, position) if len(answered) == 1 and position else None
    number = answered[-1] if told is None else told
    names = task.payload.get("names", ())
    return names[number] if number < len(names) else ""


def build(hands: Hands, task: Task, watch: Watch) -> Done:
    """Indexes, and constraints that stand on them."""
    if task.payload.get("sorted"):
        session.sort_small(hands.target)
    return run_texts(hands, task, watch)


def add_keys(hands: Hands, task: Task, watch: Watch) -> Done:
    """Foreign keys; those of partitioned tables proven at once where the target has none NOT VALID."""
    run_texts(hands, task, watch)
    for key in task.payload.get("parted", ()):
        watch.report(task.kind, key["title"], 0, 0)
        parted_keys.add(hands.target, key, watch.check)
    return Done()


def validate(hands: Hands, task: Task, watch: Watch) -> Done:
    """Proves foreign keys over all rows; one that rows break stays NOT VALID and is kept with their number."""
    broken = []
    for key in task.payload["keys"]:
        watch.report("validate", key["title"], 0, 0)
        if "key" in key and keys.stands(hands.target, *key["key"]):
            # Proven by an earlier conductor or run, before the rows of now.
            broken += _disproven(hands, key["label"], watch)
            continue
        try:
            with hands.target.transaction():
                wire.run(hands.target, key["sql"], watch.check)
        except psycopg.errors.ForeignKeyViolation:
            broken.append(_broken(hands, key["label"], watch))
    for key in task.payload.get("parted", ()):
        watch.report("validate", key["title"], 0, 0)
        if found := parted_keys.prove(hands.target, key, watch.check):
            broken.append(found)
    return Done(result=broken or None)


def _disproven(hands: Hands, label: str, watch: Watch) -> list[dict[str, Any]]:
    key = keys.foreign_key(hands.target, label)
    found = keys.disproven(hands.target, key, watch.check) if key else None
    return [keys.document(hands.target, found, key)] if key and found else []


def _broken(hands: Hands, label: str, watch: Watch) -> dict[str, Any]:
    key = keys.foreign_key(hands.target, label)
    if key is None:
        raise Permanent(f"The foreign key {label} is not in the target any more", remedy="Press Retry.", object=label)
    return keys.document(hands.target, keys.broken(hands.target, key, watch.check), key)
