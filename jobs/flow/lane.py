"""A lane: claim the next ready task, do it, mark it done, commit; again, until none is left.

Why this is exact. The rows and the mark of a task commit in one transaction of the target database. If the lane
dies before the commit, the server rolls both back and the row lock of the claim is gone, so another lane finds
the task untouched. If it dies after the commit, the task is done. There is no third case, hence no lease to
expire, no half-copied table to recognise and nothing to clean up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial

from jobs import metrics
from jobs.core.errors import Permanent, Stopped, Transient
from jobs.core.plan import MigrationPlan
from jobs.core.progress import COPY
from jobs.flow.watch import StoryWatch
from jobs.ports.engine import Asked, Done, Engine, Lane, Task

TRIES = 8
"""With the delays below about two minutes, and more with refused connections: a restart or a failover fits in."""
LONGEST_DELAY = 60.0
IDLE_SECONDS = 1.0

OpenLane = Callable[[], AbstractContextManager[Lane]]
"""A lane with connections of its own, closed at the end of the block."""
Trouble = Callable[[Transient, int, float], None]
"""(error, attempt, seconds until the next) -> told to people"""


def delay_before(attempt: int) -> float:
    """Seconds to wait before try `attempt + 1`: 1, 2, 4 … at most `LONGEST_DELAY`."""
    return min(LONGEST_DELAY, 2.0 ** (attempt - 1))


def run_lane(open_lane: OpenLane, watch: StoryWatch, trouble: Trouble) -> int:
    """Works until no task is left; returns how many tasks it did. Passing faults are tried again.

    Raises `Stopped`, `Permanent`, or `Transient` after `TRIES` in a row without a finished task."""
    did, failed = 0, 0
    while True:
        before = did
        try:
            with open_lane() as lane:
                for _ in _tasks_done(lane, watch):
                    did += 1
                return did
        except Transient as error:
            failed = 1 if did > before else failed + 1
            if failed >= TRIES:
                raise
            delay = delay_before(failed)
            metrics.count(metrics.RETRIES)
            trouble(error, failed, delay)
            watch.wait(delay)


def _tasks_done(lane: Lane, watch: StoryWatch) -> Iterator[Task]:
    while True:
        watch.check()
        task = None if watch.resting else lane.claim()
        if task is not None:
            _perform(lane, task, watch)
            yield task
        elif lane.finished():
            return
        else:
            lane.wait(IDLE_SECONDS)


def _perform(lane: Lane, task: Task, watch: StoryWatch) -> None:
    watch.begin()
    watch.report(str(task.id), task.title, 0, 0)
    try:
        done = _signed(task, lane.perform(task, watch), watch.lane)
        lane.commit(task, done)
        _counted(task, done)
    except Stopped:
        lane.rollback(task)
        raise
    except Transient as error:
        lane.rollback(task, error.what)
        raise
    except Permanent as error:
        lane.rollback(task, error.what, fatal=True)
        raise
    finally:
        watch.idle()
    watch.ended(done.bytes if task.kind == COPY else 0)


def _counted(task: Task, done: Done) -> None:
    for metric, amount in ((metrics.TASKS, 1), (metrics.ROWS, done.rows), (metrics.BYTES, done.bytes)):
        metrics.count(metric, amount, task=task.kind)


def _signed(task: Task, done: Done, lane: str) -> Done:
    """Who copied a table stands with its figures: a copy keeps one object for each of its tables."""
    if task.kind != COPY or not isinstance(done.result, list):
        return done
    return replace(done, result=[{**line, "lane": lane} if isinstance(line, dict) else line for line in done.result])


def assist(engine: Engine, asked: Asked, plan: MigrationPlan, watch: StoryWatch, trouble: Trouble) -> None:
    """A further lane in another worker: helps while there is work, leaves the telling to the conductor."""
    # The task went back to the table with its error; the conductor sees it there and decides.
    with suppress(Stopped, Permanent, Transient):
        run_lane(partial(engine.lane, asked, plan), watch, trouble)
