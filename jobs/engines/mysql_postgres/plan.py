"""Inventory -> MigrationPlan. Pure and deterministic: the same facts give the same digest."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.core.model import Dialect, Scope
from jobs.core.plan import Measures, MigrationPlan, Place, PlannedStep, PlannedTable
from jobs.engines.mysql import plan as mysql_plan
from jobs.engines.mysql_postgres import words
from jobs.engines.mysql_postgres.inventory import Inventory
from jobs.engines.postgres.checks.disk import have_bytes
from jobs.engines.postgres.estimate import need_bytes, seconds
from jobs.engines.postgres.facts import Unread


def plan(inventory: Inventory) -> MigrationPlan:
    """The plan of an inventory without blockers. Raises either engine's `Unread` or `Unreached`."""
    return MigrationPlan(
        migration=inventory.mine.migration,
        source=mysql_plan.place(inventory.mine.source_address, inventory.source),
        target=_target(inventory),
        options=inventory.options,
        tables=tuple(_tables(inventory)),
        steps=tuple(_steps(inventory)),
        schema_fingerprint=words.fingerprint(inventory.made[1]),
        questions=inventory.questions,
        snapshot=mysql_plan.snapshot(inventory.mine),
        left_out=tuple(_left_out(inventory)),
        measures=_measures(inventory),
    )


def _target(inventory: Inventory) -> Place:
    address, side = inventory.reached.target_address, inventory.target
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
    rows = inventory.options.scope is not Scope.schema_only
    for table in inventory.tables:
        name = inventory.catalog.database
        yield PlannedTable(schema_name=name, name=table.name, method="rows as text", rows_moved=rows)


def _steps(inventory: Inventory) -> Iterator[PlannedStep]:
    scope, ddl = inventory.options.scope, inventory.made[1]
    schema, data = scope is not Scope.data_only, scope is not Scope.schema_only
    tables = len(inventory.tables)
    if schema:
        yield PlannedStep(name="schema", title="Create the tables", count=tables)
    if data:
        yield PlannedStep(name="copy", title="Copy the rows", count=tables)
    if schema:
        yield PlannedStep(name="index", title="Build keys and indexes", count=len(ddl.indexes))
        yield PlannedStep(name="constraint", title="Add and validate foreign keys", count=len(ddl.foreign_keys))
    if data:
        yield PlannedStep(name="sequence", title="Set identity columns", count=len(ddl.identities))
    if schema:
        finishing = len(ddl.post) + len(ddl.views)
        yield PlannedStep(name="finish", title="Create checks, triggers, comments and views", count=finishing)
    if data:
        yield PlannedStep(name="analyze", title="Gather statistics", count=tables)
    yield PlannedStep(name="verify", title="Compare every table and object", count=tables if data else 0)


def _left_out(inventory: Inventory) -> Iterator[str]:
    scope = inventory.options.scope
    if scope is not Scope.data_only:
        yield from (words.sentence(left) for left in inventory.made[1].left)
        yield "Accounts, their passwords and their grants stay behind: they belong to the server."
    if scope is Scope.schema_only:
        yield "Rows stay behind: only the schema was asked for."


def _measures(inventory: Inventory) -> Measures:
    low, high = _guess(inventory)
    return Measures(
        table_bytes=tuple(table.bytes for table in inventory.tables),
        table_rows=tuple(table.rows for table in inventory.tables),
        need_bytes=need_bytes(inventory.theirs),
        have_bytes=have_bytes(inventory.theirs),
        seconds_low=low,
        seconds_high=high,
    )


def _guess(inventory: Inventory) -> tuple[int, int]:
    """An estimate that could not be made forbids nothing."""
    try:
        return seconds(inventory.theirs)
    except Unread:
        return 0, 0
