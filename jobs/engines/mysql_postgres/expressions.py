"""MySQL's expressions and queries as PostgreSQL's, by sqlglot; what it does not know is refused, never guessed. Pure.

That a translated text parses proves nothing of its meaning. A generated column's values are compared with the
source's row by row, a check is proven over every row when it is added, a view must be accepted by the target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from jobs.engines.mysql_postgres import functions

SAME_IN_BOTH = frozenset(
    {"octet_length", "char_length", "character_length", "bit_length", "reverse", "repeat", "ascii", "sign", "pi"}
    | {"degrees", "radians", "sin", "cos", "tan", "asin", "acos", "atan", "cot", "power", "exp", "mod", "now"}
)
"""Functions that sqlglot passes on without knowing them, and that mean the same on both sides."""

_LARGEST_CASTS = {exp.DataType.Type.UBIGINT: "numeric(20)", exp.DataType.Type.UINT: "bigint"}


class Untranslated(Exception):
    """This text cannot be said in PostgreSQL by rule; the reason names what is in the way."""


@dataclass(frozen=True)
class Words:
    """What names become: `columns` by their name in lower case, `tables` by theirs; all others are folded.

    `known` are the tables and views that travel."""

    columns: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    booleans: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    schema: str = ""
    database: str = ""
    fold: Callable[[str], str] = str.lower


def expression(text: str, words: Words) -> str:
    """One expression over a table's own columns. Raises `Untranslated`."""
    return _said(_parsed(text), words)


def query(text: str, words: Words) -> str:
    """One select over the database's tables. Raises `Untranslated`."""
    tree = _parsed(text)
    if not isinstance(tree, exp.Query):
        raise Untranslated("it is not a query")
    return _said(tree, words)


def _parsed(text: str) -> exp.Expression:
    try:
        found = sqlglot.parse(text, read="mysql")
    except (SqlglotError, RecursionError) as error:
        raise Untranslated(f"it was not understood ({type(error).__name__})") from None
    if len(found) != 1 or found[0] is None:
        raise Untranslated("it is not one statement")
    tree = found[0]
    assert isinstance(tree, exp.Expression)
    return tree


def _said(tree: exp.Expression, words: Words) -> str:
    changed = tree.transform(_changed, words)
    for node in changed.walk():
        if isinstance(node, exp.Anonymous) and node.name.lower() not in SAME_IN_BOTH:
            raise Untranslated(f"function {node.name}")
        if isinstance(node, exp.SessionParameter | exp.Parameter | exp.Placeholder):
            raise Untranslated("a variable")
        if isinstance(node, exp.Interval) and not isinstance(node.this, exp.Literal):
            raise Untranslated("an interval that is no constant")
        if isinstance(node, exp.Literal) and node.name == _NO_DAY:
            raise Untranslated("function to_days, or a day of the year 0")
    try:
        made = changed.sql(dialect="postgres", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except (SqlglotError, ValueError, RecursionError) as error:
        raise Untranslated(f"PostgreSQL has no word for it ({str(error)[:80]})") from None
    if name := functions.missing(made):
        raise Untranslated(f"function {name}")
    return made


_NO_DAY = "0000-01-01"
"""From which sqlglot counts for TO_DAYS."""

_PARTS: Mapping[type[exp.Expression], str] = {
    exp.Quarter: "QUARTER",
    exp.DayOfMonth: "DAY",
    exp.DayOfYear: "DOY",
}
"""Of a date."""


def computed(text: str, words: Words, zoned: Iterable[str]) -> str:
    """A generated column's expression. `zoned`: columns, by name, that bear a time zone: what is made of them
    depends on the session's. Raises `Untranslated`."""
    made = expression(text, words)
    if name := functions.changing(made):
        raise Untranslated(f"{name} is not the same at all times for PostgreSQL")
    named = {column.name.lower() for column in _parsed(text).find_all(exp.Column)}
    if odd := min(named & {name.lower() for name in zoned}, default=""):
        raise Untranslated(f"{odd} bears a time zone")
    return made


def constant(text: str, words: Words) -> str:
    """An expression that names no column, as a default's must be. Raises `Untranslated`."""
    if _parsed(text).find(exp.Column):
        raise Untranslated("it names another column")
    return expression(text, words)


def _changed(node: exp.Expression, words: Words) -> exp.Expression:
    match node:
        case exp.Introducer():
            literal: exp.Expression = node.expression
            return literal
        case exp.Column():
            return _column(node, words)
        case exp.Table():
            return _table(node, words)
        case exp.Alias() | exp.TableAlias():
            return _aliased(node, words)
        case exp.Cast() if node.to.this in _TEXT_CASTS:
            node.set("to", _text_cast(node.to))
        case exp.Cast() if node.to.this in _LARGEST_CASTS:
            node.set("to", exp.DataType.build(_LARGEST_CASTS[node.to.this], dialect="postgres"))
        case exp.EQ() | exp.NEQ() | exp.NullSafeEQ():
            return _compared(node, words)
        case exp.Quarter() | exp.DayOfMonth() | exp.DayOfYear():
            return exp.Extract(this=exp.Var(this=_PARTS[type(node)]), expression=_inside(node.this, words))
        case exp.Length() if node.args.get("binary"):
            return exp.Anonymous(this="octet_length", expressions=[_inside(node.this, words)])
        case exp.Substring() | exp.Left() | exp.Right():
            _counts_from_one(node)
        case exp.Greatest() | exp.Least():
            return _null_wins(node, words)
        case exp.GroupConcat():
            return _grouped(node)
        case exp.Collate():
            raise Untranslated("a collation")
        case exp.Anonymous() if node.name.lower() == "json_unquote":
            return _unquoted(node, words)
        case exp.JSONValue():
            return _path(_inside(node.this, words), node.args["path"], text=True)
        case exp.JSONExtract() | exp.JSONExtractScalar():
            return _extracted(node, words, text=isinstance(node, exp.JSONExtractScalar))
    return node


def _inside(node: exp.Expression, words: Words) -> exp.Expression:
    """What stands inside of a node that is replaced: nobody else comes to it."""
    made = node.copy().transform(_changed, words)
    assert isinstance(made, exp.Expression)
    return made


_TEXT_CASTS = frozenset({exp.DataType.Type.CHAR, exp.DataType.Type.NCHAR, exp.DataType.Type.CHARACTER_SET})


def _text_cast(kind: exp.DataType) -> exp.DataType:
    """CHAR is any text in MySQL's CAST; in PostgreSQL it would be one letter."""
    charset = kind.args.get("kind")
    if charset is not None and charset.name.lower() not in ("utf8mb4", "utf8mb3", "utf8"):
        raise Untranslated(f"character set {charset.name}")
    return exp.DataType.build(f"varchar({kind.expressions[0].name})" if kind.expressions else "text")


def _counts_from_one(node: exp.Expression) -> None:
    """Numbers below one count from the end, or are nothing, in MySQL; PostgreSQL has other rules."""
    number = node.args.get("start") if isinstance(node, exp.Substring) else node.expression
    if not (isinstance(number, exp.Literal) and not number.is_string and number.name.isdigit() and int(number.name)):
        raise Untranslated("a part of a text from or of a number of letters that is no constant above 0")


def _null_wins(node: exp.Expression, words: Words) -> exp.Expression:
    """The greatest of NULL and others is NULL in MySQL; PostgreSQL passes over it."""
    values = [_inside(value, words) for value in (node.this, *node.expressions)]
    missing = exp.or_(*(exp.Is(this=value.copy(), expression=exp.Null()) for value in values))
    made = type(node)(this=values[0], expressions=values[1:])
    return exp.Case(ifs=[exp.If(this=missing, true=exp.Null())], default=made)


def _identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


_AS_NUMBERS = (
    exp.In,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.Between,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Sum,
    exp.Coalesce,
)
"""Where MySQL's true is 1, and PostgreSQL's is not."""


def _column(node: exp.Column, words: Words) -> exp.Expression:
    if node.args.get("catalog"):
        raise Untranslated("a name of three parts")
    database = node.args.get("db")
    if database and database.name != words.database:
        raise Untranslated(f"it names another database, {database.name}")
    if isinstance(node.this, exp.Star):
        return node
    target = words.columns.get(node.name.lower(), words.fold(node.name))
    table = node.table
    qualifier = words.tables.get(table, words.fold(table)) if table else ""
    made = exp.Column(this=_identifier(target), table=_identifier(qualifier) if qualifier else None)
    if node.name.lower() in words.booleans and (
        isinstance(node.parent, _AS_NUMBERS) or (isinstance(node.parent, exp.Case) and node.arg_key == "this")
    ):
        return exp.Cast(this=made, to=exp.DataType.build("int"))
    return made


def _table(node: exp.Table, words: Words) -> exp.Expression:
    if not isinstance(node.this, exp.Identifier):
        raise Untranslated("a table function")
    if node.db and node.db != words.database:
        raise Untranslated(f"it names another database, {node.db}")
    if node.db and node.name not in words.known:
        raise Untranslated(f"it reads {node.name}, which does not travel")
    node.set("this", _identifier(words.tables.get(node.name, words.fold(node.name))))
    # Servers print every table with its database: a name without one is made by the query itself (WITH).
    node.set("db", _identifier(words.schema) if words.schema and node.db else None)
    return node


def _aliased(node: exp.Expression, words: Words) -> exp.Expression:
    alias = node.args.get("alias") if isinstance(node, exp.Alias) else node.this
    if isinstance(alias, exp.Identifier):
        renamed = _identifier(words.fold(alias.name))
        node.set("alias" if isinstance(node, exp.Alias) else "this", renamed)
    return node


def _compared(node: exp.Expression, words: Words) -> exp.Expression:
    """`flag = 1`, where the target's flag is a boolean."""
    for side, other in (("this", "expression"), ("expression", "this")):
        column, literal = node.args[side], node.args[other]
        if isinstance(column, exp.Column) and column.name.lower() in words.booleans and _is_number(literal):
            node.set(other, exp.Boolean(this=literal.name != "0"))
    return node


def _is_number(node: exp.Expression) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string and node.name in ("0", "1")


def _grouped(node: exp.GroupConcat) -> exp.Expression:
    """`group_concat` makes text of anything, `string_agg` takes text only."""
    inner = node.this.this if isinstance(node.this, exp.Order) else node.this
    if not isinstance(inner, exp.Cast | exp.Distinct):
        inner.replace(exp.Cast(this=inner.copy(), to=exp.DataType.build("text")))
    return node


def _unquoted(node: exp.Anonymous, words: Words) -> exp.Expression:
    inner = node.expressions[0] if len(node.expressions) == 1 else None
    if isinstance(inner, exp.JSONExtract | exp.JSONExtractScalar):
        return _extracted(inner, words, text=True)
    raise Untranslated(f"function {node.name}")


def _extracted(node: exp.Expression, words: Words, *, text: bool) -> exp.Expression:
    return _path(_inside(node.this, words), node.expression, text=text)


def _path(column: exp.Expression, path: exp.Expression, *, text: bool) -> exp.Expression:
    """`$.a.b[0]` as `#> '{a,b,0}'`."""
    steps: list[str] = []
    if isinstance(path, exp.Literal):
        path = sqlglot.parse_one(f"json_extract(x, {path.sql()})", read="mysql").expression
    if not isinstance(path, exp.JSONPath):
        raise Untranslated("a path that is no constant")
    for step in path.expressions:
        if isinstance(step, exp.JSONPathRoot):
            continue
        if not isinstance(step, exp.JSONPathKey | exp.JSONPathSubscript) or not isinstance(step.this, str | int):
            raise Untranslated("a path with wildcards")
        steps.append('"' + str(step.this).replace("\\", "\\\\").replace('"', '\\"') + '"')
    literal = exp.Literal.string("{" + ",".join(steps) + "}")
    made = exp.JSONBExtractScalar if text else exp.JSONBExtract
    return made(this=column, expression=literal)
