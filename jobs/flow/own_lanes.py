"""The lanes that run in the conductor's own process: one, or as many as its snapshot can serve from nowhere else."""

from __future__ import annotations

import threading

from jobs.core.errors import FerrybotError, Stopped
from jobs.flow.lane import OpenLane, Trouble, run_lane
from jobs.flow.watch import StoryWatch


def run_lanes(open_lane: OpenLane, count: int, watch: StoryWatch, trouble: Trouble) -> None:
    """Works until no task is left. The first failure of a lane ends all of them, and is raised.

    The first lane runs in this thread, with the watch that the overseer hands its failures to."""
    others = [watch.beside(f"{watch.lane}-{number}", number - 1) for number in range(2, count + 1)]
    errors: list[BaseException] = []

    def work(mine: StoryWatch) -> None:
        try:
            run_lane(open_lane, mine, trouble)
        except BaseException as error:
            errors.append(error)
            for one in (watch, *others):
                one.failure = one.failure or _because(error)

    threads = [threading.Thread(target=work, args=(other,), name=other.lane) for other in others]
    for thread in threads:
        thread.start()
    work(watch)
    for thread in threads:
        thread.join()
    if errors:
        raise next((error for error in errors if not isinstance(error, Stopped)), errors[0])


def _because(error: BaseException) -> FerrybotError:
    """What the other lanes hear: their work is not at fault."""
    return error if isinstance(error, Stopped) else Stopped("Another lane of this run failed.")
