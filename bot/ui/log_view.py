"""*Show logs*: the story or the tables, searched and on pages. Pure: state, story, kept lines -> view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bot.refs import Ref, Sheet
from bot.ui import findings, logs, progress, tables
from bot.ui import text as t
from bot.ui.text import Block, View
from jobs.core import events as e
from jobs.core.evolve import evolve
from jobs.core.model import Severity
from jobs.core.progress import RunProgress
from jobs.core.state import State

CALLBACK = "ferrybot_logs"
PAGE = 40
LINE = 480
"""Characters of one line: 40 stay below what a view may weigh (250 kB of JSON, up to 12 bytes a character)."""
SEARCH = 200
"""Characters of a search."""
Show = Literal["story", "warnings", "tables", "troubled"]
SHOWN: dict[Show, Block] = {
    "story": t.option("The story", "story", "Every line, the newest first"),
    "warnings": t.option("Warnings and errors", "warnings", "What somebody should look at"),
    "tables": t.option("Tables", "tables", "Rows, time and proof of each"),
    "troubled": t.option("Tables with errors", "troubled", "Failed, tried again, or not equal"),
}
_NOUNS: dict[Show, str] = {
    "story": "line",
    "warnings": "warning or error",
    "tables": "table",
    "troubled": "table with errors",
}
_MANY = {"warning or error": "warnings and errors", "table with errors": "tables with errors"}


@dataclass(frozen=True)
class Look:
    """What a person wants to see; `words` must all occur."""

    show: Show = "story"
    words: str = ""
    page: int = 0

    @staticmethod
    def of(show: str, words: str, page: int) -> Look:
        """From what a view holds; what it cannot hold becomes the beginning of the story."""
        known = {name: name for name in get_args(Show)}
        return Look(show=known.get(show, "story"), words=words[:SEARCH], page=max(0, page))


def view(
    state: State,
    story: Sequence[e.Recorded],
    look: Look = Look(),
    kept: str | None = None,
    now: RunProgress | None = None,
) -> View:
    """The modal in this look; `kept` is what the run kept of its tables, `now` its live progress."""
    of_tables = look.show in ("tables", "troubled")
    found: Sequence[str | tables.Detail] = (
        _tables(state, story, look, kept) if of_tables else _lines(state, story, look)
    )
    pages = max(1, -(-len(found) // PAGE))
    page = min(look.page, pages - 1)
    part = [_told(one) for one in found[page * PAGE : (page + 1) * PAGE]] or [_nothing(state, look)]
    groups = findings.chunks(part, t.SECTION - 10)
    blocks = [
        _search(look),
        _choice(look),
        t.context(_head(state, look, len(found), page, pages)),
        *(_busy(now) if of_tables else []),
        *[t.section("\n".join(group)) for group in groups],
        *_turn(state, page, pages),
    ]
    meta = Sheet(m=state.id, step="logs", page=page, channel=state.channel)
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": meta.pack(),
        "title": t.label("Log", 24),
        "submit": t.label("Search", 24),
        "close": t.label("Close", 24),
        "blocks": t.within(blocks, t.MODAL_BLOCKS),
    }


def _search(look: Look) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": "log_search_input",
        "max_length": SEARCH,
        "placeholder": t.label("A table, an error, a name; then press Enter"),
        "dispatch_action_config": {"trigger_actions_on": ["on_enter_pressed"]},
    }
    if look.words:
        element["initial_value"] = look.words
    return t.field("log_search", "Search", element, optional=True, dispatch=True)


def _choice(look: Look) -> Block:
    select: Block = {
        "type": "static_select",
        "action_id": "log_show_select",
        "options": list(SHOWN.values()),
        "initial_option": SHOWN[look.show],
    }
    return t.actions("log_show", [select])


def _head(state: State, look: Look, found: int, page: int, pages: int) -> str:
    noun = _NOUNS[look.show]
    searched = f" with {t.code(t.clip(look.words, 100))}" if look.words.strip() else ""
    order = ", newest first" if look.show in ("story", "warnings") else ""
    title = t.plain(state.title, 500)
    return f"{title}: {t.count(found, noun, _MANY.get(noun, ''))}{searched}, page {page + 1} of {pages}{order}"


def _nothing(state: State, look: Look) -> str:
    if look.words.strip():
        return "Nothing of this log holds all these words."
    if look.show == "story":
        return "Nothing has happened yet."
    if look.show == "warnings":
        return "No warning and no error."
    return "No table had an error." if look.show == "troubled" else "There is no plan yet, so no table is known."


def _busy(now: RunProgress | None) -> list[Block]:
    doing = progress.working(now) if now is not None else ""
    return [t.context(doing)] if doing else []


def _turn(state: State, page: int, pages: int) -> list[Block]:
    value = Ref(m=state.id).pack()
    turn = [t.button("Previous page", "logs_previous", value)] if page > 0 else []
    turn += [t.button("Next page", "logs_next", value)] if page + 1 < pages else []
    return [t.actions("logs_pages", turn)] if turn else []


def _wanted(words: str, text: str) -> bool:
    low = text.lower()
    return all(word in low for word in words.lower().split())


def _tables(state: State, story: Sequence[e.Recorded], look: Look, kept: str | None) -> list[tables.Detail]:
    every = tables.details(state, story, kept)
    chosen = [d for d in every if d.troubled] if look.show == "troubled" else every
    if not look.words.strip():
        return chosen
    # The whole name and every error are searched, whatever the line has room for.
    return [d for d in chosen if _wanted(look.words, " ".join((d.name, tables.told(d), *d.errors)))]


def _told(found: str | tables.Detail) -> str:
    return t.clip(found if isinstance(found, str) else tables.told(found), LINE)


def _lines(state: State, story: Sequence[e.Recorded], look: Look) -> list[str]:
    """Newest first, each line as it was true then: later checks have found other things."""
    then, found = State(id=state.id), []
    for recorded in story:
        then = evolve(then, recorded)
        if look.show == "warnings" and not alarming(recorded.event):
            continue
        line = logs.line(recorded.event, then)
        if look.words.strip():
            # What the thread has no room for is searched too, and shown as the full log has it.
            whole = logs.plain_event(recorded.event)
            if not _wanted(look.words, f"{line} {whole}"):
                continue
            line = line if _wanted(look.words, line) else t.code(t.clip(whole, 500))
        if line:
            found.append(f"{t.when(recorded.at)}  {line}")
    return found[::-1]


def alarming(event: e.Event) -> bool:
    """A warning or an error: what somebody should look at."""
    match event:
        case e.CheckFinished():
            return any(f.severity is not Severity.inform for f in event.result.findings)
        case e.Noted():
            return event.level == "warning"
        case e.Validated():
            return event.plan is None
        case e.ValidationBroke() | e.Troubled() | e.RunFailed() | e.Declined() | e.CancelAsked() | e.Cancelled():
            return True
        case _:
            return False
