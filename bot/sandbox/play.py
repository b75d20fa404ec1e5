"""Scripted people who walk one migration through the three steps, exactly as a person would: gesture by gesture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.people import Person
from bot.sandbox.slack.server import SlackSandbox

CHANNEL = "C0MIGRATIONS"
ALICE, BOB, CAROL, MALLORY = "U0ALICE", "U0BOB", "U0CAROL", "U0MALLORY"
Say = Callable[[str], None]


@dataclass
class Play:
    """One migration as people see it. Each step waits for what a person would wait for."""

    slack: SlackSandbox
    say: Say = lambda _: None  # a field's default
    requester: str = ALICE
    channel: str = CHANNEL
    patience: float = 120.0

    @property
    def alice(self) -> Person:
        return self.slack.person(self.requester)

    def configure(self, target: str, *, free: str = "") -> None:
        """Step 1."""
        self.say(f"{self.alice.user.real_name} types /migrate")
        self.alice.command("/migrate", "", self.channel)
        self._modal("Get started")
        self.alice.fill("target", target)
        if free:
            self.alice.fill("free_disk", free)
        self.alice.fill("disk_confirm", ["confirmed"])
        self.say(f"Step 1, Configure: target {target}, Get started")
        self.alice.submit()

    def source(self, service: str) -> None:
        """Step 2 with a known service: Run check."""
        self._modal("Run check")
        self.alice.fill("source_service", service)
        self.say(f"Step 2, Validation: source {service}, Run check")
        self.alice.submit()

    def typed_source(self, **fields: str) -> None:
        """Step 2 with typed connection details: Run check."""
        self._modal("Run check")
        self.alice.fill("source_kind", "typed")
        self.slack.wait_for(lambda _: self._has("host") or None, 10, "the fields of a typed source")
        for name, value in fields.items():
            self.alice.fill(name, value)
        self.alice.submit()

    def checked(self) -> str:
        """Waits until the checks are over; returns what the modal says."""
        wanted = ("nothing blocks", "passed.", "Not ready")

        def said(_: Any) -> str | None:
            return self._text() if any(w in self._text() for w in wanted) else None

        return self.slack.wait_for(said, self.patience, "checks finished")

    def request(self) -> None:
        """Continue to step 3, acknowledge, Migrate."""
        self._modal("Continue")
        self.alice.submit()
        self._modal("Migrate")
        if self._has("acknowledge"):
            self.alice.fill("acknowledge", ["acknowledged"])
        self.say("Step 3, Migration: the plan is read, Migrate")
        self.alice.submit()

    def card(self, words: str = "") -> Message:
        """The newest card, once its text holds `words`."""

        def found(_: Any) -> Message | None:
            cards = [m for m in self.slack.channel(self.channel).messages if "Migration" in m.text and m.blocks]
            return cards[-1] if cards and words in cards[-1].text else None

        return self.slack.wait_for(found, self.patience, f"a card that says {words!r}")

    def approve(self, person: str = BOB) -> Any:
        card = self.card("approval")
        self.say(f"{self.slack.person(person).user.real_name} reads the plan and presses Approve")
        return self.slack.person(person).click(card, "approve")

    def press(self, person: str, action: str) -> Any:
        return self.slack.person(person).click(self.card(), action)

    def ended(self, word: str = "Done and verified", seconds: float = 300.0) -> Message:
        """Waits for the end of the run."""
        self.patience = seconds
        return self.card(word)

    def thread(self) -> list[Message]:
        return list(self.slack.channel(self.channel).thread(self.card().ts))

    # --- seeing -----------------------------------------------------------------------------------------

    def _modal(self, submit: str) -> None:
        def shown(_: Any) -> bool | None:
            modal = self.alice.modal()
            return True if modal is not None and _submit(modal.definition) == submit else None

        self.slack.wait_for(shown, self.patience, f"a modal with {submit!r}")

    def _has(self, block_id: str) -> bool:
        modal = self.alice.modal()
        return modal is not None and any(b.get("block_id") == block_id for b in modal.blocks)

    def _text(self) -> str:
        modal = self.alice.modal()
        return texts(modal.blocks) if modal is not None else ""

    def text(self) -> str:
        """All words of the open modal."""
        return self._text()


def _submit(definition: Mapping[str, Any]) -> str:
    return str((definition.get("submit") or {}).get("text", ""))


def texts(value: object) -> str:
    """Every `text` within blocks, in order."""
    if isinstance(value, Mapping):
        own = value.get("text")
        rest = " ".join(texts(v) for k, v in value.items() if k != "text")
        return f"{own if isinstance(own, str) else texts(own)} {rest}".strip()
    if isinstance(value, (list, tuple)):
        return "\n".join(filter(None, (texts(v) for v in value)))
    return ""
