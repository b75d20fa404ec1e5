"""Grants, collations, disks and texts of objects, as servers write them."""

from __future__ import annotations

import pytest

from jobs.engines.mysql.collations import nearest
from jobs.engines.mysql.dependents import named, pairs
from jobs.engines.mysql.grants import Grants, parse
from jobs.engines.mysql.inspect_disk import available

MYSQL8 = (
    "GRANT USAGE ON *.* TO `u`@`%`",
    "GRANT BACKUP_ADMIN,SESSION_VARIABLES_ADMIN ON *.* TO `u`@`%`",
    "GRANT SELECT, INSERT (`a`, `b)`), SHOW VIEW ON `my\\_shop`.* TO `u`@`%` WITH GRANT OPTION",
    "GRANT SELECT (`id`), UPDATE ON `other`.`t` TO `u`@`%`",
    "GRANT ALL PRIVILEGES ON `w%`.* TO `u`@`%`",
    "GRANT EXECUTE ON PROCEDURE `x`.`p` TO `u`@`%`",
    "GRANT `role`@`%` TO `u`@`%`",
)
MANAGED = (
    "GRANT SELECT, RELOAD, PROCESS ON *.* TO `admin`@`%` IDENTIFIED BY PASSWORD '*ON *.* TO' WITH GRANT OPTION",
    "REVOKE SELECT ON `mysql`.* FROM `admin`@`%`",
)


@pytest.mark.parametrize(
    ("privilege", "database", "table", "may"),
    [
        ("SELECT", "my_shop", "", True),
        ("SELECT", "myXshop", "", False),
        ("SHOW VIEW", "my_shop", "", True),
        ("INSERT", "my_shop", "", False),
        ("SELECT", "other", "t", False),
        ("UPDATE", "other", "t", True),
        ("UPDATE", "other", "", False),
        ("TRIGGER", "warehouse", "", True),
        ("GRANT OPTION", "warehouse", "", False),
        ("EXECUTE", "x", "", False),
    ],
)
def test_grants(privilege: str, database: str, table: str, may: bool) -> None:
    assert parse(MYSQL8).may(privilege, database, table) is may


def test_rights_on_the_server() -> None:
    grants = parse(MYSQL8)
    assert grants.may_everywhere("SUPER", "SESSION_VARIABLES_ADMIN")
    assert not grants.may_everywhere("SUPER") and not grants.may_everywhere("SELECT")
    root = parse(["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED BY PASSWORD '*0' WITH GRANT OPTION"])
    assert root.may("SELECT", "any") and root.may_everywhere("SUPER") and root.may_everywhere("SET USER")
    # MySQL lists its dynamic privileges apart from ALL.
    assert not root.may_everywhere("SET_USER_ID")


def test_partial_revokes_and_what_a_grant_says_of_a_password() -> None:
    grants = parse(MANAGED)
    assert grants.may("SELECT", "shop") and not grants.may("SELECT", "mysql")
    assert grants.may_everywhere("RELOAD") and "PASSWORD" not in repr(grants)
    assert parse([]) == Grants(())


_KNOWN = """utf8mb4_general_ci utf8mb4_bin utf8mb4_nopad_bin utf8mb4_unicode_ci utf8mb4_unicode_520_ci
    utf8mb4_unicode_520_nopad_ci utf8mb4_uca1400_ai_ci utf8mb4_uca1400_as_ci utf8mb4_uca1400_as_cs
    utf8mb4_uca1400_nopad_ai_ci utf8mb4_uca1400_nopad_as_cs utf8mb4_uca1400_swedish_nopad_ai_ci utf8mb4_swedish_ci
    utf8mb3_general_ci latin1_swedish_ci"""
MARIADB = {name: name.split("_")[0] for name in _KNOWN.split()}


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("utf8mb4_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci"),
        ("utf8mb4_0900_as_cs", "utf8mb4_uca1400_nopad_as_cs"),
        ("utf8mb4_0900_bin", "utf8mb4_nopad_bin"),
        ("utf8mb4_unicode_nopad_ci", "utf8mb4_unicode_520_nopad_ci"),
        ("utf8_general_ci", "utf8mb3_general_ci"),
        ("koi8r_bin", None),
    ],
)
def test_the_nearest_collation(name: str, first: str | None) -> None:
    found = nearest(name, MARIADB)
    assert (found[0] if found else None) == first
    assert len(found) <= 12 and len(set(found)) == len(found)


def test_the_disk_that_holds_the_data() -> None:
    disks = [("/", 10), ("/var", 20), ("/var/lib/mysql", 30), ("/var/lib/mysqlx", 40)]
    assert available(disks, "/var/lib/mysql/").value == 30 * 1024
    assert available(disks, "/var/lib/mysql").value == 30 * 1024
    assert available(disks, "/var/lib/mysqly/").value == 20 * 1024
    assert available([("/mnt", 5)], "/var/lib/mysql/").value is None


def test_names_in_texts() -> None:
    text = "select `d`.`t`.`a`, 'x.`d`.`u`', `e`.`s` from (`d`.`t` `e` /* `d`.`c` */ join `o``d`.`x.y`)"
    assert pairs(text) == {("d", "t"), ("e", "s"), ("o`d", "x.y")}
    assert named("select * from other . t join `third`.x, 'fourth.y'", {"other", "third", "fourth"}) == {
        "other",
        "third",
    }
