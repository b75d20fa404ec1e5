"""A process that kills itself at its n-th event, as a lost machine would: what such processes of every engine share.

Each reads a JSON document from standard input: the two addresses, the options, the plan, and the event.
"""

from __future__ import annotations

import os
import signal

from pydantic import SecretStr

from jobs.core.errors import FerrybotError
from jobs.core.model import Dialect, Endpoint, TlsMode
from jobs.ports.engine import Lane


class Doom:
    """A watch whose every call is an event."""

    def __init__(self, at: int) -> None:
        self.left = at

    def event(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def report(self, task: str, title: str, rows: int, bytes: int) -> None:
        self.event()

    def check(self) -> None:
        self.event()

    def note(self, text: str, *, warning: bool = False) -> None:
        self.event()


def endpoint(values: dict[str, str | int], dialect: Dialect = Dialect.postgresql) -> Endpoint:
    """From an order; `dialect` where the order does not say."""
    return Endpoint(
        label=str(values["database"]),
        dialect=Dialect(str(values.get("dialect", dialect))),
        host=str(values["host"]),
        port=int(values["port"]),
        database=str(values["database"]),
        user=str(values["user"]),
        password=SecretStr(str(values["password"])),
        tls=TlsMode.prefer,
    )


def drain(lane: Lane, doom: Doom) -> None:
    """Performs tasks until none is left, or until the event comes."""
    while not lane.finished():
        doom.event()
        task = lane.claim()
        if task is None:
            lane.wait(1.0)
            continue
        doom.event()
        try:
            done = lane.perform(task, doom)
        except FerrybotError as error:
            lane.rollback(task, error.what)
            raise
        doom.event()
        lane.commit(task, done)
        doom.event()
