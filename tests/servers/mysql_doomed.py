"""A conductor and lane in a process of its own that kills itself at its n-th event, as a lost machine would.

Reads a JSON document from standard input: the two addresses, the options, the plan, and the event.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace

from pydantic import SecretStr

from jobs.core import chunks
from jobs.core.errors import FerrybotError
from jobs.core.model import Dialect, Endpoint, Options, TlsMode
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import RestorePoint
from jobs.engines.mysql.conductor import conduct
from jobs.engines.mysql.lane import MysqlLane
from jobs.ports.engine import Asked


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
        dialect=Dialect.mariadb,
        host=str(values["host"]),
        port=int(values["port"]),
        database=str(values["database"]),
        user=str(values["user"]),
        password=SecretStr(str(values["password"])),
        tls=TlsMode.prefer,
    )


def drain(lane: MysqlLane, doom: Doom) -> None:
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
    chunks.LEAST_BYTES = order.get("chunk_bytes", chunks.LEAST_BYTES)
    asked = Asked(plan.migration, endpoint(order["source"]), endpoint(order["target"]), options)
    asked = replace(asked, restore_point=RestorePoint.model_validate(p) if (p := order.get("point")) else None)
    doom = Doom(order["at"])
    if order["role"] == "undo":
        with conduct(asked, plan) as conductor:
            conductor.undo(doom)
        return
    if order["role"] == "back":
        with conduct(asked, plan) as conductor:
            conductor.roll_back(order["keepsake"], doom)
        return
    with conduct(asked, plan) as conductor:
        conductor.prepare(doom, refresh=order["refresh"])
        with conductor.lane() as lane:
            drain(lane, doom)
        doom.event()
        conductor.verdict()


if __name__ == "__main__":
    main()
