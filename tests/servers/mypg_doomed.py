"""A conductor and lane in a process of its own that kills itself at its n-th event, as a lost machine would.

Reads a JSON document from standard input: the two addresses, the options, the plan, and the event.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from pydantic import SecretStr

from jobs.core import chunks
from jobs.core.errors import FerrybotError
from jobs.core.model import Dialect, Endpoint, Options, TlsMode
from jobs.core.plan import MigrationPlan
from jobs.engines.mysql_postgres import locks
from jobs.engines.mysql_postgres.conductor import conduct
from jobs.ports.engine import Asked, Lane


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


def endpoint(values: dict[str, str | int]) -> Endpoint:
    return Endpoint(
        label=str(values["database"]),
        dialect=Dialect(str(values["dialect"])),
        host=str(values["host"]),
        port=int(values["port"]),
        database=str(values["database"]),
        user=str(values["user"]),
        password=SecretStr(str(values["password"])),
        tls=TlsMode.prefer,
    )


def drain(lane: Lane, doom: Doom) -> None:
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


def main() -> None:
    order = json.load(sys.stdin)
    plan = MigrationPlan.model_validate_json(order["plan"])
    options = Options.model_validate(order["options"])
    chunks.LEAST_BYTES = locks.CUT_BYTES = order["chunk_bytes"]
    asked = Asked(plan.migration, endpoint(order["source"]), endpoint(order["target"]), options)
    doom = Doom(order["at"])
    with conduct(asked, plan) as conductor:
        conductor.prepare(doom)
        with conductor.lane() as lane:
            drain(lane, doom)
        doom.event()
        conductor.verdict()


if __name__ == "__main__":
    main()
