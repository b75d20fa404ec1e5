"""The long-running processes besides `web`: workers, courier and clock, each supervised and stopped cleanly."""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from redis.exceptions import RedisError
from rq import SimpleWorker, Worker
from rq.serializers import JSONSerializer

from bot.errand import STOPPING
from bot.health import Check, Health, endpoint
from bot.metrics import Values, registry
from jobs.adapters.ledgers import begin, open_ledger, release
from jobs.adapters.queue_rq import MIGRATIONS, RqDoorbell
from jobs.adapters.redis_url import connect
from jobs.core.lifecycle import Ring
from jobs.logs import setup_logs
from jobs.settings import JobSettings

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 15
LATE_SECONDS = 4 * SWEEP_SECONDS
"""A clock that has rung for so long nobody is not well."""
REDIS_SECONDS = 5
STARTER = "FERRYBOT_STARTER"
"""Set by demo and tests to their process id: we end when they do."""
RESTART_SECONDS = 1.0
"""Pause before a child that ended is started again; a Redis that restarts is back within a few of these."""
GRACE_SECONDS = 20.0
"""Platforms send SIGKILL 10 to 30 s after SIGTERM; a lane needs about one second to roll its chunk back."""


class GentleWorker(Worker):
    """RQ's worker, which hands SIGTERM to the job: it rolls its chunk back and is resumed elsewhere."""

    def request_stop(self, signum: Any, frame: Any) -> None:
        horse = self.horse_pid
        if horse:
            os.kill(horse, signal.SIGTERM)
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]  # RQ has no types here


class GentleCourier(SimpleWorker):
    """RQ's worker without forks, which on SIGTERM leaves the lines that are not begun to the next courier."""

    def request_stop(self, signum: Any, frame: Any) -> None:
        STOPPING.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]  # RQ has no types here


def serve_queue(settings: JobSettings, queue: str) -> None:
    """One RQ worker on exactly one queue (reliable dequeue needs that), until it is told to stop."""
    setup_logs(settings.log_level, settings.log_format)
    redis = connect(settings.redis_url)
    # The courier's jobs are short and hold no database: no fork for each.
    kind = GentleWorker if queue == MIGRATIONS else GentleCourier
    kind([queue], connection=redis, serializer=JSONSerializer, log_job_description=False).work(
        logging_level="WARNING", with_scheduler=False
    )


def supervise(name: str, count: int, settings: JobSettings, serve: Callable[[], None]) -> None:
    """Keeps `count` children of `serve` running until SIGTERM or SIGINT, then ends them and waits."""
    # Children and their work horses inherit what is imported here, which takes a second. By name: the bot knows jobs'
    # doors only as words.
    importlib.import_module("jobs.tasks")
    # None of it is ever garbage: children's collections pass it by, and leave its memory shared.
    gc.freeze()
    children: list[multiprocessing.process.BaseProcess] = []

    def alive() -> int:
        return sum(child.is_alive() for child in list(children))

    def short() -> str:
        missing = count - alive()
        return f"{missing} of {count} are not running" if missing else ""

    with _watched(settings, name, {"children": short}, ("ferrybot_children", "Its processes that run", alive)):
        _keep(name, count, serve, children)


def _keep(
    name: str, count: int, serve: Callable[[], None], children: list[multiprocessing.process.BaseProcess]
) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    context = multiprocessing.get_context("fork")
    try:
        while not stop.is_set():
            children[:] = [c for c in children if c.is_alive()]
            while len(children) < count:
                child = context.Process(target=_child, args=(serve,), name=name)
                child.start()
                children.append(child)
            stop.wait(RESTART_SECONDS)
    finally:
        _end(children)


def _child(serve: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    _die_with_parent()
    serve()


def _die_with_parent() -> None:
    """On Linux the kernel tells a child when its supervisor is killed, so that no worker is left over."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    except (OSError, AttributeError):
        log.info("this platform cannot tie children to their parent")


def _end(children: list[multiprocessing.process.BaseProcess]) -> None:
    for child in children:
        child.terminate()
    until = time.monotonic() + GRACE_SECONDS
    for child in children:
        child.join(max(0.1, until - time.monotonic()))
        if child.is_alive():
            child.kill()
            child.join(2)


def end_with(parent: int) -> None:
    """Ends this process when process `parent` has ended, however that ended: for demo and tests, which start us."""

    def wait() -> None:
        try:
            select.select([os.pidfd_open(parent)], [], [])
        except OSError as error:
            log.info("its starter cannot be watched", reason=type(error).__name__)
            return
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="starter", daemon=True).start()


def clock(settings: JobSettings) -> None:
    """Rings for a sweep every `SWEEP_SECONDS`. Several clocks ring for the same sweep, which runs once."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    doorbell = RqDoorbell(connect(settings.redis_url))
    rung = time.monotonic()

    def silent() -> str:
        seconds = time.monotonic() - rung
        return f"nothing was rung for {seconds:.0f} s" if seconds > LATE_SECONDS else ""

    gauge = ("ferrybot_clock_rung_seconds", "Seconds since the last ring", lambda: time.monotonic() - rung)
    with _watched(settings, "clock", {"rings": silent}, gauge):
        while not stop.is_set():
            try:
                doorbell.ring(Ring(kind="sweep", migration="all", token=str(int(time.time()) // SWEEP_SECONDS)))
                rung = time.monotonic()
            except RedisError as error:
                log.warning("redis is away", reason=type(error).__name__)
            stop.wait(SWEEP_SECONDS)


@contextmanager
def _watched(
    settings: JobSettings, name: str, checks: Mapping[str, Check], gauge: tuple[str, str, Callable[[], float]]
) -> Iterator[None]:
    """/healthz and /metrics of one of these processes."""
    redis = connect(settings.redis_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
    ledger = open_ledger(settings, redis)
    begin(ledger)
    health = Health(name, {"redis": redis.ping, "ledger": ledger.open, **checks})
    metric, help, read = gauge
    try:
        with endpoint(settings, health, registry(name, Values(metric, help, "process", lambda: [(name, read())]))):
            yield
    finally:
        release(ledger)
