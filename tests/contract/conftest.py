"""The engines' contract runs over these."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.sandbox.servers import MariaDbServer
from tests.contract import worlds
from tests.contract.worlds import WORLDS, World
from tests.support.servers import PostgresPool


@pytest.fixture(scope="module", params=WORLDS)
def shared(request: pytest.FixtureRequest, mariadb_server: MariaDbServer, pg_server: PostgresPool) -> Iterator[World]:
    """Every pair of dialects; its databases are made once."""
    made = WORLDS[request.param](mariadb_server.start(), pg_server)
    yield made
    worlds.close(made)


@pytest.fixture
def world(shared: World) -> World:
    """With the source filled and the target empty."""
    return shared.fresh()
