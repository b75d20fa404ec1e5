"""What Prometheus reads: the installation's totals and present state, from Redis and the ledger, at each scrape."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate

import structlog
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from redis import Redis
from slack_bolt import App, BoltRequest, BoltResponse
from slack_sdk.http_retry.handler import RetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState

from jobs import metrics
from jobs.core.errors import Unreadable
from jobs.core.evolve import evolve
from jobs.core.state import State, Status
from jobs.desk import Desk
from jobs.ports.board import Board

log = structlog.get_logger(__name__)

Families = Iterator[Family]
_NAME = re.compile(r"[a-z/][a-z0-9_]{0,39}")
_METHOD = re.compile(r"[a-z]+(\.[A-Za-z]+){1,3}")
_CODE = re.compile(r"[a-z0-9_]{1,60}")
ACK_SECONDS = 3.0
"""Slack's limit for an acknowledgement."""


def program() -> str:
    """Our version."""
    try:
        return version("ferrybot")
    except PackageNotFoundError:
        return "unknown"


def registry(process: str, *collectors: Collector) -> CollectorRegistry:
    """A registry with this process's own figures, and what the collectors know."""
    made = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    made.register(_Guarded((_Info(process), *collectors)))
    return made


def exposition(made: CollectorRegistry) -> bytes:
    """Prometheus' text format."""
    return generate_latest(made)


@dataclass(frozen=True, eq=False)
class _Info(Collector):
    process: str

    def collect(self) -> Families:
        labels = {"version": program(), "process": self.process}
        yield _gauge("ferrybot_info", "Which Ferrybot this is", [(labels, 1.0)])


@dataclass(frozen=True, eq=False)
class _Guarded(Collector):
    """Whatever is broken, the rest is shown, and how much is missing."""

    collectors: tuple[Collector, ...]

    def collect(self) -> Families:
        failed = 0
        for collector in self.collectors:
            try:
                yield from list(collector.collect())
            except Exception as error:
                # An endpoint that watches must answer whatever is broken; the kind of error names no address.
                failed += 1
                log.warning("metrics could not be read", of=type(collector).__name__, reason=type(error).__name__)
        yield _gauge("ferrybot_metric_errors", "Groups of metrics that could not be read now", [({}, float(failed))])


@dataclass(frozen=True, eq=False)
class Totals(Collector):
    """What all processes have counted."""

    redis: Redis

    def collect(self) -> Families:
        kept = metrics.totals(self.redis)
        for metric in metrics.ALL:
            mine = {key[1:]: value for key, value in kept.items() if key[0] == metric.name}
            yield _histogram(metric, mine) if metric.buckets else _counter(metric, mine)


@dataclass(frozen=True, eq=False)
class Migrations(Collector):
    """What the ledger and the board say of the migrations that have not ended."""

    desk: Desk
    board: Board
    _known: dict[str, State] = field(default_factory=dict)

    def collect(self) -> Families:
        states = list(self._states())
        counted = Counter(state.status for state in states)
        yield _gauge(
            "ferrybot_open_migrations",
            "Migrations that have not ended or whose end was not told, by status",
            [({"status": status.value}, float(counted[status])) for status in Status if status is not Status.new],
        )
        progress = [p for p in (self.board.progress(state.id) for state in states) if p]
        lanes = sum(1 for p in progress for lane in p.now if lane.task)
        yield _gauge("ferrybot_lanes", "Lanes that hold a task now", [({}, float(lanes))])
        behind = [self._behind(state) for state in states]
        yield _gauge(
            "ferrybot_courier_behind_seconds",
            "Age of the oldest story whose newest event Slack does not show",
            [({}, max(behind, default=0.0))],
        )

    def _states(self) -> Iterator[State]:
        """Only what is new since the last scrape is read."""
        open_now = self.desk.ledger.open()
        for ended in self._known.keys() - set(open_now):
            self._known.pop(ended, None)
        for migration in open_now:
            state = self._known.get(migration) or State(id=migration)
            try:
                for recorded in self.desk.ledger.read(migration, after=state.version):
                    state = evolve(state, recorded)
            except Unreadable:
                continue
            self._known[migration] = state
            yield state

    def _behind(self, state: State) -> float:
        if state.changed is None or self.board.delivered(state.id) >= state.version:
            return 0.0
        return max(0.0, time.time() - state.changed.timestamp())


@dataclass(frozen=True, eq=False)
class Values(Collector):
    """One gauge; `read` gives numbers by the value of `label`."""

    name: str
    help: str
    label: str
    read: Callable[[], Iterable[tuple[str, float]]]

    def collect(self) -> Families:
        yield _gauge(self.name, self.help, [({self.label: key}, value) for key, value in self.read()])


def _gauge(name: str, help: str, samples: Iterable[tuple[dict[str, str], float]]) -> Family:
    samples = list(samples)
    family = GaugeMetricFamily(name, help, labels=list(samples[0][0]) if samples else [])
    for labels, value in samples:
        family.add_metric(list(labels.values()), value)
    return family


def _counter(metric: metrics.Metric, kept: dict[tuple[str, ...], float]) -> Family:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for (_, *labels), value in sorted(kept.items()):
        if len(labels) == len(metric.labels):
            family.add_metric(labels, value)
    return family


def _histogram(metric: metrics.Metric, kept: dict[tuple[str, ...], float]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [*(str(bound) for bound in metric.buckets), "+Inf"]
    for labels in sorted({key[1:] for key in kept if len(key) == len(metric.labels) + 1}):
        numbers = accumulate(kept.get((str(n), *labels), 0.0) for n in range(len(bounds)))
        total = kept.get((metrics.SUM, *labels), 0.0)
        family.add_metric(list(labels), list(zip(bounds, numbers, strict=True)), total)
    return family


# --- what web counts itself -----------------------------------------------------------------------------


class TimedApp(App):
    """Bolt's app, which notes how long each gesture waited for its acknowledgement."""

    def dispatch(self, req: BoltRequest) -> BoltResponse:
        began = time.monotonic()
        response = super().dispatch(req)
        seconds = time.monotonic() - began
        handled = response.status < 400
        outcome = ("acknowledged" if seconds < ACK_SECONDS else "late") if handled else "unhandled"
        metrics.observe(metrics.GESTURES, seconds, gesture=_gesture(req, handled), outcome=outcome)
        return response


def _gesture(req: BoltRequest, handled: bool) -> str:
    """The name that our own code gave to what was pressed: nobody else's words become labels."""
    body = req.body or {}
    actions = body.get("actions") or [{}]
    view = body.get("view") or {}
    event = body.get("event") or {}
    named = {"view_submission": view.get("callback_id"), "view_closed": view.get("callback_id")}
    name = named.get(body.get("type", "")) or actions[0].get("action_id") or body.get("command")
    name = str(name or body.get("callback_id") or event.get("type") or body.get("type") or "other")
    return name if handled and _NAME.fullmatch(name) else "other"


class CountingHandler(RetryHandler):
    """Retries nothing; notes how each call of Bolt's clients to Slack ended. slack_sdk asks it after every answer."""

    def can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        method = request.url.partition("?")[0].rpartition("/")[2]
        if _METHOD.fullmatch(method):
            counted(method, *_outcome(response))
        return False


def counted(method: str, outcome: str, code: str = "") -> None:
    """Notes one call to Slack; `code` is Slack's own word for a refusal."""
    metrics.count(metrics.SLACK, method=method, outcome=outcome)
    if code:
        metrics.count(metrics.REFUSALS, method=method, code=code if _CODE.fullmatch(code) else "other")


def _outcome(response: HttpResponse | None) -> tuple[str, str]:
    if response is None or response.status_code >= 500:
        return "no answer", ""
    code = str((response.body or {}).get("error", ""))
    if response.status_code == 429 or code == "ratelimited":
        return "rate limited", ""
    return ("refused", code) if code else ("done", "")
