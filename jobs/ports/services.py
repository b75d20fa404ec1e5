"""The services of today, as whoever reads the configuration tells them, and what was last read of their servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from jobs.core.model import Endpoint, Service
from jobs.core.services import ServiceFacts


class Services(Protocol):
    """Where the configuration of today and the facts of the servers lie for every process."""

    def publish(self, services: Sequence[Service]) -> None:
        """Tells the services of today; facts of those that are gone are forgotten."""

    def all(self) -> Sequence[Service]:
        """The services of today by name; none before they were told."""

    def named(self, name: str) -> Service | None:
        """The service of this name; None when there is none, or before they were told."""

    def due(self, now: float, most: int) -> Sequence[Service]:
        """Those that nobody has looked at for long, the longest first."""

    def asked(self, names: Sequence[str], now: float) -> None:
        """Somebody goes to look at these: for a while they are not due, however that ends."""

    def put(self, facts: ServiceFacts) -> None:
        """Keeps the last look."""

    def facts(self, names: Sequence[str]) -> Mapping[str, ServiceFacts]:
        """The last looks that are there, by name."""


class Observer(Protocol):
    """Reads the facts of one kind of server."""

    def __call__(self, endpoint: Endpoint) -> ServiceFacts:
        """One look within a few seconds; reads only. Raises `Transient` or `Permanent` when it cannot be had."""
