"""How much of the servers a run takes, as people choose it and are told of it. Pure."""

from __future__ import annotations

from bot.refs import Sheet
from bot.ui import text as t
from bot.ui.text import Block, View
from jobs.core import events as e
from jobs.core.state import State, Status
from jobs.core.throttle import Limit, least

CALLBACK = "ferrybot_slow"
ALL = "all"
_LANES = (1, 2, 3, 4, 6, 8, 12, 16, 24)
_MEGABYTES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Per second, in decimal units, as the card shows the rate."""
MEGABYTE = 1_000_000


def modal(state: State) -> View:
    """*Slow down…*: lanes and bytes a second, or all again."""
    planned = state.plan.options.parallelism if state.plan else 1
    lanes = [t.option(str(n), str(n)) for n in _LANES if n < planned]
    rates = [t.option(f"{n:,} MB/s", str(n)) for n in _MEGABYTES]
    intro = (
        f"{t.plain(state.title, 1000)}\nLanes hear it within a second; one that is at a table ends it first. "
        "The rate counts the rows that are copied, of all lanes together."
    )
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": Sheet(m=state.id, step="slow", channel=state.channel).pack(),
        "title": t.label("Slow down", 24),
        "submit": t.label("Save", 24),
        "close": t.label("Go back", 24),
        "blocks": [
            t.section(intro),
            _select("lanes", "Lanes at once", f"All {planned}", lanes, str(state.limit.lanes or "")),
            _select("rate", "Rows at most", "As fast as the servers allow", rates, _rate(state.limit)),
        ],
    }


def _rate(limit: Limit) -> str:
    return str(limit.bytes_per_second // MEGABYTE) if limit.bytes_per_second else ""


def _select(name: str, label: str, everything: str, options: list[Block], chosen: str) -> Block:
    offered = [t.option(everything, ALL), *options]
    initial = next((option for option in offered if option["value"] == chosen), offered[0])
    element: Block = {
        "type": "static_select",
        "action_id": f"slow_{name}_select",
        "options": offered,
        "initial_option": initial,
    }
    return t.field(f"slow_{name}", label, element)


def limit_of(lanes: str, rate: str) -> Limit:
    """What was chosen; what is no number is no limit."""
    return Limit(
        lanes=int(lanes) if lanes.isdigit() else None,
        bytes_per_second=int(rate) * MEGABYTE if rate.isdigit() else None,
    )


def said(limit: Limit) -> str:
    """1 lane, 5.0 MB/s."""
    parts = [t.count(limit.lanes, "lane")] if limit.lanes is not None else []
    parts += [f"{t.size(limit.bytes_per_second)}/s"] if limit.bytes_per_second is not None else []
    return ", ".join(parts) or "no limit"


def block(state: State) -> list[Block]:
    """The card of a run that does not take all it could."""
    if state.status not in (Status.migrating, Status.verifying):
        return []
    lines = [f":snail: Slowed down by a person to {said(state.limit)}."] if state.limit else []
    if state.strain:
        now = said(least(state.limit, state.strained))
        lines.append(f":snail: Slowed down by itself ({t.plain(t.clip(state.strain, 400))}), now {now}.")
    return [t.context(*lines, block_id="card_slow")] if lines else []


def button(state: State, value: str) -> list[Block]:
    """While rows may still be copied."""
    if state.receipt is not None:
        return []
    return [t.button("Slow down…", "slow_down", value, said="Choose how much of the servers the run takes")]


def line(event: e.Throttled | e.Strained) -> str:
    """The event in the thread."""
    if isinstance(event, e.Throttled):
        who = t.mention(event.by.id)
        if not event.limit:
            return f":snail: {who} lets the run take all of the servers again."
        return f":snail: {who} slowed the run down to {said(event.limit)}."
    if not event.reason:
        return ":snail: The servers have room again: the run is as fast as before."
    return f":snail: Slowed down by itself to {said(event.limit)}: {t.plain(t.clip(event.reason, 1000))}"
