"""Functions and operators of MySQL that MariaDB does not know, in the texts of views and programs. Pure.

Words are looked for outside of quotes and comments; a routine of one's own that bears such a name is meant too. From
MariaDB's manual, "Incompatibilities and feature differences"; of MariaDB 10.11 asked on a server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jobs.engines.mysql.objects import Catalog

FUNCTIONS = (
    "any_value",
    "bin_to_uuid",
    "gtid_subset",
    "gtid_subtract",
    "grouping",
    "icu_version",
    "is_uuid",
    "json_schema_validation_report",
    "json_storage_free",
    "json_storage_size",
    "ps_current_thread_id",
    "ps_thread_id",
    "regexp_like",
    "statement_digest",
    "statement_digest_text",
    "st_geohash",
    "st_latitude",
    "st_longitude",
    "st_swapxy",
    "st_transform",
    "st_validate",
    "uuid_to_bin",
    "wait_for_executed_gtid_set",
)
_WORDS = re.compile(rf"(?i)\b({'|'.join(FUNCTIONS)})\s*\(|\b(member\s+of)\b|\b(lateral)\s*\(|(->>?)\s*'")
_APART = re.compile(
    r"""(->>?\s*)?'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*` | /\*.*?\*/ | (?:\#|--\s)[^\n]*""",
    re.S | re.X,
)


def unknown_words(catalog: Catalog) -> dict[str, list[str]]:
    """Object -> the words in it that MariaDB does not know."""
    found = {name: _words(text) for name, text in _texts(catalog)}
    return {name: words for name, words in found.items() if words}


def _texts(catalog: Catalog) -> Iterator[tuple[str, str]]:
    yield from ((f"view {view.name}", view.body) for view in catalog.views)
    yield from ((f"trigger {trigger.name}", trigger.body) for trigger in catalog.triggers)
    yield from ((f"{routine.kind.lower()} {routine.name}", routine.create) for routine in catalog.routines)
    yield from ((f"event {event.name}", event.create) for event in catalog.events)


def _words(text: str) -> list[str]:
    bare = _APART.sub(lambda found: f"{found[1]}''" if found[1] else " ", text)
    words = (next(filter(None, found.groups())) for found in _WORDS.finditer(bare))
    return sorted({" ".join(word.lower().split()) for word in words})
