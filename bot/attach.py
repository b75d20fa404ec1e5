"""The full log, hash-chained, and a picture of the run as files in the thread: once for each end of a run."""

from __future__ import annotations

import structlog

from bot.audit import head_name
from bot.calls import DEGRADES, GONE, SHUT, UPLOAD_FAILED, Later, SlackRefusal
from bot.errand import Errand
from bot.ui import chart, logs
from bot.ui.text import plain
from jobs.core.chain import chained
from jobs.core.state import Status

log = structlog.get_logger(__name__)

UPLOAD_TRIES = 3
UPLOAD_SECONDS = 90
"""Longer than `Calls.upload` waits: nobody else may attach the file meanwhile."""
FILE_STATUSES = frozenset({Status.done, Status.failed, Status.cancelled, Status.rolled_back})


def post_file(errand: Errand) -> None:
    """Hangs the log of a run that ended into the thread, unless it hangs there or cannot."""
    if errand.state.status not in FILE_STATUSES or errand.state.run == 0:
        return
    if errand.outbox.get("done:no_file"):
        _tell_no_file(errand)
    mark = f"done:file{errand.state.run}{errand.state.status}"
    if errand.outbox.get(mark) or errand.outbox.get("done:files_off"):
        return
    try:
        _upload(errand, mark)
    except SlackRefusal as refusal:
        _not_attached(errand, mark, refusal)


def _upload(errand: Errand, mark: str) -> None:
    """Slack's three calls of an upload (files_upload_v2); only the last one shows anything to anybody."""
    ledger, state = errand.c.desk.ledger, errand.state
    tables = ledger.attachment(errand.id, "tables")
    chain = chained(logs.full(state, errand.story, tables).removesuffix("\n").split("\n"))
    name = f"ferrybot-{errand.id}-run{state.run}"
    log_file = _sent(errand, f"{name}.log", f"Full log of {errand.id}", chain.text.encode())
    files = [log_file, *_picture(errand, name)]
    # Before anybody sees the file: who finds it can always compare it.
    ledger.attach(errand.id, head_name(state.run, state.status.value), chain.head)
    # A file cannot carry our mark: it is attached at most once rather than twice, and *Show logs* always has it.
    errand.outbox.put(**{mark: "1"})
    try:
        errand.call(
            "files.completeUploadExternal",
            files=files,
            channel_id=state.channel,
            thread_ts=errand.outbox.card,
            initial_comment=logs.of_file(errand.id, state.run, chain),
        )
    except (Later, SlackRefusal):
        errand.outbox.drop(mark)
        raise


def _sent(errand: Errand, name: str, title: str, content: bytes, alt: str = "") -> dict[str, str]:
    """Brings the bytes to Slack; nobody sees them yet."""
    place = errand.call("files.getUploadURLExternal", filename=name, length=len(content), alt_txt=alt or None)
    errand.turn.keep(UPLOAD_SECONDS)
    errand.c.calls.upload(place["upload_url"], content)
    return {"id": place["file_id"], "title": title}


def _picture(errand: Errand, name: str) -> list[dict[str, str]]:
    """Of a finished run, where there is something to draw. An ornament: the log goes without it."""
    samples = errand.c.board.samples(errand.id) if errand.state.status is Status.done else None
    if samples is None or not chart.worth(samples):
        return []
    try:
        drawn = chart.draw(samples, f"Migration {errand.id}, run {errand.state.run}")
        return [_sent(errand, f"{name}.png", f"Rows per second and lanes of {errand.id}", drawn, chart.said(samples))]
    except (SlackRefusal, OSError, ValueError, ArithmeticError) as error:
        log.warning("no picture", migration=errand.id, reason=str(error)[:200])
        return []


def _not_attached(errand: Errand, mark: str, refusal: SlackRefusal) -> None:
    """Not allowed here: never again. Not arrived: again a little later, then without it."""
    if refusal.code in GONE | SHUT:
        raise refusal
    if refusal.code == UPLOAD_FAILED:
        tried = int(errand.outbox.get("uploads") or 0) + 1
        errand.outbox.put(uploads=tried)
        if tried < UPLOAD_TRIES:
            raise Later(15.0)
    errand.outbox.put(
        **{
            "done:no_file": f"{refusal.code} {refusal.detail}".strip(),
            "done:files_off" if refusal.code in DEGRADES else mark: "1",
        }
    )
    _tell_no_file(errand)


def _tell_no_file(errand: Errand) -> None:
    """At most once for a migration."""
    if errand.outbox.get("done:no_file_told"):
        return
    errand.outbox.put(**{"done:no_file_told": "1"})
    why = plain(errand.outbox.get("done:no_file"))
    text = f":information_source: The full log could not be attached ({why}). *Show logs* on the card has it."
    try:
        errand.call(
            "chat.postMessage",
            channel=errand.state.channel,
            thread_ts=errand.outbox.card,
            text=text,
            unfurl_links=False,
        )
    except (Later, SlackRefusal):
        errand.outbox.drop("done:no_file_told")
        raise
