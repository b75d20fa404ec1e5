"""Comments that only some servers read: what a CREATE says in them must not get lost on one that skips them. Pure.

SHOW CREATE wraps what older servers do not know: MySQL writes `/*!80023 INVISIBLE */`, MariaDB in the same way
`/*M!100301 COMPRESSED*/`. MariaDB skips MySQL's from 50700 on, in silence, and MySQL all of MariaDB's. What means the
same under another word is said plainly here; what the other kind has no word for is a finding of `features`, before
a row is copied.
"""

from __future__ import annotations

import re

from jobs.engines.mysql.flavour import Flavour

_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*` | /\*!(\d{5,6})\s(.*?)\*/
    | \b(_utf8mb4)(?=')""",
    re.S | re.X,
)
MINE = re.compile(r"\s*/\*M?!\d+ .*?\*/", re.S)
"""In a column's type: a word that the other kind of server does not know."""
SRID = "SRID "
_SKIPPED_SINCE = 50700
_PHYSICAL = re.compile(r"(STORAGE|COLUMN_FORMAT|TABLESPACE)\b", re.I)
"""Where and how MySQL's other engines keep a column or table; MariaDB would read these and knows none of them."""


def adapted(definition: str, source: Flavour, target: Flavour) -> str:
    """A definition or the options of a CREATE TABLE as the target must read them to make the same."""
    if (source.kind, target.kind) != ("mysql", "mariadb"):
        return definition
    column = definition.startswith("`")

    def said(found: re.Match[str]) -> str:
        if found[3]:
            # As our session speaks anyway. MariaDB 10.11 cannot read what it makes of such a text with a new line.
            return ""
        if found[1] is None:
            return found[0]
        words = found[2].strip()
        if words.upper() == "INVISIBLE":
            return "INVISIBLE" if column else "IGNORED"
        if int(found[1]) < _SKIPPED_SINCE and _PHYSICAL.match(words):
            return ""
        return found[0]

    return _TOKEN.sub(said, definition)


def srid(definition: str) -> bool:
    """Whether a column takes geometries of one reference system only, which MySQL alone can demand."""
    return any((found[2] or "").startswith(SRID) for found in _TOKEN.finditer(definition))
