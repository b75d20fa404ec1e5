"""Inventory -> MigrationPlan. Pure and deterministic: the same facts give the same digest."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator

from jobs.core.model import Dialect, Scope
from jobs.core.plan import Measures, MigrationPlan, Place, PlannedStep, PlannedTable
from jobs.engines.postgres import missing_roles
from jobs.engines.postgres.checks.disk import have_bytes
from jobs.engines.postgres.dependents import broken, rowless_readers, sentence, sentence_of_rows
from jobs.engines.postgres.estimate import need_bytes, seconds
from jobs.engines.postgres.facts import Column, Table, Unread
from jobs.engines.postgres.inventory import Address, Inventory, Side
from jobs.engines.postgres.settings import STAY

BINARY_SAFE = frozenset(
    {
        *(16, 17, 18, 19),  # bool, bytea, "char", name
        *(20, 21, 23, 26),  # int8, int2, int4, oid
        *(25, 1042, 1043),  # text, bpchar, varchar
        *(114, 3802),  # json, jsonb
        *(700, 701, 1700),  # float4, float8, numeric
        *(650, 869, 829, 774),  # cidr, inet, macaddr, macaddr8
        *(1082, 1083, 1266, 1114, 1184, 1186),  # date, time, timetz, timestamp, timestamptz, interval
        *(1560, 1562),  # bit, varbit
        2950,  # uuid
    }
)
"""Built-in types whose binary form is the same from PostgreSQL 10 to 18 (src/backend/utils/adt, *_send and *_recv).

An enum's binary form is its label (enum_send), whatever its OID; it is known by its kind. Not here on purpose:
composites, arrays of user types (their binary form names OIDs, which differ), reg* (binary sends an OID, text a
name), xml (declares an encoding), ranges, geometry and text search, which few tables hold."""

LATE = "copy text after the indexes"
"""A value of type regclass is read by name, and an index that it may name is made after rows."""

MONEY = 790
"""Binary money is a number of cents: right only where both sides agree what a cent is."""


def plan(inventory: Inventory) -> MigrationPlan:
    """The plan of an inventory without blockers. Raises `Unread` or `Unreached` where there are some."""
    return MigrationPlan(
        migration=inventory.migration,
        source=_place(inventory.source_address, inventory.source),
        target=_place(inventory.target_address, inventory.target),
        options=inventory.options,
        tables=tuple(_tables(inventory)),
        steps=tuple(_steps(inventory)),
        schema_fingerprint=fingerprint(inventory),
        roles=tuple(missing_roles.to_make(inventory)),
        left_out=tuple(_left_out(inventory)),
        measures=_measures(inventory),
    )


def _place(address: Address, side: Side) -> Place:
    return Place(
        label=address.label,
        dialect=Dialect.postgresql,
        host=address.host,
        port=address.port,
        database=address.database,
        user=address.user,
        server_version=side.server.version,
        server_id=side.identifier.value or "",
        environment=address.environment,
    )


def _tables(inventory: Inventory) -> Iterator[PlannedTable]:
    columns = _by_table(inventory.source.columns.get())
    others = _by_table(inventory.target.columns.get()) if inventory.options.scope is Scope.data_only else {}
    money = inventory.source.server.lc_monetary == inventory.target.server.lc_monetary
    for table in inventory.selected:
        mine = columns.get(table.key, [])
        binary = all(_binary(c, money) for c in mine) and _same_types(mine, others.get(table.key, mine))
        yield PlannedTable(
            schema_name=table.schema_name,
            name=table.name,
            method=LATE if _late(mine) else "copy binary" if binary else "copy text",
            rows_moved=moves_rows(table, inventory),
        )


def moves_rows(table: Table, inventory: Inventory) -> bool:
    """Partitioned tables have no rows of their own; those of a foreign table are somewhere else."""
    asked_for = inventory.options.scope is not Scope.schema_only and table.key not in inventory.rowless_keys
    return table.kind == "r" and asked_for


def _by_table(columns: tuple[Column, ...]) -> dict[tuple[str, str], list[Column]]:
    found: dict[tuple[str, str], list[Column]] = {}
    for column in columns:
        found.setdefault((column.schema_name, column.table_name), []).append(column)
    return found


def _late(columns: list[Column]) -> bool:
    return any(column.names and not column.generated for column in columns)


def _binary(column: Column, money: bool) -> bool:
    """An array's binary form names its element's OID: the same everywhere for built-in elements only."""
    safe = BINARY_SAFE | {MONEY} if money else BINARY_SAFE
    return column.generated or column.enum or (column.element or column.base) in safe


def _same_types(source: list[Column], target: list[Column]) -> bool:
    """Into tables that were there before, binary values may only go where the types agree."""
    types = {c.name: c.type for c in target}
    return all(types.get(c.name) == c.type for c in source if not c.generated)


def _steps(inventory: Inventory) -> Iterator[PlannedStep]:
    scope = inventory.options.scope
    schema, data = scope is not Scope.data_only, scope is not Scope.schema_only
    counts = _counts(inventory)
    rows = sum(moves_rows(t, inventory) for t in inventory.selected)
    naming = _by_table(inventory.source.columns.get())
    late = sum(_late(naming.get(t.key, [])) and moves_rows(t, inventory) for t in inventory.selected)
    made = missing_roles.to_make(inventory)
    if made:
        yield PlannedStep(
            name="roles", title=f"Create the roles {', '.join(made)}, without passwords", count=len(made)
        )
    if schema:
        yield PlannedStep(name="schema", title="Create the schema", count=len(inventory.selected))
    if data:
        yield PlannedStep(name="copy", title="Copy the rows", count=rows - late)
    if schema:
        yield PlannedStep(name="index", title="Build indexes", count=counts["index"])
    if late:
        yield PlannedStep(name="late", title="Copy rows that name relations or routines (regclass)", count=late)
    if schema:
        yield PlannedStep(name="constraint", title="Add and validate foreign keys", count=counts["foreign key"])
    if data:
        yield PlannedStep(name="sequence", title="Set sequences", count=counts["sequence"])
    if schema:
        finishing = counts["trigger"] + (counts["materialized view"] if data else 0)
        yield PlannedStep(name="finish", title="Create triggers and policies, fill views", count=finishing)
    if data:
        yield PlannedStep(name="analyze", title="Gather statistics", count=rows)
    yield PlannedStep(name="verify", title="Compare every table and object", count=rows)


def _counts(inventory: Inventory) -> Counter[str]:
    moving = (o for o in inventory.source.objects.get() if inventory.moves(o.schema_name, o.table_name))
    return Counter(o.kind for o in moving)


def fingerprint(inventory: Inventory) -> str:
    """64 hex digits over the definitions of what moves: the same while nobody changes the schema."""
    return digest_of(
        (d.kind, d.schema_name, d.table_name, d.name, d.text)
        for d in inventory.source.definitions.get()
        if inventory.moves(d.schema_name, d.table_name)
    )


def digest_of(definitions: Iterable[tuple[str, ...]]) -> str:
    """The fingerprint of lines (kind, schema, table, name, text)."""
    moving = list(definitions)
    return hashlib.sha256(json.dumps(sorted(moving), ensure_ascii=False).encode()).hexdigest()


def _left_out(inventory: Inventory) -> Iterator[str]:
    by_kind: dict[str, list[str]] = {}
    for oddity in inventory.source.oddities.get():
        by_kind.setdefault(oddity.kind, []).append(oddity.name)
    settings = [oddity.note for oddity in inventory.source.oddities.get() if oddity.kind == "setting"]
    if inventory.options.scope is not Scope.data_only:
        for reference in broken(inventory):
            yield sentence(reference)
        for name in by_kind.get("subscription", []):
            yield f"Subscription {name} stays behind: two servers must not consume one stream."
        if "user mapping" in by_kind:
            yield "Passwords in user mappings are moved only where the source's user may read them."
        staying = sorted({note.partition("=")[0] for note in settings} & STAY)
        if staying:
            yield f"Settings of the database that belong to the source's server stay behind: {', '.join(staying)}."
        if "database" in by_kind:
            yield f"Of the database itself these stay behind: {', '.join(sorted(by_kind['database']))}."
        if settings and not inventory.options.keep_grants:
            yield "Settings of roles in the database stay behind, as grants do."
        if missing_roles.public_stays(inventory):
            yield "Schema public stays whose it is on the target: its user may not give it to the source's owner."
        if "tablespace" in by_kind:
            yield "Tablespaces stay behind: everything lands in the target's default one."
        yield (
            "Passwords of roles stay behind, and roles that nothing here needs."
            if inventory.options.create_roles
            else "Roles and their passwords stay behind: they belong to the server."
        )
        yield from missing_roles.sentences(inventory)
    if inventory.options.scope is Scope.schema_only:
        yield "Rows stay behind: only the schema was asked for."
    else:
        yield from _rows_left(inventory)


def _rows_left(inventory: Inventory) -> Iterator[str]:
    foreign = [t.label for t in inventory.selected if t.kind == "f"]
    rowless = [t.label for t in inventory.selected if t.kind == "r" and t.key in inventory.rowless_keys]
    if rowless:
        yield f"Rows of these tables stay behind, as asked for: {', '.join(rowless)}."
        yield from (sentence_of_rows(reference) for reference in rowless_readers(inventory))
    if foreign:
        yield f"Rows of foreign tables stay where they are: {', '.join(foreign)}."


def _measures(inventory: Inventory) -> Measures:
    low, high = _guess(inventory)
    return Measures(
        table_bytes=tuple(t.bytes for t in inventory.selected),
        table_rows=tuple(t.rows for t in inventory.selected),
        need_bytes=need_bytes(inventory),
        have_bytes=have_bytes(inventory),
        seconds_low=low,
        seconds_high=high,
    )


def _guess(inventory: Inventory) -> tuple[int, int]:
    """An estimate that could not be made forbids nothing."""
    try:
        return seconds(inventory)
    except Unread:
        return 0, 0
