"""Rate limits as token buckets."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.records import ApiError


@dataclass(frozen=True)
class Limit:
    """How much may be called at once (`burst`) and how fast it comes back."""

    burst: int
    per_second: float
    per_channel: bool = False


# https://docs.slack.dev/apis/web-api/rate-limits
TIER_1 = Limit(1, 1 / 60)
TIER_2 = Limit(20, 20 / 60)
TIER_3 = Limit(50, 50 / 60)
TIER_4 = Limit(100, 100 / 60)
# Same page: "one message per second per channel"; short bursts pass, their size is not published.
POSTING = Limit(5, 1.0, per_channel=True)
# https://docs.slack.dev/changelog/2025/05/29/rate-limit-changes-for-non-marketplace-apps
READING_HISTORY = TIER_1


@dataclass
class _Bucket:
    tokens: float
    at: float


@dataclass
class Rates:
    """Whether a call may pass now. `scale` multiplies bursts and speeds; `enabled=False` lets all pass."""

    clock: Clock
    scale: float = 1.0
    enabled: bool = True
    overrides: dict[str, Limit] = field(default_factory=dict)
    _buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)

    def take(self, method: str, limit: Limit | None, channel: str) -> None:
        """Take one token or refuse with `ratelimited` and the seconds to wait."""
        limit = self.overrides.get(method, limit)
        if limit is None or not self.enabled:
            return
        key = (method, channel if limit.per_channel else "")
        burst, speed = max(1.0, limit.burst * self.scale), limit.per_second * self.scale
        now = self.clock.monotonic()
        bucket = self._buckets.setdefault(key, _Bucket(burst, now))
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) * speed)
        bucket.at = now
        if bucket.tokens < 1:
            raise ApiError("ratelimited", retry_after=max(1, math.ceil((1 - bucket.tokens) / speed)))
        bucket.tokens -= 1

    def reset(self) -> None:
        """Fill every bucket."""
        self._buckets.clear()
