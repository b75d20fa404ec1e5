"""One round of a courier for one migration: what every part of a delivery works with."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from redis import Redis

from bot import severed
from bot.calls import Calls, Haste
from bot.outbox import Outbox, Turn
from jobs.desk import Desk
from jobs.ports.board import Board

STOPPING = threading.Event()
"""Set when this process was asked to end: what is begun is finished, the rest is left to the next courier."""


@dataclass
class Tools:
    """Everything that a delivery needs, whichever migration it is for."""

    redis: Redis
    desk: Desk
    board: Board
    calls: Calls
    stop: threading.Event = STOPPING


class Errand:
    """The migration as its story tells it now, what the thread has of it, and the turn to write about it."""

    def __init__(self, tools: Tools, migration: str, until: float, turn: Turn) -> None:
        self.c = tools
        self.id = migration
        self.until = until
        self.turn = turn
        self.state, self.story = tools.desk.story(migration)
        self.outbox = Outbox(tools.redis, migration)

    def call(self, method: str, *, haste: Haste = "news", **arguments: Any) -> dict[str, Any]:
        """Slack's answer, while the turn is ours. Raises `Overtaken` and what `Calls.call` raises."""
        self.turn.keep()
        answer = self.c.calls.call(method, haste=haste, **arguments)
        severed.mended(self.c.redis)
        return answer
