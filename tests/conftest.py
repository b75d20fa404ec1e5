"""The fixtures that every test may use; they live in `tests.support`."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support import scratch
from tests.support.mysql_servers import mysql_server
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
    "mysql_server",
    "pg15",
    "pg16",
    "pg17_tls",
    "pg18",
    "pg_server",
    "redis_server",
    "redis_url",
    "shop_db",
]

scratch.choose()

LONGEST = (
    "story/test_kill.py",
    "story/test_safety.py",
    "story/test_proof.py",
    "story/test_gate.py",
    "story/test_waiting.py",
    "story/test_story.py",
    "servers/test_servers.py",
    "story/test_bad_input.py",
    "servers/test_pg_huge_fields.py",
    "story/test_mysql.py",
    "story/test_buttons.py",
    "story/test_disk.py",
    "story/test_services.py",
    "story/test_browser.py",
    "story/test_demo.py",
    "story/test_ledger.py",
    "servers/test_mysql_rollback_kill.py",
    "servers/test_mysql_resume.py",
    "story/test_schedule.py",
    "story/test_many.py",
    "servers/test_pg_rollback_kill.py",
)
"""Files that take longest, the longest first: no worker is to begin one when the others have nothing left to do."""
_HERE = Path(__file__).parent


def _by_length(items: list[pytest.Item]) -> None:
    """The longest files first, then those of many tests, each whole and in its own order."""
    tests = Counter(item.path for item in items)

    def place(item: pytest.Item) -> tuple[int, int, str]:
        name = item.path.relative_to(_HERE).as_posix()
        return LONGEST.index(name) if name in LONGEST else len(LONGEST), -tests[item.path], name

    items.sort(key=place)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs servers or a browser, so that `-m "not servers"` is the quick run; order the files."""
    _by_length(items)
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & SERVER_FIXTURES:
            item.add_marker("servers")
        if "chromium_path" in names:
            item.add_marker("browser")
