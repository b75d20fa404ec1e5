"""The keepsake: what a rollback needs once the task table is gone, and the rollback itself.

It names every object of the target with its oid. A rollback drops by name, as an undo does, so it first proves
that each name still means the object that the run made. Dropping is one transaction where the server has the
locks for it; otherwise parts, each harmless when repeated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from psycopg import errors as pg

from jobs.core.errors import Permanent
from jobs.core.model import Scope
from jobs.engines.postgres import configuration, found, quote, restore_point, roles, session, undo, worktable
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.parts import parts
from jobs.engines.shared.restore_files import prove_file
from jobs.ports.engine import Asked

_NOTHING = "Nothing was changed: the target holds the finished migration."
SHOWN = 8


@dataclass(frozen=True)
class Keepsake:
    """`made` is class, oid, type and identity of what stood in the target at the end."""

    migration: str
    drops: tuple[str, ...]
    large_objects: tuple[int, ...]
    emptied: tuple[dict[str, Any], ...]
    made: tuple[tuple[str, int, str, str], ...]
    found: found.Found
    roles: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    added: tuple[configuration.Added, ...] = ()

    def text(self) -> str:
        """As JSON, for the ledger."""
        f = self.found
        before = {"replaced": f.replaced, "kept": f.kept, "public": f.public, "sequences": f.sequences}
        before |= {"schemas": f.schemas, "extensions": f.extensions}
        document = {
            "version": 1,
            "migration": self.migration,
            "drops": self.drops,
            "large_objects": self.large_objects,
            "emptied": self.emptied,
            "made": self.made,
            "found": before,
            "roles": self.roles,
            "settings": self.settings,
            "added": self.added,
        }
        return json.dumps(document, ensure_ascii=False)


def parse(text: str) -> Keepsake:
    """Raises `Permanent` for what is no keepsake of ours."""
    try:
        document: dict[str, Any] = json.loads(text)
        before = document["found"]
        return Keepsake(
            migration=document["migration"],
            drops=tuple(document["drops"]),
            large_objects=tuple(document["large_objects"]),
            emptied=tuple(document["emptied"]),
            made=tuple((str(c), int(o), str(t), str(i)) for c, o, t, i in document["made"]),
            found=found.of(
                document["migration"],
                before["replaced"],
                before["kept"],
                before["public"],
                before["sequences"],
                before.get("schemas", {}),
                before.get("extensions", ()),
            ),
            roles=tuple(document["roles"]),
            settings=tuple(document["settings"]),
            added=tuple((str(r), str(c), str(h), int(b), int(n)) for r, c, h, b, n in document.get("added", ())),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Permanent(
            f"What was kept of this migration cannot be read ({type(error).__name__})",
            meaning=_NOTHING,
            remedy="Drop by hand what is not wanted.",
        ) from None


def take(target: Connection, asked: Asked, before: found.Found) -> Keepsake:
    """While the task table is there: what each done task made, in the order in which it is taken away."""
    data_only = asked.options.scope is Scope.data_only
    drops: list[str] = []
    numbers: list[int] = []
    emptied: list[dict[str, Any]] = []
    made_roles: list[str] = []
    given: list[str] = []
    for _, kind, payload in worktable.done_backwards(target):
        if kind == "copy" and data_only:
            emptied += [_named(table) for table in payload["tables"]]
        elif kind == "large objects":
            numbers += payload["oids"]
        elif kind == "roles":
            made_roles += payload["roles"]
        elif kind == "settings":
            given += payload["drops"]
        else:
            drops += payload.get("drops", [])
    stood = {("schema", quote.name(name)) for name in before.schemas} | {("schema", name) for name in before.schemas}
    things = [thing for thing in found.things(target) if (thing.type, thing.identity) not in stood]
    made = tuple((t.class_name, t.oid, t.type, t.identity) for t in things)
    return Keepsake(
        asked.migration,
        tuple(drops),
        tuple(numbers),
        tuple(emptied),
        made,
        before,
        tuple(made_roles),
        tuple(given),
        tuple(configuration.added(target)),
    )


def _named(table: dict[str, Any]) -> dict[str, Any]:
    """What `undo.empty_tables` wants to know."""
    named = {"schema": table["schema"], "name": table["name"]}
    return {**named, "partitioned": True} if table.get("partitioned") else named


def roll_back(target: Connection, asked: Asked, kept: Keepsake) -> str:
    """Back to the target as it was found. Raises `Permanent` before anything is changed where that is not safe."""
    target.execute("set client_min_messages = error")
    begun = found.read(target)
    point = asked.restore_point if kept.found.replaced else None
    if begun is None and point is not None and _is_back(target, point.objects, kept):
        return f"What the target held before was brought back from {point.path}."
    if begun is None:
        _prove(target, kept)
    if kept.found.replaced:
        return _bring_back(target, asked, kept, begun)
    _demand_no_dependents(target, kept)
    session.silence(target)
    emptied = undo.empty_tables(target, list(kept.emptied))
    undo.drop(target, list(kept.settings))
    dropped = _drop(target, kept)
    dropped += len(roles.drop_roles(target, kept.roles))
    configuration.take_back(target, kept.added)
    found.put_back(target, kept.found)
    worktable.drop(target)
    if kept.emptied:
        return f"{emptied:,} tables were emptied again, and sequences have their earlier values."
    return f"{dropped:,} objects were removed; the target is as it was found."


def _bring_back(target: Connection, asked: Asked, kept: Keepsake, begun: found.Found | None) -> str:
    """Everything goes and the restore point comes: nothing that somebody else made since may be there."""
    if begun is None:
        made = {(name, oid) for name, oid, _, _ in kept.made}
        others = [t.label for t in found.things(target) if (t.class_name, t.oid) not in made]
        if others:
            raise Permanent(
                f"The target holds what this migration did not make: {_listed(others)}",
                meaning=f"{_NOTHING} Bringing back the restore point replaces the whole database.",
                remedy="Move it to another database, or drop it, then press Roll back again.",
            )
        assert asked.restore_point is not None
        prove_file(asked.restore_point, lambda: None)
        with target.transaction():
            found.write(target, kept.found)
    # Neither is in a dump: settings and roles are put back by their own statements.
    undo.drop(target, list(kept.settings))
    said = restore_point.bring_back(asked, target, kept.found, lambda: None)
    roles.drop_roles(target, kept.roles)
    worktable.drop(target)
    return said


def _is_back(target: Connection, objects: int, kept: Keepsake) -> bool:
    """A crash came between the end of the restore and the word of it: nothing of the run is left, all else is."""
    now = {(t.class_name, t.oid) for t in found.things(target)}
    made = {(name, oid) for name, oid, kind, _ in kept.made if kind != "extension"}
    return made.isdisjoint(now) and restore_point.objects(target) == objects


def _prove(target: Connection, kept: Keepsake) -> None:
    """Each name means the object that the run made, or nothing any more."""
    things = found.things(target)
    by_oid = {(t.class_name, t.oid): t for t in things}
    by_name = {(t.type, t.identity): t for t in things}
    strange: list[str] = []
    for name, oid, kind, identity in kept.made:
        now = by_oid.get((name, oid))
        if now is not None and now.identity != identity:
            strange.append(f"{kind} {identity} is now {now.identity}")
        elif now is None and (kind, identity) in by_name:
            strange.append(f"{kind} {identity} is another one than the run made")
    if strange:
        raise Permanent(
            f"The target is not what this migration left: {_listed(strange)}",
            meaning=_NOTHING,
            remedy="Rename it back, or drop by hand what stands in its place, then press Roll back again.",
            object=strange[0],
        )


def _demand_no_dependents(target: Connection, kept: Keepsake) -> None:
    classes, oids = [name for name, *_ in kept.made], [oid for _, oid, *_ in kept.made]
    rows = target.execute(parts("dependents")["of others"].encode(), [classes, oids]).fetchall()
    if rows:
        raise _needed(_listed([f"{who} needs {what}" for who, what in rows]))


def _needed(who: str) -> Permanent:
    return Permanent(
        f"Something in the target needs what the run made: {who}",
        meaning=f"It was not made by this run, so it is left alone. {_NOTHING}",
        remedy="Drop it if it is not wanted, then press Roll back again.",
    )


def _drop(target: Connection, kept: Keepsake) -> int:
    """All or nothing where the locks suffice, so that an object that came meanwhile costs nothing."""
    statements = list(kept.drops)
    if not _locks_suffice(target):
        dropped = undo.drop(target, statements)
        return dropped + undo.unlink(target, list(kept.large_objects))
    try:
        with target.transaction():
            for statement in statements:
                target.execute(statement, prepare=False)
            return len(statements) + undo.unlink(target, list(kept.large_objects))
    except pg.DependentObjectsStillExist as error:
        raise _needed(error.diag.message_detail or "an object that was made just now") from None


def _locks_suffice(target: Connection) -> bool:
    row = target.execute(
        "select (select count(*) from pg_class where oid >= 16384) + (select count(*) from pg_largeobject_metadata)"
        " < current_setting('max_locks_per_transaction')::bigint / 2 * (current_setting('max_connections')::bigint"
        " + current_setting('max_prepared_transactions')::bigint)"
    ).fetchone()
    return bool(row and row[0])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
