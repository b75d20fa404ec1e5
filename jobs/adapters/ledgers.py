"""Where this installation keeps its ledger: in Redis, or in PostgreSQL where LEDGER_URL says so."""

from __future__ import annotations

import structlog
from redis import Redis

from jobs.adapters.ledger_postgres import Keeper, PostgresLedger
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.ledger_remembered import RememberingLedger
from jobs.core.errors import LedgerAway
from jobs.ports.ledger import Ledger
from jobs.settings import JobSettings

log = structlog.get_logger(__name__)


def open_ledger(settings: JobSettings, redis: Redis) -> Ledger:
    """The ledger of these settings; connects when it is used. Hand it to `release` afterwards."""
    return RememberingLedger(PostgresLedger(settings.ledger_url) if settings.ledger_url else RedisLedger(redis))


def release(ledger: Ledger) -> None:
    """Closes connections that are the ledger's own; Redis' belong to whoever made the client."""
    if keeper := _postgres(ledger):
        keeper.release()


def begin(ledger: Ledger) -> None:
    """At a process's start: `ready`, but a server that is away for now is waited for by whoever needs it.

    Raises `Permanent` for what a person has to correct."""
    if not (postgres := _postgres(ledger)):
        return
    try:
        keeper = postgres.ready()
    except LedgerAway as error:
        log.warning("the ledger cannot be reached yet", what=error.what)
        return
    log.info("the ledger answers", keeper=keeper.server, doubt=keeper.doubt)


def ready(ledger: Ledger) -> Keeper:
    """Proves that the ledger can be used, making its schema. Raises `LedgerAway` or `Permanent`."""
    postgres = _postgres(ledger)
    return postgres.ready() if postgres else Keeper("Redis")


def _postgres(ledger: Ledger) -> PostgresLedger | None:
    kept = ledger.inner if isinstance(ledger, RememberingLedger) else ledger
    return kept if isinstance(kept, PostgresLedger) else None
