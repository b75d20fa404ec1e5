"""Which object a failing statement was to make.

A text of pg_restore holds many statements, and a server tells of a failure only what is wrong. So a harmless query
stands before each entry, and the number of the last one that answered is that of the entry which failed. Entries are
found in the text by the line that pg_restore writes above each, in order, each after the whole of the one before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jobs.engines.postgres.archive import Entry

MARK = b"ferrybot_entry"
"""The column by which a mark's answer is known."""
_MARKED = re.compile(rf"select (\d+) as {MARK.decode()};\n")
_BEFORE = re.compile(r"(?:^SET (?:default_tablespace|default_table_access_method) = .*;\n+)+\Z", re.M)
"""What pg_restore sets for an entry stands above the entry's own line; it fails where an access method is missing."""
_SET_BYTES = 600
_SPOKEN_OF = {"COMMENT": "comment on ", "ACL": "grants on ", "SECURITY LABEL": "security label of "}


def marked(written: str, entries: Sequence[Entry]) -> str:
    """pg_restore's text of these entries, a mark before each."""
    pieces, done, at = [], 0, 0
    for number, entry in enumerate(entries):
        line = f"--\n-- Name: {_one_line(entry.tag)}; Type: {entry.desc}; Schema: {entry.schema or '-'}; Owner: "
        found = written.find(line, at)
        if found < 0:
            continue
        start = max(at, found - _SET_BYTES)
        sets = _BEFORE.search(written, start, found)
        start = sets.start() if sets else found
        pieces += [written[done:start], f"select {number} as {MARK.decode()};\n"]
        done, at = start, found + len(line)
        body = written.find(entry.create, at)
        at = body + len(entry.create) if body >= 0 else at
    return "".join([*pieces, written[done:]])


def at(text: str, position: int) -> int | None:
    """The number of the mark before a character: a text that cannot be parsed is refused as a whole."""
    marks = list(_MARKED.finditer(text, 0, max(0, position)))
    return int(marks[-1][1]) if marks else None


def name(entry: Entry) -> str:
    """An entry's kind and name as people say them: `table public.t`, `comment on table public.t`."""
    kind, tag = entry.desc, entry.tag
    said = _SPOKEN_OF.get(kind, "")
    if said:
        kind, _, tag = tag.partition(" ")
    return f"{said}{kind.lower()} {f'{entry.schema}.{tag}' if entry.schema else tag}"


def _one_line(tag: str) -> str:
    """As pg_restore's sanitize_line writes it."""
    return tag.replace("\n", " ").replace("\r", " ")
