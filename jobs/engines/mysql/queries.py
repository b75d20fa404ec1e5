"""The catalog queries: one named file per fact in `sql/`; words in braces differ by kind and version."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jobs.engines.mysql.flavour import Flavour


@cache
def query(name: str, known: Flavour | None = None) -> str:
    """The text of `sql/<name>.sql` for this kind of server."""
    text = files("jobs.engines.mysql").joinpath("sql", f"{name}.sql").read_text()
    if known is not None:
        for word, (feature, there, absent) in _WORDS.items():
            text = text.replace(word, there if known.can(feature) else absent)
    return text


_WORDS = {
    "{expression}": ("expression indexes", "s.expression", "null"),
    "{ignored}": ("ignored indexes", "s.ignored", "{visible}"),
    "{visible}": ("invisible indexes", "if(s.is_visible = 'NO', 'YES', 'NO')", "'NO'"),
    "{check_table}": ("check table name", "and c.table_name = t.table_name", ""),
    "{check_level}": ("check table name", "c.level", "'Table'"),
    "{enforced}": ("enforced", "t.enforced", "'YES'"),
}
"""Word -> feature, text where it is there, text where it is absent; in this order."""
