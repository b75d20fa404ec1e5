"""Step 3 and after: the plan's options, **Migrate**, and the buttons of the card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError
from slack_bolt import Ack, App
from slack_sdk.web import WebClient

from bot import access, asking
from bot.deps import Deps
from bot.gestures import Body, Gesture, gesture, refusing, said, show, ticked, typed
from bot.listeners.configure import demand_mine, go_on_with
from bot.listeners.logs import readable
from bot.listeners.schedule import wish_of
from bot.listeners.validation import with_state
from bot.modals import Open
from bot.ui import canonical, findings, plan, questions, safety
from bot.ui.text import View
from jobs.core.commands import (
    Cancel,
    Command,
    Configure,
    GiveUp,
    Pause,
    Release,
    Resume,
    Revalidate,
    RollBack,
)
from jobs.core.errors import Denied, FerrybotError, Refused
from jobs.core.gate import name_to_type
from jobs.core.model import Options, Question, Scope, warnings
from jobs.core.state import FORM, State


def register(app: App, deps: Deps) -> None:
    """Hangs step 3 and the card's buttons into `app`."""

    @app.view(plan.CALLBACK)
    def submitted(ack: Ack, body: Body) -> None:
        _submit(deps, ack, gesture(body))

    @app.action("update_plan")
    def update_plan(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        with_state(deps, client, g, lambda state: _update(deps, client, g, state))

    def turned(ack: Ack, body: Body, client: WebClient, step: int) -> None:
        ack()
        g = gesture(body)
        with_state(deps, client, g, lambda state: _turn(deps, client, g, state, step))

    app.action("questions_next")(lambda ack, body, client: turned(ack, body, client, 1))
    app.action("questions_previous")(lambda ack, body, client: turned(ack, body, client, -1))

    @app.action("back_to_validation")
    def back(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        with_state(deps, client, g, lambda state: _back(deps, client, g, state))

    _card_buttons(app, deps)
    _readers(app, deps)


def _card_buttons(app: App, deps: Deps) -> None:
    def button(action_id: str, verb: access.Verb, command: Callable[[Gesture], Command]) -> None:
        @app.action(action_id)
        def pressed(ack: Ack, body: Body, client: WebClient) -> None:
            ack()
            g = gesture(body)
            refusing(client, g, lambda: _operate(deps, g, verb, command(g)))

    button("pause", "pause", lambda g: Pause(by=g.user))
    button("resume", "resume", lambda g: Resume(by=g.user, at=datetime.now(UTC)))
    button("retry", "retry", lambda g: Resume(by=g.user, at=datetime.now(UTC)))
    button("cancel", "cancel", lambda g: Cancel(by=g.user))
    button("release", "release", lambda g: Release(by=g.user))
    button("roll_back", "roll back", lambda g: RollBack(by=g.user))
    button("give_up", "cancel", lambda g: GiveUp(by=g.user))
    button("revalidate", "revalidate", lambda g: Revalidate(by=g.user))

    @app.action("open_migration")
    def open_migration(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        if g.ref is not None:
            go_on_with(deps, client, g, g.ref.m)


def _operate(deps: Deps, g: Gesture, verb: access.Verb, command: Command) -> None:
    """Authorises the click anew, and refuses one that belongs to an earlier run."""
    if g.ref is None:
        raise Refused("This button is not one of mine.")
    state = deps.desk.state(g.ref.m)
    groups = deps.people.groups(access.operate_groups_needed(state, deps.config))
    decision = access.may_operate(state, deps.config, g.user.id, groups, verb)
    if isinstance(decision, access.Denied):
        raise Denied(decision.reason)
    if g.ref.r != state.run:
        raise Refused("This button belongs to an earlier state; the card shows what can be done now.")
    deps.desk.obey(state.id, command)


def _readers(app: App, deps: Deps) -> None:
    """The read-only modal of the whole plan, on pages; the log's is in `bot.listeners.logs`."""

    def plan_view(state: State, page: int) -> View:
        if state.plan is None:
            raise Refused("There is no plan yet.")
        return plan.whole(state, page)

    def canonical_view(state: State, page: int) -> View:
        if state.plan is None:
            raise Refused("There is no plan yet.")
        return canonical.view(state, page)

    for name, view in (("plan", plan_view), ("canonical", canonical_view)):
        _reader(app, deps, name, view)


def _reader(app: App, deps: Deps, name: str, view: Callable[[State, int], View]) -> None:
    @app.action(f"show_{name}")
    def opened(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        refusing(client, g, lambda: _read(deps, client, g, g.ref.m if g.ref else "", view, 0))

    def turned(ack: Ack, body: Body, client: WebClient, step: int) -> None:
        ack()
        g = gesture(body)
        page = max(0, (g.sheet.page if g.sheet else 0) + step)
        refusing(client, g, lambda: _read(deps, client, g, g.ref.m if g.ref else "", view, page))

    app.action(f"{name}_next")(lambda ack, body, client: turned(ack, body, client, 1))
    app.action(f"{name}_previous")(lambda ack, body, client: turned(ack, body, client, -1))


def _read(
    deps: Deps, client: WebClient, g: Gesture, migration: str, view: Callable[[State, int], View], page: int
) -> None:
    state = readable(deps, g, migration)
    show(deps, client, g, "", "read", view(state, page), state.version)


def options_of(g: Gesture, before: Options, asked: Sequence[Question] = ()) -> Options:
    """The options as they stand in the modal; what it does not ask is as in `before`.

    Raises `Refused` for a pattern that cannot be one."""
    keep, safe = ticked(g.values, "keep", "keep_check"), ticked(g.values, "safety", "safety_check")
    lanes = typed(g.values, "parallelism", "parallelism_select")
    scope = typed(g.values, "scope", "scope_select")
    try:
        return Options(
            parallelism=int(lanes) if lanes.isdigit() else before.parallelism,
            scope=Scope(scope) if scope else before.scope,
            include=_lines(typed(g.values, "include", "include_input")),
            exclude=_lines(typed(g.values, "exclude", "exclude_input")),
            exclude_data=_lines(typed(g.values, "exclude_data", "exclude_data_input")),
            keep_owners="owners" in keep if "keep" in g.values else before.keep_owners,
            keep_grants="grants" in keep if "keep" in g.values else before.keep_grants,
            create_roles="roles" in keep if "keep" in g.values else before.create_roles,
            hold_source=safety.HOLD in safe if "safety" in g.values else before.hold_source,
            overwrite=safety.OVERWRITE in safe if "safety" in g.values else before.overwrite,
            decisions=questions.answered(g.values, asked, before),
        )
    except (ValidationError, ValueError) as error:
        raise Refused("These options do not fit; please choose again.") from error


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _left(deps: Deps, g: Gesture, state: State) -> Options:
    """The options as they stand in the modal and on the pages of questions that were turned."""
    asked = state.plan.questions if state.plan else ()
    return options_of(g, deps.modals.options(state.id, state.digest) or state.options, asked)


def _turn(deps: Deps, client: WebClient, g: Gesture, state: State, step: int) -> None:
    """Another page of questions; what was answered on this one is kept until *Update plan*."""
    left = _left(deps, g, state)
    deps.modals.keep_options(state.id, state.digest, left)
    page = max(0, (g.sheet.page if g.sheet else 0) + step)
    show(deps, client, g, state.id, "migration", plan.view(state, options=left, page=page), state.version)


def _update(deps: Deps, client: WebClient, g: Gesture, state: State) -> None:
    assert state.source is not None
    command = Configure(by=g.user, source=state.source, options=_left(deps, g, state), key=g.key, wish=wish_of(g))
    after = deps.desk.obey(state.id, command)
    show(deps, client, g, state.id, "migration", plan.view(after), after.version)


def _back(deps: Deps, client: WebClient, g: Gesture, state: State) -> None:
    show(deps, client, g, state.id, "validation", findings.view(state), state.version)


def _submit(deps: Deps, ack: Ack, g: Gesture) -> None:
    """**Migrate**: exactly the plan that is shown, or nothing."""
    if g.sheet is None or not g.sheet.m:
        ack(response_action="clear")
        return
    state = deps.desk.state(g.sheet.m)
    left: Options | None = None
    try:
        demand_mine(state, g.user.id)
        left = _left(deps, g, state)
        if state.plan is not None and left != state.plan.options:
            raise Refused("The options changed: press Update plan first, so that what runs is what you saw.")
        noted = warnings(state.results)
        if noted and "acknowledged" not in ticked(g.values, "acknowledge", "acknowledge_check"):
            ack(response_action="errors", errors={"acknowledge": "Please acknowledge the warnings."})
            return
        name = typed(g.values, "confirm_target", "confirm_target_input")
        if "confirm_target" in g.values and name != name_to_type(state):
            ack(response_action="errors", errors={"confirm_target": "This is not the target's name."})
            return
        asked = asking.request(deps, state, g.user, g.sheet.d, [f.key for f in noted], name)
        request = asked.model_copy(update={"at": datetime.now(UTC), "wish": wish_of(g)})
        # The modal is about to close: the courier, rung by the request, must not write into it.
        deps.modals.forget(state.id)
        deps.desk.obey(state.id, request)
    except FerrybotError as error:
        after = deps.desk.state(state.id)
        kept = left if after.digest == state.digest else None
        ack(response_action="update", view=plan.view(after, said(error), options=kept, page=g.sheet.page))
        if after.status in FORM:
            opened = Open(view_id=g.view_id, step="migration", user=g.user.id, version=after.version)
            deps.modals.remember(after.id, opened)
        return
    ack(response_action="clear")
