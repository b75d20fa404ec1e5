"""Small pure pieces of inspection, estimate and registry."""

from __future__ import annotations

import pytest

from jobs.core.errors import Permanent
from jobs.core.model import Dialect
from jobs.engines.postgres.checks.all import CHECKS
from jobs.engines.postgres.checks.base import counted, human, listed
from jobs.engines.postgres.checks.collations import plain
from jobs.engines.postgres.checks.extensions import numbers
from jobs.engines.postgres.facts import Connections
from jobs.engines.postgres.inspect_disk import parse
from jobs.engines.registry import engine_for
from jobs.engines.shared.words import rounded


def test_checks_have_names_of_their_own() -> None:
    assert len({c.name for c in CHECKS}) == len({c.title for c in CHECKS}) == len(CHECKS)


def test_registry() -> None:
    assert engine_for(Dialect.postgresql, Dialect.postgresql).checks == CHECKS
    with pytest.raises(Permanent, match="from PostgreSQL to MySQL is not supported"):
        engine_for(Dialect.postgresql, Dialect.mysql)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "Filesystem     1024-blocks     Used Available Capacity Mounted on\n"
            "/dev/sda1        102400000 50000000  47000000      52% /",
            47000000 * 1024,
        ),
        (
            "Filesystem 1024-blocks Used Available Capacity Mounted on\nmy disk 5 100 50 50 50% /var/lib/x y",
            50 * 1024,
        ),
        ("overlay 100 50 50 - /", 50 * 1024),
        ("df: not found", None),
        ("", None),
    ],
)
def test_df(output: str, expected: int | None) -> None:
    assert parse(output).value == (expected and (expected,))


def test_words() -> None:
    assert [human(n) for n in (0, 999, 1000, 1_240_000_000, 40_000_000_000, 5e15)] == [
        "0 bytes", "999 bytes", "1.0 kB", "1.2 GB", "40.0 GB", "5000 TB",
    ]  # fmt: skip
    assert listed("abc", 2) == "a, b and 1 more"
    assert listed(["a", "a", "b"], 2) == "a, b"
    assert (counted(1, "table"), counted(2000, "table")) == ("1 table", "2,000 tables")
    assert plain("en_US.UTF-8") == plain("en_US.utf8")


def test_versions_compare_by_number() -> None:
    assert numbers("1.10") > numbers("1.9") and numbers("3.4.0") > numbers("3.3.99")


def test_free_connections_is_the_tightest_limit() -> None:
    values = {"server_limit": 100, "reserved": 3, "server_used": 50, "database_limit": -1, "database_used": 40}
    assert Connections(**values, role_limit=-1, role_used=9).free == 47
    assert Connections(**values, role_limit=10, role_used=9).free == 1
    assert Connections(**values, role_limit=5, role_used=9).free == 0


@pytest.mark.parametrize(
    ("exact", "shown"),
    [
        ((0.2, 0.9), (1, 2)),
        ((3.1, 16), (3, 20)),
        ((1, 1), (1, 2)),
        ((59, 61), (45, 90)),
        ((4000, 7000), (3600, 7200)),
        ((7300, 90_000), (7200, 90_000)),
        ((90_001, 90_001), (90_000, 91_800)),
    ],
)
def test_an_estimate_is_a_range_between_round_figures(exact: tuple[float, float], shown: tuple[int, int]) -> None:
    assert rounded(*exact) == shown
