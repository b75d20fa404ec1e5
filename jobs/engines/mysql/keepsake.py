"""The keepsake: what a rollback needs once the task table is gone, and the rollback itself.

These servers give objects no numbers, so an object is known by its definition: what was altered or made anew in
another way is not the run's any more. DDL commits by itself; each drop is harmless when repeated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from jobs.core.errors import Permanent
from jobs.core.model import Scope
from jobs.engines.mysql import (
    catalog,
    census,
    clear,
    definers,
    found,
    quote,
    restore_point,
    schema,
    session,
    undo,
    worktable,
)
from jobs.engines.mysql.catalog import Catalog
from jobs.engines.mysql.connect import Connection, run
from jobs.engines.mysql.dependents import pairs
from jobs.engines.shared.restore_files import prove_file
from jobs.ports.engine import Asked

_NOTHING = "Nothing was changed: the target holds the finished migration."


def take(target: Connection, asked: Asked, run_found: worktable.Run) -> str:
    """What the run made and how each object is defined now, as JSON."""
    before = found.read(target)
    data_only = asked.options.scope is Scope.data_only
    return json.dumps(
        {
            "version": 2,
            "migration": run_found.migration,
            "database": asked.target.database,
            "data only": data_only,
            "replaced": before is not None,
            "found": run_found.found,
            "made": worktable.made(target),
            "emptied": undo.filled(target) if data_only else [],
            "definitions": _identities(catalog.read(target, asked.target.database)),
            "created": restore_point.created(target),
        }
    )


def roll_back(target: Connection, asked: Asked, kept: str) -> str:
    """Back to the target as it was found. Raises `Permanent` before anything is changed where that is not safe."""
    known = _parsed(kept, asked)
    if known.get("replaced"):
        return _bring_back(target, asked, known)
    if known["data only"]:
        return _empty_again(target, known)
    now = catalog.read(target, asked.target.database)
    made = {f"{kind} {name}" for kind, name in known["made"]}
    _demand_the_same(_of(known, now), made, known["definitions"])
    _demand_no_dependents(now, made)
    session.tune(target)
    for kind in clear.ORDER:
        for of, name in known["made"]:
            if of == kind:
                run(target, f"DROP {kind.upper()} IF EXISTS {quote.name(name)}")
    others = census.wholes(now).keys() - made
    if not others:
        undo.restore_database(target, asked.target.database, known["found"])
    return f"{len(made)} objects were removed; the target is as it was found."


def _parsed(kept: str, asked: Asked) -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads(kept)
        ours = known["migration"] == asked.migration and known["database"] == asked.target.database
    except (ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise Permanent(
            "Nothing is known of what that run made", meaning=_NOTHING, remedy="Drop by hand what is not wanted."
        )
    return known


def _of(known: dict[str, Any], now: Catalog) -> dict[str, str]:
    """As whoever kept it described objects: earlier versions kept events with their state."""
    return _identities(now) if "version" in known else census.wholes(now)


def _identities(now: Catalog) -> dict[str, str]:
    """Kind and name with what an object is known by. An event that somebody enabled, and is now defined by, is it."""
    found = census.wholes(replace(now, events=()))
    for event in now.events:
        text = schema.with_definer(schema.disabled(event.create), definers.TARGET)
        found[f"event {event.name}"] = hashlib.sha256(text.encode()).hexdigest()
    return found


def _demand_the_same(now: dict[str, str], made: set[str], definitions: dict[str, str]) -> None:
    changed = sorted(name for name in made & now.keys() if now[name] != definitions.get(name))
    if changed:
        raise Permanent(
            f"These are not the objects that the run made any more: {', '.join(changed[:5])}",
            meaning=_NOTHING,
            remedy="Change it back, or drop by hand what stands in its place, then press Roll back again.",
            object=changed[0],
        )


def _demand_no_dependents(now: Catalog, made: set[str]) -> None:
    needing = sorted(_dependents(now, made))
    if needing:
        raise Permanent(
            f"Something in the target needs what the run made: {', '.join(needing[:5])}",
            meaning=f"It was not made by this run, so it is left alone. {_NOTHING}",
            remedy="Drop it if it is not wanted, then press Roll back again.",
            object=needing[0],
        )


def _dependents(now: Catalog, made: set[str]) -> Iterator[str]:
    """What is not ours and needs a table or view of ours."""
    ours = {name.partition(" ")[2] for name in made if name.partition(" ")[0] in ("table", "view", "sequence")}
    for view in now.views:
        reads = {name for where, name in pairs(view.body or view.create) if where == now.database}
        if f"view {view.name}" not in made and reads & ours:
            yield f"view {view.name} needs {min(reads & ours)}"
    for trigger in now.triggers:
        if f"trigger {trigger.name}" not in made and trigger.table in ours:
            yield f"trigger {trigger.name} needs {trigger.table}"
    for table in now.tables:
        parents = {key.other_table for key in table.foreign_keys if key.other_database == now.database}
        if f"table {table.name}" not in made and parents & ours:
            yield f"table {table.name} needs {min(parents & ours)}"


def _empty_again(target: Connection, known: dict[str, Any]) -> str:
    """The tables were there, and a check demanded that they were empty: rows that came since go, too."""
    emptied = known.get("emptied") or []
    if not emptied:
        raise Permanent(
            "Nothing was kept of the tables that this migration filled",
            meaning=_NOTHING,
            remedy="Empty them by hand, or restore the target from its own backup.",
        )
    session.tune(target)
    return undo.empty(target, emptied, known["found"].get("counters", {}))


def _bring_back(target: Connection, asked: Asked, known: dict[str, Any]) -> str:
    """Everything goes and the restore point comes: nothing that somebody else made since may be there."""
    point, before = asked.restore_point, found.read(target)
    if before is None:
        if point is not None and restore_point.is_back(target, asked, point, known["created"]):
            return f"What the target held before was brought back from {point.path}."
        now = _of(known, catalog.read(target, asked.target.database))
        made = {f"{kind} {name}" for kind, name in known["made"]}
        _demand_the_same(now, made, known["definitions"])
        others = sorted(now.keys() - made)
        if others:
            raise Permanent(
                f"The target holds what this migration did not make: {', '.join(others[:5])}",
                meaning=f"{_NOTHING} Bringing back the restore point replaces the whole database.",
                remedy="Move it to another database, or drop it, then press Roll back again.",
            )
        if point is not None:
            prove_file(point, lambda: None)
        before = found.Found(asked.migration, known["found"]["charset"], known["found"]["collation"])
        found.write(target, before)
    said = restore_point.bring_back(asked, target, before, lambda: None)
    worktable.drop(target)
    found.drop(target)
    return said
