"""A stage with a shop to move, shared by the stories."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
from psycopg import sql
from pydantic import SecretStr
from redis import Redis

from bot.refs import ref
from bot.sandbox.play import BOB, Play
from bot.sandbox.servers import PostgresServer
from bot.sandbox.slack.server import SlackSandbox
from bot.sandbox.stage import Stage
from jobs.adapters import keys
from jobs.adapters.ledger_postgres import PostgresLedger
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.core.commands import Slow
from jobs.core.lifecycle import Ring
from jobs.core.model import Person
from jobs.core.state import State, Status
from jobs.core.throttle import LEAST_BYTES, Limit
from jobs.desk import Desk
from jobs.ports.ledger import Ledger
from tests.support.servers import Database

HISTORY = {"channels:history", "groups:history"}
CANARY = "Canary-9f3b&/ %41"
"""A password that no text may hold: with characters that careless quoting breaks on."""
SLOW = Limit(lanes=1, bytes_per_second=LEAST_BYTES)
"""Some seconds for the rows of a small shop."""
HAND = Person(id=BOB, name="bob")
"""Who slows runs down and hurries them up, for the stories' sake."""
_numbers = itertools.count(1)


@dataclass
class World:
    """A stage, the databases on it, and eyes on the ledger."""

    stage: Stage
    source: Database
    targets: dict[str, Database]
    ledger_url: str = ""
    redis: Redis = field(init=False)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.redis = Redis.from_url(self.stage.redis.url())
        self.ledger = PostgresLedger(SecretStr(self.ledger_url)) if self.ledger_url else RedisLedger(self.redis)

    @property
    def slack(self) -> SlackSandbox:
        return self.stage.slack

    @property
    def desk(self) -> Desk:
        return Desk(self.ledger, RqDoorbell(self.redis))

    def play(self, **changes: Any) -> Play:
        return Play(self.slack, **changes)

    def newest(self) -> State:
        """The migration that was begun last."""
        return self.desk.state(self.desk.ledger.recent(1)[0])

    def until(
        self, predicate: Callable[[State], bool], what: str, seconds: float = 60, *, migration: str = ""
    ) -> State:
        """Waits until that (else the newest) migration's state is as wanted, woken by each new event of its story."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.desk.state(migration) if migration else self.newest()
            if predicate(state):
                return state
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: still {state.status} {state.problem}\n{self.stage.output()[-4000:]}")
            self.redis.xread({keys.story(state.id): f"{state.version}-0"}, block=300)

    def slow_down(self, migration: str, limit: Limit = SLOW) -> None:
        """A run that is due takes its time, so that something may happen meanwhile; an empty limit ends that."""
        self.desk.obey(migration, Slow(by=HAND, limit=limit))

    def slowed(self) -> None:
        """The run that was just asked for copies at the lowest rate that there is: whatever is pressed next meets it
        in its middle, on a fast machine, too, and the shop need not be large."""
        state = self.until(lambda state: state.status is Status.migrating, "begun")
        self.slow_down(state.id, Limit(bytes_per_second=LEAST_BYTES))

    def hurried(self) -> None:
        """What was to be seen in the middle of the run was seen."""
        self.slow_down(self.newest().id, Limit())

    def time_passes(self, migration: str) -> None:
        """What half a minute would bring: the dead job's heartbeat fades, nobody takes it for one that was claimed
        only just now, and the clock rings for a sweep."""
        for kind in ("migrate", "validate"):
            self.redis.delete(keys.beat(migration, kind))
            rung = self.redis.get(keys.last_ring(migration, kind))
            job = f"rq:job:{rung.decode()}" if isinstance(rung, bytes) else ""
            if job and self.redis.hget(job, "status") == b"started":
                self.redis.delete(job)
        self.redis.delete(keys.courier(migration))
        self.desk.queue.ring(Ring(kind="sweep", migration="all", token=f"test{next(_numbers)}-{time.time_ns()}"))


def make_role(server: PostgresServer, name: str) -> None:
    """Roles belong to the server: the target needs them before."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = %s", [name]).fetchone():
            connection.execute(sql.SQL("create role {}").format(sql.Identifier(name)))


def reader(database: Database, name: str, password: str) -> str:
    """A login that may do everything in `database`; its URL."""
    with database.connect() as connection:
        connection.execute(
            sql.SQL("create role {} superuser login password {}").format(sql.Identifier(name), sql.Literal(password))
        )
    return database.server.url(database.name, user=name, password=password)


def service(environment: str, secret: str, **more: object) -> dict[str, object]:
    return {"engine": "postgresql", "environment": environment, "secret": f"env:{secret}", **more}


@contextmanager
def world(
    source: Database,
    targets: dict[str, Database],
    *,
    mode: Literal["socket", "http"] = "socket",
    history: bool = True,
    log_level: str = "INFO",
    source_url: str = "",
    extra: dict[str, dict[str, object]] | None = None,
    env: dict[str, str] | None = None,
    workers: int = 2,
) -> Iterator[World]:
    """Services `shop` (source) and one per target; a target whose name begins with `prod` needs an approval."""
    services = {"shop": service("staging", "SHOP_URL")}
    values = {"SHOP_URL": source_url or source.url, **(env or {})}
    for name, database in targets.items():
        environment = "production" if name.startswith("prod") else "staging"
        variable = f"TARGET_{len(values)}"
        services[name] = service(environment, variable, free_disk="40 GB")
        values[variable] = database.url
        make_role(database.server, "shop_app")
    policy = {"production": {"approvals": 1, "approvers": ["S0DBA"]}, "staging": {"approvals": 0}}
    stage = Stage(
        {**services, **(extra or {})},
        values,
        environments=policy,
        mode=mode,
        log_level=log_level,
        workers=workers,
    )
    with stage:
        if history:
            stage.slack.scopes = stage.slack.scopes | HISTORY
        else:
            stage.slack.scopes = stage.slack.scopes - HISTORY
        yield World(stage, source, targets, values.get("LEDGER_URL", ""))


def broken_rules(w: World) -> list[str]:
    """What Slack would have minded. A `hash_conflict` is no fault: it is the guard that keeps a courier from
    writing over what a person did at the same moment."""
    return [str(p) for p in w.slack.problems if "hash_conflict" not in str(p)]


def hears(w: World, person: str, words: str, *, channel: str = "C0MIGRATIONS") -> str:
    """Waits until Slack shows `words` to this person alone."""

    def found(_: SlackSandbox) -> str | None:
        texts = [m.text for m in w.slack.person(person).ephemerals(channel)]
        return next((text for text in reversed(texts) if words in text), None)

    return w.slack.wait_for(found, 20, f"{person} is told {words!r}")


def replies(play: Play) -> list[str]:
    """The lines of the thread, without the card."""
    said = [m.text for m in play.thread() if m.thread_ts and m.ts != m.thread_ts]
    return [line for text in said for line in text.splitlines()]


def begin(w: World, target: str) -> Play:
    play = w.play()
    play.configure(target)
    play.source("shop")
    play.checked()
    play.request()
    return play


def press(w: World, play: Play, person: str, action: str) -> None:
    """Waits until the card offers the button of the run and plan that the story is at by now, then presses it."""

    def offered(_: object) -> bool | None:
        for button in _buttons(play.card().blocks, action):
            shown = ref(button.get("value"))
            state = w.desk.state(shown.m) if shown else None
            if shown and state and shown.r in (0, state.run) and shown.d in ("", state.digest):
                return True
        return None

    w.slack.wait_for(offered, 30, action)
    play.press(person, action)


def _buttons(part: object, action: str) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if part.get("action_id") == action:
            yield part
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from _buttons(inner, action)


def modal_button(play: Play, action: str) -> None:
    """Waits until the open modal offers the button, then presses it."""

    def there(_: object) -> bool | None:
        modal = play.alice.modal()
        return True if modal is not None and f"'{action}'" in str(modal.blocks) else None

    play.slack.wait_for(there, 60, action)
    modal = play.alice.modal()
    assert modal is not None
    play.alice.click(modal, action)
