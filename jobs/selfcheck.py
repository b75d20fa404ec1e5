"""Can this machine reach the services, and has it the tools? `ferrybot doctor` asks: JSON in, JSON out.

    python -m jobs.selfcheck < {"services": [Service, …]}   ->   {"answers": [Answer, …]}

It runs apart, because the bot knows no database driver. Only references to secrets come in; no secret goes out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Literal

import redis

from jobs.adapters.secrets import SecretStore, endpoint_of
from jobs.core.errors import FerrybotError
from jobs.core.model import Dialect, Endpoint, Frozen, Service
from jobs.engines.mysql import connect as mysql
from jobs.engines.postgres import tools
from jobs.engines.postgres.connect import connect
from jobs.engines.shared.room import room
from jobs.logs import redact
from jobs.ports.secrets import Secrets

_AT_ONCE = 8
"""A server that does not answer takes 10 s; eight at once keep a long list bearable for a person who waits."""


class Question(Frozen):
    """What comes in."""

    services: tuple[Service, ...] = ()


class Answer(Frozen):
    """One line of the report."""

    name: str
    verdict: Literal["ok", "warn", "bad"]
    said: str
    remedy: str = ""


class Answers(Frozen):
    """What goes out."""

    answers: tuple[Answer, ...]


def answer(question: Question, secrets: Secrets) -> Answers:
    """The tools first, then every service in the order of the question."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        services = pool.map(lambda s: _told(s.name, lambda: _look(s, secrets)), question.services)
        folder = _told("restore points", _restore_points)
        return Answers(answers=(_told("pg_dump", _tools), folder, *services))


def _told(name: str, look: Callable[[], Answer]) -> Answer:
    try:
        return look()
    except FerrybotError as error:
        return Answer(name=name, verdict="bad", said=redact(error.what), remedy=redact(error.remedy))


def _tools() -> Answer:
    tool = tools.newest()
    return Answer(name="pg_dump", verdict="ok", said=f"version {tool.text}")


def _restore_points() -> Answer:
    """Without a folder everything works but overwriting."""
    name, seen = "restore points", room(os.environ.get("FERRYBOT_RESTORE_POINTS", ""))
    if not seen.folder:
        return Answer(name=name, verdict="ok", said="no folder is configured, so no target can be overwritten")
    if seen.problem:
        remedy = "Let FERRYBOT_RESTORE_POINTS name a folder that every worker shares and may write to."
        return Answer(name=name, verdict="bad", said=seen.problem, remedy=remedy)
    return Answer(name=name, verdict="ok", said=f"{seen.free_bytes / 1e9:,.1f} GB free in {seen.folder}")


def _look(service: Service, secrets: Secrets) -> Answer:
    endpoint = endpoint_of(service, secrets)
    if service.engine is not Dialect.postgresql:
        return _look_mysql(service, endpoint)
    with connect(endpoint, purpose="doctor") as connection:
        version = connection.execute("show server_version").fetchone()
        tls = "TLS" if connection.pgconn.ssl_in_use else "no TLS"
    number = str(version[0]).split()[0] if version else "of unknown version"
    return Answer(
        name=service.name, verdict="ok", said=f"PostgreSQL {number} answers ({tls}, sslmode {endpoint.tls})"
    )


def _look_mysql(service: Service, endpoint: Endpoint) -> Answer:
    with closing(mysql.connect(endpoint, purpose="doctor")) as connection:
        known = mysql.flavour(connection)
        cipher = mysql.rows(connection, "show session status like 'Ssl_cipher'")
    tls = "TLS" if cipher and cipher[0][1] else "no TLS"
    return Answer(name=service.name, verdict="ok", said=f"{known.label} answers ({tls}, sslmode {endpoint.tls})")


def main(arguments: Sequence[str] = ()) -> None:
    """Reads a question from standard input, writes the answers to standard output."""
    question = Question.model_validate_json(sys.stdin.buffer.read())
    # Configured services refer to the environment and to files: this Redis is never connected to.
    secrets = SecretStore(redis.Redis())
    sys.stdout.write(answer(question, secrets).model_dump_json())


if __name__ == "__main__":
    main(sys.argv[1:])
