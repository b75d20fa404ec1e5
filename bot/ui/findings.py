"""Step 2, Validation: the source's form and the checks as they finish. Pure: state -> view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.refs import Ref, Sheet
from bot.ui import safety
from bot.ui import text as t
from bot.ui.configure import TITLE, engine_name, service_option, steps
from bot.ui.text import Block, View
from jobs.core.model import (
    CheckResult,
    Dialect,
    Finding,
    Service,
    Severity,
    TlsMode,
    TypedSource,
    blockers,
    warnings,
)
from jobs.core.pairs import SOURCES
from jobs.core.state import State, Status

CALLBACK = "ferrybot_validation"
SERVICE, TYPED = "service", "typed"
CHECKS_TEXT = 20_000
"""Characters of all checks in the modal: a view may weigh 250 kB as JSON, and a character up to 12 bytes of it
(docs.slack.dev/reference/methods/views.open, view_too_large)."""

ICONS = {
    Severity.block: ":no_entry:",
    Severity.unknown: ":eyes:",
    Severity.warn: ":warning:",
    Severity.inform: ":information_source:",
}
WORDS = {
    Severity.block: "blocks",
    Severity.unknown: "unknown",
    Severity.warn: "warning",
    Severity.inform: "note",
}

_KINDS = {
    SERVICE: t.option("Another service", SERVICE, "A database that Ferrybot knows"),
    TYPED: t.option("Connection details", TYPED, "Host, port, database and user"),
}
_TLS = {
    TlsMode.verify_full: t.option("Verified: encrypted, certificate checked", "verify-full"),
    TlsMode.require: t.option("Required: encrypted, certificate not checked", "require"),
    TlsMode.prefer: t.option("Preferred: encrypted if the server offers it", "prefer"),
    TlsMode.disable: t.option("Off: not encrypted", "disable"),
}


@dataclass(frozen=True)
class Form:
    """The source's form as it is being filled in; what was typed survives every re-rendering."""

    kind: str = SERVICE
    service: Service | None = None
    typed: Mapping[str, str] = field(default_factory=dict)
    password_link: str = ""
    password_given: bool = False


def form_of(state: State) -> Form:
    """The form as it was submitted last; never a password."""
    source = state.source
    if isinstance(source, Service):
        return Form(kind=SERVICE, service=source)
    if isinstance(source, TypedSource):
        secret = source.password or ""
        typed = {
            "engine": source.engine.value,
            "host": source.host,
            "port": str(source.port),
            "database": source.database,
            "user": source.user,
            "tls": source.tls.value,
            "secret_ref": "" if secret.startswith("once:") else secret,
        }
        return Form(kind=TYPED, typed=typed, password_given=secret.startswith("once:"))
    return Form()


def view(state: State, form: Form | None = None) -> View:
    """The modal of step 2 in every state of the check."""
    form = form or form_of(state)
    # What one must do next stands first: below a long form it would not be seen.
    first = _password(form) if form.kind == TYPED else []
    blocks = [steps(2), *first, _summary(state), *_form(form, state), *_checks(state), _buttons(state)]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": Sheet(m=state.id, step="validation", channel=state.channel).pack(),
        "title": t.label(TITLE, 24),
        "submit": t.label(submit_word(state), 24),
        "close": t.label("Close", 24),
        "notify_on_close": True,
        "blocks": t.within(blocks, t.MODAL_BLOCKS),
    }


def submit_word(state: State) -> str:
    return "Continue" if state.status is Status.ready else "Run check"


def _summary(state: State) -> Block:
    target = state.target
    name = f"*{t.plain(target.name)}* ({engine_name(target.engine)}, {target.environment})" if target else "?"
    asks = "\nWhere does the data come from?" if state.status is Status.draft else ""
    return t.section(f"Target: {name}{asks}", block_id="summary")


def faults(state: State) -> dict[str, str]:
    """What the checks found wrong with a field of the form: field -> message."""
    found = [f for r in state.results for f in r.findings if f.field and f.severity is Severity.block]
    return {_FIELD_BLOCKS.get(f.field, f.field): f.message for f in reversed(found) if f.side != "target"}


_FIELD_BLOCKS = {"password": "secret_ref", "source": "source_service"}


def _marked(blocks: list[Block], faults: Mapping[str, str]) -> list[Block]:
    """Each field's fault directly under it: an answer that comes later than the submission cannot be an error of
    Slack's own form."""
    made: list[Block] = []
    for block in blocks:
        made.append(block)
        fault = faults.get(block.get("block_id", ""))
        if fault:
            made.append(t.context(f":no_entry: {t.plain(t.clip(fault, 600))}", block_id=f"fault_{block['block_id']}"))
    return made


def _form(form: Form, state: State) -> list[Block]:
    kind: Block = {
        "type": "radio_buttons",
        "action_id": "source_kind_radio",
        "options": list(_KINDS.values()),
        "initial_option": _KINDS[form.kind],
    }
    blocks = [t.field("source_kind", "Source", kind, dispatch=True)]
    fields = _service_fields(form) if form.kind == SERVICE else _typed_fields(form, engines(state))
    return blocks + _marked(fields, faults(state))


def engines(state: State) -> tuple[Dialect, ...]:
    """What a source may be, for the target that was chosen; the likeliest first."""
    return SOURCES[state.target.engine if state.target else Dialect.postgresql]


def engine_of(form: Form, state: State) -> Dialect:
    """The engine of typed connection details."""
    offered = engines(state)
    return next((engine for engine in offered if engine == form.typed.get("engine")), offered[0])


def _service_fields(form: Form) -> list[Block]:
    element: Block = {
        "type": "external_select",
        "action_id": "source_service_select",
        "min_query_length": 0,
        "placeholder": t.label("Search a service"),
    }
    if form.service is not None:
        element["initial_option"] = service_option(form.service)
    return [t.field("source_service", "Source service", element)]


def _typed_fields(form: Form, engines: Sequence[Dialect]) -> list[Block]:
    typed = form.typed
    tls: Block = {
        "type": "static_select",
        "action_id": "tls_select",
        "options": list(_TLS.values()),
        "initial_option": _TLS[TlsMode(typed.get("tls") or "require")],
    }
    return [
        *_engine(typed.get("engine", ""), engines),
        t.field("host", "Host", _line("host_input", typed.get("host", ""), "db-1.example.com", 253)),
        t.field("port", "Port", _line("port_input", typed.get("port", ""), "", 5), optional=True, hint=_PORTS),
        t.field("database", "Database", _line("database_input", typed.get("database", ""), "shop", 64)),
        t.field("user", "User", _line("user_input", typed.get("user", ""), "ferry_reader", 80)),
        t.field("tls", "Encryption (TLS)", tls),
        t.field(
            "secret_ref",
            "Password reference",
            _line(
                "secret_ref_input", typed.get("secret_ref", ""), "env:SHOP_PASSWORD or file:/run/secrets/shop", 200
            ),
            optional=True,
            hint="Where the workers find the password. Leave it empty to type the password on a one-time page; "
            "never write a password here.",
        ),
    ]


_PORTS = "Leave it empty for the usual one: 5432 of PostgreSQL, 3306 of MySQL and MariaDB."


def _engine(chosen: str, engines: Sequence[Dialect]) -> list[Block]:
    """Asked only where the target takes several."""
    if len(engines) < 2:
        return []
    options = {engine: t.option(engine_name(engine), engine.value) for engine in engines}
    select: Block = {
        "type": "static_select",
        "action_id": "engine_select",
        "options": list(options.values()),
        "initial_option": options[next((engine for engine in engines if engine == chosen), engines[0])],
    }
    return [t.field("engine", "Kind of server", select)]


def _password(form: Form) -> list[Block]:
    if form.password_link:
        link = t.button("Enter the password", "password_page_open", "open", style="primary", url=form.password_link)
        text = (
            ":key: Open the one-time page to enter the password. The page works once, for ten minutes, and only for "
            "this migration. The check starts by itself afterwards."
        )
        return [t.section(text, block_id="password_page", accessory=link)]
    if form.password_given:
        return [t.context(":key: The password was entered on the one-time page.", block_id="password_given")]
    return []


def _line(action_id: str, value: str, placeholder: str, limit: int) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": action_id,
        "max_length": limit,
    }
    if placeholder:
        element["placeholder"] = t.label(placeholder, t.PLACEHOLDER)
    if value:
        element["initial_value"] = value[:limit]
    return element


def _checks(state: State) -> list[Block]:
    if state.status is Status.draft or (state.status is Status.new):
        return [t.context("*Run check* reads both servers. It changes nothing on either.", block_id="checks_hint")]
    blocks = [t.divider(), t.section(headline(state), block_id="checks_head")]
    for index, chunk in enumerate(chunks(_fitting(lines(state.results)), t.SECTION - 100)):
        blocks.append(t.section("\n".join(chunk), block_id=f"checks_{index}"))
    if state.problem is not None and state.status is Status.blocked:
        what, remedy = t.plain(state.problem.what, 1500), t.clip(t.escape(state.problem.remedy), 1400)
        blocks.append(t.section(f":no_entry: {what}\n{remedy}", block_id="checks_problem"))
    return blocks


def _fitting(told: Sequence[str]) -> list[str]:
    """As many lines as a modal may weigh; the gravest come first, so what is left out is what passed."""
    room, shown = CHECKS_TEXT, list[str]()
    for line in told:
        if len(line) > room:
            return [*shown, f"… and {t.count(len(told) - len(shown), 'line')} more; the full list is in *Show logs*."]
        shown.append(line)
        room -= len(line)
    return shown


def headline(state: State) -> str:
    """The state of the checks in one line."""
    done = len(state.results)
    if state.status is Status.configured:
        return ":hourglass_flowing_sand: *Checks are waiting for a worker…*"
    if state.status is Status.validating:
        return f":hourglass_flowing_sand: *Checking…* {t.count(done, 'check')} finished"
    stop, warn = len(blockers(state.results)), len(warnings(state.results))
    if state.plan is None:
        return f":no_entry: *Not ready:* {t.count(max(1, stop), 'finding')} to mend. Mend, then *Re-run check*."
    if warn:
        return f":white_check_mark: *{done} checks ran, nothing blocks.* {t.count(warn, 'finding')} to acknowledge."
    return f":white_check_mark: *{t.count(done, 'check')} passed.* Nothing stands in the way."


def lines(results: Sequence[CheckResult], limit: int = 20) -> list[str]:
    """Findings first, most severe first, then what passed in one line each; `limit` findings in full."""
    order = list(Severity)
    found = sorted((f for r in results for f in r.findings), key=lambda f: order.index(f.severity))
    told = [finding_line(f) for f in found[:limit]]
    if len(found) > limit:
        told.append(f"… and {t.count(len(found) - limit, 'finding')} more; the full list is in *Show logs*.")
    skipped = [f":white_circle: {_short(r.title)}: not looked at, {_short(r.skipped)}" for r in results if r.skipped]
    passed = [_passed(r) for r in results if not r.findings and not r.skipped]
    return told + passed + skipped


def _passed(result: CheckResult) -> str:
    detail = f" _{_short(result.detail)}_" if result.detail else ""
    return f":heavy_check_mark: {_short(result.title)}{detail}"


def _short(text: str) -> str:
    """A check that found nothing gets a line, not a paragraph."""
    return t.plain(text, 200)


def acknowledged(state: State, limit: int = 3) -> list[Block]:
    """What the requester has read and goes on with; whoever approves answers for it, too."""
    found = warnings(state.results)
    if not found:
        return []
    who = f" by {t.mention(state.requester.id)}" if state.requester else ""
    told = [f"*{t.count(len(found), 'finding')} acknowledged{who}:*"]
    told += [t.clip(finding_line(finding, remedy=False), 250) for finding in found[:limit]]
    if len(found) > limit:
        told.append(f"… and {len(found) - limit} more, all told in the thread.")
    return [t.section("\n".join(told), block_id="acknowledged")]


def finding_line(finding: Finding, *, remedy: bool = True) -> str:
    """One finding, with its remedy where that is still to be done."""
    where = f" {t.code(t.clip(finding.object, 120))}" if finding.object else ""
    then = f"\n      → {_remedy(finding.remedy)}" if remedy and finding.remedy else ""
    text = t.plain(finding.message, 700)
    return f"{ICONS[finding.severity]} *{WORDS[finding.severity]}*{where}: {text}{then}"


def _remedy(text: str) -> str:
    """SQL keeps its own characters: a `*` in a statement is not a mark."""
    return t.clip(t.escape(" ".join(text.split())), 900)


def chunks(rows: Sequence[str], limit: int) -> list[list[str]]:
    """Rows packed into groups of at most `limit` characters."""
    groups: list[list[str]] = []
    room = 0
    for row in rows:
        row = t.clip(row, limit)
        if not groups or len(row) + 1 > room:
            groups.append([])
            room = limit
        groups[-1].append(row)
        room -= len(row) + 1
    return groups


def _buttons(state: State) -> Block:
    value = Ref(m=state.id).pack()
    made = [t.button("Back", "back_to_configure", value, said="Back to step 1, Configure")]
    if state.status in (Status.blocked, Status.ready):
        made.append(t.button("Re-run check", "rerun_check", value))
    made += safety.ways_out(state)
    return t.actions("validation_actions", made)
