"""Foreign keys of partitioned tables where rows break them: servers before 18 refuse such a key NOT VALID.

There each partition gets a key of its own, NOT VALID, under a name of ours: new rows are held to it and the source's
ON DELETE and ON UPDATE act, as with any key NOT VALID. Once all of them are valid the key itself is added to the
partitioned table: the server then takes the valid keys of the partitions as parts of it instead of looking at the
rows again (tablecmds.c, tryAttachPartitionForeignKey). What it did not take is dropped in the same transaction.

Everything is found by name in the target's catalogs, so each step may be repeated after a crash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import psycopg

from jobs.core.verdict import BrokenKey
from jobs.engines.postgres import keys, quote, wire
from jobs.engines.postgres.catalog import Constraint, Table
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.facts import ForeignKey
from jobs.engines.postgres.parts import parts

UNPROVEN_FROM = 180000
"""Server version from which a partitioned table has keys NOT VALID (release notes of 18)."""
_TAIL = "_of_part"
_NAME_BYTES = 63

Check = Callable[[], None]


def stand_in(name: str) -> str:
    """What the key of a partition is called that stands for the key of that name; later a part of it."""
    made = name + _TAIL
    if len(made.encode()) <= _NAME_BYTES:
        return made
    short = name.encode()[: _NAME_BYTES - len(_TAIL) - 9].decode(errors="ignore")
    return f"{short}_{hashlib.sha256(name.encode()).hexdigest()[:8]}{_TAIL}"


def describe(table: Table, constraint: Constraint, comments: Sequence[str]) -> dict[str, Any]:
    """The key as tasks carry it; `comments` are statements that need it."""
    return {
        "schema": table.schema,
        "table": table.name,
        "name": constraint.name,
        "definition": constraint.definition.removesuffix(" NOT VALID"),
        "comments": list(comments),
        "label": f"{table.label}.{constraint.name}",
        "title": f"{constraint.name} of {table.label}",
    }


class Leaf(NamedTuple):
    """A partition with rows, and its stand-in; `key` is empty where it has none."""

    schema: str
    table: str
    key: str
    definition: str
    valid: bool

    @property
    def quoted(self) -> str:
        return quote.qualified(self.schema, self.table)


def add(connection: Connection, key: dict[str, Any], check: Check) -> None:
    """The key itself, proven; where rows break it, a stand-in on every partition. In the caller's transaction."""
    try:
        with connection.transaction():
            wire.run(connection, _whole(key["schema"], key["table"], key["name"], key["definition"]), check)
    except psycopg.errors.ForeignKeyViolation:
        name = quote.name(stand_in(key["name"]))
        for leaf in _leaves(connection, key["schema"], key["table"], key["name"]):
            text = f"alter table only {leaf.quoted} add constraint {name} {key['definition']} not valid"
            wire.run(connection, text, check)


def prove(connection: Connection, key: dict[str, Any], check: Check) -> dict[str, Any] | None:
    """Validates stand-ins and makes the key whole; what a task keeps of one that rows break. Idempotent."""
    schema, table, name = key["schema"], key["table"], key["name"]
    leaves = _leaves(connection, schema, table, name)
    there = [leaf for leaf in leaves if leaf.key]
    if there and not _made_whole(connection, schema, table, name, check):
        found = _broken(connection, schema, table, name, key["comments"], check)
        document = keys.document(connection, found, _root(connection, schema, table, name))
        if key["comments"]:
            document["comment"] = _comment_name(connection, schema, table, name)
        if len(there) == len(leaves):
            # Otherwise some rows are held to nothing: the census then finds the key missing, which nothing explains.
            document["stand_ins"] = [keys.census_name(connection, *leaf[:3]) for leaf in there]
        return document
    for comment in key["comments"] if _is_whole(connection, schema, table, name) else ():
        wire.run(connection, comment, check)
    return None


def again(connection: Connection, broken: BrokenKey, check: Check) -> tuple[bool, BrokenKey | None]:
    """After the end: whether the key or its stand-ins are there, and what still breaks it. Idempotent."""
    at = _placed(connection, broken.name)
    if at is None:
        return False, None
    schema, table, name = at
    if not _is_whole(connection, schema, table, name):
        if not any(leaf.key for leaf in _leaves(connection, schema, table, name)):
            return False, None
        if not _made_whole(connection, schema, table, name, check):
            return True, _broken(connection, schema, table, name, [], check).model_copy(
                update={"comments": broken.comments}
            )
    for comment in broken.comments:
        wire.run(connection, comment, check)
    return True, None


def _whole(schema: str, table: str, name: str, definition: str) -> str:
    return f"alter table {quote.qualified(schema, table)} add constraint {quote.name(name)} {definition}"


def _made_whole(connection: Connection, schema: str, table: str, name: str, check: Check) -> bool:
    """False where rows break it: then its stand-ins are there as before, those without orphans valid."""
    leaves = _leaves(connection, schema, table, name)
    proven = [leaf.valid or _validated(connection, leaf, check) for leaf in leaves if leaf.key]
    if not all(proven):
        return False
    definition = next(leaf.definition for leaf in leaves if leaf.key)
    try:
        with connection.transaction():
            wire.run(connection, _whole(schema, table, name, definition), check)
            for leaf in _leaves(connection, schema, table, name):
                if leaf.key:
                    wire.run(connection, _drop(leaf), check)
    except psycopg.errors.ForeignKeyViolation:
        return False  # by rows of a partition that was made since, without a stand-in
    return True


def _validated(connection: Connection, leaf: Leaf, check: Check) -> bool:
    try:
        with connection.transaction():
            wire.run(connection, f"alter table only {leaf.quoted} validate constraint {quote.name(leaf.key)}", check)
    except psycopg.errors.ForeignKeyViolation:
        return False
    return True


def _drop(leaf: Leaf) -> str:
    return f"alter table only {leaf.quoted} drop constraint {quote.name(leaf.key)}"


def _leaves(connection: Connection, schema: str, table: str, name: str) -> list[Leaf]:
    """Every partition with rows; a stand-in that the key itself has taken is none any more."""
    found = connection.execute(parts("parted_keys")["leaves"].encode(), [schema, table, stand_in(name)])
    return [Leaf(*row) for row in found.fetchall()]


def _is_whole(connection: Connection, schema: str, table: str, name: str) -> bool:
    return connection.execute(parts("parted_keys")["whole"].encode(), [schema, table, name]).fetchone() is not None


def _comment_name(connection: Connection, schema: str, table: str, name: str) -> str:
    """What the census calls a comment on the key."""
    text = "select format('table constraint %%I on %%I.%%I', %s::text, %s::text, %s::text)"
    row = connection.execute(text, [name, schema, table]).fetchone()
    return str((row or ("",))[0])


def _placed(connection: Connection, label: str) -> tuple[str, str, str] | None:
    """Schema, table and name of a key of a partitioned table, by its label."""
    for schema, table in connection.execute(parts("parted_keys")["partitioned"].encode()).fetchall():
        before = f"{schema}.{table}."
        name = label.removeprefix(before)
        if label.startswith(before) and (
            _is_whole(connection, schema, table, name)
            or any(leaf.key for leaf in _leaves(connection, schema, table, name))
        ):
            return schema, table, name
    return None


def _root(connection: Connection, schema: str, table: str, name: str) -> ForeignKey:
    """The key itself as one of its stand-ins describes it."""
    leaf = next(leaf for leaf in _leaves(connection, schema, table, name) if leaf.key)
    found = keys.foreign_key(connection, f"{leaf.schema}.{leaf.table}.{leaf.key}")
    assert found is not None, "a stand-in is an ordinary key"
    return found.model_copy(
        update={"schema_name": schema, "table_name": table, "name": name, "only": False, "validated": False}
    )


def _broken(
    connection: Connection, schema: str, table: str, name: str, comments: Sequence[str], check: Check
) -> BrokenKey:
    found = keys.broken(connection, _root(connection, schema, table, name), check)
    return found.model_copy(update={"parted": True, "comments": tuple(comments)})
