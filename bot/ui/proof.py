"""What was proven, what was not, and what a person can do about it: in the card, the thread and the log. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.refs import Sheet
from bot.ui import text as t
from bot.ui.text import Block, View
from jobs.core.model import Person, TypedSource
from jobs.core.state import State
from jobs.core.verdict import BrokenKey, Difference, Receipt, RowDifference, Waiver, Written

CALLBACK = "ferrybot_accept"
LISTED = 40
"""Differences that the modal shows; the log has all of them."""
SHOWN = 5
THREAD = 3
"""Of each list in the receipt, which is one message."""


def failed(reasons: Sequence[str], rows: Sequence[RowDifference], limit: int) -> list[str]:
    """Why a verdict is red: the tables by their rows, where these were found; then everything else."""
    tables = tuple(f"{row.table}: " for row in rows)
    others = [r for r in reasons if not r.startswith((*tables, "rows of "))] if rows else list(reasons)
    every = [*(str(row) for row in rows), *others]
    told = [f"• {t.plain(reason, 200)}" for reason in every[:limit]]
    return [*told, f"… and {t.count(len(every) - limit, 'reason')} more in the log"] if len(every) > limit else told


def retry(state: State, value: str) -> Block:
    """The next run proves every table: where rows differ that is a repair."""
    if not state.rows:
        return t.button("Retry", "retry", value, style="primary", said="Retry: finished work is kept")
    sure = t.confirm(
        "Repair the target?",
        "A new run takes a new snapshot and proves every table; those that differ are emptied and copied again.",
        "Repair",
    )
    return t.button("Repair", "retry", value, style="primary", confirm=sure, said="Copy differing tables again")


def accept(state: State, value: str) -> list[Block]:
    """Offered when nothing but objects differ: rows are only ever repaired."""
    if not state.differences or state.rows:
        return []
    return [
        t.button("Accept differences…", "accept_differences", value, said="Accept these differences with a reason")
    ]


def digest(differences: Sequence[Difference]) -> str:
    """Names exactly these differences; what was accepted is what was shown."""
    return hashlib.sha256("\n".join(f"{d.key}\t{d.what}" for d in differences).encode()).hexdigest()


def modal(state: State) -> View:
    """What is accepted, and why."""
    lines = [f"• {t.plain(str(d), 220)}" for d in state.differences[:LISTED]]
    if len(state.differences) > LISTED:
        lines.append(f"… and {t.count(len(state.differences) - LISTED, 'difference')} more, all in the full log")
    reason: Block = {
        "type": "plain_text_input",
        "action_id": "reason_input",
        "multiline": True,
        "max_length": 500,
        "placeholder": t.label("Why may these differ?"),
    }
    intro = (
        f"{t.plain(state.title, 500)}\nThese objects are not the same on both sides. If you accept them, the "
        "run proves everything once more and ends with them; your name and your reason stand in the receipt."
    )
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": Sheet(
            m=state.id, step="accept", channel=state.channel, d=digest(state.differences)
        ).pack(),
        "title": t.label("Accept differences", 24),
        "submit": t.label("Accept", 24),
        "close": t.label("Go back", 24),
        "blocks": [
            t.section(intro),
            *[t.section("\n".join(lines[start : start + 10])) for start in range(0, len(lines), 10)],
            t.field("reason", "Reason", reason),
        ],
    }


def done(state: State) -> list[Block]:
    """Below the figures of a finished migration."""
    receipt = state.receipt
    if receipt is None:
        return []
    said = [*since(receipt.written), *_keys(receipt.broken_keys)]
    if receipt.waived:
        said.append(f":warning: {t.count(len(receipt.waived), 'difference')} accepted by a person, see the receipt.")
    return [t.section(t.clip("\n".join(said), 2800), block_id="card_proof")] if said else []


def figures(receipt: Receipt) -> str:
    """A finished migration in a line or two: what moved, and that it was proven."""
    tables, rows = t.count(receipt.tables, "table"), t.count(receipt.rows, "row")
    return (
        f"{tables}, {rows}, {t.size(receipt.bytes)} in {t.span(receipt.seconds)}; proven by count and checksum, "
        f"{t.count(receipt.objects, 'object')} compared"
    )


def proven(receipt: Receipt) -> str:
    """What the receipt's word "done" stands for."""
    agree = "agrees" if receipt.objects == 1 else "agree"
    return (
        f"*Proven:* every table has the same count and checksum on both sides, and {receipt.objects:,} "
        f"{'object' if receipt.objects == 1 else 'objects'} {agree}."
    )


def answered_for(receipt: Receipt) -> str:
    """What was not proven equal, and stayed by a person's word; said also when there is nothing of the kind."""
    if not receipt.waived:
        return "*Accepted by a person:* nothing; no difference was waived."
    return f"*Accepted by a person:* {t.count(len(receipt.waived), 'difference')} that no proof covers."


def done_buttons(state: State, value: str) -> list[Block]:
    """What may still be done with a finished migration."""
    receipt = state.receipt
    if receipt is None or _source_forgotten(state):
        return []
    made = []
    if receipt.written.some:
        sure = t.confirm(
            "Copy changed tables again?",
            "Every table is compared with the source as it is now; those that differ are emptied and copied again. "
            "What was changed in these tables of the target since is overwritten.",
            "Copy again",
            danger=True,
        )
        made.append(
            t.button("Copy changed tables again", "refresh", value, confirm=sure, said="Bring the target up to date")
        )
    if receipt.broken_keys:
        made.append(t.button("Validate keys again", "revalidate", value, said="Validate the foreign keys again"))
    return made


def _source_forgotten(state: State) -> bool:
    """A password from the one-time page served for one migration and is gone with its end."""
    source = state.source
    return isinstance(source, TypedSource) and (source.password or "").startswith("once:")


def since(written: Written) -> list[str]:
    """Of when the copy is, and whether the source moved on."""
    if written.since is None:
        return [f"Whether the source was written to since: {t.plain(written.unknown)}"] if written.unknown else []
    as_of = f":camera: The copy is as of {t.when(written.since)}"
    if written.unknown:
        return [f"{as_of}. Whether the source was written to since is not known: {t.plain(written.unknown, 300)}."]
    if written.nothing:
        return [f"{as_of}; nothing was written to the source's server from then until the end of the proof."]
    if not written.counted:
        return [f"{as_of}; {_by_times(written)}"]
    if not written.tables:
        return [
            f"{as_of}; the source's counters show no write to these tables until the end of the proof (they may lag "
            "by up to a minute)."
        ]
    rows, tables = t.count(written.rows, "row"), t.count(len(written.tables), "table")
    named = ", ".join(t.code(t.clip(table.table, 80)) for table in written.tables[:SHOWN])
    more = f" and {len(written.tables) - SHOWN} more" if len(written.tables) > SHOWN else ""
    held = " The source was held until then." if written.held else ""
    return [
        f"{as_of}; by the source's counters, which may lag by up to a minute, {rows} were written in {tables} "
        f"until the end of the proof: {named}{more}.{held}"
    ]


def _by_times(written: Written) -> str:
    """Where no counter names tables: by the time of each one's last write, which a server may have forgotten."""
    doubt = "A server forgets such a time when it closes a table, so others may have been written to as well."
    if not written.tables:
        return f"the source's server was written to since, and no moved table says that it was one of them. {doubt}"
    named = ", ".join(t.code(t.clip(table.table, 80)) for table in written.tables[:SHOWN])
    more = f" and {len(written.tables) - SHOWN} more" if len(written.tables) > SHOWN else ""
    tables = t.count(len(written.tables), "table")
    return f"by the time of its last write, {tables} of the source changed since: {named}{more}. {doubt}"


def _keys(keys: Sequence[BrokenKey]) -> list[str]:
    if not keys:
        return []
    are = "is" if len(keys) == 1 else "are"
    orphans = t.count(sum(key.orphans for key in keys), "orphan")
    word = "broken by rows" if keys[0].stands else "NOT VALID"
    return [f":warning: {t.count(len(keys), 'foreign key')} {are} {word}: {orphans}."]


def receipt_lines(receipt: Receipt) -> list[str]:
    """What the receipt says besides figures: as of when, what differs, by whose word, for which reason."""
    lines = since(receipt.written)
    lines += [_key_line(key) for key in receipt.broken_keys[:THREAD]]
    lines += _more(receipt.broken_keys, "foreign key")
    lines.append(answered_for(receipt))
    lines += [_waiver(waiver) for waiver in receipt.waived[:THREAD]]
    lines += _more(receipt.waived, "accepted difference")
    lines += [f"Changed on its way: {t.plain(_why(d), 160)}" for d in receipt.transformed[:THREAD]]
    return [*lines, *_more(receipt.transformed, "change")]


def _more(things: Sequence[object], noun: str) -> list[str]:
    return [f"… and {t.count(len(things) - THREAD, noun)} more in the full log"] if len(things) > THREAD else []


def _key_state(key: BrokenKey) -> str:
    if key.stands:
        return "is there, as in the source, and rows break it"
    return "stands NOT VALID on each partition" if key.parted else "is NOT VALID"


def _key_line(key: BrokenKey) -> str:
    own = f"; keys {', '.join(key.examples)}" if key.examples else ""
    said = f"Foreign key {key.name} {_key_state(key)}: {t.count(key.orphans, 'row')} without a parent{own}"
    return f":warning: {t.plain(said, 220)}"


def _waiver(waiver: Waiver) -> str:
    reason = f": {t.plain(waiver.reason, 80)}" if waiver.reason else ""
    return f"Accepted by {t.mention(waiver.by.id)}: {t.plain(waiver.key, 80)}{reason}"


def _why(difference: Difference) -> str:
    return f"{difference}; {difference.why}" if difference.why else str(difference)


def waived(by: Person, keys: Sequence[str], reason: str) -> str:
    """The line of the thread."""
    named = ", ".join(t.plain(t.clip(key, 100)) for key in keys[:SHOWN])
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    count = t.count(len(keys), "difference")
    return f":pencil: {t.mention(by.id)} accepted {count}: {named}{more}. Reason: {t.plain(reason, 500)}"


def durations(receipt: Receipt) -> str:
    """How long the move took, and its proof."""
    if not receipt.copy_seconds:
        return ""
    return f"Moved in {t.span(receipt.copy_seconds)}, proven in {t.span(receipt.verify_seconds)}"


def log_lines(state: State) -> Iterator[str]:
    """For the full log, in plain text: every difference with its reason."""
    if state.rows or state.differences:
        yield "Differences of the last verdict"
        yield from (f"  rows of {row}" for row in state.rows)
        yield from (f"  {difference}" for difference in state.differences)
        yield ""
    receipt = state.receipt
    if receipt is None:
        return
    yield "Proof"
    yield from (f"  changed on its way: {_why(difference)}" for difference in receipt.transformed)
    yield from (f"  accepted by {w.by.name or w.by.id}: {w.key} ({w.reason})" for w in receipt.waived)
    for key in receipt.broken_keys:
        where = " on each partition" if key.parted else ""
        keys = ", ".join(key.examples)
        yield f"  foreign key {key.name} is NOT VALID{where}, {key.orphans} rows: {key.find}; keys {keys}"
    written = receipt.written
    yield f"  as of {_stamp(written.since)}; nothing written: {written.nothing}; unknown: {written.unknown or 'no'}"
    for table in written.tables:
        yield f"  written to {table.table}: +{table.inserted} ~{table.updated} -{table.deleted}"
    yield ""


def _stamp(at: datetime | None) -> str:
    return at.isoformat() if at else "?"
