"""Step 2: the source, its password, and the check."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from slack_bolt import Ack, App
from slack_sdk.web import WebClient

from bot.deps import Deps
from bot.gestures import Body, Gesture, gesture, log, refusing, show, tell, typed
from bot.listeners.configure import demand_mine, service_named, suggest
from bot.modals import Open
from bot.screens import closed as tell_thread
from bot.ui import configure, findings, plan
from bot.ui.configure import engine_name
from bot.ui.findings import SERVICE, TYPED, Form
from bot.ui.text import unmarked
from jobs.adapters.resolve import resolve_host
from jobs.core.commands import Configure
from jobs.core.errors import FerrybotError
from jobs.core.model import Dialect, Person, Service, TypedSource
from jobs.core.state import State, Status
from jobs.core.urls import DEFAULT_PORTS
from jobs.desk import deliver

RESOLVE_SECONDS = 1.5
"""A name server may be slow, Slack's three seconds for an answer are not."""

_FIELDS = ("host", "port", "database", "user", "secret_ref")
_resolver = concurrent.futures.ThreadPoolExecutor(max_workers=4, thread_name_prefix="resolve")


def register(app: App, deps: Deps) -> None:
    """Hangs the listeners of step 2 into `app`."""

    @app.options("source_service_select")
    def services(ack: Ack, body: Body) -> None:
        made = gesture(body).sheet
        state = deps.desk.state(made.m) if made and made.m else None
        ack(options=suggest(deps, body, findings.engines(state) if state else ()))

    @app.action("source_kind_radio")
    def kind_chosen(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        with_state(deps, client, g, lambda state: _render(deps, client, g, state))

    @app.action("back_to_configure")
    def back(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        with_state(deps, client, g, lambda state: _back(deps, client, g, state))

    @app.action("rerun_check")
    def rerun(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        with_state(deps, client, g, lambda state: _rerun(deps, client, g, state))

    for action_id, change in _CHOICES.items():
        _choice(app, deps, action_id, change)

    @app.action("password_page_open")
    def page_opened(ack: Ack) -> None:
        ack()

    @app.view(findings.CALLBACK)
    def submitted(ack: Ack, body: Body) -> None:
        _submit(deps, ack, gesture(body))

    @app.view_closed(findings.CALLBACK)
    def closed(ack: Ack, body: Body) -> None:
        ack()
        forget(deps, gesture(body))

    @app.view_closed(plan.CALLBACK)
    def plan_closed(ack: Ack, body: Body) -> None:
        ack()
        forget(deps, gesture(body))


_CHOICES: Mapping[str, Mapping[str, bool]] = {
    "choose_overwrite": {"overwrite": True},
    "refuse_overwrite": {"overwrite": False},
    "refuse_hold": {"hold_source": False},
}


def _choice(app: App, deps: Deps, action_id: str, change: Mapping[str, bool]) -> None:
    @app.action(action_id)
    def chosen(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        g = gesture(body)
        with_state(deps, client, g, lambda state: _rerun(deps, client, g, state, **change))


def forget(deps: Deps, g: Gesture) -> None:
    """The modal is gone; what still runs is told in the thread."""
    if g.sheet is None or not g.sheet.m:
        return
    opened = deps.modals.open(g.sheet.m)
    if opened is not None and opened.view_id == g.view_id:
        deps.modals.forget(g.sheet.m)
        tell_thread(deps.desk, deps.desk.state(g.sheet.m))


def with_state(deps: Deps, client: WebClient, g: Gesture, act: Any) -> None:
    """Runs `act(state)` for the person whose form this is; anybody else is told whose it is."""
    if g.sheet is None or not g.sheet.m:
        tell(client, g, "This form is not one of mine; please begin again with `/migrate`.")
        return
    state = deps.desk.state(g.sheet.m)

    def run() -> None:
        demand_mine(state, g.user.id)
        act(state)

    refusing(client, g, run)


def form_typed(deps: Deps, g: Gesture, state: State) -> Form:
    """The form as it stands in the modal, over what was typed before."""
    before = deps.modals.form(state.id) or findings.form_of(state)
    kind = typed(g.values, "source_kind", "source_kind_radio") or before.kind
    service = service_named(deps, typed(g.values, "source_service", "source_service_select")) or before.service
    fields = {name: typed(g.values, name, f"{name}_input") for name in _FIELDS if name in g.values}
    if "tls" in g.values:
        fields["tls"] = typed(g.values, "tls", "tls_select")
    if "engine" in g.values:
        fields["engine"] = typed(g.values, "engine", "engine_select")
    return replace(before, kind=kind, service=service, typed={**before.typed, **fields}, password_link="")


def _render(deps: Deps, client: WebClient, g: Gesture, state: State) -> None:
    form = form_typed(deps, g, state)
    deps.modals.keep_form(state.id, form)
    show(deps, client, g, state.id, "validation", findings.view(state, form), state.version)


def _back(deps: Deps, client: WebClient, g: Gesture, state: State) -> None:
    deps.modals.keep_form(state.id, form_typed(deps, g, state))
    deps.modals.forget(state.id)
    show(deps, client, g, "", "configure", configure.view(configure.draft_of(state)), state.version)


def _submit(deps: Deps, ack: Ack, g: Gesture) -> None:
    """*Run check*, or *Continue* when what was checked is still what the form says."""
    if g.sheet is None or not g.sheet.m:
        ack(response_action="clear")
        return
    state = deps.desk.state(g.sheet.m)
    try:
        demand_mine(state, g.user.id)
    except FerrybotError as error:
        ack(response_action="errors", errors={next(iter(g.values), "source_kind"): unmarked(error.what)})
        return
    form = form_typed(deps, g, state)
    deps.modals.keep_form(state.id, form)
    source, errors = source_of(deps, form, state)
    if errors:
        ack(response_action="errors", errors={k: v for k, v in errors.items() if k in g.values} or _first(errors, g))
        return
    if state.status is Status.ready and source is not None and source == state.source:
        ack(response_action="update", view=plan.view(state))
        _remember(deps, g, state, "migration")
        return
    if source is None:
        _ask_password(deps, ack, g, state, form)
        return
    try:
        after = deps.desk.obey(state.id, Configure(by=g.user, source=source, options=state.options, key=g.key))
    except FerrybotError as error:
        ack(response_action="errors", errors={"source_kind": unmarked(error.what)})
        return
    deps.modals.drop_form(state.id)
    ack(response_action="update", view=findings.view(after))
    _remember(deps, g, after, "validation")
    # A check may have been over before this view was known: the courier looks once more.
    deps.desk.queue.ring(deliver(after.id, f"m{after.version}"))


def _first(errors: Mapping[str, str], g: Gesture) -> dict[str, str]:
    """An error whose field is not shown stands at the first one that is."""
    return {next(iter(g.values), "source_kind"): next(iter(errors.values()))}


def _remember(deps: Deps, g: Gesture, state: State, step: str) -> None:
    # Slack does not tell the hash of a view that an acknowledgement replaced; the courier's next answer does.
    deps.modals.remember(state.id, Open(view_id=g.view_id, step=step, user=g.user.id, version=state.version))


def _rerun(deps: Deps, client: WebClient, g: Gesture, state: State, **change: bool) -> None:
    form = form_typed(deps, g, state)
    deps.modals.keep_form(state.id, form)
    source, errors = source_of(deps, form, state)
    if errors or source is None:
        said = "; ".join(errors.values()) or "Press the submit button to enter the password first."
        tell(client, g, f"The check was not started: {said}")
        return
    options = state.options.model_copy(update=change)
    after = deps.desk.obey(state.id, Configure(by=g.user, source=source, options=options, key=g.key))
    deps.modals.drop_form(state.id)
    show(deps, client, g, state.id, "validation", findings.view(after), after.version)


def source_of(deps: Deps, form: Form, state: State) -> tuple[Service | TypedSource | None, dict[str, str]]:
    """The source that the form describes, errors by field; (None, {}) when only the password is missing."""
    if form.kind == SERVICE:
        if form.service is None:
            return None, {"source_service": "Choose the service to copy from."}
        if state.target is not None and form.service.name == state.target.name:
            return None, {"source_service": "Source and target are the same service; choose another source."}
        if form.service.engine not in findings.engines(state):
            names = (
                f"{engine_name(form.service.engine)} to {engine_name(state.target.engine)}" if state.target else ""
            )
            return None, {"source_service": f"Moving from {names} is not supported; choose another source."}
        return form.service, {}
    return _typed_source(deps, form, state)


def _typed_source(deps: Deps, form: Form, state: State) -> tuple[TypedSource | None, dict[str, str]]:
    errors = {k: f"Please fill this in: {k}." for k in ("host", "database", "user") if not form.typed.get(k)}
    if errors:
        return None, errors
    engine = findings.engine_of(form, state)
    try:
        source = TypedSource(
            engine=engine,
            host=form.typed["host"],
            port=_port(form, engine),
            database=form.typed["database"],
            user=form.typed["user"],
            tls=form.typed.get("tls") or "require",
            password=form.typed.get("secret_ref") or None,
            allowed_hosts=deps.config.typed_sources.allowed_hosts,
        )
    except ValidationError as error:
        return None, _field_errors(error)
    if source.password is not None and source.password.startswith("once:"):
        return None, {"secret_ref": "Write env:NAME or file:/PATH, or leave it empty for the one-time page."}
    if source.password is not None and not deps.config.typed_sources.secret_allowed(source.password):
        return None, {
            "secret_ref": "This reference is not listed under typed_sources.allowed_secrets in ferrybot.yaml. "
            "Leave the field empty to type the password on a one-time page."
        }
    refused = _host_refused(deps, source)
    if refused:
        return None, {"host": refused}
    if source.password is not None:
        return source, {}
    known = state.source
    if isinstance(known, TypedSource) and known.password and known.model_copy(update={"password": None}) == source:
        return known, {}
    if deps.settings.public_url is None or deps.settings.secret_key is None:
        return None, {
            "secret_ref": "This installation has no one-time page (PUBLIC_URL and FERRYBOT_SECRET_KEY): "
            "give a reference, env:NAME or file:/PATH."
        }
    return None, {}


def _port(form: Form, engine: Dialect) -> int:
    """The engine's own where none was typed; 0, which is refused, for what is no number."""
    text = form.typed.get("port", "")
    if not text:
        return DEFAULT_PORTS[engine]
    return int(text) if text.isdigit() else 0


_SAID = {
    "port": "A port is a number from 1 to 65535.",
    "password": "Write a reference, env:NAME or file:/PATH; never the password itself.",
}


def _field_errors(error: ValidationError) -> dict[str, str]:
    found = {str(e["loc"][0]): str(e["msg"]) for e in error.errors(include_input=False)}
    return {("secret_ref" if k == "password" else k): _SAID.get(k, m) for k, m in found.items()}


def _host_refused(deps: Deps, source: TypedSource) -> str | None:
    """Why this host is not allowed; None when it is. Unknown names are refused here already."""
    try:
        addresses = _resolver.submit(resolve_host, source.host, source.port).result(RESOLVE_SECONDS)
    except concurrent.futures.TimeoutError:
        return "This host name could not be looked up in time; please try again."
    except (OSError, ValueError):
        addresses = ()
    refused = deps.config.host_allowed(source.host, addresses)
    if refused:
        return refused
    return None if addresses else "This host name is unknown here. Check its spelling."


def _ask_password(deps: Deps, ack: Ack, g: Gesture, state: State, form: Form) -> None:
    """Only the password is missing: a link to the page where it is typed, once."""
    about = f"{form.typed.get('user')} at {form.typed.get('host')}"
    token = deps.links.make(state.id, g.user.id, about)
    link = f"{deps.settings.public_url}/secret/{token}"
    shown = replace(form, kind=TYPED, password_link=link)
    ack(response_action="update", view=findings.view(state, shown))
    _remember(deps, g, state, "validation")


def password_given(deps: Deps, migration: str, user: str, reference: str) -> None:
    """The one-time page was used: the check begins by itself."""
    state = deps.desk.state(migration)
    form = deps.modals.form(migration)
    try:
        demand_mine(state, user)
        if form is None:
            raise FerrybotError("The form is gone.")
        source, errors = _typed_source(deps, replace(form, typed={**form.typed, "secret_ref": ""}), state)
        if errors or (source is not None and source.password is None):
            raise FerrybotError("The form changed.")
        made = _with_password(deps, form, state, reference)
        deps.desk.obey(migration, Configure(by=Person(id=user), source=made, options=state.options, key=reference))
        deps.modals.drop_form(migration)
    except (FerrybotError, ValidationError) as error:
        deps.secrets.forget(reference)
        log.info("password not used", migration=migration, reason=type(error).__name__)


def _with_password(deps: Deps, form: Form, state: State, reference: str) -> TypedSource:
    values: dict[str, Any] = {k: form.typed[k] for k in ("host", "database", "user", "tls") if form.typed.get(k)}
    engine = findings.engine_of(form, state)
    allowed = deps.config.typed_sources.allowed_hosts
    return TypedSource(engine=engine, port=_port(form, engine), password=reference, allowed_hosts=allowed, **values)
