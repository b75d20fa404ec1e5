"""After a verdict: differences that a person accepts, and a finished target that is brought up to date."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from slack_bolt import Ack, App
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from bot import access
from bot.deps import Deps
from bot.gestures import Body, Gesture, gesture, log, refusing, tell, typed
from bot.ui import proof
from bot.ui.text import unmarked
from jobs.core.commands import Refresh, Waive
from jobs.core.errors import Denied, FerrybotError, Refused
from jobs.core.state import State, Status


def register(app: App, deps: Deps) -> None:
    """Hangs *Accept differences…* and *Copy changed tables again* into `app`."""

    @app.action("accept_differences")
    def asked(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        refusing(client, g, lambda: _ask_reason(deps, client, g))

    @app.view(proof.CALLBACK)
    def accepted(ack: Ack, body: Body, client: WebClient) -> None:
        g = gesture(body)
        try:
            _accept(deps, g)
        except FerrybotError as error:
            ack(response_action="errors", errors={"reason": unmarked(error.what)})
            return
        ack()

    @app.action("refresh")
    def refresh(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        refusing(client, g, lambda: _refresh(deps, g))


def _ask_reason(deps: Deps, client: WebClient, g: Gesture) -> None:
    state = _state_of(deps, g)
    if state.status is not Status.failed or not state.differences or state.rows:
        raise Refused("There is nothing to accept any more; the card shows what can be done now.")
    try:
        # A trigger lives three seconds: the modal first, who may accept is decided when it is submitted.
        client.views_open(trigger_id=g.trigger, view=proof.modal(state))
    except SlackApiError as error:
        log.warning("modal not opened", code=error.response.get("error"))
        tell(client, g, "The form could not be opened; please press the button again.")


def _accept(deps: Deps, g: Gesture) -> None:
    """Exactly the differences that were shown, or nothing."""
    if g.sheet is None or not g.sheet.m:
        raise Refused("This form is not one of mine.")
    state = deps.desk.state(g.sheet.m)
    _demand(deps, state, g.user.id, "accept")
    if state.rows or g.sheet.d != proof.digest(state.differences):
        raise Refused("The differences changed since this form was shown; please open it again.")
    keys = tuple(difference.key for difference in state.differences)
    deps.desk.obey(
        state.id, Waive(by=g.user, keys=keys, reason=typed(g.values, "reason", "reason_input"), at=datetime.now(UTC))
    )


def _refresh(deps: Deps, g: Gesture) -> None:
    state = _state_of(deps, g)
    _demand(deps, state, g.user.id, "refresh")
    deps.desk.obey(state.id, Refresh(by=g.user, at=datetime.now(UTC)))


def _state_of(deps: Deps, g: Gesture) -> State:
    """The state that the button was shown with. Raises `Refused` when it is a later one."""
    if g.ref is None:
        raise Refused("This button is not one of mine.")
    state = deps.desk.state(g.ref.m)
    if g.ref.r != state.run:
        raise Refused("This button belongs to an earlier state; the card shows what can be done now.")
    return state


def _demand(deps: Deps, state: State, user: str, verb: Literal["refresh", "accept"]) -> None:
    """Asks Slack at this very click."""
    groups = deps.people.groups(access.operate_groups_needed(state, deps.config), live=True)
    decision = access.may_answer_for(state, deps.config, deps.people.who(user), groups, verb)
    if isinstance(decision, access.Denied):
        raise Denied(decision.reason)
