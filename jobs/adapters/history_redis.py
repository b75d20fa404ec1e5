"""The history in Redis: a hash of summaries, and a sorted set that orders them by their beginning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from redis import Redis

from jobs.adapters import keys
from jobs.core.summary import SUMMARY_VERSION, Summary

PAGE = 500
"""Summaries of one answer: some 400 kB."""
_COMPLETE = "-"
_PUT = """
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before and tonumber(cjson.decode(before).version) > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 1
"""


class RedisHistory:
    """`jobs.ports.history.History` in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._all = keys.history(SUMMARY_VERSION, "all")
        self._order = keys.history(SUMMARY_VERSION, "order")
        self._made = keys.history(SUMMARY_VERSION, "made")
        self._put = redis.register_script(_PUT)

    def put(self, summary: Summary) -> None:
        begun = summary.created.timestamp()
        text = summary.model_dump_json()
        self._put(keys=[self._all, self._order], args=[str(summary.id), summary.version, begun, text])

    def latest(self) -> Iterator[Summary]:
        start = 0
        while True:
            page: Any = self._redis.zrevrange(self._order, start, start + PAGE - 1)
            if not page:
                return
            texts: Any = self._redis.hmget(self._all, page)
            yield from (Summary.model_validate_json(text) for text in texts if text is not None)
            start += PAGE

    def get(self, ids: Sequence[str]) -> Mapping[str, Summary]:
        if not ids:
            return {}
        texts: Any = self._redis.hmget(self._all, list(ids))
        found = [Summary.model_validate_json(text) for text in texts if text is not None]
        return {summary.id: summary for summary in found}

    def missing(self, ids: Sequence[str]) -> list[str]:
        if not ids:
            return []
        scores: Any = self._redis.zmscore(self._order, list(ids))
        return [one for one, score in zip(ids, scores, strict=True) if score is None]

    def made_until(self) -> str | None:
        text: Any = self._redis.get(self._made)
        until = text.decode() if text is not None else ""
        return None if until == _COMPLETE else until

    def made(self, until: str | None) -> None:
        self._redis.set(self._made, _COMPLETE if until is None else until)
