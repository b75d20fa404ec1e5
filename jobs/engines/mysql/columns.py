"""How the values of each type leave a server, arrive in another, and are compared. Pure.

Two ways of leaving. *Plain*: the server renders a row as one value, its fields parted by a byte that UTF-8 never
holds; right for numbers, times and bounded UTF-8 text, and nothing of ours looks at single rows. *Cells*: every
value as its own bytes, native charset and all; right for everything else. FLOAT is read as DOUBLE, since the
server prints six digits of it; ENUM, SET and BIT travel as numbers, since the blank ENUM has no text.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.engines.mysql import quote
from jobs.engines.mysql.catalog import Column, Table

FIELD, ROW, NULL, START = b"\xfd", b"\xfe", b"\xfc", b"\xff\xff\xfb"
"""Of plain rows: after a field, after a row, instead of NULL, before a row. No byte of valid UTF-8 among them."""

_UTF8 = frozenset({"utf8", "utf8mb3", "utf8mb4", "ascii"})
_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "year", "decimal", "double"})
_TIMES = frozenset({"date", "time", "datetime", "timestamp"})
_CODED = frozenset({"enum", "set", "bit"})
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_WORDS = frozenset({"uuid", "inet4", "inet6"})
_SMALL_OCTETS = 65535
"""Values that may be longer are compared by their hash, and leave as cells."""
_FIELD_OCTETS = 40
"""No number or time is rendered longer, except DECIMAL (67)."""


def stored(table: Table) -> list[Column]:
    """The columns that LOAD DATA writes: all but the generated ones."""
    return [column for column in table.columns if not column.generated]


def plain(columns: Sequence[Column], most: int) -> bool:
    """Whether rows of these columns may leave as one value each; `most` is what the server renders at most."""
    octets = sum((column.octets or 67) + 1 for column in columns)
    return octets + 16 < min(most, 12 << 20) and all(map(_plain, columns))


def _plain(column: Column) -> bool:
    kind = column.data_type
    if kind in _TEXTS:
        return column.charset in _UTF8 and (column.octets or 0) <= _SMALL_OCTETS
    return kind in _NUMBERS or kind == "float" or kind in _TIMES or kind in _CODED or kind in _WORDS


def value(column: Column) -> str:
    """The expression whose text is the value, exactly."""
    name = quote.name(column.name)
    match column.data_type:
        case "float":
            return f"pow({name}, 1)"  # as a double; MySQL before 8.0.17 cannot cast to one, and -0 + 0 is 0
        case "enum" | "set" | "bit":
            return f"({name}+0)"
        case "json":
            return f"cast({name} as char character set utf8mb4)"
        case "uuid" | "inet4" | "inet6":
            return f"cast({name} as char)"
    return name


def raw(column: Column) -> str:
    """The same among other fields: bytes as they are, or the server would take our marks for letters."""
    return f"cast({value(column)} as binary)" if column.data_type in _TEXTS | _WORDS else value(column)


def plain_row(columns: Sequence[Column]) -> str:
    """An expression that renders a whole row as one value."""
    fields = [f"ifnull({raw(c)}, {_hex(NULL)})" if c.nullable else raw(c) for c in columns]
    return f"concat({_hex(START)}, concat_ws({_hex(FIELD)}, {', '.join(fields)}), {_hex(ROW)})"


def cells(columns: Sequence[Column]) -> str:
    """A select list of every value by itself."""
    return ", ".join(value(column) for column in columns)


def bare(column: Column) -> bool:
    """Whether the text of the value holds neither backslash, tab nor newline."""
    kind = column.data_type
    return kind in _NUMBERS or kind == "float" or kind in _TIMES or kind in _CODED or kind in _WORDS


def written(column: Column) -> str:
    """How a value stands in an INSERT: number, word (in quotes), json, or bytes."""
    if column.data_type in _CODED:
        return "number"
    if column.data_type == "json":
        return "json"
    return "word" if bare(column) else "bytes"


def arrives(columns: Sequence[Column]) -> tuple[str, str]:
    """LOAD DATA's list of columns, and its SET clause, which is empty where every value goes straight in."""
    names, sets = [], []
    for number, column in enumerate(columns):
        name, variable = quote.name(column.name), f"@v{number}"
        how = _converted(column, variable)
        names.append(variable if how else name)
        if how:
            sets.append(f"{name} = {how}")
    return ", ".join(names), f" set {', '.join(sets)}" if sets else ""


def _converted(column: Column, variable: str) -> str:
    if column.data_type in _CODED:
        return f"cast({variable} as unsigned)"
    if column.data_type == "json" or column.data_type in _WORDS:
        return f"convert({variable} using utf8mb4)"
    return ""


def compared(columns: Sequence[Column]) -> str:
    """An expression that is the same on both sides exactly when the row is.

    Fields whose bytes may hold anything stand as their hash, so that no value can pose as two."""
    return f"concat_ws({_hex(FIELD)}, {', '.join(map(_compared, columns))})"


def _compared(column: Column) -> str:
    text = raw(column) if _plain(column) else hashed(value(column))
    return f"ifnull({text}, {_hex(NULL)})"


def hashed(text: str) -> str:
    """64 hexadecimal digits of the hash of a text's bytes, as bytes.

    SHA-256 is there in every version, newer MySQL has no other natively, and current processors compute it: measured
    on MariaDB 10.11, MD5 took two to three times as long."""
    return f"cast(sha2({text}, 256) as binary)"


def _hex(value: bytes) -> str:
    return f"x'{value.hex()}'"


_KEY_DIGITS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "decimal"})


def key_type(column: Column, other: Column | None) -> str:
    """How boundaries of a key column are written: `digits`, `time`, `text`, `bytes`; empty where ranges of it are not
    the same set on both sides."""
    if other is None or (column.data_type, column.charset, column.collation) != (
        other.data_type,
        other.charset,
        other.collation,
    ):
        return ""
    if column.data_type in _KEY_DIGITS:
        return "digits"
    if column.data_type in ("date", "datetime", "timestamp"):
        return "time"
    if column.data_type in ("char", "varchar"):
        return "text"
    return "bytes" if column.data_type in ("binary", "varbinary") else ""


def boundary(column: Column, kind: str) -> str:
    """A select expression that gives a boundary as text."""
    name = quote.name(column.name)
    return f"hex({name})" if kind in ("text", "bytes") else f"cast({name} as char)"


def literal(column: Column, kind: str, text: str) -> str:
    """The boundary as SQL, of the key's own charset, so that its own collation compares."""
    if kind == "digits":
        return text
    if kind == "time":
        return quote.text(text)
    if not text:
        return "''"
    return f"_{column.charset} x'{text}'" if kind == "text" else f"x'{text}'"
