"""The doctor's look at this installation's own house: its ledger, its channels, its Slack app's other users."""

from __future__ import annotations

import time
from collections.abc import Iterator

from redis import Redis
from redis.exceptions import RedisError
from slack_sdk import WebClient  # noqa: TID251  # the doctor's own, handed over
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.calls import SHUT
from bot.config import Config
from bot.diagnosis import Diagnosis
from bot.outbox import Outbox
from bot.settings import Settings
from bot.severed import ADVICE, severed
from bot.strangers import strangers
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.ledgers import open_ledger, ready, release
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core.errors import FerrybotError, LedgerAway, Unreadable
from jobs.core.state import State
from jobs.desk import Desk

MOST_CHANNELS = 20
"""conversations.history allows some fifty calls a minute, and a person waits."""
_INVITE = "Invite the bot there: /invite @Ferrybot."


def house(settings: Settings, redis: Redis) -> Iterator[Diagnosis]:
    """The ledger, strangers on our Slack app, and threads that cannot be written. Redis must answer."""
    ledger = open_ledger(settings, redis)
    desk = Desk(ledger, RqDoorbell(redis))
    try:
        keeper = ready(ledger)
        if keeper.doubt:
            yield Diagnosis("ledger", "warn", f"kept by {keeper.server}; {keeper.doubt}", "Set fsync to on.")
        else:
            yield Diagnosis("ledger", "ok", f"kept by {keeper.server}")
        yield from _left_behind(settings, redis)
        yield from _stuck(desk, redis)
    except LedgerAway:
        remedy = "Check LEDGER_URL, and that the server runs and admits this machine."
        yield Diagnosis("ledger", "bad", "its database cannot be reached", remedy)
    except FerrybotError as error:
        yield Diagnosis("ledger", "bad", error.what, error.remedy)
    finally:
        release(ledger)
    yield from _strangers(redis)
    yield from _severed(redis)


def _left_behind(settings: Settings, redis: Redis) -> Iterator[Diagnosis]:
    """Who sets LEDGER_URL later leaves the stories in Redis where they are."""
    open_there = RedisLedger(redis).open() if settings.ledger_url else ()
    if open_there:
        said = f"{len(open_there)} migrations are open in Redis, where nobody looks since LEDGER_URL is set"
        yield Diagnosis("ledger in Redis", "bad", said, "Unset LEDGER_URL, end them, and set it again.")


def _states(desk: Desk) -> Iterator[State]:
    for migration in desk.ledger.open():
        try:
            yield desk.state(migration)
        except Unreadable:
            continue


def _stuck(desk: Desk, redis: Redis) -> Iterator[Diagnosis]:
    """What the courier has found out about channels."""
    for state in _states(desk):
        code = Outbox(redis, state.id).get("stuck")
        if code:
            remedy = _INVITE if code in SHUT else "The courier's log says more."
            said = f"{state.id} cannot be told in {state.channel}: Slack says {code}"
            yield Diagnosis("thread", "bad", said, remedy)


def _strangers(redis: Redis) -> Iterator[Diagnosis]:
    try:
        seen = strangers(redis)
    except RedisError:
        return
    if seen is not None:
        minutes = max(0, round((time.time() - seen["at"]) / 60))
        said = (
            f"two installations use it: {minutes} min ago Slack counted {seen['all']:.0f} connections, "
            f"{seen['ours']:.0f} of them ours"
        )
        remedy = (
            "Give each environment a Slack app of its own, then restart web: a gesture reaches one of the two only."
        )
        yield Diagnosis("Slack app", "bad", said, remedy)


def _severed(redis: Redis) -> Iterator[Diagnosis]:
    found = severed(redis)
    if found is not None:
        minutes = max(0, round((time.time() - found["at"]) / 60))
        said = f"{found['why']}, {minutes} min ago: migrations go on, their threads wait"
        yield Diagnosis("Slack", "bad", said, ADVICE)


def channels(settings: Settings, config: Config, redis: Redis | None, client: WebClient) -> Iterator[Diagnosis]:
    """Is the bot in the channels that the configuration and open migrations name? No message is read."""
    named = _named(settings, config, redis)
    inside = outside = 0
    for channel in list(named)[:MOST_CHANNELS]:
        code = _asked(client, channel)
        if code == "":
            inside += 1
        elif code in SHUT:
            outside += 1
            yield Diagnosis("channels", "bad", f"the bot is not in {channel} ({named[channel]})", _INVITE)
        else:
            yield _unasked(code, f"{inside + outside} of {len(named)}")
            return
    if inside and not outside:
        yield Diagnosis("channels", "ok", f"the bot is in {inside} of {len(named)}")


def _asked(client: WebClient, channel: str) -> str:
    """ "" when the bot is there, else Slack's word."""
    try:
        # Nothing is younger than tomorrow: Slack answers with no message, or why we may not read there.
        client.conversations_history(channel=channel, oldest=f"{time.time() + 86400:.0f}", limit=1)
    except SlackApiError as error:
        return str(error.response.get("error", "unknown"))
    except (SlackClientError, OSError) as error:
        return type(error).__name__
    return ""


def _unasked(code: str, asked: str) -> Diagnosis:
    if code != "missing_scope":
        # An app that is sold may read history once a minute.
        said = f"{asked} were asked about, then Slack said {code}"
        return Diagnosis("channels", "warn", said, "Try again in a minute.")
    said = "unknown: without channels:history and groups:history Slack does not say where the bot is"
    return Diagnosis("channels", "warn", said, "Look yourself: the bot must be a member of each channel it works in.")


def _named(settings: Settings, config: Config, redis: Redis | None) -> dict[str, str]:
    named = {channel: f"services.{name}.channels" for name, s in config.services.items() for channel in s.channels}
    if redis is None:
        return named
    ledger = open_ledger(settings, redis)
    try:
        for state in _states(Desk(ledger, RqDoorbell(redis))):
            if state.public:
                named.setdefault(state.channel, f"migration {state.id}")
    except (FerrybotError, RedisError):
        # Told by itself already.
        pass
    finally:
        release(ledger)
    return named
