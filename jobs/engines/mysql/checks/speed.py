"""What the wire between workers and servers gives; feeds the estimate of duration."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, human, reached
from jobs.engines.mysql.facts import Speed
from jobs.engines.mysql.inventory import Inventory

_FAR_SECONDS = 0.05
_SLOW_BYTES = 10_000_000


def find(inventory: Inventory) -> Findings:
    for name, side in reached(inventory):
        speed = side.speed.get()
        if speed.round_trip_seconds > _FAR_SECONDS or speed.bytes_per_second < _SLOW_BYTES:
            yield found(
                Severity.inform,
                f"The {name} is far from the workers: {_said(speed)}.",
                remedy="Workers near the servers move the same data faster.",
                side=name,
            )


def measured(inventory: Inventory) -> str:
    return "; ".join(f"{name} {_said(side.speed.get())}" for name, side in reached(inventory))


def _said(speed: Speed) -> str:
    return f"{speed.round_trip_seconds * 1000:.1f} ms round trip, {human(speed.bytes_per_second)}/s"


CHECK = MyCheck("speed", "Round trip and throughput", find, measured)
