"""What is raised while Redis or the ledger's database cannot be reached: a reason to wait, never a verdict."""

from __future__ import annotations

from redis.exceptions import RedisError

from jobs.core.errors import LedgerAway

AWAY = (RedisError, LedgerAway)
