"""Everything that pg_dump knows arrives: between every pair of servers that people have (hard cases 6-12, 20)."""

from __future__ import annotations

import pytest

from tests.servers.pg_everything import described, fill, make_roles, prefix
from tests.servers.pg_run import Migration, assert_same, nothing_of_ours
from tests.support.servers import FreshDatabase, PostgresPool

PAIRS = [
    "10 to 15",
    "10 to 18",
    "11 to 16",
    "12 to 17",
    "13 to 15",
    "13 to 18",
    "14 to 16",
    "14 to 17",
    "15 to 15",
    "15 to 17",
    "15 to 18",
    "16 to 18",
    "17 to 18",
    "18 to 18",
]
CONTRIB = {10, 11, 12, 13, 14, 15, 17}
"""Majors whose servers here bring contrib's modules."""


@pytest.mark.parametrize("pair", PAIRS)
def test_everything_arrives(pair: str, pg_server: PostgresPool, fresh_db: FreshDatabase) -> None:
    old, new = map(int, pair.split(" to "))
    source, target = fresh_db(pg_server.server(old)), fresh_db(pg_server.server(new))
    p = prefix()
    fill(source, p, contrib={old, new} <= CONTRIB)
    if old != new:
        make_roles(target.server, p)
    assert Migration(source, target).run(lanes=2).reasons == []
    assert_same(source, target)
    assert nothing_of_ours(target)
    ours, theirs = (described(database, same=old == new) for database in (source, target))
    assert [line for line in ours if line not in theirs] == []
    assert [line for line in theirs if line not in ours] == []
