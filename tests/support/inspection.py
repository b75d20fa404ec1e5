"""Inspects test databases and asks the checks what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from jobs.core.model import CheckResult, Dialect, Endpoint, Options, TlsMode
from jobs.engines.postgres.checks.all import CHECKS
from jobs.engines.postgres.checks.base import look
from jobs.engines.postgres.inspect import inspect
from jobs.engines.postgres.inventory import Inventory
from jobs.ports.engine import Asked
from tests.support.servers import Database

MIGRATION = "m0123456789"
PASSWORD = "plain-user's p@ss"


def endpoint(of: Database, user: str = "", /, *, tls: TlsMode = TlsMode.prefer, **more: Any) -> Endpoint:
    """A test database as an endpoint; by default the superuser's, else a user with `PASSWORD`."""
    server = of.server
    values: dict[str, Any] = {
        "label": f"test {server.binaries.major}",
        "dialect": Dialect.postgresql,
        "host": server.host,
        "port": server.port,
        "database": of.name,
        "user": user or server.superuser,
        "password": SecretStr(PASSWORD if user else server.password),
        "tls": tls,
    }
    return Endpoint(**(values | more))


def asked(source: Endpoint, target: Endpoint, *, free: int | None = None, **options: Any) -> Asked:
    return Asked(MIGRATION, source, target, options=Options(**options), stated_free_bytes=free)


def judge(inventory: Inventory) -> Mapping[str, CheckResult]:
    """Every check's result by its name."""
    return {check.name: look(check, inventory) for check in CHECKS}


def results(source: Endpoint, target: Endpoint, **options: Any) -> Mapping[str, CheckResult]:
    """Inspects and judges."""
    return judge(inspect(asked(source, target, **options)))
