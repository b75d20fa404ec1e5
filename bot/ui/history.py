"""`/migrate history`: past migrations, searched, filtered and on pages. Pure: summaries -> view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.refs import Ref, Sheet
from bot.ui import text as t
from bot.ui.home import row
from bot.ui.text import Block, View
from jobs.core.model import Environment
from jobs.core.state import Status, say
from jobs.core.summary import Summary, Wanted

PAGE = 20
SEARCH = 300
ANY = "any"
HINT = (
    "Words, and by:NAME  service:NAME  status:done  env:production  since:2026-01-31  until:2026-02-28 (days in "
    "UTC). Press Enter."
)
CALLBACK = "ferrybot_history"


@dataclass(frozen=True)
class Ask:
    """What the view holds; `wrong` says which parts of the text could not be understood."""

    text: str = ""
    status: str = ANY
    environment: str = ANY
    page: int = 0
    wanted: Wanted = field(default_factory=Wanted)
    wrong: tuple[str, ...] = ()

    @staticmethod
    def of(text: str, status: str = ANY, environment: str = ANY, page: int = 0) -> Ask:
        """Reads the text; a choice in a menu is one filter more."""
        text = text[:SEARCH]
        values, wrong = _read(text)
        if status in _STATUSES:
            values["status"] = Status(status)
        if environment in _ENVIRONMENTS:
            values["environment"] = Environment(environment)
        return Ask(text, status, environment, max(0, page), Wanted.model_validate(values), tuple(wrong))


def _read(text: str) -> tuple[dict[str, object], list[str]]:
    values: dict[str, object] = {}
    words, wrong = [], []
    for part in text.split():
        name, colon, value = part.partition(":")
        if not colon or name.lower() not in _FILTERS:
            words.append(part)
            continue
        try:
            values |= _filter(name.lower(), value)
        except ValueError:
            wrong.append(part)
    return {**values, "words": tuple(words)}, wrong


_FILTERS = ("by", "service", "status", "env", "since", "until")
_STATUSES = [status.value for status in Status if status is not Status.new]
_ENVIRONMENTS = [environment.value for environment in Environment]


def _filter(name: str, value: str) -> dict[str, object]:
    """One `name:value`; raises `ValueError` where the value cannot be one."""
    if not value:
        raise ValueError(name)
    match name:
        case "by":
            return {"person": value}
        case "service":
            return {"service": value}
        case "status":
            return {"status": Status(value.lower().replace("-", "_"))}
        case "env":
            return {"environment": Environment(value.lower())}
        case _:
            day = datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
            # Until a day means: that day too.
            return {"since": day} if name == "since" else {"until": day + timedelta(days=1)}


def looking(channel: str, text: str) -> View:
    """What opens at once, before anything was looked up."""
    return _modal(channel, 0, [_search(text), t.context("Looking…")])


def view(
    channel: str, ask: Ask, found: Sequence[Summary], *, more: bool, complete: bool = True, note: str = ""
) -> View:
    """One page: `found` are its migrations, `more` says that another follows."""
    rows = [_row(summary) for summary in found[:PAGE]]
    blocks = [
        _search(ask.text),
        _menus(ask),
        *([t.context(note)] if note else []),
        *_wrong(ask),
        *(rows or [t.section("No migration that you may see here fits.")]),
        *([] if complete else [t.context(":hourglass: Older migrations are still being indexed; look again later.")]),
        _buttons(ask, more),
    ]
    return _modal(channel, ask.page, blocks)


def _modal(channel: str, page: int, blocks: list[Block]) -> View:
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": Sheet(step="history", page=page, channel=channel).pack(),
        "title": t.label("Past migrations", 24),
        "submit": t.label("Search", 24),
        "close": t.label("Close", 24),
        "blocks": t.within(blocks, t.MODAL_BLOCKS),
    }


def _search(text: str) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": "history_search_input",
        "max_length": SEARCH,
        "placeholder": t.label("shop by:alice status:done since:2026-01-31"),
        "dispatch_action_config": {"trigger_actions_on": ["on_enter_pressed"]},
    }
    if text.strip():
        element["initial_value"] = text[:SEARCH]
    return t.field("history_search", "Search", element, optional=True, dispatch=True, hint=HINT)


def _menus(ask: Ask) -> Block:
    statuses = {ANY: t.option("Any status", ANY)}
    statuses |= {value: t.option(say(Status(value)).capitalize(), value) for value in _STATUSES}
    environments = {ANY: t.option("Any environment", ANY)}
    environments |= {value: t.option(f"Into {value}", value) for value in _ENVIRONMENTS}
    return t.actions(
        "history_menus",
        [
            _select("history_status_select", statuses, ask.status),
            _select("history_environment_select", environments, ask.environment),
        ],
    )


def _select(action_id: str, options: dict[str, Block], chosen: str) -> Block:
    initial = options.get(chosen, options[ANY])
    return {
        "type": "static_select",
        "action_id": action_id,
        "options": list(options.values()),
        "initial_option": initial,
    }


def _wrong(ask: Ask) -> list[Block]:
    if not ask.wrong:
        return []
    named = ", ".join(t.code(t.clip(part, 60)) for part in ask.wrong[:5])
    return [t.context(f":warning: Not understood, and not looked at: {named}. {t.escape(HINT)}")]


def _row(summary: Summary) -> Block:
    said = row(summary.state)
    if summary.tables is not None and summary.rows is not None and summary.seconds is not None:
        figures = f"{t.count(summary.tables, 'table')}, {summary.rows:,} rows in {t.span(summary.seconds)}"
        waived = f"; {t.count(summary.waived, 'difference')} accepted by a person" if summary.waived else ""
        said += f"\n{figures}{waived}"
    elif summary.problem:
        said += f"\n{t.plain(summary.problem, 200)}"
    value = Ref(m=summary.id).pack()
    return t.section(said, accessory=t.button("Show logs", "show_logs", value, said=f"Log of {summary.state.title}"))


def _buttons(ask: Ask, more: bool) -> Block:
    turn = [t.button("Previous page", "history_previous", "previous")] if ask.page else []
    turn += [t.button("Next page", "history_next", "next")] if more else []
    return t.actions(
        "history_buttons",
        [
            *turn,
            t.button("Export as CSV", "history_csv", "csv", said="Send me everything found as a CSV file"),
            t.button("Export as JSON lines", "history_jsonl", "jsonl", said="Send me everything found as JSON lines"),
        ],
    )
