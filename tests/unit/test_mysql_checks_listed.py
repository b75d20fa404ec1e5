"""Every check of MySQL and MariaDB is proven twice on real servers: by a case that trips it, and by a near miss."""

from __future__ import annotations

import importlib

from jobs.engines.mysql.checks.all import CHECKS
from tests.servers.test_mysql_checks import CASES

SIDES, KINDS = "test_mysql_checks_sides", "test_mysql_checks_kinds"
DIFFER, BACK = f"{SIDES}::test_between_servers_that_differ", f"{SIDES}::test_the_other_way_there_is_nothing_to_say"
LACKS = f"{KINDS}::test_what_mysql_does_not_have"
COLLATION = f"{KINDS}::test_a_collation_that_only_one_side_knows"
ELSEWHERE = {
    "collations": (COLLATION, COLLATION),
    "connect": (f"{SIDES}::test_a_side_that_cannot_be_reached", f"{SIDES}::test_every_check_looks"),
    "features": (LACKS, LACKS),
    "history": (f"{KINDS}::test_history",) * 2,
    "name_case": (DIFFER, BACK),
    "packets": (DIFFER, BACK),
    "pooler": (f"{SIDES}::test_replicas_and_clusters",) * 2,
    "replication": (f"{SIDES}::test_replicas_and_clusters",) * 2,
    "restricted_keys": (f"{KINDS}::test_keys_that_mysql_refuses",) * 2,
    "same_database": (f"{SIDES}::test_one_database_on_one_server",) * 2,
    "time_zones": (DIFFER, f"{SIDES}::test_every_check_looks"),
    "tls": (f"{SIDES}::test_an_encrypted_server",) * 2,
    "versions": (f"{KINDS}::test_versions",) * 2,
}
TOLD_ALWAYS = {"speed"}
"""It judges nothing: it tells a measurement."""


def test_every_check_has_both_proofs() -> None:
    trips = {case.check for case in CASES if case.expect is not None} | set(ELSEWHERE)
    passes = {case.check for case in CASES if case.expect is None} | set(ELSEWHERE)
    named = {check.name for check in CHECKS} - TOLD_ALWAYS
    assert named - trips == set(), "nothing trips these"
    assert named - passes == set(), "nothing nearly trips these"
    assert (trips | passes) - named == set(), "these are no checks"


def test_the_proofs_elsewhere_exist() -> None:
    for names in ELSEWHERE.values():
        for name in names:
            module, _, function = name.partition("::")
            assert callable(getattr(importlib.import_module(f"tests.servers.{module}"), function))
