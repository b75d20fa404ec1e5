"""The courier: brings one migration's thread, card, file and open modal up to date from the ledger.

Each event once, after any crash. Before a post the outbox notes what is about to be posted; after Slack's answer
it notes that it was. Killed in between, that one post is *in doubt*: the next courier looks for it once in the
thread by its metadata (needs the optional history scope), and without that scope posts again, marked as a
possible repeat. A post that Slack refused or put off was not made, and leaves no doubt. Cards and modals are
idempotent updates and need none of this. One courier at a time works on a migration; a doorbell that finds one at
work leaves a note, and the one at work looks once more before it goes.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis
from slack_sdk.web import WebClient

from bot.calls import DEGRADES, GONE, SHUT, UPLOAD_FAILED, Calls, Later, Pace, SlackRefusal, Uncertain
from bot.direct import Direct
from bot.outbox import Outbox, Overtaken, Turn
from bot.screens import Screens
from bot.settings import load_settings
from bot.ui import approval, card, logs
from bot.ui.text import Block, clip, context, plain
from jobs.adapters import keys
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.adapters.secrets import SecretStore
from jobs.core import events as e
from jobs.core.evolve import evolve
from jobs.core.model import TypedSource
from jobs.core.state import ENDED, RUNNING, State, Status
from jobs.desk import Desk
from jobs.ports.board import Board

log = structlog.get_logger(__name__)

ROUND_SECONDS = 45.0
"""After so long a courier gives way to other migrations; the sweep rings again."""
CARD_SECONDS = 3.0
"""Least time between two edits of a card that only show progress (chat.update: 50 a minute for a workspace)."""
SHORT_SECONDS = 3.0
"""A wait so short is waited out; after a longer one the sweep rings again."""
UPLOAD_TRIES = 3
UPLOAD_SECONDS = 90
"""Longer than `Calls.upload` waits: nobody else may attach the file meanwhile."""
CARD_TRIES = 3
"""New cards in one delivery: a person who deletes faster than we post is not raced."""
SKEW_SECONDS = 300
"""How far our clock and Slack's may be apart when we look for a card in doubt."""
LINE, CARD = "ferrybot_line", "ferrybot_card"
FILE_STATUSES = frozenset({Status.done, Status.failed, Status.cancelled, Status.rolled_back})


def deliver(migration: str) -> None:
    """RQ's door."""
    settings = load_settings()
    redis = Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=10)
    client = WebClient(token=settings.bot_token.get_secret_value(), base_url=settings.slack_api_url, timeout=15)
    desk = Desk(RedisLedger(redis), RqDoorbell(redis))
    try:
        Courier(redis, desk, RedisBoard(redis), Calls(client, Pace(redis))).deliver(migration)
    finally:
        redis.close()


@dataclass
class Courier:
    """Everything that a delivery needs."""

    redis: Redis
    desk: Desk
    board: Board
    calls: Calls

    def deliver(self, migration: str) -> None:
        """Brings Slack up to date, or as far as Slack lets us; the sweep rings for the rest."""
        self.redis.incr(keys.wanted(migration))
        self.redis.expire(keys.wanted(migration), 24 * 3600)
        until = time.monotonic() + ROUND_SECONDS
        while time.monotonic() < until:
            with Turn(self.redis, migration) as turn:
                if not turn.mine:
                    return
                wanted: Any = self.redis.get(keys.wanted(migration))
                try:
                    Delivery(self, migration, until, turn).run()
                except Later as later:
                    log.info("slack asked to wait", migration=migration, seconds=later.seconds)
                    if later.seconds > SHORT_SECONDS or time.monotonic() + later.seconds > until:
                        return
                    time.sleep(later.seconds)
                    continue
                except Uncertain as unknown:
                    log.warning("slack gave no answer", migration=migration, reason=str(unknown))
                    return
                except Overtaken:
                    log.warning("another courier took over", migration=migration)
                    return
            if self.redis.get(keys.wanted(migration)) == wanted:
                return


class Delivery:
    """One round for one migration."""

    def __init__(self, courier: Courier, migration: str, until: float, turn: Turn) -> None:
        self.c = courier
        self.id = migration
        self.until = until
        self.turn = turn
        self.state, self.story = courier.desk.story(migration)
        self.outbox = Outbox(courier.redis, migration)

    def run(self) -> None:
        if self.state.version == 0:
            return
        unseen: Later | Uncertain | None = None
        try:
            seen = Screens(self.c.redis, self.c.desk, self.state, self.call).update()
        except (Later, Uncertain) as error:
            # A modal that cannot be reached is no reason to keep the thread waiting.
            unseen = error
        if self.state.public and not self._public():
            return
        if self.state.requests:
            Direct(self.outbox, self.state, self.call).update()
        if unseen is not None:
            raise unseen
        if not seen:
            return
        self.c.board.deliver(self.id, self.state.version)
        if self.state.status in ENDED:
            if isinstance(self.state.source, TypedSource) and self.state.source.password:
                # What was typed on the one-time page has served; references of the installation stay.
                SecretStore(self.c.redis).forget(self.state.source.password)
            self.c.desk.ledger.close(self.id)
            self.c.board.clear(self.id)

    def _public(self) -> bool:
        """Card, replies, card again, file; False when the channel is shut to us."""
        for left in reversed(range(CARD_TRIES)):
            try:
                self._told()
                break
            except SlackRefusal as refusal:
                if refusal.code not in GONE or not left:
                    return self._stuck(refusal)
                # Somebody deleted the card, or its edit window closed: a new card, and the story goes on under it.
                self.outbox.drop("card", "shown", "status")
        if self.outbox.get("stuck"):
            self.outbox.drop("stuck")
        return True

    def _told(self) -> None:
        if not self.outbox.card:
            self._post_card()
        self._post_lines()
        self._update_card()
        self._post_file()

    def call(self, method: str, *, eager: bool = True, **arguments: Any) -> dict[str, Any]:
        self.turn.keep()
        return self.c.calls.call(method, eager=eager, **arguments)

    # --- the card ---------------------------------------------------------------------------------------

    def _post_card(self) -> None:
        if self.outbox.get("doubt:card"):
            found = self._look("conversations.history", CARD, "card", self.outbox.get("doubt:card"))
            if found:
                self.outbox.settle("doubt:card", card=found, posted=self._beginning())
                return
            if not self._can_look:
                self.outbox.put(**{"done:card_repeat": "1"})
        text, blocks = self._card()
        metadata = {"event_type": CARD, "event_payload": {"migration": self.id, "card": self.id}}
        answer = self._once("doubt:card", f"{time.time() - SKEW_SECONDS:.0f}", text, blocks, metadata, "")
        shown = _fingerprint(text, blocks)
        self.outbox.settle("doubt:card", card=answer["ts"], posted=self._beginning(), shown=shown)

    def _card(self) -> tuple[str, list[Block]]:
        text, blocks = card.text(self.state), card.blocks(self.state, self._progress())
        if self.outbox.get("done:card_repeat"):
            blocks.append(context(":repeat: This card may repeat an earlier one; this one is kept up to date."))
        return text, blocks

    def _beginning(self) -> int:
        """The thread begins with the last check that was asked for; earlier tries were private."""
        if self.outbox.posted:
            return self.outbox.posted
        configured = [r.version for r in self.story if isinstance(r.event, e.Configured)]
        return (configured[-1] if configured else 1) - 1

    def _update_card(self) -> None:
        text, blocks = self._card()
        shown = _fingerprint(text, blocks)
        if shown == self.outbox.get("shown"):
            return
        status = f"{self.state.status}:{self.state.version}"
        news = status != self.outbox.get("status")
        age = time.time() - float(self.outbox.get("edited") or 0)
        if not news and age < CARD_SECONDS:
            return
        try:
            self.call(
                "chat.update",
                eager=news,
                channel=self.state.channel,
                ts=self.outbox.card,
                text=text,
                blocks=blocks,
            )
        except Later:
            if news:
                raise
            return
        self.outbox.put(shown=shown, status=status, edited=f"{time.time():.3f}")

    def _progress(self) -> Any:
        return self.c.board.progress(self.id) if self.state.status in (*RUNNING, Status.paused) else None

    # --- replies ----------------------------------------------------------------------------------------

    def _post_lines(self) -> None:
        self._settle_line()
        told = self._lines()
        for first, last, lines, loud in told:
            if time.monotonic() > self.until:
                raise Later(15.0)
            self._post_line(first, last, lines, loud=loud)
        if self.outbox.posted < self.state.version:
            # What follows the last line needs no line of its own.
            self.outbox.put(posted=self.state.version)

    def _lines(self) -> list[tuple[int, int, list[str], bool]]:
        """Untold events, packed into as few messages as Slack's sizes allow: (first, last version, lines, loud)."""
        state = State(id=self.id)
        packed: list[tuple[int, int, list[str], bool]] = []
        for recorded in self.story:
            state = evolve(state, recorded)
            line = logs.line(recorded.event, state) if recorded.version > self.outbox.posted else ""
            if not line:
                continue
            loud = approval.is_loud(recorded.event)
            if packed and not loud and not packed[-1][3] and len(logs.batches([*packed[-1][2], line])) == 1:
                first, _, lines, _ = packed[-1]
                packed[-1] = (first, recorded.version, [*lines, line], False)
            else:
                packed.append((recorded.version, recorded.version, [line], loud))
        return packed

    def _post_line(
        self, first: int, last: int, lines: list[str], *, repeat: bool = False, loud: bool = False
    ) -> None:
        text, blocks = logs.reply(lines, repeat=repeat)
        metadata = {"event_type": LINE, "event_payload": {"migration": self.id, "first": first, "last": last}}
        doubt = f"{first}-{last}"
        answer = self._once("doubt:line", doubt, text, blocks, metadata, self.outbox.card, repeat=repeat, loud=loud)
        self.outbox.settle("doubt:line", posted=last, last=answer["ts"])

    def _settle_line(self) -> None:
        """A post that was begun and never remembered: found in the thread, or made again with a mark."""
        doubt = self.outbox.get("doubt:line")
        if not doubt:
            return
        first, last = (int(n) for n in doubt.split("-"))
        if found := self._look("conversations.replies", LINE, "first", str(first)):
            self.outbox.settle("doubt:line", posted=last, last=found)
            return
        state = State(id=self.id)
        lines, loud = [], False
        for recorded in self.story:
            state = evolve(state, recorded)
            if first <= recorded.version <= last:
                lines.append(logs.line(recorded.event, state))
                loud = loud or approval.is_loud(recorded.event)
        self._post_line(first, last, [x for x in lines if x], repeat=not self._can_look, loud=loud)

    def _once(
        self,
        doubt: str,
        value: str,
        text: str,
        blocks: Any,
        metadata: Any,
        thread: str,
        *,
        repeat: bool = False,
        loud: bool = False,
    ) -> dict[str, Any]:
        """Posts with a note before. A refusal or a postponement takes the note away again.

        `loud`: the whole channel sees it, not only who follows the thread."""
        self.turn.keep()
        self.outbox.put(**{doubt: value})
        try:
            return self.call(
                "chat.postMessage",
                channel=self.state.channel,
                thread_ts=thread or None,
                reply_broadcast=True if loud else None,
                text=text,
                blocks=blocks,
                metadata=metadata,
                unfurl_links=False,
                unfurl_media=False,
            )
        except (Later, SlackRefusal):
            if not repeat:
                # Not made, so nothing is in doubt; a repeat leaves the doubt about the first try as it was.
                self.outbox.settle(doubt)
            raise

    # --- looking for a post in doubt --------------------------------------------------------------------

    @property
    def _can_look(self) -> bool:
        return self.outbox.get("done:cannot_look") != "1"

    def _look(self, method: str, event_type: str, name: str, value: str) -> str:
        """The ts of the message whose metadata says so; "" when it is not there or we may not look."""
        if not self._can_look:
            return ""
        where: dict[str, Any] = {"oldest": value}
        if method == "conversations.replies":
            # Only what came after the last line: reading may be allowed once a minute, and a page is short.
            where = {"ts": self.outbox.card, "oldest": self.outbox.get("last") or self.outbox.card}
        wanted = self.id if event_type == CARD else int(value)
        cursor = None
        while True:
            try:
                page = self.call(
                    method,
                    channel=self.state.channel,
                    include_all_metadata=True,
                    limit=200,
                    cursor=cursor,
                    **where,
                )
            except SlackRefusal as refusal:
                if refusal.code in DEGRADES:
                    self.outbox.put(**{"done:cannot_look": "1"})
                    return ""
                raise
            for message in page.get("messages", []):
                meta = message.get("metadata") or {}
                payload = meta.get("event_payload") or {}
                ours = meta.get("event_type") == event_type and payload.get("migration") == self.id
                if ours and payload.get(name) == wanted:
                    return str(message["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return ""

    # --- the file ---------------------------------------------------------------------------------------

    def _post_file(self) -> None:
        if self.state.status not in FILE_STATUSES or self.state.run == 0:
            return
        if self.outbox.get("done:no_file"):
            self._tell_no_file()
        mark = f"done:file{self.state.run}{self.state.status}"
        if self.outbox.get(mark) or self.outbox.get("done:files_off"):
            return
        try:
            self._upload(mark)
        except SlackRefusal as refusal:
            self._not_attached(mark, refusal)

    def _upload(self, mark: str) -> None:
        """Slack's three calls of an upload (files_upload_v2); only the last one shows anything to anybody."""
        tables = self.c.desk.ledger.attachment(self.id, "tables")
        content = logs.full(self.state, self.story, tables).encode()
        name = f"ferrybot-{self.id}-run{self.state.run}.log"
        place = self.call("files.getUploadURLExternal", filename=name, length=len(content))
        self.turn.keep(UPLOAD_SECONDS)
        self.c.calls.upload(place["upload_url"], content)
        # A file cannot carry our mark: it is attached at most once rather than twice, and *Show logs* always has it.
        self.outbox.put(**{mark: "1"})
        try:
            self.call(
                "files.completeUploadExternal",
                files=[{"id": place["file_id"], "title": f"Full log of {self.id}"}],
                channel_id=self.state.channel,
                thread_ts=self.outbox.card,
            )
        except (Later, SlackRefusal):
            self.outbox.drop(mark)
            raise

    def _not_attached(self, mark: str, refusal: SlackRefusal) -> None:
        """Not allowed here: never again. Not arrived: again a little later, then without it."""
        if refusal.code in GONE | SHUT:
            raise refusal
        if refusal.code == UPLOAD_FAILED:
            tried = int(self.outbox.get("uploads") or 0) + 1
            self.outbox.put(uploads=tried)
            if tried < UPLOAD_TRIES:
                raise Later(15.0)
        self.outbox.put(
            **{
                "done:no_file": f"{refusal.code} {refusal.detail}".strip(),
                "done:files_off" if refusal.code in DEGRADES else mark: "1",
            }
        )
        self._tell_no_file()

    def _tell_no_file(self) -> None:
        """At most once for a migration."""
        if self.outbox.get("done:no_file_told"):
            return
        self.outbox.put(**{"done:no_file_told": "1"})
        why = plain(self.outbox.get("done:no_file"))
        text = f":information_source: The full log could not be attached ({why}). *Show logs* on the card has it."
        try:
            self.call(
                "chat.postMessage",
                channel=self.state.channel,
                thread_ts=self.outbox.card,
                text=text,
                unfurl_links=False,
            )
        except (Later, SlackRefusal):
            self.outbox.drop("done:no_file_told")
            raise

    # --- when Slack says no -----------------------------------------------------------------------------

    def _stuck(self, refusal: SlackRefusal) -> bool:
        """The requester hears once why the thread stands still; each further delivery tries again."""
        if refusal.code not in SHUT:
            log.error("slack refused", migration=self.id, code=refusal.code, detail=refusal.detail)
        if self.outbox.get("stuck") != refusal.code:
            self.outbox.put(stuck=refusal.code)
            try:
                self._tell_requester(refusal)
            except Later:
                self.outbox.drop("stuck")
                raise
        return False

    def _tell_requester(self, refusal: SlackRefusal) -> None:
        who = self.state.requester
        if who is None:
            return
        advice = (
            "Please invite me to that channel (`/invite @Ferrybot`) or unarchive it; the story then continues there."
            if refusal.code in SHUT
            else "Please show this to whoever runs Ferrybot: its log says more. I keep trying."
        )
        text = (
            f"I cannot write about {plain(clip(self.state.title, 300))} in <#{self.state.channel}> ({refusal.code}). "
            f"{advice} The migration itself is not affected."
        )
        try:
            self.call("chat.postMessage", channel=who.id, text=text, unfurl_links=False)
        except SlackRefusal as second:
            log.error("requester cannot be told", migration=self.id, code=second.code)


def _fingerprint(text: str, blocks: Any) -> str:
    return hashlib.sha256(json.dumps([text, blocks], sort_keys=True).encode()).hexdigest()[:16]
