"""What is open on people's screens, and what they typed: kept in Redis, so that any process can go on with it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from redis import Redis

from bot.ui.findings import Form
from jobs.adapters import keys
from jobs.core.model import Options, Service

KEEP_SECONDS = 7 * 24 * 3600


class Open(BaseModel):
    """A modal that is open. `hash` is Slack's for the view as we know it; empty when we do not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    view_id: str
    hash: str = ""
    step: str
    user: str
    version: int = 0
    conflict_at: float = 0.0
    """When Slack first said that `hash` is not the view's, in seconds since the epoch; 0 while it fits."""


_SWAP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
"""


class Modals:
    """The open modal and the half-filled form of each migration."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def open(self, migration: str) -> Open | None:
        text: Any = self._redis.get(keys.modal(migration))
        return Open.model_validate_json(text) if text else None

    def remember(self, migration: str, modal: Open) -> None:
        self._redis.set(keys.modal(migration), modal.model_dump_json(), ex=24 * 3600)

    def swap(self, migration: str, known: Open, fresh: Open) -> bool:
        """`remember`, unless a gesture has remembered something else since `known` was read."""
        texts = (known.model_dump_json(), fresh.model_dump_json())
        return bool(self._redis.eval(_SWAP, 1, keys.modal(migration), *texts))

    def forget(self, migration: str) -> None:
        self._redis.delete(keys.modal(migration))

    def form(self, migration: str) -> Form | None:
        """What was typed in step 2 and not yet accepted; never a password."""
        text: Any = self._redis.get(keys.form(migration))
        if not text:
            return None
        kept = _Kept.model_validate_json(text)
        return Form(kind=kept.kind, service=kept.service, typed=kept.typed)

    def keep_form(self, migration: str, form: Form) -> None:
        kept = _Kept(kind=form.kind, service=form.service, typed=dict(form.typed))
        self._redis.set(keys.form(migration), kept.model_dump_json(), ex=KEEP_SECONDS)

    def options(self, migration: str, digest: str) -> Options | None:
        """What was chosen in step 3 for the plan with this digest and not yet made part of it."""
        text: Any = self._redis.get(keys.options(migration))
        kept = _KeptOptions.model_validate_json(text) if text else None
        return kept.options if kept and kept.digest == digest else None

    def keep_options(self, migration: str, digest: str, options: Options) -> None:
        kept = _KeptOptions(digest=digest, options=options)
        self._redis.set(keys.options(migration), kept.model_dump_json(), ex=KEEP_SECONDS)

    def drop_form(self, migration: str) -> None:
        self._redis.delete(keys.form(migration))


class _Kept(BaseModel):
    kind: str
    service: Service | None
    typed: dict[str, str]


class _KeptOptions(BaseModel):
    digest: str
    options: Options
