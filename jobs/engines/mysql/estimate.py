"""How much room the target needs, and how long the move may take. Pure."""

from __future__ import annotations

from jobs.core.model import Scope
from jobs.engines.mysql.inventory import Inventory
from jobs.engines.shared.words import rounded

MB = 1_000_000

# Bytes of the source's files per second and lane: (slow, fast). Measured once, MariaDB 10.11 on two cores that
# others used too (load 4.5), two tables of 142 MB with two indexes each, two lanes: copy 10 MB/s a lane, indexes
# 31, verify 30, the whole run 21 s. Slow is half of that, a guess for storage behind a network; fast is three times
# that, a guess for idle machines.
_COPY = (5 * MB, 30 * MB)
_INDEX = (15 * MB, 90 * MB)
_VERIFY = (15 * MB, 90 * MB)
_FIXED_SECONDS = (3.0, 1.0)
_ROUND_TRIPS_PER_TABLE = 25


def need_bytes(inventory: Inventory) -> int:
    """Tables and indexes, the sort space of the largest table's indexes, and the binary log of the load.

    Raises `Unread` or `Unreached`."""
    if inventory.options.scope is Scope.schema_only:
        return 0
    return moved_bytes(inventory) + sort_bytes(inventory) + log_bytes(inventory)


def moved_bytes(inventory: Inventory) -> int:
    """What the moved tables take in the source, free pages included."""
    return sum(table.bytes for table in inventory.filled)


def sort_bytes(inventory: Inventory) -> int:
    """An index is sorted in files before it is built; those of one table together."""
    return max((table.index_bytes for table in inventory.filled), default=0)


def log_bytes(inventory: Inventory) -> int:
    """Every row goes through the binary log, where there is one, about as large as it is."""
    logged = inventory.target.server.on("log_bin")
    return sum(table.data_bytes for table in inventory.filled) if logged else 0


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
    rows = sum(table.data_bytes for table in inventory.filled)
    indexes = sum(table.index_bytes for table in inventory.filled)
    work = rows / _VERIFY[case] + indexes / _INDEX[case]
    return _FIXED_SECONDS[case] + rows / min(_COPY[case] * lanes, wire) + (trips + work) / lanes
