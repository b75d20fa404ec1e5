"""Between **Migrate** and the first write: request, approval, its ways back, and what time or drift make of it.

Pure, like `lifecycle`, of which this is the part about consent: each function takes the state and a command and
returns the events that it causes, or raises `Refused`. Who somebody is in Slack at this moment is asked outside
(`bot.access`); here stands what the story itself decides: who was asked, who has spoken, for which plan.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.core import commands as c
from jobs.core import events as e
from jobs.core import rehearsal, schedule, voices
from jobs.core.errors import Refused
from jobs.core.model import Environment, Person, warnings
from jobs.core.plan import difference
from jobs.core.policy import satisfied
from jobs.core.questions import unanswered
from jobs.core.state import RUNNING, State, Status, say

LEAST_REASON = 10
"""Letters of a reason for breaking the glass: whoever reads the receipt in a year must understand it."""


def demand(state: State, verb: str, *allowed: Status) -> None:
    if state.status not in allowed:
        raise Refused(f"This migration is {say(state.status)}, so it cannot be {verb} now.")


def demand_digest(state: State, digest: str) -> None:
    """Whoever acts on a plan acts on the plan of today."""
    if digest == state.digest:
        return
    known = state.plan_before if state.plan_before and state.plan_before.digest == digest else None
    if state.plan is not None:
        changes = difference(known, state.plan) if known else []
        said = "; ".join(changes[:5]) or "please look at it again"
        raise Refused(f"The plan changed since this button was shown: {said}.")
    if known is not None and state.drift:
        raise Refused(f"The plan changed since this button was shown: {'; '.join(state.drift[:5])}.")


def request(state: State, command: c.Request) -> Sequence[e.Event]:
    same = state.requester is not None and state.requester.id == command.by.id and state.digest == command.digest
    if state.status in (Status.awaiting_approval, Status.scheduled, *RUNNING):
        if same:
            return []
        raise Refused("This migration was already requested; nothing was started twice.")
    demand(state, "started", Status.ready)
    demand_digest(state, command.digest)
    unread = [f for f in warnings(state.results) if f.key not in command.acknowledged]
    if unread:
        raise Refused(f"Please acknowledge the warnings first: {unread[0].message}")
    open_questions = unanswered(state.plan) if state.plan else []
    if open_questions:
        raise Refused(f"Please answer first: {open_questions[0].title}", remedy="Then press Update plan.")
    _demand_name(state, command.typed)
    rules = command.policy or state.policy
    _demand_enough(rules.approvals, command.pinned, command.later)
    rehearsal.demand(state.model_copy(update={"policy": rules}), command.at)
    requested = e.Requested(
        by=command.by,
        digest=command.digest,
        acknowledged=command.acknowledged,
        typed=command.typed,
        policy=command.policy,
        pinned=command.pinned,
        later=command.later,
        wish=schedule.sensible(command.wish, command.at),
    )
    # Also where approvals are needed first: a start that can never come is refused before anybody is asked.
    begun = schedule.begin(state, command.at, requested.wish.start_at)
    return [requested, begun] if rules.approvals == 0 else [requested]


def name_to_type(state: State) -> str:
    """What a requester must type before this plan may be asked for: the name of a production target it replaces."""
    if state.plan is None or state.target is None or not state.plan.options.overwrite:
        return ""
    return state.target.name if state.target.environment is Environment.production else ""


def _demand_name(state: State, typed: str) -> None:
    name = name_to_type(state)
    if name and typed.strip() != name:
        raise Refused(f"Everything that {name} holds would be replaced: type its name, exactly so, to go on.")


def _demand_enough(approvals: int, pinned: Sequence[str] | None, later: Sequence[str]) -> None:
    """A request that can never be satisfied is not made."""
    if pinned is not None and len({*pinned, *later}) < approvals:
        may = {0: "nobody besides you may give one", 1: "only 1 person besides you may give one"}
        found = len({*pinned, *later})
        raise Refused(
            f"This needs {approvals} approvals, but {may.get(found, f'only {found} people may give one')}.",
            remedy="Whoever runs Ferrybot must name more approvers in ferrybot.yaml.",
        )


def approve(state: State, command: c.Approve) -> Sequence[e.Event]:
    approval = command.approval
    if any(a.by.id == approval.by.id and a.digest == approval.digest for a in state.approvals):
        raise Refused("You have already approved this plan; your approval counts once.")
    _demand_gate(state, approval.digest)
    requester = state.requester.id if state.requester else ""
    if approval.by.id == requester and not state.policy.self_approval:
        raise Refused("You asked for this migration, so somebody else must approve it.")
    voice = _demand_voice(state, approval.by)
    if voices.has_spoken(state, approval.by.id):
        raise Refused("Your voice has approved this plan already, through the person with whom you share it.")
    given = approval.model_copy(update={"instead_of": voice if voice != approval.by.id else ""})
    approved = e.Approved(approval=given)
    if satisfied(state.policy, requester, state.digest, (*state.approvals, given)):
        return [approved, schedule.begin(state, given.at, state.start_at)]
    return [approved]


def decline(state: State, command: c.Decline) -> Sequence[e.Event]:
    _demand_gate(state, command.digest)
    _demand_voice(state, command.by)
    return [e.Declined(by=command.by, digest=command.digest, reason=command.reason)]


def revoke(state: State, command: c.Revoke) -> Sequence[e.Event]:
    """Also after the last approval, while the run waits for a worker: the target is untouched until it has begun."""
    given = any(a.by.id == command.by.id and a.digest == command.digest for a in state.approvals)
    if command.lapsed and (state.begun or not given or state.glass is not None):
        return []
    demand_digest(state, command.digest)
    if state.begun:
        raise Refused("The run has begun, so an approval cannot be taken back any more.")
    demand(state, "called off", Status.awaiting_approval, Status.scheduled, Status.migrating)
    if not given:
        raise Refused("You have not approved this plan, so there is nothing to take back.")
    if state.glass is not None:
        raise Refused("The glass was broken: this run does not wait for approvals.", remedy="Cancel is on the card.")
    return [e.Revoked(by=command.by, digest=command.digest, lapsed=command.lapsed)]


def delegate(state: State, command: c.Delegate) -> Sequence[e.Event]:
    """One voice stays one voice: whichever of the two speaks first has spoken."""
    _demand_gate(state, command.digest)
    own, to = voices.approvers(state), command.to.id
    if command.by.id not in own:
        raise Refused("Only somebody who was asked by name or in a group may name another person.")
    if voices.has_spoken(state, command.by.id):
        raise Refused("Your voice has approved this plan already.", remedy="Take the approval back first.")
    if to == command.by.id or to in own:
        raise Refused("That person was asked already; please name somebody else.")
    if state.requester and to == state.requester.id and not state.policy.self_approval:
        raise Refused("That person asked for this migration, so somebody else must approve it.")
    if any(d.by.id == command.by.id and d.to.id == to for d in state.delegations):
        return []
    return [e.Delegated(by=command.by, to=command.to)]


def break_glass(state: State, command: c.BreakGlass) -> Sequence[e.Event]:
    _demand_gate(state, command.digest)
    if not state.policy.break_glass:
        raise Refused("Nobody may start this migration without approvals.")
    reason = command.reason.strip()
    if len(reason) < LEAST_REASON:
        raise Refused(f"Please say why in at least {LEAST_REASON} letters: it stands in the channel and the receipt.")
    broken = e.GlassBroken(by=command.by, digest=command.digest, reason=reason)
    return [broken, schedule.begin(state, command.at, state.start_at)]


def begin(state: State, event: e.Begun | e.Drifted) -> Sequence[e.Event]:
    """A conductor compared the plan with the databases. Once begun stays begun, whoever looks later."""
    if event.run != state.run or state.status is not Status.migrating:
        raise Refused("This run is not the current one.")
    if state.begun:
        if isinstance(event, e.Begun):
            return []
        raise Refused("This run has begun; what it finds in the target is its own work.")
    if isinstance(event, e.Begun) and event.digest != state.digest:
        raise Refused("This is not the plan that was approved.")
    return [event]


def _demand_gate(state: State, digest: str) -> None:
    if state.status in RUNNING:
        raise Refused("This migration was approved already and is running.")
    if state.status is Status.scheduled:
        raise Refused("This migration was approved already and waits for its time.")
    demand_digest(state, digest)
    demand(state, "approved or declined", Status.awaiting_approval)


def _demand_voice(state: State, by: Person) -> str:
    voice = voices.voice(state, by.id)
    if not voice:
        raise Refused(
            "You were not among the people who were asked when this migration was requested.",
            remedy="One of them may name you: Name another person.",
        )
    return voice
