"""RQ's doors: wire, call, return. Each takes a migration's id and may be run twice."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import get_current_job

from jobs import metrics
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.history_redis import RedisHistory
from jobs.adapters.ledgers import open_ledger, release
from jobs.adapters.queue_rq import RqDoorbell, lane_number
from jobs.adapters.redis_url import connect
from jobs.adapters.rehearsals_redis import RedisRehearsals
from jobs.adapters.secrets import SecretStore, endpoint_of
from jobs.adapters.services_redis import RedisServices
from jobs.away import AWAY
from jobs.core.errors import Permanent, Transient, Unreadable
from jobs.core.model import Endpoint, Service, TypedSource
from jobs.core.services import ServiceFacts
from jobs.core.state import RUNNING, State, Status
from jobs.desk import Desk
from jobs.engines.registry import engine_for, observer_for
from jobs.flow import lane as lanes
from jobs.flow import migrate as conductor
from jobs.flow import overview, remember
from jobs.flow import sweep as sweeper
from jobs.flow import validate as validator
from jobs.flow.watch import StoryWatch
from jobs.logs import about
from jobs.ports.board import Board
from jobs.ports.engine import Asked, Engine
from jobs.ports.history import History
from jobs.ports.services import Services
from jobs.settings import load_job_settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Wired:
    """The parts of a job, built from the environment."""

    desk: Desk
    board: Board
    secrets: SecretStore
    history: History
    rehearsals: RedisRehearsals
    restore_folder: str = ""
    services: Services | None = None

    def engine(self, state: State) -> Engine:
        assert state.source is not None and state.target is not None
        return engine_for(state.source.engine, state.target.engine)

    def asked(self, state: State) -> Asked:
        """Resolves both sides' secrets. Raises `Permanent` when one cannot be had."""
        assert state.source is not None and state.target is not None
        source = state.source
        free = state.free_bytes if state.free_bytes is not None else state.target.free_bytes
        return Asked(
            migration=state.id,
            source=self._source(state),
            target=endpoint_of(state.target, self.secrets),
            options=state.plan.options if state.plan and state.status in RUNNING else state.options,
            source_environment=source.environment if isinstance(source, Service) else "",
            target_environment=state.target.environment,
            stated_free_bytes=free,
            rules=source.rules if isinstance(source, Service) else (),
            restore_folder=self.restore_folder,
            restore_point=state.restore_point,
            protected=self._protected(state.target),
        )

    def observed(self, service: Service) -> ServiceFacts:
        """One look at a service's server. Raises as its observer does, or when its secret cannot be had."""
        return observer_for(service.engine)(endpoint_of(service, self.secrets))

    def _protected(self, target: Service) -> bool:
        """By the configuration of today; by that of the story only where today's was never told."""
        today = self.services.named(target.name) if self.services is not None else None
        return (today or target).protected

    def _source(self, state: State) -> Endpoint:
        """A rollback does not look at the source, whose password may be forgotten since the end."""
        assert state.source is not None
        source = state.source
        if state.status is Status.rolling_back and isinstance(source, TypedSource):
            source = source.model_copy(update={"password": None})
        return endpoint_of(source, self.secrets)


@contextmanager
def _wired(kind: str, migration: str = "") -> Iterator[Wired]:
    """The parts of one job of this kind; every line of its log names its migration."""
    settings = load_job_settings()
    # One quick retry: while Redis is away a copy must not wait for it, and each caller knows what to do then.
    redis = connect(
        settings.redis_url,
        socket_timeout=10,
        socket_connect_timeout=5,
        retry=Retry(NoBackoff(), 1),
    )
    desk, folder = Desk(open_ledger(settings, redis), RqDoorbell(redis)), settings.restore_points or ""
    try:
        with about(migration), metrics.flushing(redis), metrics.timed_job(kind):
            secrets = SecretStore(redis, settings.secret_key)
            kept = RedisHistory(redis), RedisRehearsals(redis)
            yield Wired(desk, RedisBoard(redis), secrets, *kept, folder, RedisServices(redis))
    except Unreadable as error:
        # Not a failed job but one for a worker of the newer version; the sweep rings until one takes it.
        log.error("left to a worker of the newer version", migration=migration, what=error.what)
    finally:
        release(desk.ledger)
        redis.close()


@contextmanager
def _termination() -> Iterator[threading.Event]:
    """An event that SIGTERM sets: the platform wants this process gone within seconds."""
    asked = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


def validate(migration: str) -> None:
    with _wired("validate", migration) as wired, _defects_told(wired, migration):
        validator.validate(migration, wired.desk, wired, wired.board, wired.rehearsals)


def migrate(migration: str) -> None:
    with _wired("migrate", migration) as wired, _termination() as terminate, _defects_told(wired, migration):
        conductor.migrate(migration, wired.desk, wired, wired.board, terminate, wired.rehearsals)


def lane(migration: str) -> None:
    with _wired("lane", migration) as wired, _termination() as terminate:
        state = wired.desk.state(migration)
        if state.status not in RUNNING or state.plan is None:
            return
        name = f"lane-{threading.get_native_id()}"
        quiet = partial(_log_note, migration)
        number = lane_number(get_current_job())
        watch = StoryWatch(wired.desk.ledger, wired.board, state, name, terminate, quiet, number)
        engine, asked = wired.engine(state), wired.asked(state)
        lanes.assist(engine, asked, state.plan, watch, partial(_log_trouble, migration))


def sweep(_: str = "") -> None:
    with _wired("sweep") as wired:
        rung = sweeper.sweep(wired.desk, wired.board)
        remember.catch_up(wired.desk, wired.history)
        if wired.services is not None:
            overview.ring_if_due(wired.services, wired.desk.queue, time.time())
        if rung:
            log.info("swept", rung=rung)


def facts(asked: str) -> None:
    """Looks at the servers that are due; or at the one service that a person asked about."""
    with _wired("facts") as wired:
        if wired.services is not None:
            overview.look(wired.services, wired.observed, time.time(), asked)


def _log_note(migration: str, text: str, warning: bool) -> None:
    log.log(30 if warning else 20, text, migration=migration)


def _log_trouble(migration: str, error: Transient, attempt: int, delay: float) -> None:
    log.warning("lane tries again", migration=migration, what=error.what, attempt=attempt, delay=delay)


@contextmanager
def _defects_told(wired: Wired, migration: str) -> Iterator[None]:
    """An unexpected error ends the run or the check visibly, and is raised for the log."""
    before = wired.desk.state(migration)
    try:
        yield
    except AWAY:
        # The ledger is out of reach: nothing can be told. The sweep rings again when it is back.
        raise
    except Exception as error:
        if not isinstance(error, Permanent):
            conductor.unexpected(wired.desk, before, error)
        raise
