"""The gate: approve or decline exactly the plan that was shown."""

from __future__ import annotations

from datetime import UTC, datetime

from slack_bolt import Ack, App
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from bot import access
from bot.deps import Deps
from bot.gestures import Body, Gesture, gesture, log, refusing, tell, typed
from bot.ui import approval
from bot.ui.text import unmarked
from jobs.core.commands import Approve, Decline
from jobs.core.errors import Denied, FerrybotError, Refused
from jobs.core.model import Approval
from jobs.core.state import State


def register(app: App, deps: Deps) -> None:
    """Hangs Approve and Decline into `app`."""

    @app.action("approve")
    def approve(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        refusing(client, g, lambda: _approve(deps, g))

    @app.action("decline")
    def decline(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        refusing(client, g, lambda: _ask_reason(deps, client, g))

    @app.view(approval.CALLBACK)
    def declined(ack: Ack, body: Body, client: WebClient) -> None:
        g = gesture(body)
        try:
            _decline(deps, g)
        except FerrybotError as error:
            ack(response_action="errors", errors={"reason": unmarked(error.what)})
            return
        ack()


def _approve(deps: Deps, g: Gesture) -> None:
    if g.ref is None:
        raise Refused("This button is not one of mine.")
    state = deps.desk.state(g.ref.m)
    demand_approver(deps, state, g.user.id)
    consent = Approval(by=g.user, digest=g.ref.d, at=datetime.now(UTC))
    deps.desk.obey(state.id, Approve(approval=consent))


def demand_approver(deps: Deps, state: State, user: str) -> None:
    """Asks Slack at this very click; whoever cannot be looked up may not approve."""
    if state.target is None or state.requester is None:
        raise Refused("There is no such request any more.")
    person = deps.people.who(user)
    if person is None:
        raise Refused("Slack could not be asked who you are, so nothing was done. Please try again in a minute.")
    policy = deps.config.policy(state.target.environment)
    groups = deps.people.groups(access.groups_needed(deps.config, state.target, "approve"), live=True)
    decision = access.may_approve(policy, state.requester.id, person, groups)
    if isinstance(decision, access.Denied):
        raise Denied(decision.reason)


def _ask_reason(deps: Deps, client: WebClient, g: Gesture) -> None:
    if g.ref is None:
        raise Refused("This button is not one of mine.")
    digest = g.ref.d
    state = deps.desk.state(g.ref.m)
    try:
        # A trigger lives three seconds: the modal first, who may decline is decided when it is submitted.
        client.views_open(trigger_id=g.trigger, view=approval.decline(state, digest))
    except SlackApiError as error:
        log.warning("modal not opened", code=error.response.get("error"))
        tell(client, g, "The form could not be opened; please press the button again.")


def _decline(deps: Deps, g: Gesture) -> None:
    if g.sheet is None or not g.sheet.m:
        raise Refused("This form is not one of mine.")
    state = deps.desk.state(g.sheet.m)
    demand_approver(deps, state, g.user.id)
    reason = typed(g.values, "reason", "reason_input")
    deps.desk.obey(state.id, Decline(by=g.user, digest=g.sheet.d, reason=reason))
