"""App Home and the lists of `/migrate`. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.refs import Ref
from bot.ui import text as t
from bot.ui import waiting, when
from bot.ui.card import text as card_text
from bot.ui.text import Block, View
from jobs.core.state import State, say

HELP = (
    "*Ferrybot moves databases.* Three steps in a modal: Configure, Validation, Migration; then one thread tells "
    "the whole story.\n"
    "• `/migrate` begins a migration, or goes on with one you left\n"
    "• `/migrate status` says what is going on in this channel\n"
    "• `/migrate list` lists the latest migrations\n"
    "• `/migrate history` searches all past ones: `/migrate history shop by:alice status:done since:2026-01-31`\n"
    "• `/migrate services` or `/migrate services WORDS` shows the databases that are known, and what they say\n"
    "• `/migrate logs` or `/migrate logs ID` shows the log of the latest, or of that one\n"
    "• `/migrate plan` or `/migrate plan ID` shows the whole plan with its full digest\n"
    "• `/migrate help` shows this\n"
    "Validation only reads. Nothing is written before *Migrate* is pressed, and on production not before others "
    "have approved exactly the plan that was shown."
)


def unknown(word: str) -> str:
    return f"I don't know `/migrate {t.plain(t.clip(word, 60))}`.\n{HELP}"


def row(state: State) -> str:
    """One migration in one line."""
    moment = f", {t.when(state.changed)}" if state.changed else ""
    who = f" by {t.mention(state.requester.id)}" if state.requester else ""
    return f"`{state.id}` *{t.plain(state.title, 300)}* is {say(state.status)}{when.row(state)}{who}{moment}"


def _which(state: State) -> str:
    """What tells two migrations of the same databases apart."""
    who = f" by {t.mention(state.requester.id)}" if state.requester else ""
    moment = f", {t.when(state.changed)}" if state.changed else ""
    return f"`{state.id}`{who}{moment}"


def listing(states: Sequence[State], title: str) -> tuple[str, list[Block]]:
    """An ephemeral answer: text and blocks."""
    if not states:
        empty = f"{title}: none yet. `/migrate` begins one."
        return empty, [t.section(empty)]
    rows = [
        t.section(row(s), accessory=t.button("Show logs", "show_logs", Ref(m=s.id).pack(), said=f"Log of {s.title}"))
        for s in states[:20]
    ]
    return f"{title}: {len(states)}", [t.section(f"*{title}*"), *rows]


def view(known: Sequence[Block], recent: Sequence[State], asked: Sequence[State] = ()) -> View:
    """App Home: a way to begin, what waits for this person, what goes on, and `known`, the services."""
    start = t.button("Migrate database", "home_migrate", "start", style="primary")
    blocks: list[Block] = [
        t.header("Ferrybot"),
        t.section("Moves databases from Slack: checked, approved, verified, told in one thread.", accessory=start),
        t.divider(),
        *waiting.blocks(asked),
        t.section("*Latest migrations*"),
    ]
    shown = [s for s in recent if s.public][:10]
    blocks += [
        t.section(
            f"{t.clip(f'{card_text(s)}{when.row(s)}', 500)}\n{_which(s)}",
            accessory=t.button("Show logs", "show_logs", Ref(m=s.id).pack(), said=f"Log of {s.title}"),
        )
        for s in shown
    ] or [t.context("None yet. Press *Migrate database*, or type `/migrate` in a channel.")]
    blocks += [t.divider(), *known]
    return {"type": "home", "blocks": t.within(blocks, t.MODAL_BLOCKS)}
