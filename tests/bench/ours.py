"""Ferrybot as a contender, through the engine's run driver and not yet through the whole of bot, queue and worker.

`python -m tests.bench.ours` is one of its processes and reads its order as JSON. A whole database: conduct,
prepare, two lanes in two processes up to indexes, constraints and ANALYZE; then, counted apart, verification and
verdict. Python's start and the planning, which happen before a person approves, are not counted; the start of the
second lane's process is.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jobs.core.model import Options
from jobs.core.plan import MigrationPlan
from jobs.engines.postgres import session
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.connect import connect
from jobs.engines.postgres.engine import PostgresEngine
from jobs.engines.postgres.lane import PostgresLane, open_lane
from jobs.engines.postgres.perform.stream import copy_stream
from jobs.ports.engine import Asked
from tests.bench.clock import Cost, RunFailed
from tests.servers.pg_doomed import endpoint
from tests.servers.pg_run import Spy
from tests.support.servers import Database

LANE = [sys.executable, "-m", "tests.bench.ours"]


def whole(source: Database, target: Database) -> tuple[Cost, Cost]:
    """Costs up to verification, and with it."""
    first, second = _process({"role": "lead", **_addresses(source, target)})
    return Cost(**first), Cost(**second)


def stream(source: Database, target: Database, table: str) -> Cost:
    """One binary stream by the engine's `copy_stream`, without FREEZE."""
    return Cost(**_process({"role": "stream", "table": table, **_addresses(source, target)})[0])


def _process(order: dict[str, Any]) -> list[dict[str, float]]:
    ran = subprocess.run(LANE, input=json.dumps(order), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RunFailed(f"ours failed: {ran.stderr[-1500:]}")
    return [json.loads(line) for line in ran.stdout.splitlines()]


def _addresses(source: Database, target: Database) -> dict[str, Any]:
    return {side: _address(database) for side, database in (("source", source), ("target", target))}


def _address(database: Database) -> dict[str, str | int]:
    server = database.server
    where: dict[str, str | int] = {"host": server.host, "port": server.port, "database": database.name}
    return where | {"user": server.superuser, "password": server.password}


def _cpu() -> float:
    """Of this process and of the children that it has collected (pg_dump)."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _rss() -> float:
    """Peak MB of this process; where Linux tells, without what it inherited from the one that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


@dataclass
class Meter:
    """Counts from its making."""

    began: float
    spent: float

    @classmethod
    def start(cls) -> Meter:
        return cls(time.monotonic(), _cpu())

    def read(self) -> Cost:
        return Cost(time.monotonic() - self.began, _cpu() - self.spent, _rss())

    def tell(self, *others: Cost) -> None:
        mine = self.read()
        rss = max(cost.rss for cost in (mine, *others))
        cpu = mine.cpu + sum(cost.cpu for cost in others)
        print(json.dumps(asdict(Cost(mine.wall, cpu, rss))), flush=True)


def _drain(lane: PostgresLane, *, verify: bool) -> None:
    """Without `verify` up to the first task of verification, which goes back."""
    while not lane.finished():
        task = lane.claim()
        if task is None:
            lane.wait(1.0)
        elif task.kind == "verify" and not verify:
            lane.rollback(task)
            return
        else:
            lane.commit(task, lane.perform(task, Spy()))


def _lead(order: dict[str, Any], asked: Asked) -> None:
    engine = PostgresEngine()
    plan = engine.plan(asked, engine.inspect(asked))
    meter = Meter.start()
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        helper = subprocess.Popen(LANE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert helper.stdin is not None and helper.stdout is not None
        with helper.stdin as pipe:
            json.dump(order | {"role": "lane", "plan": plan.model_dump_json()}, pipe)
        with open_lane(asked, plan) as lane:
            _drain(lane, verify=False)
            meter.tell(Cost(**json.loads(helper.stdout.readline())))
            _drain(lane, verify=True)
        other = Cost(**json.loads(helper.stdout.readline()))
        verdict = conductor.verdict()
        assert verdict.green, verdict.reasons
        meter.tell(other)
        conductor.finish()


def _lane(order: dict[str, Any], asked: Asked) -> None:
    meter = Meter(time.monotonic(), 0)
    with open_lane(asked, MigrationPlan.model_validate_json(order["plan"])) as lane:
        for verify in (False, True):
            _drain(lane, verify=verify)
            meter.tell()


def _stream(order: dict[str, Any], asked: Asked) -> None:
    meter = Meter.start()
    source, target = connect(asked.source, purpose="bench"), connect(asked.target, purpose="bench")
    with source, target:
        session.tune(target, 1)
        target.execute("begin")
        table = f"public.{order['table']}"
        binary = "with (format binary)"
        out, into = f"copy {table} to stdout {binary}", f"copy {table} from stdin {binary}"
        copy_stream(source, out, target, into, lambda *_: None, lambda: None)
        target.execute("commit")
    meter.tell()


def main() -> None:
    """One process of ours."""
    order = json.load(sys.stdin)
    asked = Asked("m0000000001", endpoint(order["source"]), endpoint(order["target"]), Options(parallelism=2))
    {"lead": _lead, "lane": _lane, "stream": _stream}[order["role"]](order, asked)


if __name__ == "__main__":
    main()
