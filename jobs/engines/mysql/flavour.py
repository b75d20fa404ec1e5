"""Which server this is, and what servers of its kind can do: differences are data here, not branches elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Version = tuple[int, int, int]
Kind = Literal["mysql", "mariadb"]

# Feature -> first version that has it; a kind that is left out never has it. From the manuals' release notes;
# of MariaDB 10.11 seen on a server, of MySQL 5.7, 8.0 and 9.7 where tests run on them.
_SINCE: Mapping[str, Mapping[Kind, Version]] = {
    "skip locked": {"mariadb": (10, 6, 0), "mysql": (8, 0, 1)},
    "binlog snapshot": {"mariadb": (5, 3, 0)},
    "gtid executed": {"mysql": (5, 6, 0)},
    "binary log status": {"mysql": (8, 2, 0)},
    "statistics expiry": {"mysql": (8, 0, 0)},
    "checks": {"mariadb": (10, 2, 1), "mysql": (8, 0, 16)},
    "check table name": {"mariadb": (10, 2, 22)},
    "enforced": {"mysql": (8, 0, 16)},
    "sequences": {"mariadb": (10, 3, 0)},
    "packages": {"mariadb": (10, 3, 5)},
    "system versioning": {"mariadb": (10, 3, 4)},
    "insert history": {"mariadb": (10, 11, 0)},
    "invisible columns": {"mariadb": (10, 3, 3), "mysql": (8, 0, 23)},
    "invisible indexes": {"mysql": (8, 0, 0)},
    "ignored indexes": {"mariadb": (10, 6, 0)},
    "indexes out of use": {"mariadb": (10, 6, 0), "mysql": (8, 0, 0)},
    "expression indexes": {"mysql": (8, 0, 13)},
    "escaped expressions": {"mysql": (8, 0, 0)},
    "expression defaults": {"mariadb": (10, 2, 1), "mysql": (8, 0, 13)},
    "default as expression": {"mariadb": (10, 2, 7)},
    "native json": {"mysql": (5, 7, 8)},
    "srs id": {"mysql": (8, 0, 3)},
    "max_statement_time": {"mariadb": (10, 1, 1)},
    "max_execution_time": {"mysql": (5, 7, 8)},
    "require primary key": {"mysql": (8, 0, 13)},
    "invisible primary key": {"mysql": (8, 0, 30)},
    "restrict keys": {"mysql": (8, 4, 0)},
    "idle transaction timeout": {"mariadb": (10, 3, 0)},
    "uuid type": {"mariadb": (10, 7, 0)},
    "inet4 type": {"mariadb": (10, 10, 0)},
    "inet6 type": {"mariadb": (10, 5, 0)},
    "show create routine": {"mariadb": (11, 3, 0)},
    "show_routine": {"mysql": (8, 0, 20)},
    "nonexistent definer": {"mysql": (8, 2, 0)},
    "md5": {"mariadb": (5, 1, 0), "mysql": (5, 1, 0)},
    "sha2": {"mariadb": (5, 5, 0), "mysql": (5, 5, 0)},
}
_UNTIL: Mapping[str, Mapping[Kind, Version]] = {"md5": {"mysql": (9, 0, 0)}}
"""First version that no longer has it natively."""


@dataclass(frozen=True)
class Flavour:
    """A server's kind and version; `text` is @@version as it is."""

    kind: Kind
    version: Version
    text: str

    def can(self, feature: str) -> bool:
        """Whether servers of this version have the feature. An unknown word is a KeyError."""
        since, until = _SINCE[feature].get(self.kind), _UNTIL.get(feature, {}).get(self.kind)
        return since is not None and self.version >= since and (until is None or self.version < until)

    @property
    def label(self) -> str:
        """As a person says it: "MariaDB 10.11.6"."""
        return f"{'MariaDB' if self.kind == 'mariadb' else 'MySQL'} {'.'.join(map(str, self.version))}"


def parse(version: str, comment: str = "") -> Flavour:
    """The flavour behind @@version and @@version_comment. MariaDB may stand behind a `5.5.5-` for old replicas."""
    kind: Kind = "mariadb" if "mariadb" in f"{version} {comment}".lower() else "mysql"
    plain = version.removeprefix("5.5.5-") if kind == "mariadb" else version
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", plain)
    if found is None:
        raise ValueError(f"not a version: {version!r}")
    return Flavour(kind, (int(found[1]), int(found[2]), int(found[3] or 0)), version)
