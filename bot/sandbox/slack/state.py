"""All that the sandbox holds, behind one lock, waking whoever waits for a change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.messages import Channel, Message, StoredFile
from bot.sandbox.slack.rates import Rates
from bot.sandbox.slack.records import ApiCall, Json, Problem
from bot.sandbox.slack.tickets import ResponseUrls, TriggerBook
from bot.sandbox.slack.views import ViewStore
from bot.sandbox.slack.workspace import Workspace

# What the manifest of the app asks for; conversations.* need scopes beyond these.
DEFAULT_SCOPES = frozenset({"commands", "chat:write", "files:write", "usergroups:read", "users:read"})
DEFAULT_EVENTS = frozenset({"app_home_opened", "app_uninstalled", "tokens_revoked", "app_mention"})


class State:
    """The workspace, what is open, what was called. Change it only inside `mutate()`."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.clock = Clock()
        self.faults = Faults(self.clock)
        self.rates = Rates(self.clock)
        self.triggers = TriggerBook(self.clock)
        self.response_urls = ResponseUrls(self.clock)
        self.views = ViewStore(self.app_fields())
        self.files: dict[str, StoredFile] = {}
        self.problems: list[Problem] = []
        self.calls: list[ApiCall] = []
        self.scopes: set[str] = set(DEFAULT_SCOPES)
        self.events: set[str] = set(DEFAULT_EVENTS)
        self.edit_window: float | None = None
        self.url = ""
        self.changed = threading.Condition(threading.RLock())
        self.listeners: list[Callable[[], None]] = []
        self._last_micros = 0
        self.faults.on_change = workspace.on_change = self.touch

    def app_fields(self) -> Json:
        """The ids that every payload of the app carries."""
        w = self.workspace
        return {"team_id": w.team_id, "app_id": w.app_id, "bot_id": w.bot_id}

    @contextmanager
    def mutate(self) -> Iterator[None]:
        """Hold the lock, then wake everybody who waits."""
        with self.changed:
            yield
            self.touch()

    def touch(self) -> None:
        """Something changed: wake everybody who waits."""
        with self.changed:
            self.changed.notify_all()
            for listener in list(self.listeners):
                listener()

    def mint_ts(self) -> str:
        """A new message timestamp, later than all before."""
        micros = max(int(self.clock.time() * 1_000_000), self._last_micros + 1)
        self._last_micros = micros
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"

    def problem(self, kind: str, what: str, detail: str = "") -> None:
        """Note what a careful app would not have let happen."""
        with self.mutate():
            self.problems.append(Problem(kind, what, detail))

    def post(self, channel: Channel, message: Message) -> Message:
        """Put a message where it belongs."""
        with self.mutate():
            channel.all_messages.append(message)
        return message

    def ephemerals(self, user_id: str) -> list[Message]:
        """What only this person sees, everywhere."""
        channels = self.workspace.channels.values()
        return [m for channel in channels for m in channel.all_messages if m.visible_to == user_id]
