"""Plays the flow's part over the engine port: what the drivers of every pair of dialects share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from jobs.core import chunks
from jobs.core.errors import FerrybotError
from jobs.core.model import CheckResult, Endpoint
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import Verdict, Waiver
from jobs.engines.registry import engine_for
from jobs.ports.engine import Asked, Conductor, Engine, Lane, Task, Watch
from tests.support import cradle

MIGRATION = "m0000000001"
PATIENCE = 20.0
"""Seconds for a task to become ready."""


@dataclass
class Spy:
    """A watch that remembers; `stop` and `moved` (bytes so far) let a test into the middle of a task."""

    stop: Callable[[], None] = lambda: None
    moved: Callable[[int], None] = lambda _: None
    reports: list[tuple[str, str, int, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def report(self, task: str, title: str, rows: int, bytes: int) -> None:
        self.reports.append((task, title, rows, bytes))
        self.moved(bytes)

    def check(self) -> None:
        self.stop()

    def note(self, text: str, *, warning: bool = False) -> None:
        self.notes.append(text)


class Journey:
    """A source, a target and what can be done between them; a pair of dialects says what is asked."""

    def asked(self) -> Asked:
        raise NotImplementedError

    @property
    def engine(self) -> Engine:
        asked = self.asked()
        return engine_for(asked.source.dialect, asked.target.dialect)

    def plan(self) -> MigrationPlan:
        asked, engine = self.asked(), self.engine
        return engine.plan(asked, engine.inspect(asked))

    def checks(self) -> dict[str, CheckResult]:
        """Every check's result by its name."""
        engine = self.engine
        inventory = engine.inspect(self.asked())
        return {check.name: engine.look(check, inventory) for check in engine.checks}

    def conductor(self, plan: MigrationPlan | None = None) -> AbstractContextManager[Conductor]:
        return self.engine.conductor(self.asked(), plan or self.plan())

    def run(
        self,
        *,
        lanes: int | None = None,
        finish: bool = True,
        plan: MigrationPlan | None = None,
        refresh: bool = False,
        waivers: Sequence[Waiver] = (),
        spy: Spy | None = None,
    ) -> Verdict:
        """The whole flow: prepare, lanes, verdict, and the end if it is green."""
        with self.conductor(plan) as conductor:
            conductor.prepare(spy or Spy(), refresh=refresh)
            work(conductor, spy, lanes)
            verdict = conductor.verdict(waivers)
            if finish and verdict.green:
                conductor.finish()
        return verdict


def work(conductor: Conductor, spy: Spy | None = None, lanes: int | None = None) -> None:
    """The conductor's lanes in threads until no task is left; raises what the first failing lane raised."""
    in_lanes(conductor.lane, lanes or conductor.own_lanes, spy)


def in_lanes(open_lane: Callable[[], AbstractContextManager[Lane]], count: int, spy: Spy | None = None) -> None:
    """As many lanes, each in a thread of its own, until no task is left."""
    errors: list[BaseException] = []

    def one() -> None:
        try:
            with open_lane() as lane:
                drain(lane, spy or Spy(), lambda: bool(errors))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def drain(lane: Lane, watch: Watch, given_up: Callable[[], bool] = lambda: False) -> int:
    """Performs tasks until none is left; how many this lane did."""
    done = 0
    while not lane.finished() and not given_up():
        task = lane.claim()
        if task is None:
            lane.wait(1.0)
            continue
        try:
            result = lane.perform(task, watch)
        except FerrybotError as error:
            lane.rollback(task, error.what, fatal=True)
            raise
        lane.commit(task, result)
        done += 1
    return done


def steps(lane: Lane, until: Callable[[Task], bool], watch: Watch | None = None) -> Task:
    """Performs tasks up to the first that fits, which stays claimed."""
    deadline = time.monotonic() + PATIENCE
    while True:
        task = lane.claim()
        if task is None:
            # The session of a lane that was cut off may hold its task until the server has noticed.
            assert not lane.finished() and time.monotonic() < deadline, "no task is ready"
            lane.wait(1.0)
        elif until(task):
            return task
        else:
            lane.commit(task, lane.perform(task, watch or Spy()))


def doomed(
    journey: Journey, plan: MigrationPlan, at: int, role: str = "conductor", *, refresh: bool = False, **more: object
) -> int:
    """Runs `tests.servers.doomed` until its event `at`; its exit status: -9 when it was killed, 0 at its end.

    `statements` and `children` add moments to die in; `story` names the file that stands for the ledger."""
    return cradle.child(order_of(journey.asked(), plan, at=at, role=role, refresh=refresh, **more)).wait()


def order_of(asked: Asked, plan: MigrationPlan, **more: object) -> dict[str, object]:
    """What `tests.servers.doomed` reads."""
    return {
        "chunk_bytes": chunks.LEAST_BYTES,
        "plan": plan.model_dump_json(),
        "options": asked.options.model_dump(mode="json"),
        "source": address(asked.source),
        "target": address(asked.target),
        "folder": asked.restore_folder,
        "point": asked.restore_point and asked.restore_point.model_dump(mode="json"),
        **more,
    }


def address(endpoint: Endpoint) -> dict[str, str | int]:
    """An endpoint with its password, for another process of the tests."""
    values: dict[str, str | int] = {"host": endpoint.host, "port": endpoint.port, "database": endpoint.database}
    values |= {"dialect": endpoint.dialect.value, "user": endpoint.user, "tls": endpoint.tls.value}
    return values | {"password": endpoint.password.get_secret_value()}
