"""The gate: approve, decline, take back, name another, break the glass: exactly the plan that was shown.

The same buttons stand on the card, in direct messages and in App Home; all of them end here, in one command on the
ledger, so that whoever comes second is told what the first one did.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from slack_bolt import Ack, App
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from bot import asking, lapse
from bot.deps import Deps
from bot.gestures import Body, Gesture, gesture, log, refusing, tell, typed
from bot.listeners import home
from bot.ui import approval
from bot.ui.text import View, unmarked
from jobs.core import voices
from jobs.core.commands import Approve, BreakGlass, Command, Decline, Delegate, Revoke
from jobs.core.errors import FerrybotError, Refused
from jobs.core.gate import demand_digest
from jobs.core.model import Approval, Person, Wish
from jobs.core.state import State


def register(app: App, deps: Deps) -> None:
    """Hangs the gate's buttons and forms into `app`."""
    for action_id, act in (("approve", _approve), ("revoke", _revoke), ("ask_again", _ask_again)):
        _button(app, deps, action_id, act)
    for action_id, view in (
        ("decline", approval.decline),
        ("delegate", approval.delegate),
        ("break_glass", approval.break_glass),
    ):
        _opener(app, deps, action_id, view)
    for callback, block, submit in (
        (approval.CALLBACK, "reason", _decline),
        (approval.DELEGATE, "person", _delegate),
        (approval.GLASS, "reason", _break_glass),
    ):
        _form(app, deps, callback, block, submit)


def _button(app: App, deps: Deps, action_id: str, act: Callable[[Deps, Gesture, State, str], None]) -> None:
    """A button that acts at once."""

    @app.action(action_id)
    def pressed(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        before: list[State] = []

        def press() -> None:
            if g.ref is None:
                raise Refused("This button is not one of mine.")
            before.append(deps.desk.state(g.ref.m))
            act(deps, g, before[0], g.ref.d)

        refusing(client, g, press)
        # Also after a refusal: a home that offers what is over is brought up to date.
        for state in before:
            home.refresh(deps, client, state, g.user.id)


def _opener(app: App, deps: Deps, action_id: str, view: Callable[[State, str], View]) -> None:
    """A button that asks something first."""

    @app.action(action_id)
    def pressed(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        refusing(client, g, lambda: _open(deps, client, g, view))


def _form(
    app: App, deps: Deps, callback: str, block: str, submit: Callable[[Deps, Gesture, State, str], None]
) -> None:
    """The answer to what a button asked."""

    @app.view(callback)
    def submitted(ack: Ack, body: Body, client: WebClient) -> None:
        g = gesture(body)
        if g.sheet is None or not g.sheet.m:
            ack(response_action="errors", errors={block: "This form is not one of mine."})
            return
        state = deps.desk.state(g.sheet.m)
        try:
            submit(deps, g, state, g.sheet.d)
        except FerrybotError as error:
            ack(response_action="errors", errors={block: unmarked(f"{error.what} {error.remedy}".strip())})
            return
        ack()
        home.refresh(deps, client, state, g.user.id)


def _open(deps: Deps, client: WebClient, g: Gesture, view: Callable[[State, str], View]) -> None:
    if g.ref is None:
        raise Refused("This button is not one of mine.")
    state = deps.desk.state(g.ref.m)
    demand_digest(state, g.ref.d)
    try:
        # A trigger lives three seconds: the modal first, who may do it is decided when it is submitted.
        client.views_open(trigger_id=g.trigger, view=view(state, g.ref.d))
    except SlackApiError as error:
        log.warning("modal not opened", code=error.response.get("error"))
        tell(client, g, "The form could not be opened; please press the button again.")


def _obey_approver(deps: Deps, g: Gesture, state: State, command: Command) -> None:
    """Live entitlement at this very click; that this person was asked, the ledger decides."""
    demand_digest(state, g.ref.d if g.ref else g.sheet.d if g.sheet else "")
    asking.demand_approver(deps, state, g.user.id, voices.voice(state, g.user.id))
    deps.desk.obey(state.id, command)


def _approve(deps: Deps, g: Gesture, state: State, digest: str) -> None:
    consent = Approval(by=g.user, digest=digest, at=datetime.now(UTC))
    lapse.strike(deps, state)
    _obey_approver(deps, g, state, Approve(approval=consent))


def _revoke(deps: Deps, g: Gesture, state: State, digest: str) -> None:
    # Whoever has approved may always take it back, also one who may not approve any more.
    deps.desk.obey(state.id, Revoke(by=g.user, digest=digest))


def _decline(deps: Deps, g: Gesture, state: State, digest: str) -> None:
    reason = typed(g.values, "reason", "reason_input")
    _obey_approver(deps, g, state, Decline(by=g.user, digest=digest, reason=reason))


def _delegate(deps: Deps, g: Gesture, state: State, digest: str) -> None:
    cell = g.values.get("person", {}).get("person_select") or {}
    to = Person(id=str(cell.get("selected_user") or ""))
    if not to.id:
        raise Refused("Please choose a person.")
    asking.demand_nameable(deps, to.id)
    _obey_approver(deps, g, state, Delegate(by=g.user, to=to, digest=digest))


def _break_glass(deps: Deps, g: Gesture, state: State, digest: str) -> None:
    reason = typed(g.values, "reason", "reason_input")
    asking.demand_glass(deps, state, g.user.id)
    deps.desk.obey(state.id, BreakGlass(by=g.user, digest=digest, reason=reason, at=datetime.now(UTC)))
    log.warning("GLASS BROKEN: a run starts without approvals", migration=state.id, by=g.user.id, digest=digest)


def _ask_again(deps: Deps, g: Gesture, state: State, digest: str) -> None:
    """One press: the same plan, the consents that its requester gave before, and new people's eyes on it."""
    if state.requester is None or g.user.id != state.requester.id:
        raise Refused("Only the person who asked for this migration may ask again.")
    command = asking.request(deps, state, g.user, digest, state.acknowledged, state.typed)
    wish = Wish(start_at=state.start_at, pause_at_close=state.pause_at_close)
    deps.desk.obey(state.id, command.model_copy(update={"at": datetime.now(UTC), "wish": wish}))
