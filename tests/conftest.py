"""The fixtures that every test may use; they live in `tests.support`."""

import pytest

from tests.support.servers import (
    SERVER_FIXTURES,
    chromium_path,
    fresh_db,
    mariadb_server,
    pg15,
    pg16,
    pg17_tls,
    pg18,
    pg_server,
    redis_server,
    redis_url,
    shop_db,
)

__all__ = [
    "chromium_path",
    "fresh_db",
    "mariadb_server",
    "pg15",
    "pg16",
    "pg17_tls",
    "pg18",
    "pg_server",
    "redis_server",
    "redis_url",
    "shop_db",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs servers or a browser, so that `-m "not servers"` is the quick run; the longest files first.

    A story takes minutes, and nobody should wait for the last one alone."""
    items.sort(key=lambda item: "story" not in item.path.parts)
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & SERVER_FIXTURES:
            item.add_marker("servers")
        if "chromium_path" in names:
            item.add_marker("browser")
