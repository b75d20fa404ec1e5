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
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis
from slack_sdk.web import WebClient

from bot.calls import DEGRADES, GONE, SHUT, Calls, Later, Pace, SlackRefusal, Uncertain
from bot.modals import Modals
from bot.outbox import Outbox
from bot.settings import load_settings
from bot.ui import card, findings, logs, plan
from bot.ui.text import plain
from jobs.adapters import keys
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.adapters.secrets import SecretStore
from jobs.core import events as e
from jobs.core.commands import Detach
from jobs.core.errors import Refused
from jobs.core.lifecycle import ENDED, RUNNING, State, Status, evolve
from jobs.core.model import Person, TypedSource
from jobs.desk import Desk
from jobs.desk import deliver as doorbell
from jobs.ports.board import Board

log = structlog.get_logger(__name__)

LOCK_SECONDS = 30
"""A courier that was killed keeps others away at most so long; renewed before each call to Slack."""
ROUND_SECONDS = 45.0
"""After so long a courier gives way to other migrations; the sweep rings again."""
CARD_SECONDS = 3.0
"""Least time between two edits of a card that only show progress (chat.update: 50 a minute for a workspace)."""
LINE, CARD = "ferrybot_line", "ferrybot_card"
FILE_STATUSES = frozenset({Status.done, Status.failed, Status.cancelled})


def deliver(migration: str) -> None:
    """RQ's door."""
    settings = load_settings()
    redis = Redis.from_url(settings.redis_url.get_secret_value())
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
            with self._alone(migration) as alone:
                if not alone:
                    return
                wanted: Any = self.redis.get(keys.wanted(migration))
                try:
                    Delivery(self, migration, until).run()
                except Later as later:
                    log.info("slack asked to wait", migration=migration, seconds=later.seconds)
                    if later.seconds > 3 or time.monotonic() + later.seconds > until:
                        return
                    time.sleep(later.seconds)
                    continue
                except Uncertain as unknown:
                    log.warning("slack gave no answer", migration=migration, reason=str(unknown))
                    return
            if self.redis.get(keys.wanted(migration)) == wanted:
                return

    @contextmanager
    def _alone(self, migration: str) -> Iterator[bool]:
        """True for the one courier that works on this migration now."""
        token = secrets.token_hex(8)
        got = bool(self.redis.set(keys.courier(migration), token, nx=True, ex=LOCK_SECONDS))
        try:
            yield got
        finally:
            if got and self.redis.get(keys.courier(migration)) == token.encode():
                self.redis.delete(keys.courier(migration))


class Delivery:
    """One round for one migration."""

    def __init__(self, courier: Courier, migration: str, until: float) -> None:
        self.c = courier
        self.id = migration
        self.until = until
        self.state, self.story = courier.desk.story(migration)
        self.outbox = Outbox(courier.redis, migration)

    def run(self) -> None:
        if self.state.version == 0:
            return
        Screens(self).update()
        if self.state.public and not self._public():
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
        try:
            if not self.outbox.card:
                self._post_card()
            self._post_lines()
            self._update_card()
            self._post_file()
        except SlackRefusal as refusal:
            return self._repair(refusal)
        self.outbox.drop("stuck") if self.outbox.get("stuck") else None
        return True

    def call(self, method: str, *, eager: bool = True, **arguments: Any) -> dict[str, Any]:
        self.c.redis.expire(keys.courier(self.id), LOCK_SECONDS)
        return self.c.calls.call(method, eager=eager, **arguments)

    # --- the card ---------------------------------------------------------------------------------------

    def _post_card(self) -> None:
        if self.outbox.get("doubt:card"):
            found = self._look("conversations.history", CARD, "card", self.outbox.get("doubt:card"))
            if found:
                self.outbox.settle("doubt:card", card=found, posted=self._beginning())
                return
        text, blocks = card.text(self.state), card.blocks(self.state, self._progress())
        metadata = {"event_type": CARD, "event_payload": {"migration": self.id, "card": self.id}}
        answer = self._once("doubt:card", f"{time.time() - 60:.0f}", text, blocks, metadata, "")
        shown = _fingerprint(text, blocks)
        self.outbox.settle("doubt:card", card=answer["ts"], posted=self._beginning(), shown=shown)

    def _beginning(self) -> int:
        """The thread begins with the last check that was asked for; earlier tries were private."""
        if self.outbox.posted:
            return self.outbox.posted
        configured = [r.version for r in self.story if isinstance(r.event, e.Configured)]
        return (configured[-1] if configured else 1) - 1

    def _update_card(self) -> None:
        now = self._progress()
        text, blocks = card.text(self.state), card.blocks(self.state, now)
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
        for first, last, lines in told:
            if time.monotonic() > self.until:
                raise Later(15.0)
            self._post_line(first, last, lines)
        if self.outbox.posted < self.state.version:
            # What follows the last line needs no line of its own.
            self.outbox.put(posted=self.state.version)

    def _lines(self) -> list[tuple[int, int, list[str]]]:
        """Untold events, packed into as few messages as Slack's sizes allow: (first, last version, lines)."""
        state = State(id=self.id)
        packed: list[tuple[int, int, list[str]]] = []
        for recorded in self.story:
            state = evolve(state, recorded)
            line = logs.line(recorded.event, state) if recorded.version > self.outbox.posted else ""
            if not line:
                continue
            if packed and len(logs.batches([*packed[-1][2], line])) == 1:
                first, _, lines = packed[-1]
                packed[-1] = (first, recorded.version, [*lines, line])
            else:
                packed.append((recorded.version, recorded.version, [line]))
        return packed

    def _post_line(self, first: int, last: int, lines: list[str], *, repeat: bool = False) -> None:
        text, blocks = logs.reply(lines, repeat=repeat)
        metadata = {"event_type": LINE, "event_payload": {"migration": self.id, "first": first, "last": last}}
        doubt = f"{first}-{last}"
        self._once("doubt:line", doubt, text, blocks, metadata, self.outbox.card, repeat=repeat)
        self.outbox.settle("doubt:line", posted=last)

    def _settle_line(self) -> None:
        """A post that was begun and never remembered: found in the thread, or made again with a mark."""
        doubt = self.outbox.get("doubt:line")
        if not doubt:
            return
        first, last = (int(n) for n in doubt.split("-"))
        if self._look("conversations.replies", LINE, "first", str(first)):
            self.outbox.settle("doubt:line", posted=last)
            return
        state = State(id=self.id)
        lines = []
        for recorded in self.story:
            state = evolve(state, recorded)
            if first <= recorded.version <= last:
                lines.append(logs.line(recorded.event, state))
        self._post_line(first, last, [x for x in lines if x], repeat=not self._can_look)

    def _once(
        self, doubt: str, value: str, text: str, blocks: Any, metadata: Any, thread: str, *, repeat: bool = False
    ) -> dict[str, Any]:
        """Posts with a note before. A refusal or a postponement takes the note away again."""
        self.outbox.put(**{doubt: value})
        try:
            return self.call(
                "chat.postMessage",
                channel=self.state.channel,
                thread_ts=thread or None,
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
        where: dict[str, Any] = {"ts": self.outbox.card} if method == "conversations.replies" else {"oldest": value}
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
        mark = f"done:file{self.state.run}{self.state.status}"
        if self.outbox.get(mark) or self.outbox.get("done:files_off"):
            return
        tables = self.c.desk.ledger.attachment(self.id, "tables")
        content = logs.full(self.state, self.story, tables).encode()
        # A file cannot carry our mark: it is attached at most once rather than twice, and *Show logs* always has it.
        self.outbox.put(**{mark: "1"})
        try:
            self._upload(f"ferrybot-{self.id}-run{self.state.run}.log", content)
        except Later:
            self.outbox.drop(mark)
            raise
        except SlackRefusal as refusal:
            self.outbox.put(**{"done:files_off": "1"})
            self._say(
                f":information_source: The full log could not be attached ({refusal.code} {refusal.detail}). "
                "*Show logs* on the card has it."
            )

    def _upload(self, name: str, content: bytes) -> None:
        """Slack's three calls of an upload (files_upload_v2)."""
        place = self.call("files.getUploadURLExternal", filename=name, length=len(content))
        self.c.calls.upload(place["upload_url"], name, content)
        self.call(
            "files.completeUploadExternal",
            files=[{"id": place["file_id"], "title": f"Full log of {self.id}"}],
            channel_id=self.state.channel,
            thread_ts=self.outbox.card,
        )

    # --- when Slack says no -----------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        """A line of the courier's own, at most once."""
        self.call(
            "chat.postMessage",
            channel=self.state.channel,
            thread_ts=self.outbox.card,
            text=text,
            unfurl_links=False,
        )

    def _repair(self, refusal: SlackRefusal) -> bool:
        if refusal.code in GONE:
            # Somebody deleted the card, or its edit window closed: a new card, and the story goes on under it.
            self.outbox.drop("card", "shown", "status")
            self._post_card()
            self._update_card()
            return True
        if refusal.code not in SHUT:
            log.error("slack refused", migration=self.id, code=refusal.code, detail=refusal.detail)
        if self.outbox.get("stuck") != refusal.code:
            self.outbox.put(stuck=refusal.code)
            self._tell_requester(refusal)
        return False

    def _tell_requester(self, refusal: SlackRefusal) -> None:
        who = self.state.requester
        if who is None:
            return
        text = (
            f"I cannot write about {plain(self.state.title)} in <#{self.state.channel}> ({refusal.code}). "
            "Please invite me to that channel (`/invite @Ferrybot`) or unarchive it; the story then continues there. "
            "The migration itself is not affected."
        )
        try:
            self.call("chat.postMessage", channel=who.id, text=text, unfurl_links=False)
        except SlackRefusal as second:
            log.error("requester cannot be told", migration=self.id, code=second.code)


class Screens:
    """The modal that is open on somebody's screen."""

    def __init__(self, delivery: Delivery) -> None:
        self.d = delivery
        self.modals = Modals(delivery.c.redis)

    def update(self) -> None:
        """Renders step 2 and step 3 anew when their migration has changed."""
        shown = self.modals.open(self.d.id)
        state = self.d.state
        if shown is None or shown.version >= state.version or shown.step not in ("validation", "migration"):
            return
        view = findings.view(state) if shown.step == "validation" else plan.view(state)
        try:
            answer = self.d.call("views.update", view_id=shown.view_id, hash=shown.hash or None, view=view)
        except SlackRefusal as refusal:
            self._refused(refusal)
            return
        now = self.modals.open(self.d.id)
        if now is not None and now.view_id == shown.view_id and now.step == shown.step:
            fresh = shown.model_copy(update={"hash": answer["view"]["hash"], "version": state.version})
            self.modals.remember(self.d.id, fresh)

    def _refused(self, refusal: SlackRefusal) -> None:
        if refusal.code == "hash_conflict":
            # The person was faster; the gesture's own answer shows the newest state.
            self.d.c.desk.queue.ring(doorbell(self.d.id, f"h{int(time.time())}"))
            return
        if refusal.code not in ("not_found", "view_not_found"):
            log.warning("modal not updated", migration=self.d.id, code=refusal.code, detail=refusal.detail)
        self.modals.forget(self.d.id)
        closed(self.d.c.desk, self.d.state)


def closed(desk: Desk, state: State) -> None:
    """A modal went away while its checks run: the thread tells the rest."""
    if state.status in (Status.configured, Status.validating) and state.requester is not None:
        try:
            desk.obey(state.id, Detach(by=Person(id=state.requester.id)))
        except Refused:
            return


def _fingerprint(text: str, blocks: Any) -> str:
    return hashlib.sha256(json.dumps([text, blocks], sort_keys=True).encode()).hexdigest()[:16]
