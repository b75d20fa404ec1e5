"""How much room the target needs, and how long the move may take. Pure."""

from __future__ import annotations

from jobs.core.model import Scope
from jobs.engines.postgres.inventory import Inventory
from jobs.engines.shared.words import rounded

MB = 1_000_000

# Bytes per second and lane: (slow, fast). Measured over ten runs of the demo shop at scale 0.3 (39 MB of tables, 18
# MB of indexes) from PostgreSQL 16 to 18 on one machine, two lanes on two cores that others used too (load 3 to 4):
# copy 19 to 39 MB/s, median 26; indexes 9 to 23, 17; verify 38 to 56, 51; analyze 12 to 23, 19; the whole run 3.2 to
# 5.1 s. Fast is the best of these; slow is half of the worst, a guess for storage behind a network.
_COPY = (10 * MB, 39 * MB)
_INDEX = (4.5 * MB, 23 * MB)
_VERIFY = (19 * MB, 56 * MB)
_ANALYZE = (6 * MB, 23 * MB)
_SAMPLE_BYTES = 12 * MB
"""ANALYZE reads 30,000 rows of a table with the default statistics target: of some 400 bytes each."""
_FIXED_SECONDS = (3.0, 1.0)
"""Dump and restore of the schema, foreign keys, the census: little depends on bytes."""
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
    """A low and a high estimate of the whole run, as round as they are vague. Raises `Unread` or `Unreached`."""
    return rounded(_seconds(inventory, 1), _seconds(inventory, 0))


def _seconds(inventory: Inventory, case: int) -> float:
    lanes = inventory.options.parallelism if case else 1
    source, target = inventory.source.speed.get(), inventory.target.speed.get()
    wire = min(source.bytes_per_second, target.bytes_per_second) * lanes
    trips = (source.round_trip_seconds + target.round_trip_seconds) * _ROUND_TRIPS_PER_TABLE * len(inventory.selected)
    if inventory.options.scope is Scope.schema_only:
        return _FIXED_SECONDS[case] + trips
    rows = sum(table.table_bytes for table in inventory.selected)
    indexes = sum(table.index_bytes for table in inventory.selected)
    samples = sum(min(table.table_bytes, _SAMPLE_BYTES) for table in inventory.selected)
    work = rows / _VERIFY[case] + samples / _ANALYZE[case] + indexes / _INDEX[case]
    return _FIXED_SECONDS[case] + rows / min(_COPY[case] * lanes, wire) + (trips + work) / lanes
