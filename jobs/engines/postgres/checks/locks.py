"""The source has room for a lock on every table: all of them are held from before the snapshot to the end.

The server's settings promise `max_locks_per_transaction` for each of its possible sessions. What it really holds is
more: measured with two sessions (ours and pg_dump's) 416 and 688 where 200 are promised, 7,985 and 10,517 of 6,400
(PostgreSQL 16 and 18).
"""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found
from jobs.engines.postgres.inventory import Inventory

SLACK = 1000


def find(inventory: Inventory) -> Findings:
    server, tables = inventory.source.server, len(inventory.source.tables.get())
    if tables > server.lock_room:
        hopeless = tables > 2 * server.lock_room + SLACK
        yield found(
            Severity.block if hopeless else Severity.warn,
            f"The source has {counted(tables, 'table')} and room for {server.lock_room:,} locks"
            + (": too few." if hopeless else ": reading its schema may fail."),
            object=server.database,
            remedy=f"ALTER SYSTEM SET max_locks_per_transaction = {_wanted(inventory)};\n"
            "-- run by a superuser on the source; it takes a restart of that server",
            side="source",
        )


def _wanted(inventory: Inventory) -> int:
    """In proportion, with half as much again for everybody else."""
    server, tables = inventory.source.server, len(inventory.source.tables.get())
    return -(-server.locks_per_session * tables * 3 // (2 * server.lock_room)) + 1


def measured(inventory: Inventory) -> str:
    tables = counted(len(inventory.source.tables.get()), "table")
    return f"{tables}, room for {inventory.source.server.lock_room:,} locks"


CHECK = PgCheck("locks", "Room for a lock on every table", find, measured)
