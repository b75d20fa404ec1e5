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
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from slack_sdk.web import WebClient

from bot import haste, stale
from bot.attach import post_file
from bot.calls import GONE, Calls, Haste, Later, Pace, SlackRefusal, Uncertain
from bot.direct import Direct
from bot.doubt import CARD, LINE, can_look, look
from bot.errand import Errand, Tools
from bot.outbox import Overtaken, Turn
from bot.screens import Screens
from bot.settings import load_settings
from bot.shut import mended, stuck
from bot.ui import approval, card, logs
from bot.ui.text import Block, context
from jobs import metrics
from jobs.adapters import keys
from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.history_redis import RedisHistory
from jobs.adapters.ledgers import open_ledger, release
from jobs.adapters.queue_rq import RqDoorbell
from jobs.adapters.redis_url import connect
from jobs.adapters.secrets import SecretStore
from jobs.core import events as e
from jobs.core.errors import Unreadable
from jobs.core.evolve import evolve
from jobs.core.model import TypedSource
from jobs.core.state import ENDED, RUNNING, State, Status
from jobs.core.summary import summary_of
from jobs.desk import Desk
from jobs.logs import about

log = structlog.get_logger(__name__)

ROUND_SECONDS = 45.0
"""After so long a courier gives way to other migrations; the sweep rings again."""
EARLY_SECONDS = 0.25
"""So much sooner than its share a card may be edited for its figures alone: they come a little after every 1.25 s
(`jobs.flow.overseer.TICK_SECONDS`) and chat.update's turns every 1.24 s, so a card must not miss one by a hair."""
LAG_SECONDS = 10.0
"""A thread that is behind by more says so on its card: a courier that waits its turn may need some seconds."""
LATE_SECONDS = 60.0
"""What is told so much later says when it happened; Slack shows only when it was posted."""
SHORT_SECONDS = 3.0
"""A wait so short is waited out; after a longer one the sweep rings again."""
CARD_DAYS = 400
"""So long a message's menu leads to the log; *Show logs* and `/migrate history` do for ever."""
CARD_TRIES = 3
"""New cards in one delivery: a person who deletes faster than we post is not raced."""
SKEW_SECONDS = 300
"""How far our clock and Slack's may be apart when we look for a card in doubt."""


def deliver(migration: str) -> None:
    """RQ's door."""
    settings = load_settings()
    redis = connect(settings.redis_url, socket_timeout=10)
    client = WebClient(token=settings.bot_token.get_secret_value(), base_url=settings.slack_api_url, timeout=15)
    desk = Desk(open_ledger(settings, redis), RqDoorbell(redis))
    try:
        with about(migration), metrics.timed_job("deliver"):
            Courier(redis, desk, RedisBoard(redis), Calls(client, Pace(redis))).deliver(migration)
    except Unreadable as error:
        log.error("left to a courier of the newer version", migration=migration, what=error.what)
    finally:
        metrics.flush(redis)
        release(desk.ledger)
        redis.close()


class Courier(Tools):
    """Brings migrations to Slack, one at a time."""

    def deliver(self, migration: str) -> None:
        """Brings Slack up to date, or as far as Slack lets us; the sweep rings for the rest."""
        self.redis.incr(keys.wanted(migration))
        self.redis.expire(keys.wanted(migration), 24 * 3600)
        now = self.calls.pace.now
        until = now() + ROUND_SECONDS
        while now() < until and not self.stop.is_set():
            with Turn(self.redis, migration) as turn:
                if not turn.mine:
                    return
                wanted: Any = self.redis.get(keys.wanted(migration))
                try:
                    Delivery(self, migration, until, turn).run()
                except Later as later:
                    log.info("slack asked to wait", migration=migration, seconds=later.seconds)
                    if later.seconds > SHORT_SECONDS or now() + later.seconds > until:
                        return
                    self.calls.pace.sleep(later.seconds)
                    continue
                except Uncertain as unknown:
                    log.warning("slack gave no answer", migration=migration, reason=str(unknown))
                    return
                except Overtaken:
                    log.warning("another courier took over", migration=migration)
                    return
            if self.redis.get(keys.wanted(migration)) == wanted:
                return


class Delivery(Errand):
    """One round for one migration: card, lines, file."""

    def run(self) -> None:
        if self.state.version == 0:
            return
        # Before anything can go wrong with Slack, and before `close`: what is closed stands there in its last form.
        RedisHistory(self.c.redis).put(summary_of(self.state))
        unseen: Later | Uncertain | None = None
        try:
            seen = Screens(self.c.redis, self.c.desk, self.state, self.call).update()
        except (Later, Uncertain) as error:
            # A modal that cannot be reached is no reason to keep the thread waiting.
            unseen = error
        if self.state.public and not self._public():
            return
        if self.state.requests:
            Direct(self.outbox, self.state, partial(self.call, haste="first")).update()
        if unseen is not None:
            raise unseen
        told = self.c.board.delivered(self.id)
        if not seen:
            if told >= self.state.version:
                # All was told before, and then somebody drew over it: the sweep must ring for the next try.
                self.c.board.deliver(self.id, self.state.version - 1)
            return
        stale.moved(self.c.redis, self.state, self.story, told)
        if self.state.changed and told < self.state.version:
            metrics.observe(metrics.LAG, max(0.0, time.time() - self.state.changed.timestamp()))
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
                    stuck(self, refusal)
                    return False
                # Somebody deleted the card, or its edit window closed: a new card, and the story goes on under it.
                self.outbox.drop("card", "shown", "status")
        mended(self)
        return True

    def _told(self) -> None:
        if not self.outbox.card:
            self._post_card()
        try:
            self._post_lines()
        except Later:
            # The card is another method with turns of its own: it says that the thread is behind.
            self._update_card(self._behind())
            raise
        self._update_card()
        post_file(self)

    # --- the card ---------------------------------------------------------------------------------------

    def _post_card(self) -> None:
        if self.outbox.get("doubt:card"):
            found = look(self, "conversations.history", CARD, "card", self.outbox.get("doubt:card"))
            if found:
                self._remember_card(found)
                self.outbox.settle("doubt:card", card=found, posted=self._beginning())
                return
            if not can_look(self):
                self.outbox.put(**{"done:card_repeat": "1"})
        text, blocks = self._card(self._behind())
        metadata = {"event_type": CARD, "event_payload": {"migration": self.id, "card": self.id}}
        soon = haste.of_state(self.state)
        answer = self._once("doubt:card", f"{time.time() - SKEW_SECONDS:.0f}", text, blocks, metadata, "", soon=soon)
        shown = _fingerprint(text, blocks)
        self._remember_card(str(answer["ts"]))
        self.outbox.settle("doubt:card", card=answer["ts"], posted=self._beginning(), shown=shown)

    def _remember_card(self, ts: str) -> None:
        """A message's menu names only the thread that it belongs to: so it is found whose thread that is."""
        self.c.redis.set(keys.card(self.state.channel, ts), self.id, ex=CARD_DAYS * 24 * 3600)

    def _card(self, behind: float = 0.0) -> tuple[str, list[Block]]:
        text, blocks = card.text(self.state), card.blocks(self.state, self._progress())
        if behind >= LAG_SECONDS:
            blocks.append(card.behind(behind))
        if self.outbox.get("done:card_repeat"):
            blocks.append(context(":repeat: This card may repeat an earlier one; this one is kept up to date."))
        return text, blocks

    def _beginning(self) -> int:
        """The thread begins with the last check that was asked for; earlier tries were private."""
        if self.outbox.posted:
            return self.outbox.posted
        configured = [r.version for r in self.story if isinstance(r.event, e.Configured)]
        return (configured[-1] if configured else 1) - 1

    def _behind(self) -> float:
        """Seconds since the oldest event that the thread has not told; 0 when it has told everything."""
        untold = [r.at for r in self.story if r.version > self.outbox.posted and logs.line(r.event, self.state)]
        return self.c.calls.pace.now() - untold[0].timestamp() if untold and self.outbox.card else 0.0

    def _update_card(self, behind: float = 0.0) -> None:
        text, blocks = self._card(behind)
        shown = _fingerprint(text, blocks)
        if shown == self.outbox.get("shown"):
            return
        status = f"{self.state.status}:{self.state.version}"
        news = status != self.outbox.get("status")
        now = self.c.calls.pace.now()
        if not news:
            share = self.c.calls.pace.share("chat.update", self.id)
            if now - float(self.outbox.get("edited") or 0) < share - EARLY_SECONDS:
                return
        try:
            self.call(
                "chat.update",
                haste=haste.of_state(self.state) if news else "progress",
                channel=self.state.channel,
                ts=self.outbox.card,
                text=text,
                blocks=blocks,
            )
        except Later:
            if news:
                raise
            return
        self.outbox.put(shown=shown, edited=f"{now:.3f}")
        if not behind:
            # A card that says "behind" must be edited once more, whatever else happens.
            self.outbox.put(status=status)

    def _progress(self) -> Any:
        return self.c.board.progress(self.id) if self.state.status in (*RUNNING, Status.paused) else None

    # --- replies ----------------------------------------------------------------------------------------

    def _post_lines(self) -> None:
        self._settle_line()
        told = self._lines()
        for first, last, lines, loud in told:
            if self.c.calls.pace.now() > self.until or self.c.stop.is_set():
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
        told = self.story[first - 1 : last]
        text, blocks = logs.reply(lines, repeat=repeat, late=self._late(told[0].at))
        metadata = {"event_type": LINE, "event_payload": {"migration": self.id, "first": first, "last": last}}
        doubt = f"{first}-{last}"
        soon = haste.of_events(recorded.event for recorded in told)
        answer = self._once(
            "doubt:line", doubt, text, blocks, metadata, self.outbox.card, repeat=repeat, soon=soon, loud=loud
        )
        self.outbox.settle("doubt:line", posted=last, last=answer["ts"])

    def _late(self, at: datetime) -> datetime | None:
        """When it happened, where that is not about now."""
        return at if self.c.calls.pace.now() - at.timestamp() >= LATE_SECONDS else None

    def _settle_line(self) -> None:
        """A post that was begun and never remembered: found in the thread, or made again with a mark."""
        doubt = self.outbox.get("doubt:line")
        if not doubt:
            return
        first, last = (int(n) for n in doubt.split("-"))
        if found := look(self, "conversations.replies", LINE, "first", str(first)):
            self.outbox.settle("doubt:line", posted=last, last=found)
            return
        state = State(id=self.id)
        lines, loud = [], False
        for recorded in self.story:
            state = evolve(state, recorded)
            if first <= recorded.version <= last:
                lines.append(logs.line(recorded.event, state))
                loud = loud or approval.is_loud(recorded.event)
        self._post_line(first, last, [x for x in lines if x], repeat=not can_look(self), loud=loud)

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
        soon: Haste = "news",
        loud: bool = False,
    ) -> dict[str, Any]:
        """Posts with a note before. A refusal or a postponement takes the note away again.

        `loud`: the whole channel sees it, not only who follows the thread."""
        self.turn.keep()
        self.outbox.put(**{doubt: value})
        try:
            return self.call(
                "chat.postMessage",
                haste=soon,
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


def _fingerprint(text: str, blocks: Any) -> str:
    return hashlib.sha256(json.dumps([text, blocks], sort_keys=True).encode()).hexdigest()[:16]
