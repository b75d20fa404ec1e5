"""The tasks of foreign keys: added without looking at rows, all by one chain; then proven in parallel."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from jobs.engines.postgres import named, parted_keys, quote, schema
from jobs.engines.postgres.archive import Entry
from jobs.engines.postgres.catalog import Catalog, Constraint, Table
from jobs.engines.postgres.grouping import ENTRIES_PER_TEXT, chunks, groups

_UNPROVEN = re.compile(r"(NOT VALID|NOT ENFORCED);\s*$")


class _Work(Protocol):
    def add(self, kind: str, phase: int, title: str, **more: Any) -> int: ...


def add(
    work: _Work,
    keys: Sequence[tuple[Entry, Constraint]],
    catalog: Catalog,
    parted: Mapping[int, Sequence[Entry]],
) -> None:
    """`parted`: entries of keys that the target has not NOT VALID, with what is said of each (see parted_keys)."""
    last = 0
    validated: dict[int, list[Constraint]] = defaultdict(list)
    whole: list[dict[str, Any]] = []
    for chunk in chunks(keys, ENTRIES_PER_TEXT):
        payload: dict[str, list[Any]] = {"sql": [], "names": [], "parted": [], "drops": []}
        for entry, constraint in reversed(chunk):
            payload["drops"].append(schema.drop_statement(entry))
            if entry.id in parted:
                payload["drops"] += _drops_of_leaves(catalog, constraint)
        for entry, constraint in chunk:
            created = schema.statement(entry)
            if entry.id in parted:
                comments = [schema.statement(said) for said in parted[entry.id]]
                payload["parted"].append(parted_keys.describe(catalog.tables[constraint.table], constraint, comments))
                continue
            payload["names"].append(named.name(entry))
            if _UNPROVEN.search(created):
                payload["sql"].append(created)
            else:
                payload["sql"].append(f"{created.rstrip().removesuffix(';')} NOT VALID;\n")
                validated[constraint.table].append(constraint)
        last = work.add("foreign keys", 40, "foreign keys", payload=payload, needs=(last,), barrier=40)
        whole += payload["parted"]
    _validations(work, catalog, validated, last)
    if whole:
        # Its locks are on several tables, so nothing else runs beside it.
        title = whole[0]["title"] if len(whole) == 1 else "foreign keys of partitioned tables"
        work.add("validate", 46, title, payload={"keys": [], "parted": whole}, needs=(last,), barrier=46)


def _drops_of_leaves(catalog: Catalog, constraint: Constraint) -> list[str]:
    """After the drop of the key itself, which takes those of its partitions along."""
    name = quote.name(parted_keys.stand_in(constraint.name))
    leaves = catalog.leaves(constraint.table)
    return [f"ALTER TABLE IF EXISTS ONLY {leaf.quoted} DROP CONSTRAINT IF EXISTS {name};" for leaf in leaves]


def _validations(work: _Work, catalog: Catalog, keys: dict[int, list[Constraint]], added: int) -> None:
    """All keys of a table in one task: validating locks that table alone against another validation."""
    tables = [(catalog.tables[oid], constraints) for oid, constraints in keys.items()]
    for group in groups(tables, lambda pair: pair[0].bytes):
        found = [_validation(table, constraint) for table, constraints in group for constraint in constraints]
        title = found[0]["title"] if len(found) == 1 else f"{len(found)} foreign keys"
        size = sum(table.bytes for table, _ in group)
        work.add("validate", 45, title, size=size, payload={"keys": found}, needs=(added,), barrier=45)


def _validation(table: Table, constraint: Constraint) -> dict[str, Any]:
    only = "" if constraint.partitioned else "only "
    return {
        "sql": f"alter table {only}{table.quoted} validate constraint {quote.name(constraint.name)}",
        "key": [table.schema, table.name, constraint.name],
        "label": f"{table.label}.{constraint.name}",
        "title": f"{constraint.name} of {table.label}",
    }
