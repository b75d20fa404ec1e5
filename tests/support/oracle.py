"""What a migration's events may follow, kept apart from `State`: the oracle of random lives."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.state import State, Status
from tests.support.statuses import PINNED, is_night


@dataclass
class Oracle:
    """It reads events only, and fails at the first that must not follow what it has read."""

    asked: e.Requested | None = None
    consents: set[str] = field(default_factory=set)
    spoken: dict[str, str] = field(default_factory=dict)
    queued_for_request: int = 0
    proven: bool = False
    begun: bool = False
    broken: bool = False

    def note(self, before: State, command: c.Command, event: e.Event) -> None:
        """An event, with the state before it and the command that caused it."""
        self._asking(before, event)
        self._consent(before, event)
        self._queued(before, command, event)
        self._run(before, event)

    def _asking(self, before: State, event: e.Event) -> None:
        """A request: of what, and what ends it."""
        match event:
            case e.Requested():
                assert before.plan is not None and event.digest == before.plan.digest
                self.asked, self.consents, self.queued_for_request, self.broken = event, set(), 0, False
                self.spoken = {}
            case e.Declined() | e.Expired():
                assert before.status is Status.awaiting_approval
                self.asked = None
            case e.Drifted():
                assert not self.begun, "a target is not compared with our own work"
                self.asked, self.broken = None, False
            case _:
                pass

    def _consent(self, before: State, event: e.Event) -> None:
        """Who says yes to it, for whom, and who takes that back."""
        match event:
            case e.Approved():
                by, digest = event.approval.by.id, event.approval.digest
                assert self.asked is not None and before.plan is not None
                assert digest == self.asked.digest == before.plan.digest
                assert by not in self.consents, "one person counts once"
                assert self.asked.pinned is None or by in PINNED or by in {d.to.id for d in before.delegations}
                assert by != self.asked.by.id or before.policy.self_approval
                assert event.approval.voice not in self.spoken.values(), "one voice counts once, whoever speaks"
                self.spoken[by] = event.approval.voice
                self.consents.add(by)
            case e.Revoked():
                assert event.by.id in self.consents and not self.begun
                self.consents.discard(event.by.id)
                del self.spoken[event.by.id]
                self.queued_for_request = 0
            case e.GlassBroken():
                assert len(event.reason) >= 10 and before.policy.break_glass
                self.broken = True
            case e.Delegated():
                assert event.by.id in PINNED and event.to.id not in PINNED
            case _:
                pass

    def _queued(self, before: State, command: c.Command, event: e.Event) -> None:
        """A run begins by a gesture or by the clock, once for a request, with enough voices, in its window."""
        if not isinstance(event, e.RunQueued):
            return
        assert self.asked is not None and event.digest == self.asked.digest
        waited = isinstance(command, c.When) and before.status is Status.scheduled
        assert waited or isinstance(command, c.Approve | c.Request | c.BreakGlass)
        moment = getattr(command, "at", None) or (command.approval.at if isinstance(command, c.Approve) else None)
        assert not before.target or not before.target.windows or (moment and is_night(moment))
        assert len(self.consents) >= before.policy.approvals or self.broken
        self.queued_for_request += 1
        assert self.queued_for_request == 1, "a request starts one run"

    def _run(self, before: State, event: e.Event) -> None:
        match event:
            case e.Begun() | e.RunStarted() | e.PhaseReached():
                self.begun = True
            case e.Resumed(mode="refresh") if before.status is Status.done:
                self.proven = False
            case e.Proven():
                self.proven = True
            case e.Finished():
                assert self.proven, "no green that was not proven"
            case _:
                pass
