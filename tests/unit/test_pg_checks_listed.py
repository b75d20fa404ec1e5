"""Every check is proven twice on real servers: by a case that trips it and by one that just does not."""

from __future__ import annotations

import importlib

from jobs.engines.postgres.checks.all import CHECKS
from tests.servers.test_pg_checks import CASES

SIDES, PROVEN, SAFE = "test_pg_checks_sides", "test_pg_checks_proven", "test_pg_checks_safe"
STANDBYS = "test_pg_standbys"
ELSEWHERE = {
    "connect": (f"{SIDES}::test_a_side_out_of_reach_is_a_fact", f"{SIDES}::test_nothing_blocks_two_plain_databases"),
    "encoding": (f"{SIDES}::test_encoding_and_locale", f"{SIDES}::test_encoding_and_locale"),
    "hold_source": (
        f"{SAFE}::test_a_reader_cannot_hold_and_is_told_the_grant",
        f"{SAFE}::test_maintain_is_enough_where_it_exists",
    ),
    "locks": ("test_pg_locks::test_room_for_a_lock_on_every_table",) * 2,
    "pooler": (f"{SIDES}::test_pooler", f"{SIDES}::test_no_pooler"),
    "restore_point": (
        f"{SAFE}::test_the_place_of_the_restore_point",
        f"{SAFE}::test_overwriting_is_a_warning_that_lists_everything",
    ),
    "same_database": (f"{SIDES}::test_same_database",) * 2,
    "failover": (f"{STANDBYS}::test_a_primary_and_its_standby_as_the_source",) * 2,
    "replication": (f"{STANDBYS}::test_a_replica_behind_and_one_that_nearly_is",) * 2,
    "source_standby": (f"{STANDBYS}::test_a_primary_and_its_standby_as_the_source",) * 2,
    "speed": (f"{SIDES}::test_a_far_or_slow_side_is_told_and_a_near_one_is_not",) * 2,
    "tablespaces": (f"{PROVEN}::test_a_tablespace",) * 2,
    "tls": (f"{SIDES}::test_tls_is_seen", f"{SIDES}::test_nothing_blocks_two_plain_databases"),
    "tools": (f"{SIDES}::test_a_standby_a_hidden_replica_an_old_tool",) * 2,
}


def test_every_check_has_both_proofs() -> None:
    trips = {case.check for case in CASES if case.expect is not None}
    passes = {case.check for case in CASES if case.expect is None}
    for check in CHECKS:
        assert check.name in trips or check.name in ELSEWHERE, f"nothing trips {check.name}"
        assert check.name in passes or check.name in ELSEWHERE, f"nothing nearly trips {check.name}"


def test_the_proofs_elsewhere_exist() -> None:
    for names in ELSEWHERE.values():
        for name in names:
            module, _, function = name.partition("::")
            assert callable(getattr(importlib.import_module(f"tests.servers.{module}"), function))
