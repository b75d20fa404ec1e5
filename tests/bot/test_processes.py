"""The processes one by one: how they say that they are well, how they end, and that all speak TLS to Redis."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
from pydantic import SecretStr

from bot import doctor
from bot.doctor import Diagnosis
from bot.sandbox.binaries import redis_tls_program
from bot.sandbox.servers import PostgresServer, RedisServer
from bot.sandbox.slack.server import SlackSandbox
from bot.sandbox.stage import Stage, descendants
from bot.strangers import strangers
from jobs import metrics
from jobs.adapters.redis_url import connect
from tests.support.servers import FreshDatabase, missing
from tests.support.small_stage import small_stage, web
from tests.support.waiting import SECONDS, until


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body; 0 while nobody listens."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except (URLError, OSError):
        return 0, ""


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def redis_tls() -> Iterator[RedisServer]:
    """A Redis that speaks TLS only, knows its clients by certificate, and wants a password."""
    program = redis_tls_program()
    if program is None:
        missing("Redis with TLS (Debian's redis-tools)")
    with RedisServer(program, password="p@ss/w:rd ✓", tls=True) as server:
        yield server


@dataclass
class Ours:
    """One of our processes and the port of its health."""

    name: str
    popen: subprocess.Popen[bytes]
    port: int

    def health(self) -> dict[str, Any]:
        status, body = get(self.port, "/healthz")
        return {"status": status, **(json.loads(body) if status else {})}

    def is_well(self) -> bool | None:
        return self.health()["status"] == 200 or None

    def is_ill(self) -> dict[str, Any] | None:
        said = self.health()
        return said if said["status"] == 503 else None


@pytest.fixture
def house(redis_tls: RedisServer, fresh_db: FreshDatabase, pg15: PostgresServer) -> Iterator[dict[str, Ours]]:
    """Worker, courier and clock over TLS to Redis, with the ledger in PostgreSQL."""
    running: dict[str, Ours] = {}
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("SLACK_", "FERRYBOT_"))},
        "REDIS_URL": redis_tls.url(),
        "LEDGER_URL": fresh_db(pg15).url,
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_SIGNING_SECRET": "s" * 32,
        "FERRYBOT_WORKERS": "1",
        "FERRYBOT_STARTER": str(os.getpid()),
    }
    try:
        for name in ("worker", "courier", "clock"):
            port = free_port()
            command = [sys.executable, "-m", "bot", name]
            popen = subprocess.Popen(command, env={**environment, "FERRYBOT_HEALTH_PORT": str(port)})
            running[name] = Ours(name, popen, port)
        yield running
    finally:
        for ours in running.values():
            for pid in (*descendants(ours.popen.pid), ours.popen.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            ours.popen.wait(10)


def test_health_metrics_and_a_good_end_over_tls(house: dict[str, Ours], redis_tls: RedisServer) -> None:
    for ours in house.values():
        until(ours.is_well, f"{ours.name} is well")
        assert ours.health()["process"] == ours.name
        status, text = get(ours.port, "/metrics")
        assert status == 200 and f'process="{ours.name}"' in text and "ferrybot_metric_errors 0.0" in text
        assert get(ours.port, "/else")[0] == 404
    assert 'ferrybot_children{process="worker"} 1.0' in get(house["worker"].port, "/metrics")[1]

    with closing(connect(SecretStr(redis_tls.url()))) as redis:

        def swept() -> bool | None:
            """The clock rang and the courier swept: RQ's own connections speak TLS too, and the count arrived."""
            done = {key for key in metrics.totals(redis) if key[0] == metrics.JOBS.name}
            return (metrics.JOBS.name, metrics.SUM, "sweep", "done") in done or None

        until(swept, "a sweep was done and counted")

    redis_tls.stop("fast")
    for ours in house.values():
        said = until(ours.is_ill, f"{ours.name} says that Redis is away")
        assert said["redis"].startswith("away") and said["ledger"] == "ok"
    redis_tls.start()
    for ours in house.values():
        until(ours.is_well, f"{ours.name} is well again")

    below = {pid for ours in house.values() for pid in descendants(ours.popen.pid)}
    assert below
    for ours in house.values():
        ours.popen.terminate()
    for ours in house.values():
        assert ours.popen.wait(25) == 0, f"{ours.name} ends in good order"
    assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]


def test_the_doctor_tells_a_certificate_from_a_password(redis_tls: RedisServer) -> None:
    def told(url: str) -> Diagnosis:
        (first, *_), _ = doctor._redis(SecretStr(url))
        assert "w:rd" not in repr(first) and "w%3Ard" not in repr(first)
        return first

    url = redis_tls.url()
    assert "answers, with TLS" in told(url).said
    system = told(url.partition("?")[0])
    assert "TLS: CERTIFICATE_VERIFY_FAILED" in system.said and "ssl_ca_certs" in system.remedy
    assert "refuses the password" in told(url.replace("p%40ss", "wrong")).said
    plain = told(url.replace("rediss://", "redis://").partition("?")[0])
    assert plain.verdict == "bad" and "cannot be reached" in plain.said


def refused(redis_url: str, **environment: str) -> str:
    """What a process says that cannot start; a few lines for people, and no traceback."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLACK_", "FERRYBOT_"))}
    ran = subprocess.run(
        [sys.executable, "-m", "bot", "clock"],
        env={**kept, "REDIS_URL": redis_url, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 2 and "Traceback" not in ran.stderr
    assert "ferrybot doctor" in ran.stderr
    return ran.stderr


def test_what_is_wrong_at_the_start_is_said(redis_url: str, pg15: PostgresServer) -> None:
    said = refused(redis_url, LEDGER_URL=pg15.url("nowhere"))
    assert 'database "nowhere" does not exist. Correct LEDGER_URL' in said
    said = refused(redis_url, LEDGER_URL=pg15.url(password="canary-4711"))
    assert "password authentication failed" in said and "canary" not in said
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = refused(redis_url, FERRYBOT_HEALTH_PORT=str(taken.getsockname()[1]))
    assert "cannot be listened on" in said and "a port of its own" in said


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Only what gestures need: Slack, Redis and `web`."""
    with small_stage({"shop": {"engine": "postgresql", "environment": "staging", "secret": "env:SHOP_URL"}}) as made:
        yield made


def test_web_ends_after_the_gestures_that_it_took(stage: Stage) -> None:
    """SIGTERM in the middle of an answer: uvicorn is gone at once, the answer is not."""
    process = web(stage)

    def stop_web(_: object) -> None:
        process.popen.terminate()
        until(lambda: True if not stage._answers() else None, "uvicorn has ended")

    stage.slack.faults.refuse("chat.postEphemeral", "not_in_channel")
    stage.slack.faults.before_answer("chat.postEphemeral", stop_web)
    stage.slack.person("U0ALICE").command("/migrate", "help", "C0MIGRATIONS")

    def told(slack: SlackSandbox) -> bool | None:
        return any(call.method == "chat.postMessage" and call.ok for call in slack.calls) or None

    stage.slack.wait_for(told, 30, "the second half of the answer")
    assert process.popen.wait(30) == 0
    assert any("ended in good order" in line for line in process.lines)


def test_gestures_are_counted_with_their_time(stage: Stage) -> None:
    web(stage)
    stage.slack.person("U0ALICE").command("/migrate", "help", "C0MIGRATIONS")

    def counted() -> str | None:
        text = get(stage.web_port, "/metrics")[1]
        wanted = 'ferrybot_gesture_ack_seconds_count{gesture="/migrate",outcome="acknowledged"} 1.0'
        return text if wanted in text else None

    text = until(counted, "the gesture is counted")
    assert 'ferrybot_slack_calls_total{method="chat.postEphemeral",outcome="done"} 1.0' in text
    assert 'ferrybot_open_migrations{status="migrating"} 0.0' in text
    assert 'ferrybot_queue_depth{queue="migrations"} 0.0' in text
    assert "process_resident_memory_bytes" in text


def test_a_second_installation_on_the_same_app_is_noticed(stage: Stage) -> None:
    """Another environment's `web`, with a Redis of its own, connects with the same app token."""
    web(stage)
    with closing(connect(SecretStr(stage.redis.url()))) as redis, RedisServer() as other:
        assert strangers(redis) is None
        environment = {**stage.env, "REDIS_URL": other.url(), "PORT": str(free_port())}
        popen = subprocess.Popen([sys.executable, "-m", "bot", "web"], env=environment)
        try:
            stage.slack.wait_for_connection(2, SECONDS)
            with closing(connect(SecretStr(other.url()))) as theirs:
                seen = until(lambda: strangers(theirs), "the newcomer sees that it is not alone")
            assert (seen["all"], seen["ours"]) == (2, 1)
        finally:
            popen.terminate()
            popen.wait(30)
