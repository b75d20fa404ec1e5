"""A conductor and lane in a process of its own that kills itself at its n-th event, as a lost machine would.

Reads a JSON document from standard input: the two addresses, the options, the plan, and the event.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from pymysql.cursors import Cursor

from jobs.core import chunks
from jobs.core.model import Dialect, Options
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import RestorePoint
from jobs.engines.mysql.conductor import conduct
from jobs.ports.engine import Asked
from tests.servers.doomed import Doom, drain, endpoint


def count_statements(doom: Doom) -> None:
    """Every statement that the driver is asked for is an event, too."""
    execute = Cursor.execute

    def counted(self: Cursor, query: str, args: Any = None) -> int:
        doom.event()
        return execute(self, query, args)

    Cursor.execute = counted  # type: ignore[method-assign]  # only in this process, which is about to die


def count_children(doom: Doom) -> None:
    """The start of a dump program or client is an event, and the moment in which it has all that it will get."""

    class Child(subprocess.Popen[bytes]):
        def __init__(self, command: Any, **more: Any) -> None:
            super().__init__(command, **more)
            if "--version" not in command:
                doom.event()

        def wait(self, timeout: float | None = None) -> int:
            if self.poll() is None and "--version" not in self.args:  # type: ignore[operator]
                doom.event()
            return super().wait(timeout)

    subprocess.Popen = Child  # type: ignore[misc, assignment]  # only in this process, which is about to die


def main() -> None:
    order = json.load(sys.stdin)
    plan = MigrationPlan.model_validate_json(order["plan"])
    options = Options.model_validate(order["options"])
    chunks.LEAST_BYTES = order.get("chunk_bytes", chunks.LEAST_BYTES)
    asked = Asked(
        plan.migration,
        endpoint(order["source"], Dialect.mariadb),
        endpoint(order["target"], Dialect.mariadb),
        options,
    )
    asked = replace(asked, restore_point=RestorePoint.model_validate(p) if (p := order.get("point")) else None)
    asked = replace(asked, restore_folder=order.get("folder", ""))
    doom = Doom(order["at"])
    if order.get("statements"):
        count_statements(doom)
    if order.get("children"):
        count_children(doom)
    if order["role"] == "undo":
        with conduct(asked, plan) as conductor:
            conductor.undo(doom)
        return
    if order["role"] == "back":
        with conduct(asked, plan) as conductor:
            conductor.roll_back(order["keepsake"], doom)
        return
    with conduct(asked, plan) as conductor:
        if order["role"] == "overwrite" and asked.restore_point is None:
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
