"""How much room the target needs, and how long the move may take. Pure."""

from __future__ import annotations

from jobs.core.model import Scope
from jobs.engines.postgres.inventory import Inventory

MB = 1_000_000

# Bytes per second and lane: the slow figure is a small cloud server with network storage, the fast one a laptop's
# SSD with everything cached (measured on PostgreSQL 15 to 18: COPY 60-110 MB/s, CREATE INDEX 30-60 MB/s).
_COPY = (15 * MB, 80 * MB)
_INDEX = (8 * MB, 40 * MB)
_VERIFY = (30 * MB, 120 * MB)
_FIXED_SECONDS = 3
"""Dump and restore of the schema, the census: little depends on bytes."""
_ROUND_TRIPS_PER_TABLE = 20


def need_bytes(inventory: Inventory) -> int:
    """Tables, TOAST and indexes, the sort space of the largest index, and the WAL that the target must keep.

    Raises `Unread` or `Unreached`."""
    if inventory.options.scope is Scope.schema_only:
        return 0
    return moved_bytes(inventory) + sort_bytes(inventory) + wal_bytes(inventory)


def moved_bytes(inventory: Inventory) -> int:
    """What the moved rows and their indexes take in the source, bloat included."""
    whole = not (inventory.options.include or inventory.options.exclude)
    views = sum(o.bytes for o in inventory.source.objects.get() if o.kind == "materialized view" or whole)
    return sum(table.bytes for table in inventory.selected) + views


def sort_bytes(inventory: Inventory) -> int:
    """CREATE INDEX spills a sort about as large as the index itself."""
    return max((table.largest_index_bytes for table in inventory.selected), default=0)


def wal_bytes(inventory: Inventory) -> int:
    """WAL written by the load stays when an archive, a replica or a slot waits for it; else up to max_wal_size."""
    target = inventory.target.server
    replication = inventory.target.replication.get()
    kept = target.archiving or bool(replication.replicas or replication.slots)
    written = moved_bytes(inventory)
    return written if kept else min(written, target.max_wal_bytes)


def seconds(inventory: Inventory) -> tuple[int, int]:
    """A low and a high estimate of the whole run. Raises `Unread` or `Unreached`."""
    fast, slow = _seconds(inventory, 1), _seconds(inventory, 0)
    return int(fast), max(int(slow), int(fast) + 1)


def _seconds(inventory: Inventory, case: int) -> float:
    lanes = inventory.options.parallelism if case else 1
    source, target = inventory.source.speed.get(), inventory.target.speed.get()
    wire = min(source.bytes_per_second, target.bytes_per_second) * lanes
    trips = (source.round_trip_seconds + target.round_trip_seconds) * _ROUND_TRIPS_PER_TABLE * len(inventory.selected)
    if inventory.options.scope is Scope.schema_only:
        return _FIXED_SECONDS + trips
    rows = sum(table.table_bytes for table in inventory.selected)
    indexes = sum(table.index_bytes for table in inventory.selected)
    work = rows / min(_COPY[case] * lanes, wire) + indexes / (_INDEX[case] * lanes) + rows / (_VERIFY[case] * lanes)
    return _FIXED_SECONDS + trips / lanes + work
