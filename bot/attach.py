"""The full log as a file in the thread: at most once for each end of a run."""

from __future__ import annotations

from bot.calls import DEGRADES, GONE, SHUT, UPLOAD_FAILED, Later, SlackRefusal
from bot.errand import Errand
from bot.ui import logs
from bot.ui.text import plain
from jobs.core.state import Status

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
    tables = errand.c.desk.ledger.attachment(errand.id, "tables")
    content = logs.full(errand.state, errand.story, tables).encode()
    name = f"ferrybot-{errand.id}-run{errand.state.run}.log"
    place = errand.call("files.getUploadURLExternal", filename=name, length=len(content))
    errand.turn.keep(UPLOAD_SECONDS)
    errand.c.calls.upload(place["upload_url"], content)
    # A file cannot carry our mark: it is attached at most once rather than twice, and *Show logs* always has it.
    errand.outbox.put(**{mark: "1"})
    try:
        errand.call(
            "files.completeUploadExternal",
            files=[{"id": place["file_id"], "title": f"Full log of {errand.id}"}],
            channel_id=errand.state.channel,
            thread_ts=errand.outbox.card,
        )
    except (Later, SlackRefusal):
        errand.outbox.drop(mark)
        raise


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
