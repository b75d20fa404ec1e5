"""Looks at the servers of the services now and then: a few at once, in turn, and never longer than a minute.

Five hundred servers must not be connected to at the same moment, and one that is dead must not keep the others: each
sweep rings for at most one look at `AT_ONCE` of them, those that nobody has looked at for longest, and each look
leaves behind whoever has not answered in time.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from jobs.core.errors import FerrybotError
from jobs.core.lifecycle import Ring
from jobs.core.model import Service
from jobs.core.services import ServiceFacts, key_of
from jobs.ports.queue import Queue
from jobs.ports.services import Services

log = structlog.get_logger(__name__)

AT_ONCE = 30
"""Services of one look: a sweep rings every 15 s, so 600 services are looked at within the five minutes after which
they are due again."""
HANDS = 5
"""Connections at the same time."""
MOST_SECONDS = 50.0
"""Of one look: thirty servers that do not answer cost six turns of some seven seconds each."""
PERIOD = 15
Observe = Callable[[Service], ServiceFacts]


def ring_if_due(services: Services, doorbell: Queue, now: float) -> bool:
    """Rings for one look where some service is due; never for a second one that would wait behind the first."""
    ring = Ring(kind="facts", migration="", token=f"s{int(now) // PERIOD}")
    if not services.due(now, 1) or doorbell.waiting(ring):
        return False
    return doorbell.ring(ring)


def look(services: Services, observe: Observe, now: float, asked: str = "", seconds: float = MOST_SECONDS) -> int:
    """Looks at those that are due, or at the service of the key `asked`; how many were looked at in time."""
    due = [one for one in services.all() if key_of(one.name) == asked] if asked else services.due(now, AT_ONCE)
    # Before the first connection: a look that dies with its worker is not repeated at once by the next one.
    services.asked([service.name for service in due], now)
    seen = 0
    for facts in _observed(due, observe, seconds):
        services.put(facts)
        seen += not facts.trouble
    return seen


def _observed(due: Sequence[Service], observe: Observe, seconds: float) -> list[ServiceFacts]:
    """One look at each. A server that accepts and says nothing keeps its thread, and nobody waits for that thread."""
    todo: queue.SimpleQueue[Service] = queue.SimpleQueue()
    done: queue.SimpleQueue[ServiceFacts] = queue.SimpleQueue()
    for service in due:
        todo.put(service)

    def work() -> None:
        while True:
            try:
                service = todo.get_nowait()
            except queue.Empty:
                return
            done.put(_one(service, observe))

    for number in range(min(HANDS, len(due))):
        threading.Thread(target=work, name=f"look-{number}", daemon=True).start()
    found: dict[str, ServiceFacts] = {}
    until = time.monotonic() + seconds
    while len(found) < len(due):
        try:
            facts = done.get(timeout=max(0.01, until - time.monotonic()))
        except queue.Empty:
            break
        found[facts.name] = facts
    return [found.get(one.name) or _unreached(one, "The server did not answer in time.") for one in due]


def _one(service: Service, observe: Observe) -> ServiceFacts:
    try:
        return observe(service)
    except FerrybotError as error:
        return _unreached(service, f"{error.what} {error.remedy}".strip())
    except Exception as error:
        # One server of a kind that nobody met must not hide the others.
        log.exception("a service could not be looked at", service=service.name)
        return _unreached(service, f"An unexpected error ({type(error).__name__}); the worker's log says more.")


def _unreached(service: Service, why: str) -> ServiceFacts:
    return ServiceFacts(name=service.name, at=datetime.now(UTC), trouble=why)
