"""Counts: kept while Redis is away, added once, not inherited by a fork, and shown as Prometheus reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from bot.metrics import Totals, exposition, registry
from jobs import metrics
from jobs.metrics import BYTES, LAG, ROWS, count, flush, observe, timed_job, totals

NOWHERE = Redis(port=1)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        flush(client)  # what earlier tests counted
        client.delete(metrics.KEY)
        yield client


def shown(redis: Redis) -> dict[tuple[str, ...], float]:
    """Samples by name and labels' values, read by Prometheus' own parser."""
    text = exposition(registry("web", Totals(redis))).decode()
    families = text_string_to_metric_families(text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_counts_of_many_processes_add_up(redis: Redis) -> None:
    for _ in range(2):
        count(ROWS, 10, task="copy")
        count(BYTES, 2.5, task="copy")
        assert flush(redis)
    assert flush(redis), "nothing is added twice"
    assert totals(redis)[(ROWS.name, metrics.COUNT, "copy")] == 20
    seen = shown(redis)
    assert seen[("ferrybot_rows_total", "copy")] == 20
    assert seen[("ferrybot_bytes_total", "copy")] == 5


def test_histograms_are_cumulative_and_take_what_is_beyond(redis: Redis) -> None:
    for seconds in (0.5, 0.7, 4.0, 9999.0):
        observe(LAG, seconds)
    flush(redis)
    seen = shown(redis)
    bounds = ("0.5", "1.0", "2.0", "5.0", "1800.0", "+Inf")
    assert [seen[("ferrybot_courier_lag_seconds_bucket", b)] for b in bounds] == [1, 2, 2, 3, 3, 4]
    assert seen[("ferrybot_courier_lag_seconds_count",)] == 4
    assert seen[("ferrybot_courier_lag_seconds_sum",)] == pytest.approx(10004.2)


def test_while_redis_is_away_counts_stay(redis: Redis) -> None:
    count(ROWS, 3, task="copy")
    assert not flush(NOWHERE)
    count(ROWS, 4, task="copy")
    assert flush(redis)
    assert shown(redis)[("ferrybot_rows_total", "copy")] == 7


def test_a_fork_does_not_count_again_what_its_parent_counted(redis: Redis) -> None:
    count(ROWS, 3, task="copy")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            count(ROWS, 4, task="copy")
            status = 0 if metrics._counts == {(ROWS.name, metrics.COUNT, "copy"): 4.0} else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    flush(redis)
    assert shown(redis)[("ferrybot_rows_total", "copy")] == 3


def test_jobs_are_counted_by_how_they_ended(redis: Redis) -> None:
    with timed_job("lane"):
        pass
    with pytest.raises(ValueError), timed_job("lane"):
        raise ValueError
    flush(redis)
    seen = shown(redis)
    assert seen[("ferrybot_job_seconds_count", "lane", "done")] == 1
    assert seen[("ferrybot_job_seconds_count", "lane", "broken")] == 1
