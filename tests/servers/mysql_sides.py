"""Two servers of MariaDB that differ, for checks that look at both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.sandbox.servers import MariaDbServer
from jobs.core.model import CheckResult, Severity
from jobs.engines.mysql.flavour import parse
from jobs.engines.mysql.inspect import inspect
from jobs.engines.mysql.inventory import Inventory, Side
from tests.support.my_inspection import MyBench, asked, judge

BLOCK, WARN, INFORM, UNKNOWN = Severity.block, Severity.warn, Severity.inform, Severity.unknown
OTHER = {
    "lower-case-table-names": "1",
    "skip-log-bin": "1",
    "max-allowed-packet": "4M",
    "default-time-zone": "+01:00",
}


@pytest.fixture(scope="module")
def other() -> Iterator[MariaDbServer]:
    """A server whose settings differ."""
    with MariaDbServer(settings=OTHER) as server:
        yield server


@pytest.fixture(scope="module")
def shared(mariadb_server: MariaDbServer, other: MariaDbServer) -> Iterator[MyBench]:
    bench = MyBench(mariadb_server, other)
    yield bench
    bench.drop()


@pytest.fixture
def bench(shared: MyBench) -> Iterator[MyBench]:
    yield shared
    shared.fresh()


def ends(bench: MyBench, **options: Any) -> Inventory:
    return inspect(asked(bench.source.endpoint(), bench.target.endpoint(), **options))


def backwards(bench: MyBench) -> Inventory:
    """From the other server to the usual one."""
    return inspect(asked(bench.target.endpoint(), bench.source.endpoint()))


def say(inventory: Inventory, check: str) -> CheckResult:
    return judge(inventory)[check]


def become(side: Side, version: str, **settings: str) -> Side:
    """The side as if its server were another: for what cannot be installed here."""
    server = replace(side.server, flavour=parse(version), settings={**side.server.settings, **settings})
    return replace(side, server=server)
