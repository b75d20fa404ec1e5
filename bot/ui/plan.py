"""Step 3, Migration: the plan that will run, its options, and consent to the warnings. Pure: state -> view."""

from __future__ import annotations

from bot.refs import Ref, Sheet
from bot.ui import questions, safety, when
from bot.ui import text as t
from bot.ui.configure import TITLE, steps
from bot.ui.findings import acknowledged, finding_line
from bot.ui.text import Block, View
from jobs.core import rehearsal
from jobs.core.model import Dialect, Options, Scope, warnings
from jobs.core.pairs import NAMES
from jobs.core.plan import MigrationPlan, Place
from jobs.core.state import State, Status, say
from jobs.core.verdict import Rehearsal

SUMMARY = "plan_summary"
CALLBACK = "ferrybot_migration"
LARGEST = 10
PAGE = 80
"""Tables on a page of the whole plan: 80 lines of 60 characters stay under Slack's limits for a modal."""

_SCOPES = {
    Scope.everything: t.option("Schema and data", "everything"),
    Scope.schema_only: t.option("Schema only", "schema"),
    Scope.data_only: t.option("Data only", "data", "The target's tables exist and are empty"),
}
_KEEP = {
    "owners": t.option("Keep owners", "owners", "Roles must exist on the target"),
    "grants": t.option("Keep grants", "grants", "Roles must exist on the target"),
    "roles": t.option("Create missing roles", "roles", "On the target, without passwords"),
}
_LANES = (1, 2, 3, 4, 6, 8, 12, 16)


def view(state: State, note: str = "", *, options: Options | None = None, page: int = 0) -> View:
    """The modal of step 3; without a plan it says why there is none.

    `options`: as they were left in the form, if that is not the plan's; `page`: of the questions."""
    body = (
        _body(state.plan, state, options or state.plan.options, page)
        if state.plan
        else [t.section(_waiting(state), block_id="plan_waiting")]
    )
    said = [t.section(f":information_source: {note}", block_id="plan_note")] if note else []
    made: View = {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": Sheet(
            m=state.id, step="migration", channel=state.channel, d=state.digest, page=page
        ).pack(),
        "title": t.label(TITLE, 24),
        "close": t.label("Close", 24),
        "notify_on_close": True,
        "blocks": t.within([steps(3), *said, *body], t.MODAL_BLOCKS),
    }
    if state.plan is not None and state.status is Status.ready:
        made["submit"] = t.label("Migrate", 24)
    return made


def _waiting(state: State) -> str:
    if state.status in (Status.configured, Status.validating):
        return f":hourglass_flowing_sand: *Checking again with the new options…* {len(state.results)} checks finished"
    return ":no_entry: There is no plan: a check blocks. Go back to Validation and mend it."


def _body(plan: MigrationPlan, state: State, options: Options, page: int) -> list[Block]:
    gate = state.policy.approvals
    consent = (
        f":lock: *{t.escape(str(plan.target.environment)).capitalize()}:* after *Migrate*, "
        f"{t.count(gate, 'person', 'people')} must approve exactly this plan before anything is written."
        if gate
        else f":arrow_forward: After *Migrate* the run starts {when.how_soon(state)}: "
        "this environment needs no approval."
    )
    shown = [
        t.section(f"*{t.plain(plan.source.label)}*  →  *{t.plain(plan.target.label)}*", block_id="plan_title"),
        summary(plan, state.rehearsal),
        t.section(largest(plan), block_id="plan_tables"),
        t.section(order(plan), block_id="plan_steps"),
        *_left_out(plan),
        t.divider(),
    ]
    if state.status is not Status.ready:
        # No field without **Migrate** (Slack refuses inputs without a submit button): there is nothing to choose now.
        told = f":information_source: This migration is {say(state.status)}; its card in the channel tells the rest."
        return [*shown, t.section(_say_options(plan)), t.section(told, block_id="plan_status")]
    return [
        *shown,
        *_options(options, plan),
        *when.asked(state),
        *questions.blocks(plan.questions, options, state.id, page),
        t.actions(
            "migration_actions",
            [
                t.button("Back", "back_to_validation", Ref(m=state.id).pack(), said="Back to step 2, Validation"),
                t.button("Update plan", "update_plan", Ref(m=state.id).pack(), said="Check again with these options"),
            ],
        ),
        *when.blocks(state),
        *_warnings(state),
        *safety.consequences(plan.options),
        *safety.name_field(state),
        t.section(consent, block_id="plan_consent"),
    ]


def summary(plan: MigrationPlan, before: Rehearsal | None = None) -> Block:
    """What will be moved, how, and how long it may take: as long as `before`, where it was rehearsed."""
    m = plan.measures
    expected = f"about {t.span(before.seconds)}, as rehearsed" if before else t.between(m.seconds_low, m.seconds_high)
    need = t.size(m.need_bytes)
    peak = rehearsal.peak(before, plan)
    if before and before.peak and peak and (not before.peak.unseen or peak > m.need_bytes):
        # A peak of which the server did not show everything is no better than the estimate.
        need = f"{t.size(peak)}, as rehearsed,"
    have = t.size(m.have_bytes) if m.have_bytes is not None else "not measured"
    return t.fields(
        [
            ("Tables", f"{sum(table.rows_moved for table in plan.tables):,}"),
            ("Size", t.size(sum(m.table_bytes))),
            ("From", server(plan.source)),
            ("To", server(plan.target)),
            ("Lanes", str(plan.options.parallelism)),
            ("Estimate", expected),
            ("Disk need / free", f"{need} / {have}"),
            ("Plan", f"`{plan.digest[:12]}`"),
        ],
        block_id=SUMMARY,
    )


def server(place: Place) -> str:
    """PostgreSQL 16.4."""
    return f"{NAMES[place.dialect]} {version(place.server_version)}"


def version(text: str) -> str:
    """The server's version without the name of its build."""
    return t.escape(t.clip(text.split("(")[0].strip() or "?", 40))


def rows(plan: MigrationPlan) -> list[str]:
    """One line per table that moves, the largest first."""
    known = dict(
        zip(
            (x.label for x in plan.tables),
            zip(plan.measures.table_bytes, plan.measures.table_rows, strict=True),
            strict=False,
        )
    )
    moving = [x for x in plan.tables if x.rows_moved]
    moving.sort(key=lambda x: (-known.get(x.label, (0, 0))[0], x.label))
    return [
        f"{t.code(t.clip(x.label, 90))}  {t.size(known.get(x.label, (0, 0))[0])}, "
        f"{_rows(known.get(x.label, (0, -1))[1])}, {x.method}"
        for x in moving
    ]


def _rows(number: int) -> str:
    return f"about {number:,} rows" if number >= 0 else "rows unknown"


def largest(plan: MigrationPlan) -> str:
    told = rows(plan)
    if not told:
        return "*Tables:* none; only the schema travels."
    more = f"\n… and {t.count(len(told) - LARGEST, 'smaller table')}" if len(told) > LARGEST else ""
    return "*Largest tables*\n" + "\n".join(told[:LARGEST]) + more


def order(plan: MigrationPlan) -> str:
    """The phases in the order in which they run."""
    told = [f"{i}. {t.escape(s.title)}{f' ({s.count:,})' if s.count else ''}" for i, s in enumerate(plan.steps, 1)]
    return f"*What will be done*, {t.escape(plan.snapshot)}\n" + "\n".join(told)


def _left_out(plan: MigrationPlan) -> list[Block]:
    if not plan.left_out:
        return []
    told = "\n".join(f"• {t.plain(line, 180)}" for line in plan.left_out[:15])
    if len(plan.left_out) > 15:
        told += f"\n… and {t.count(len(plan.left_out) - 15, 'thing')} more"
    return [t.section(f"*What does not travel*\n{told}", block_id="plan_left_out")]


def _options(options: Options, plan: MigrationPlan) -> list[Block]:
    on = {"owners": options.keep_owners, "grants": options.keep_grants, "roles": options.create_roles}
    keep = [_KEEP[name] for name, chosen in on.items() if chosen]
    lanes = sorted({*_LANES, options.parallelism})
    parallel: Block = {
        "type": "static_select",
        "action_id": "parallelism_select",
        "options": [t.option(str(n), str(n)) for n in lanes],
        "initial_option": t.option(str(options.parallelism), str(options.parallelism)),
    }
    scope: Block = {
        "type": "static_select",
        "action_id": "scope_select",
        "options": list(_SCOPES.values()),
        "initial_option": _SCOPES[options.scope],
    }
    owners: Block = {"type": "checkboxes", "action_id": "keep_check", "options": list(_KEEP.values())}
    if keep:
        owners["initial_options"] = keep
    # A MySQL account is no owner: what becomes of definers is one of the plan's questions.
    owned = plan.source.dialect is Dialect.postgresql
    return [
        t.section(
            "*Options.* After a change press *Update plan*: what you see is what will run.", block_id="options"
        ),
        t.field("parallelism", "Lanes at once", parallel, hint="Each lane holds one connection on either side."),
        t.field("scope", "What travels", scope),
        t.field(
            "include", "Only these tables", _patterns("include_input", options.include), optional=True, hint=_HINT
        ),
        t.field(
            "exclude", "Without these tables", _patterns("exclude_input", options.exclude), optional=True, hint=_HINT
        ),
        t.field(
            "exclude_data",
            "Without the rows of",
            _patterns("exclude_data_input", options.exclude_data),
            optional=True,
            hint="These tables arrive empty. " + _HINT,
        ),
        *([t.field("keep", "Owners and grants", owners, optional=True)] if owned else []),
        safety.field(options),
    ]


_HINT = "One a line: schema.table or schema.* (MySQL: database.table), a * stands for anything."


def _patterns(action_id: str, patterns: tuple[str, ...]) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": action_id,
        "multiline": True,
        "max_length": 3000,
        "placeholder": t.label("sales.*"),
    }
    if patterns:
        element["initial_value"] = "\n".join(patterns)[:3000]
    return element


def _warnings(state: State) -> list[Block]:
    found = warnings(state.results)
    if not found:
        return []
    told = "\n".join(t.clip(finding_line(f), 500) for f in found[:5])
    if len(found) > 5:
        told += f"\n… and {t.count(len(found) - 5, 'warning')} more, all listed in step 2."
    box: Block = {
        "type": "checkboxes",
        "action_id": "acknowledge_check",
        "options": [t.option(f"I have read {t.count(len(found), 'finding')} and go on", "acknowledged")],
    }
    return [t.section(f"*Warnings*\n{told}", block_id="warnings"), t.field("acknowledge", "Warnings", box)]


def whole(state: State, page: int = 0) -> View:
    """The whole plan on pages, for approvers."""
    plan = state.plan
    assert plan is not None
    asked = questions.lines(plan.questions, plan.options)
    told = [*asked, *rows(plan)]
    pages = max(1, -(-len(told) // PAGE))
    page = min(page, pages - 1)
    part = told[page * PAGE : (page + 1) * PAGE]
    groups = [part[i : i + 20] for i in range(0, len(part), 20)]
    blocks = [
        t.section(f"*{t.plain(plan.source.label)}*  →  *{t.plain(plan.target.label)}*"),
        summary(plan, state.rehearsal),
        t.section(order(plan)),
        t.section(_say_options(plan)),
        *safety.consequences(plan.options),
        *(acknowledged(state, 10) if state.requests else []),
        *_left_out(plan),
        *when.blocks(state),
        t.divider(),
        t.context(f"{'Answers and tables' if asked else 'Tables'}, page {page + 1} of {pages}"),
        *[t.section("\n".join(t.clip(line, 140) for line in group)) for group in groups],
    ]
    return paged("Plan", "plan", state, page, pages, blocks)


def _say_options(plan: MigrationPlan) -> str:
    options = plan.options
    said = [f"scope: {options.scope.value}", f"lanes: {options.parallelism}"]
    if plan.source.dialect is Dialect.postgresql:
        for name, kept in (("owners", options.keep_owners), ("grants", options.keep_grants)):
            said.append(f"{name} {'kept' if kept else 'not kept'}")
    if options.create_roles:
        said.append("missing roles created")
    said += safety.said(options)
    if options.include:
        said.append("only " + ", ".join(map(t.code, options.include[:20])))
    if options.exclude:
        said.append("without " + ", ".join(map(t.code, options.exclude[:20])))
    if options.exclude_data:
        said.append("without the rows of " + ", ".join(map(t.code, options.exclude_data[:20])))
    asked = questions.lines(plan.questions, options)
    if asked:
        more = [f"and {t.count(len(asked) - 5, 'answer')} more in the plan"] if len(asked) > 5 else []
        said += [*asked[:5], *more]
    return "*Options:* " + "; ".join(said)


def paged(title: str, step: str, state: State, page: int, pages: int, blocks: list[Block]) -> View:
    """A read-only modal with pages."""
    value = Ref(m=state.id).pack()
    turn = []
    if page > 0:
        turn.append(t.button("Previous page", f"{step}_previous", value))
    if page + 1 < pages:
        turn.append(t.button("Next page", f"{step}_next", value))
    if turn:
        blocks = [*blocks, t.actions(f"{step}_pages", turn)]
    meta = Sheet.model_validate({"m": state.id, "step": step, "page": page, "channel": state.channel})
    return {
        "type": "modal",
        "callback_id": f"ferrybot_{step}",
        "private_metadata": meta.pack(),
        "title": t.label(title, 24),
        "close": t.label("Close", 24),
        "blocks": t.within(blocks, t.MODAL_BLOCKS),
    }
