"""What the wire between workers and servers gives; feeds the estimate of duration."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found, human
from jobs.engines.postgres.facts import SideName, Speed
from jobs.engines.postgres.inventory import Inventory

_FAR_SECONDS = 0.05
_SLOW_BYTES = 10_000_000


def find(inventory: Inventory) -> Findings:
    yield from _slow("source", inventory.source.speed.get())
    yield from _slow("target", inventory.target.speed.get())


def _slow(name: SideName, speed: Speed) -> Findings:
    if speed.round_trip_seconds > _FAR_SECONDS or speed.bytes_per_second < _SLOW_BYTES:
        yield found(
            Severity.inform,
            f"The {name} is far from the workers: {_said(speed)}.",
            remedy="Workers near the servers move the same data faster.",
            side=name,
        )


def measured(inventory: Inventory) -> str:
    return f"source {_said(inventory.source.speed.get())}; target {_said(inventory.target.speed.get())}"


def _said(speed: Speed) -> str:
    return f"{speed.round_trip_seconds * 1000:.1f} ms round trip, {human(speed.bytes_per_second)}/s"


CHECK = PgCheck("speed", "Round trip and throughput", find, measured)
