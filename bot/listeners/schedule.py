"""The time and the weight of a run: start now, another time, slow down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from slack_bolt import Ack, App
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from bot import access, lapse
from bot.deps import Deps
from bot.gestures import Body, Gesture, gesture, log, refusing, tell, ticked, typed
from bot.listeners.configure import demand_mine
from bot.ui import throttle, when
from bot.ui.text import View, unmarked
from jobs.core.commands import Reschedule, Slow, StartNow
from jobs.core.errors import Denied, FerrybotError, Refused
from jobs.core.model import Wish
from jobs.core.state import State


def register(app: App, deps: Deps) -> None:
    """Hangs *Start now*, *Change time…* and *Slow down…* into `app`."""

    @app.action("start_now")
    def start_now(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        refusing(client, g, lambda: _start(deps, g))

    _form(app, deps, "change_time", when.modal, when.CALLBACK, "start_at", _move)
    _form(app, deps, "slow_down", throttle.modal, throttle.CALLBACK, "slow_lanes", _slow)


def _form(
    app: App,
    deps: Deps,
    action: str,
    view: Callable[[State], View],
    callback: str,
    field: str,
    act: Callable[[Deps, Gesture, State], None],
) -> None:
    """A button that opens a form; who may is decided when it is submitted, since a trigger lives three seconds."""

    @app.action(action)
    def opened(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        refusing(client, g, lambda: _open(client, g, view(_state(deps, g))))

    @app.view(callback)
    def submitted(ack: Ack, body: Body) -> None:
        g = gesture(body)
        try:
            if g.sheet is None or not g.sheet.m:
                raise Refused("This form is not one of mine.")
            act(deps, g, deps.desk.state(g.sheet.m))
        except FerrybotError as error:
            ack(response_action="errors", errors={field: unmarked(f"{error.what} {error.remedy}".strip())})
            return
        ack()


def _state(deps: Deps, g: Gesture) -> State:
    """The state that the button was shown with. Raises `Refused` when it is a later one."""
    if g.ref is None:
        raise Refused("This button is not one of mine.")
    state = deps.desk.state(g.ref.m)
    if g.ref.r != state.run:
        raise Refused("This button belongs to an earlier state; the card shows what can be done now.")
    return state


def _open(client: WebClient, g: Gesture, view: View) -> None:
    try:
        client.views_open(trigger_id=g.trigger, view=view)
    except SlackApiError as error:
        log.warning("modal not opened", code=error.response.get("error"))
        tell(client, g, "The form could not be opened; please press the button again.")


def _demand(deps: Deps, state: State, user: str, verb: access.Verb) -> None:
    groups = deps.people.groups(access.operate_groups_needed(state, deps.config))
    decision = access.may_operate(state, deps.config, user, groups, verb)
    if isinstance(decision, access.Denied):
        raise Denied(decision.reason)


def _start(deps: Deps, g: Gesture) -> None:
    state = _state(deps, g)
    _demand(deps, state, g.user.id, "start")
    if not state.resuming:
        lapse.strike(deps, state)
    deps.desk.obey(state.id, StartNow(by=g.user, at=datetime.now(UTC)))


def _move(deps: Deps, g: Gesture, state: State) -> None:
    demand_mine(state, g.user.id)
    deps.desk.obey(state.id, Reschedule(by=g.user, at=datetime.now(UTC), start_at=wish_of(g).start_at))


def _slow(deps: Deps, g: Gesture, state: State) -> None:
    _demand(deps, state, g.user.id, "slow down")
    chosen = throttle.limit_of(
        typed(g.values, "slow_lanes", "slow_lanes_select"), typed(g.values, "slow_rate", "slow_rate_select")
    )
    deps.desk.obey(state.id, Slow(by=g.user, limit=chosen))


def wish_of(g: Gesture) -> Wish:
    """The start and the pause as they stand in the form."""
    cell = g.values.get("start_at", {}).get("start_at_picker") or {}
    return Wish(
        start_at=when.start_of(cell.get("selected_date_time")),
        pause_at_close=when.PAUSE in ticked(g.values, when.PAUSE, "pause_at_close_check"),
    )
