"""How a column of MySQL lives in PostgreSQL: its type, how the source writes its values, how both prove them. Pure.

| MySQL, MariaDB | PostgreSQL |
|---|---|
| tinyint(1), bit(1) | boolean where every value is 0 or 1, else smallint; bit(1) by choice |
| tinyint, smallint, mediumint, int, bigint | smallint, smallint, integer, integer, bigint |
| the same, unsigned | smallint, integer, integer, bigint, and bigint where every value fits, else numeric(20) |
| decimal(p, s) | numeric(p, s) |
| float, double | real, double precision |
| char(n), varchar(n) | varchar(n): a char's padding is not part of its value in MySQL; text, uuid by choice |
| tinytext to longtext | text |
| texts whose collation ignores case or accents | the same, or with a collation of ICU, or citext (`collations.py`) |
| binary, varbinary, blobs | bytea; binary(16) also uuid by choice |
| date, datetime(f), timestamp(f) | date, timestamp(f), timestamp(f) with time zone; with or without by choice |
| time(f) | time(f) where every value is a time of a day, else interval |
| year | smallint |
| enum | text with a check, or an enum type by choice |
| set | text[], or text by choice |
| bit(n) | bit(n) |
| json | jsonb, or json by choice; also MariaDB's longtext with json_valid |
| uuid, inet4, inet6 | uuid, inet, inet |
| geometry and its kin | PostGIS's geometry, from MariaDB; else refused, bytea of well-known binary by choice |

`rendered` is the text that COPY reads; `source` and `target` make the same text of the same value on both servers,
whatever each one's habits: trailing zeros of a fraction, hexadecimal digits. Where only PostgreSQL can make it
(jsonb, floats), the source's text goes to the target once more and is brought to one form there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from jobs.core.model import Choice
from jobs.engines.mysql import quote as my
from jobs.engines.mysql.catalog import Column, Table
from jobs.engines.mysql_postgres import collations, own, spatial, values
from jobs.engines.mysql_postgres.digest import Digest
from jobs.engines.mysql_postgres.rules import Rules

MOST_BIGINT = 9223372036854775807
SPATIAL = frozenset(spatial.TYPES)
BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
LONG = frozenset({"mediumtext", "longtext", "json"})
"""May not fit into one packet together with other columns: they are proven by their digest."""


class Unmapped(Exception):
    """PostgreSQL has no type for this column; the text says why."""


@dataclass(frozen=True)
class Form:
    """A column on its way.

    `rendered`: SQL of the source, the value as COPY's text before escaping. `source`, `target`: SQL of either side,
    one canonical text. `plain`: no comma is ever in it. `echo`: only the target can make the canonical text, from
    the rendered one, by `target` with the value in place of the column. `native`: an enum type of its own.
    `collation`: the one that the run makes for it. `longest`: letters, where the type does not say it."""

    type: str
    rendered: str
    source: str
    target: str
    plain: bool = True
    echo: bool = False
    members: tuple[str, ...] = ()
    native: bool = False
    collation: str = ""
    longest: int = 0


@dataclass(frozen=True)
class Variants:
    """A type that depends on values: the first where `beyond` (SQL of the source) is true of none, else `second`."""

    first: str
    second: str
    beyond: str
    why: str


def variants(column: Column) -> Variants | None:
    """What a person may choose for this column, and what decides when nobody does."""
    name = my.name(column.name)
    if column.column_type.lower().startswith("tinyint(1)") and not column.auto_increment:
        return Variants("boolean", "smallint", f"{name} not in (0, 1)", "holds numbers other than 0 and 1")
    if column.data_type == "bigint" and column.unsigned:
        return Variants("bigint", "numeric(20)", f"{name} > {MOST_BIGINT}", f"holds numbers above {MOST_BIGINT}")
    if column.data_type == "time":
        beyond = f"({name} < '00:00:00' or {name} >= '24:00:00')"
        return Variants("time", "interval", beyond, "holds times outside of a day")
    return None


_WORDS: Mapping[str, tuple[str, ...]] = {
    "datetime": ("timestamp", "timestamptz"),
    "timestamp": ("timestamptz", "timestamp"),
    "enum": ("text", "type"),
    "set": ("text[]", "text"),
}
_UUID_LENGTHS = (32, 36)
_WHOLE = {("text", "type"): "enums", ("jsonb", "json"): "json"}
"""What a question about the whole database decides where nothing is said of the column."""


def words(table: Table, column: Column) -> tuple[str, ...]:
    """What a column may become, in the words of rules and questions, its default first; none without a choice."""
    found = variants(column)
    if found is not None:
        return found.first, found.second
    if is_json(table, column):
        return "jsonb", "json"
    if column.data_type in SPATIAL:
        return "", "wkb", spatial.WORD, spatial.NEW + spatial.WORD
    if column.data_type == "bit" and (column.precision or 1) == 1:
        return "boolean", "bit"
    if column.data_type in ("char", "varchar") and column.length:
        return ("varchar", "text", "uuid") if column.length in _UUID_LENGTHS else ("varchar", "text")
    if column.column_type.lower() == "binary(16)":
        return "bytea", "uuid"
    return _WORDS.get(column.data_type, ())


def kind(table: Table, column: Column, rules: Rules) -> str:
    """The chosen word; empty where the type has none."""
    offered, chosen = words(table, column), rules.of_column("type", table.name, column.name)
    if chosen not in offered and offered in _WHOLE:
        chosen = rules.whole(_WHOLE[offered])
    return chosen if chosen in offered else "".join(offered[:1])


def is_json(table: Table, column: Column) -> bool:
    """MySQL's own type, or MariaDB's word for a text with json_valid."""
    if column.data_type == "json":
        return True
    says = f"json_valid({my.name(column.name)})".lower()
    return column.data_type == "longtext" and any(
        c.clause.lower().strip("() ") == says.strip("() ") for c in table.checks
    )


def form(table: Table, column: Column, name: str, rules: Rules, digest: Digest) -> Form:
    """The form of a column that the target calls `name` (quoted). Raises `Unmapped`."""
    json = is_json(table, column)
    found = _form(table, column, name, rules, digest, json)
    taken = answered(table, column, rules)
    if not taken:
        return found
    answers = {fault.about: answer for fault, answer in taken}

    def changed(expression: str) -> str:
        return values.answered(expression, column, (fault for fault, _ in taken), answers)

    if answers.get("blank enum") == "keep":
        found = replace(found, members=(*found.members, ""))
    return replace(found, rendered=changed(found.rendered), source=changed(found.source))


def nullable(table: Table, column: Column, rules: Rules) -> bool:
    """Whether the target's column takes NULL: as in the source, or because an answer makes NULLs."""
    return column.nullable or any(answer == "null" for _, answer in answered(table, column, rules))


def faults(table: Table, column: Column) -> Iterator[values.Fault]:
    """Every fault that this column can have; numbers and times beyond the narrower type among them."""
    yield from values.faults(column, members(column), json=is_json(table, column))
    found = variants(column)
    if found is not None:
        noun = "time outside of a day" if found.first == "time" else "number out of range"
        choices = (Choice(value="null", text="Store NULL"),)
        yield values.Fault("out of range", found.beyond, noun, noun.replace(" ", "s ", 1), choices)


def answered(table: Table, column: Column, rules: Rules) -> list[tuple[values.Fault, str]]:
    """The faults about which something was said that holds for what the column becomes."""
    found = list(faults(table, column))
    answers = values.answers(table.name, column, found, rules)
    limits = variants(column)
    narrow = limits is not None and kind(table, column, rules) == limits.first
    return [(f, answers[f.about]) for f in found if answers[f.about] and (narrow or f.about != "out of range")]


_MEMBER = re.compile(r"'((?:[^'\\]|''|\\.)*)'", re.S)


def members(column: Column) -> tuple[str, ...]:
    """The words of an enum or a set."""
    if column.data_type not in ("enum", "set"):
        return ()
    inside = column.column_type.partition("(")[2].rpartition(")")[0]
    return tuple(m.replace("''", "'").replace("\\\\", "\\") for m in _MEMBER.findall(inside))


_INTEGERS: Mapping[str, tuple[str, str]] = {
    "tinyint": ("smallint", "smallint"),
    "smallint": ("smallint", "integer"),
    "mediumint": ("integer", "integer"),
    "int": ("integer", "bigint"),
    "bigint": ("bigint", "bigint"),
}
"""Signed and unsigned."""


def _form(table: Table, column: Column, c: str, rules: Rules, digest: Digest, json: bool) -> Form:
    x, word, chosen = my.name(column.name), column.data_type, kind(table, column, rules)
    if word in _INTEGERS:
        return _integer(column, x, c, chosen, bool(rules.of_column("type", table.name, column.name)))
    if word in ("decimal", "numeric"):
        plain = _unfilled(column, x)
        return Form(f"numeric({column.precision},{column.scale})", plain, plain, f"{c}::text")
    if word in ("float", "double", "real"):
        return _float("real" if word == "float" else "double precision", x, c)
    if word in values.DATES or word == "time":
        return _time(column, x, c, chosen)
    if word == "year":
        return Form("smallint", f"({x} + 0)", f"({x} + 0)", f"{c}::text")
    if word == "bit":
        return _bit(column, x, c, chosen)
    if json:
        return _json(column, x, c, chosen)
    if chosen == "uuid":
        return _uuid(column, x, c)
    if word in values.TEXTS:
        return _text(table, column, x, c, rules, digest)
    if word in BYTES:
        return Form("bytea", f"concat(x'5c78', hex({x}))", digest.of_source(x), digest.of_bytes(c))
    if word == "enum":
        shown = _unicode(column, x)
        native = chosen == "type"
        return Form("text", shown, shown, f"{c}::text", plain=False, members=members(column), native=native)
    if word == "set":
        return _set(column, x, c, chosen)
    if word in ("uuid", "inet4", "inet6"):
        target = f"{c}::text" if word == "uuid" else f"host({c})"
        shown = f"cast(cast({x} as char) as binary)"
        return Form("uuid" if word == "uuid" else "inet", shown, shown, target)
    if word in SPATIAL and chosen.endswith(spatial.WORD):
        kept = spatial.type_of(table, column, rules)
        return Form(kept, spatial.rendered(x), spatial.in_source(x, digest), spatial.in_target(c, digest))
    if word in SPATIAL and chosen == "wkb":
        wkb = f"st_aswkb({x})"
        return Form("bytea", f"concat(x'5c78', hex({wkb}))", digest.of_source(wkb), digest.of_bytes(c))
    if word in SPATIAL:
        raise Unmapped(f"{word} needs PostGIS")
    raise Unmapped(f"PostgreSQL has no type for {column.column_type}")


def _integer(column: Column, x: str, c: str, chosen: str, asked: bool) -> Form:
    """`asked`: a person chose it, knowing that other numbers become true."""
    plain = _unfilled(column, x)
    if chosen == "boolean" and asked:
        return Form("boolean", f"({x} <> 0)", f"({x} <> 0)", f"{c}::integer::text")
    if chosen == "boolean":
        return Form("boolean", plain, plain, f"{c}::integer::text")
    if chosen == "numeric(20)":
        return Form("numeric(20)", plain, plain, f"{c}::text")
    return Form(_INTEGERS[column.data_type][column.unsigned], plain, plain, f"{c}::text")


def _unfilled(column: Column, x: str) -> str:
    """A number without the zeros that ZEROFILL shows before it."""
    return f"({x} + 0)" if "zerofill" in column.column_type.lower() else x


def _bit(column: Column, x: str, c: str, chosen: str) -> Form:
    width = column.precision or 1
    if width == 1 and chosen != "bit":
        return Form("boolean", f"({x} + 0)", f"({x} + 0)", f"{c}::integer::text")
    shown = f"lpad(bin({x} + 0), {width}, '0')"
    return Form(f"bit({width})", shown, shown, f"{c}::text")


def _time(column: Column, x: str, c: str, chosen: str) -> Form:
    """A fraction's trailing zeros are shown by MySQL and not by PostgreSQL."""
    digits = column.fraction or 0
    shown = f"cast({x} as binary)"
    bare = f"trim(trailing '.' from trim(trailing '0' from {shown}))" if digits else shown
    match column.data_type:
        case "date":
            return Form("date", shown, shown, f"{c}::text")
        case "datetime" | "timestamp" if chosen == "timestamptz":
            in_utc = f"({c} at time zone 'UTC')::text"
            return Form(f"timestamp({digits}) with time zone", shown, bare, in_utc)
        case "datetime" | "timestamp":
            return Form(f"timestamp({digits})", shown, bare, f"{c}::text")
    return Form(f"{chosen}({digits})", shown, bare, f"{c}::text")


def _unicode(column: Column, x: str) -> str:
    """The text as bytes of UTF-8."""
    return (
        f"cast({x} as binary)" if column.charset in values.UNICODE else f"cast(convert({x} using utf8mb4) as binary)"
    )


LOSSLESS = values.UNICODE | {"latin1", "binary", "utf16", "utf16le", "utf32", "ucs2"}
"""Character sets of which every byte becomes a letter of Unicode; others have gaps, which CONVERT fills with ?."""


def _text(table: Table, column: Column, x: str, c: str, rules: Rules, digest: Digest) -> Form:
    sized = column.length if column.data_type in ("char", "varchar") else None
    compared = collations.chosen(table, column, rules)
    kept = "varchar" if sized and kind(table, column, rules) == "varchar" else "text"
    says = f"{c}::text"
    form = Form(f"varchar({sized})" if kept == "varchar" else "text", "", "", says, plain=False)
    if compared == collations.ICU:
        form = replace(form, collation=collations.called(column), target=f'{says} collate "C"')
    elif compared:
        form = replace(form, type=collations.CITEXT, longest=sized or 0 if kept == "varchar" else 0)
    found = list(values.faults(column))
    answers = values.answers(table.name, column, found, rules)
    shown = _unicode(column, x)
    if answers["invalid text"] == "replace" and column.charset in values.UNICODE:
        shown = f"cast(convert(cast({x} as binary) using utf8mb4) as binary)"
    nul, invalid = own.value_of(answers["nul bytes"]), own.value_of(answers["invalid text"])
    if answers["nul bytes"] == "strip" or nul is not None:
        shown = f"replace({shown}, x'00', x'{(nul or '').encode().hex()}')"
    if invalid is not None:
        condition = next(fault.condition for fault in found if fault.about == "invalid text")
        shown = f"case when {condition} then {own.written('invalid text', invalid)} else {shown} end"
    rendered = shown
    if not answers["invalid text"] and column.charset not in LOSSLESS:
        # A byte that COPY refuses: nothing becomes a question mark unasked.
        condition = next(fault.condition for fault in found if fault.about == "invalid text")
        rendered = f"if({condition}, x'ff', {shown})"
    if column.data_type in LONG:
        hashed = digest.of_text(form.target)
        return replace(form, rendered=rendered, source=digest.of_source(shown), target=hashed, plain=True)
    return replace(form, rendered=rendered, source=shown)


def _uuid(column: Column, x: str, c: str) -> Form:
    """Letters of either case and with or without dashes, or 16 bytes."""
    target = f"replace({c}::text, '-', '')"
    if column.data_type == "binary":
        return Form("uuid", f"hex({x})", f"lower(hex({x}))", target)
    shown = f"convert({x} using utf8mb4)"
    return Form("uuid", f"cast({shown} as binary)", f"cast(replace(lower({shown}), '-', '') as binary)", target)


def _json(column: Column, x: str, c: str, chosen: str) -> Form:
    shown = _unicode(column, x) if column.charset else f"cast(cast({x} as char) as binary)"
    return Form(chosen, shown, shown, f"{c}::text", plain=False, echo=True)


def _set(column: Column, x: str, c: str, chosen: str) -> Form:
    """A member holds no comma."""
    shown = _unicode(column, x)
    if chosen == "text":
        return Form("text", shown, shown, f"{c}::text", plain=False)
    quoted = f"replace(replace({shown}, x'5c', x'5c5c'), x'22', x'5c22')"
    array = f"concat(x'7b', if({x} = '', '', concat(x'22', replace({quoted}, x'2c', x'222c22'), x'22')), x'7d')"
    return Form("text[]", array, shown, f"array_to_string({c}, ',')", plain=False)


def _float(kind: str, x: str, c: str) -> Form:
    """Both print a number's shortest exact digits, but PostgreSQL takes no digits that lie just between two numbers
    (1e23 is 9.999999999999999e+22 there): only PostgreSQL can bring both to one text."""
    # A float's own text has 6 digits, and older MySQL cannot cast to double. MySQL 8 cuts a computed double to 22
    # letters (-1.3407807680128611e154 has 23), not a column's own.
    shown = f"concat(pow({x}, 1))" if kind == "real" else f"concat({x})"
    return Form(kind, shown, shown, f"{c}::text", echo=True)
