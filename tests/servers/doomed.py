"""A conductor, lane or undo in a process of its own that kills itself at its n-th event, as a lost machine would.

Reads orders from standard input, one a line, which `tests.support.driver.order_of` writes: the two addresses, the
options, the plan, and the event. For each it forks, tells the child's process id, and how the child ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from pydantic import SecretStr

from jobs.core import chunks
from jobs.core.errors import FerrybotError
from jobs.core.model import Dialect, Endpoint, Options, TlsMode
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import RestorePoint
from jobs.engines.mysql_postgres import locks
from jobs.engines.registry import engine_for
from jobs.ports.engine import Asked, Conductor, Lane
from tests.servers import moments


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
        tls=TlsMode(str(values.get("tls", TlsMode.prefer))),
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


def main() -> None:
    for line in sys.stdin.buffer:
        pid = os.fork()
        if pid == 0:
            _live(json.loads(line))
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _live(order: dict[str, Any]) -> NoReturn:
    """The child's whole life; what its parent reads and tells is none of its business."""
    status = 1
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        perform(order)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def perform(order: dict[str, Any]) -> None:
    """Does what is asked, up to its event."""
    chunks.LEAST_BYTES = locks.CUT_BYTES = order["chunk_bytes"]
    asked = _asked(order)
    plan = MigrationPlan.model_validate_json(order["plan"])
    engine = engine_for(asked.source.dialect, asked.target.dialect)
    doom = Doom(order["at"])
    if order.get("statements"):
        moments.count_statements(doom.event)
    if order.get("children"):
        moments.count_children(doom.event)
    if order["role"] == "lane":
        with engine.lane(asked, plan) as lane:
            drain(lane, doom)
        return
    with engine.conductor(asked, plan) as conductor:
        _conduct(conductor, order, doom)


def _asked(order: dict[str, Any]) -> Asked:
    point = order.get("point")
    return Asked(
        MigrationPlan.model_validate_json(order["plan"]).migration,
        endpoint(order["source"]),
        endpoint(order["target"]),
        Options.model_validate(order["options"]),
        restore_point=RestorePoint.model_validate(point) if point else None,
        restore_folder=order["folder"],
    )


def _conduct(conductor: Conductor, order: dict[str, Any], doom: Doom) -> None:
    if order["role"] == "undo":
        conductor.undo(doom)
    elif order["role"] == "back":
        conductor.roll_back(order["keepsake"], doom)
    else:
        if order["role"] == "overwrite" and order["point"] is None:
            point = conductor.secure(doom)
            if point is not None:
                Path(order["story"]).write_text(point.model_dump_json())
            doom.event()
        conductor.prepare(doom, refresh=order["refresh"])
        with conductor.lane() as lane:
            drain(lane, doom)
        doom.event()
        conductor.verdict()


if __name__ == "__main__":
    main()
