"""Ferrybot as a contender: a Redis, the worker with its two RQ processes, the ledger, and a person's commands.

What is timed begins when the last approval queues the run and ends when every task but the proofs is done (the task
table says when); with the proofs, census and tidying it ends at the story's last event. Validation comes before a
person approves and is told apart. One stream alone is `python -m tests.bench.ours`, which reads its order as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from redis import Redis

from bot.sandbox.servers import RedisServer
from bot.sandbox.stage import descendants
from jobs.adapters import keys
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.model import Environment, Options, Person, Service, TlsMode, warnings
from jobs.core.policy import Policy
from jobs.core.state import State, Status
from jobs.desk import Desk
from jobs.engines.postgres import session
from jobs.engines.postgres.catalog import read_tables
from jobs.engines.postgres.connect import connect
from jobs.engines.postgres.perform.padding import look
from jobs.engines.postgres.perform.rows import statements
from jobs.engines.postgres.perform.stream import copy_stream
from jobs.engines.postgres.worklist_copies import copied
from tests.bench.clock import Cost, RunFailed
from tests.bench.sides import Side
from tests.servers.doomed import endpoint
from tests.support.servers import Database

STREAM = [sys.executable, "-m", "tests.bench.ours"]
LANES = 2
SAMPLE_SECONDS = 0.2
SOMEBODY = Person(id="U0BENCH", name="bench")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Ferrybot:
    """A running installation without Slack: nobody delivers the story, everything else is as in production."""

    folder: Path
    redis: Redis
    worker: int
    runs: int = 0
    peak: float = 0.0
    told: list[str] = field(default_factory=list)

    @property
    def desk(self) -> Desk:
        return Desk(RedisLedger(self.redis), RqDoorbell(self.redis))

    def whole(self, source: Side, target: Side) -> dict[str, Cost]:
        """Costs before the proofs (''), and of the whole."""
        migration = self._validated(source, target)
        state = self.desk.state(migration)
        keys_of = tuple(finding.key for finding in warnings(state.results))
        cpu, self.peak = self.cpu(), 0.0
        self.desk.obey(migration, c.Request(by=SOMEBODY, digest=state.digest, acknowledged=keys_of))
        with self._watched():
            state = self._until(migration, lambda state: state.status in (Status.done, Status.failed))
        spent = self.cpu() - cpu
        if state.receipt is None or state.status is Status.failed:
            raise RunFailed(f"ours failed: {state.problem} {state.reasons[:3]}")
        if not state.receipt.copy_seconds:
            raise RunFailed("ours tells no time in which its rows had moved")
        queued, began, ended = self._moments(migration)
        move = (began - queued).total_seconds() + state.receipt.copy_seconds
        total = (ended - queued).total_seconds()
        return {"": Cost(move, spent, self.peak), " with verification": Cost(total, spent, self.peak)}

    def _validated(self, source: Side, target: Side) -> str:
        self.runs += 1
        migration = f"m{self.runs:010d}"
        origin, goal = (self._service(side, database) for side, database in (("source", source), ("target", target)))
        self.desk.obey(migration, c.Draft(by=SOMEBODY, channel="C0BENCH", target=goal, policy=Policy()))
        began = time.monotonic()
        self.desk.obey(migration, c.Configure(by=SOMEBODY, source=origin, options=Options(parallelism=LANES)))
        state = self._until(migration, lambda state: state.status in (Status.ready, Status.blocked))
        self.told.append(f"validation {time.monotonic() - began:.1f} s")
        if state.plan is None:
            blocking = [f.message for r in state.results for f in r.findings if f.severity == "block"]
            raise RunFailed(f"ours is blocked: {blocking} {state.problem}")
        return migration

    def _service(self, side: str, database: Side) -> Service:
        file = self.folder / f"{side}-{self.runs}"
        file.write_text(database.url)
        where = {"engine": database.dialect, "environment": Environment.staging, "free_bytes": 1 << 50}
        return Service(name=f"{side}-{self.runs}", secret=f"file:{file}", **where)

    def _until(self, migration: str, reached: Any) -> State:
        """Woken by each new event of the story."""
        while True:
            state = self.desk.state(migration)
            if reached(state):
                return state
            self.redis.xread({keys.story(migration): f"{state.version}-0"}, block=1_000)

    def _moments(self, migration: str) -> tuple[datetime, datetime, datetime]:
        """When the run was queued, when its task table stood, when everything was over."""
        _, story = self.desk.story(migration)
        at = {type(recorded.event): recorded.at for recorded in story}
        return at[e.RunQueued], at[e.RunStarted], at[e.Finished]

    def cpu(self) -> float:
        """Seconds of the worker, its processes, and everything that they have collected (pg_dump, work horses)."""
        return sum(map(_cpu, (self.worker, *descendants(self.worker))))

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Notes the largest process meanwhile."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(SAMPLE_SECONDS):
                self.peak = max([self.peak, *map(_peak_mb, descendants(self.worker))])

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextmanager
def installed() -> Iterator[Ferrybot]:
    """Redis and the worker, started and stopped."""
    with tempfile.TemporaryDirectory(prefix="ferrybot-bench-") as folder, RedisServer() as redis:
        environment = {
            **os.environ,
            "REDIS_URL": redis.url(),
            "FERRYBOT_WORKERS": str(LANES),
            "FERRYBOT_LOG_LEVEL": "WARNING",
            "FERRYBOT_STARTER": str(os.getpid()),
        }
        worker = subprocess.Popen([sys.executable, "-m", "bot", "worker"], env=environment)
        try:
            yield Ferrybot(Path(folder), Redis.from_url(redis.url()), worker.pid)
        finally:
            worker.terminate()
            worker.wait()


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _peak_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    except (OSError, IndexError):
        return 0.0


def stream(source: Database, target: Database, table: str) -> Cost:
    """One binary stream as a lane copies it, without FREEZE."""
    order = {"table": table, "source": _address(source), "target": _address(target)}
    ran = subprocess.run(STREAM, input=json.dumps(order), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RunFailed(f"ours failed: {ran.stderr[-1500:]}")
    return Cost(**json.loads(ran.stdout))


def _address(database: Database) -> dict[str, str | int]:
    server = database.server
    where: dict[str, str | int] = {"host": server.host, "port": server.port, "database": database.name}
    tls = TlsMode.require if server.tls else TlsMode.disable
    return where | {"user": server.superuser, "password": server.password, "tls": tls}


def main() -> None:
    """One stream in a process of its own."""
    order = json.load(sys.stdin)
    began, cpu = time.monotonic(), time.process_time()
    source, target = (connect(endpoint(order[side]), purpose="bench") for side in ("source", "target"))
    with source, target:
        session.tune(target, 1)
        target.execute("begin")
        [table] = [table for table in read_tables(source) if table.name == order["table"]]
        payload = copied(table, "copy binary")
        out, into = statements(payload, look(source, payload, lambda: None), freeze=False)
        copy_stream(source, out, target, into, lambda *_: None, lambda: None)
        target.execute("commit")
    print(json.dumps(asdict(Cost(time.monotonic() - began, time.process_time() - cpu, _peak_mb(os.getpid())))))


if __name__ == "__main__":
    main()
