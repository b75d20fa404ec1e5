"""What an account may do, as SHOW GRANTS says it. Pure. The text of a grant may hold a password's hash: only
privileges and objects are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = r"(?:`(?:[^`]|``)*`|\*)"
_GRANT = re.compile(rf"(?P<verb>GRANT|REVOKE) (?P<what>.+?) ON (?:TABLE )?(?P<database>{_NAME})\.(?P<table>{_NAME}) ")
_WORD = re.compile(r"\s*([A-Za-z_ ]+?)\s*(?:\((?:[^()`]|`(?:[^`]|``)*`)*\))?\s*(?:,|$)")
_ALL = "ALL PRIVILEGES"
NOT_IN_ALL = frozenset({"GRANT OPTION", "PROXY"})


@dataclass(frozen=True)
class Grant:
    """Privileges on `database`.`table`; empty stands for all of them. A database's name is a pattern of LIKE."""

    privileges: frozenset[str]
    database: str
    table: str
    revoked: bool = False

    def has(self, privilege: str) -> bool:
        every = _ALL in self.privileges and privilege not in NOT_IN_ALL and "_" not in privilege
        return privilege in self.privileges or every

    def covers(self, database: str, table: str) -> bool:
        """Whether it speaks of this table, or with `table` empty of everything in the database."""
        if self.table and self.table != table:
            return False
        # Below a database there are no wildcards; in MySQL with partial revokes there are none at all.
        return not self.database or self.database == database or _like(self.database, database)


@dataclass(frozen=True)
class Grants:
    grants: tuple[Grant, ...]

    def may(self, privilege: str, database: str, table: str = "") -> bool:
        """A privilege on everything in `database`, or on one of its tables. Rights on single columns do not count."""
        mine = [grant for grant in self.grants if grant.covers(database, table) and grant.has(privilege)]
        lost = any(grant.revoked for grant in mine)
        kept = [grant for grant in mine if not grant.revoked and (grant.database or not lost)]
        return bool(kept)

    def may_everywhere(self, *privileges: str) -> bool:
        """One of these privileges, dynamic ones too, on the whole server."""
        return any(
            not grant.revoked and not grant.database and any(grant.has(privilege) for privilege in privileges)
            for grant in self.grants
        )

    def may_on(self, privilege: str, database: str, table: str) -> bool:
        return self.may(privilege, database) or self.may(privilege, database, table)

    @property
    def patterns(self) -> tuple[str, ...]:
        return tuple(sorted({grant.database for grant in self.grants if grant.database}))


def parse(texts: Iterable[str]) -> Grants:
    """The grants in the lines of SHOW GRANTS; a line that grants a role or a default says nothing of its own."""
    return Grants(tuple(grant for text in texts if (grant := _read(text)) is not None))


def _read(text: str) -> Grant | None:
    found = _GRANT.match(text + " ")
    if found is None:
        return None
    words = list(_WORD.finditer(found["what"]))
    # A right on some columns is none on the table.
    whole = {word[1].upper() for word in words if "(" not in word[0]}
    if whole == {"PROXY"}:
        return None
    return Grant(frozenset(whole), _plain(found["database"]), _plain(found["table"]), found["verb"] == "REVOKE")


def _plain(name: str) -> str:
    return "" if name == "*" else name[1:-1].replace("``", "`")


def _like(pattern: str, name: str) -> bool:
    """LIKE as grants know it: `_` one character, `%` any, a backslash takes a character for itself."""
    parts, index = [], 0
    while index < len(pattern):
        letter = pattern[index]
        if letter == "\\" and index + 1 < len(pattern):
            index += 1
            parts.append(re.escape(pattern[index]))
        else:
            parts.append({"_": ".", "%": ".*"}.get(letter, re.escape(letter)))
        index += 1
    return re.fullmatch("".join(parts), name, re.S) is not None
