"""What is counted: the list of all metrics, and the counts of this process until they are added to Redis.

A job's process lives as long as its job, so that nobody could ask it for its counts: each process counts in memory
and adds to one hash in Redis every few seconds, at the end of each job and at its own end. Redis thus holds the
totals of the whole installation, which outlive every process; `web` shows them. Counting itself never waits, never
fails and never reaches a network. What a process counted in the seconds before a `kill -9` is lost: metrics are no
ledger.
"""

from __future__ import annotations

import json
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

KEY = "ferrybot:metrics"
FLUSH_SECONDS = 5.0
SUM, COUNT = "sum", "count"


@dataclass(frozen=True)
class Metric:
    """A counter, or a histogram where there are `buckets` (upper bounds, in `name`'s unit, without infinity)."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


EVENTS = Metric("ferrybot_events", "Events written to the ledger, by kind", ("type",))
GESTURES = Metric(
    "ferrybot_gesture_ack_seconds",
    "Seconds from a gesture's arrival to its acknowledgement; Slack allows 3",
    ("gesture", "outcome"),
    (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0),
)
JOBS = Metric(
    "ferrybot_job_seconds",
    "Seconds that jobs took, by kind and how they ended",
    ("kind", "outcome"),
    (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 28800.0),
)
TASKS = Metric("ferrybot_tasks", "Tasks of runs that were done and committed", ("task",))
ROWS = Metric("ferrybot_rows", "Rows that committed tasks moved, built on or compared", ("task",))
BYTES = Metric("ferrybot_bytes", "Bytes that committed tasks moved, built on or compared", ("task",))
RETRIES = Metric("ferrybot_lane_retries", "Passing faults after which a lane tried again")
SLACK = Metric("ferrybot_slack_calls", "Calls to Slack, by method and outcome", ("method", "outcome"))
REFUSALS = Metric("ferrybot_slack_refusals", "What Slack said no to, in its own words", ("method", "code"))
LAG = Metric(
    "ferrybot_courier_lag_seconds",
    "Seconds from a migration's newest event to Slack being up to date with it",
    (),
    (0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0),
)
ALL = (EVENTS, GESTURES, JOBS, TASKS, ROWS, BYTES, RETRIES, SLACK, REFUSALS, LAG)

_counts: dict[tuple[str, ...], float] = {}
_lock = threading.Lock()


def count(metric: Metric, amount: float = 1.0, **labels: str) -> None:
    """Adds to a counter. Labels must come from a short list of words."""
    _add((metric.name, COUNT, *(labels[name] for name in metric.labels)), amount)


def observe(metric: Metric, value: float, **labels: str) -> None:
    """Notes one value of a histogram."""
    values = tuple(labels[name] for name in metric.labels)
    bound = bisect_left(metric.buckets, value)
    _add((metric.name, str(bound), *values), 1.0)
    _add((metric.name, SUM, *values), value)


def _add(key: tuple[str, ...], amount: float) -> None:
    with _lock:
        _counts[key] = _counts.get(key, 0.0) + amount


def flush(redis: Redis) -> bool:
    """Adds this process's counts to the installation's; while Redis is away they stay here. False then."""
    with _lock:
        taken = dict(_counts)
        _counts.clear()
    if not taken:
        return True
    try:
        with redis.pipeline(transaction=True) as pipe:
            for key, amount in taken.items():
                pipe.hincrbyfloat(KEY, json.dumps(key), amount)
            pipe.execute()
    except RedisError:
        for key, amount in taken.items():
            _add(key, amount)
        return False
    return True


def totals(redis: Redis) -> dict[tuple[str, ...], float]:
    """The installation's counts by (name, "count" | "sum" | bucket's number, labels…). Raises `RedisError`."""
    raw: Any = redis.hgetall(KEY)
    return {tuple(json.loads(key)): float(value) for key, value in raw.items()}


@contextmanager
def flushing(redis: Redis) -> Iterator[None]:
    """Flushes every `FLUSH_SECONDS` in a thread of its own, and once more at the end."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(FLUSH_SECONDS):
            flush(redis)

    thread = threading.Thread(target=loop, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(FLUSH_SECONDS)
        flush(redis)


@contextmanager
def timed_job(kind: str) -> Iterator[None]:
    """Counts one job with its time: "done", or "broken" when it raised."""
    began, outcome = time.monotonic(), "broken"
    try:
        yield
        outcome = "done"
    finally:
        observe(JOBS, time.monotonic() - began, kind=kind, outcome=outcome)


def _begin_anew() -> None:
    """A fork has its parent's counts, which the parent flushes itself; and maybe its lock, held for ever."""
    global _lock
    _lock = threading.Lock()
    _counts.clear()


os.register_at_fork(after_in_child=_begin_anew)
