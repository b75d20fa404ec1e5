"""The schema as statements: SHOW CREATE's own text, taken apart where some of it must wait until the rows are in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from jobs.engines.mysql import quote
from jobs.engines.mysql.catalog import Table
from jobs.engines.mysql.definers import INVOKER, KEEP

_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*` | /\*.*?\*/ | [(),] | [^'"`/(),]+ | .""",
    re.S | re.X,
)
_SECONDARY = re.compile(r"(UNIQUE |FULLTEXT |SPATIAL |VECTOR )?(KEY|INDEX) (`(?:[^`]|``)*`)?", re.S)
_FOREIGN = re.compile(r"CONSTRAINT (`(?:[^`]|``)*`) FOREIGN KEY", re.S)
_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")
SMALL_BYTES = 4 << 20
"""Below this a table gets its indexes at once: an ALTER TABLE of its own costs more than building them late saves."""


@dataclass(frozen=True)
class Statement:
    """CREATE TABLE in pieces: `head` ends with the bracket, `tail` begins with its closing one."""

    head: str
    definitions: tuple[str, ...]
    tail: str

    @property
    def text(self) -> str:
        return f"{self.head}\n  " + ",\n  ".join(self.definitions) + f"\n{self.tail}"


def take_apart(create: str) -> Statement:
    """Splits a CREATE TABLE at the commas between its definitions, whatever names and comments hold."""
    depth, current = 0, ""
    head: str | None = None
    pieces: list[str] = []
    for token in _TOKEN.finditer(create):
        word = token[0]
        if word == "(":
            depth += 1
            if depth == 1 and head is None:
                head, current = create[: token.end()], ""
                continue
        elif word == ")":
            depth -= 1
            if depth == 0:
                return Statement(head or "", tuple(filter(None, [*pieces, current.strip()])), create[token.start() :])
        elif word == "," and depth == 1:
            pieces.append(current.strip())
            current = ""
            continue
        current += word
    raise ValueError("not a CREATE TABLE with definitions")


def index_name(definition: str) -> str | None:
    """The name of the secondary index that a definition makes."""
    found = _SECONDARY.match(definition)
    return unquoted(found[3]) if found and found[3] else None


def foreign_name(definition: str) -> str | None:
    """The name of the foreign key that a definition makes."""
    found = _FOREIGN.match(definition)
    return unquoted(found[1]) if found else None


def unquoted(name: str) -> str:
    return name[1:-1].replace("``", "`")


@dataclass(frozen=True)
class Made:
    """A table's statements: what creates it, the indexes and the foreign keys that come later, by name."""

    create: str
    indexes: dict[str, str]
    foreign_keys: dict[str, str]


def statements(table: Table, collations: Mapping[str, str], adapt: Callable[[str], str] = str) -> Made:
    """The table without what is better made when its rows are in; `collations` replace unknown ones, `adapt` says a
    definition in the target's words."""
    whole = take_apart(replace_collations(table.create, collations))
    early = _early(table)
    late: dict[str, str] = {}
    foreign: dict[str, str] = {}
    now: list[str] = []
    for definition in map(adapt, whole.definitions):
        index, key = index_name(definition), foreign_name(definition)
        if key is not None:
            foreign[key] = f"ADD {definition}"
        elif index is not None and index not in early:
            late[index] = f"ADD {definition}"
        else:
            now.append(definition)
    tail = adapt(_without_counter(whole.tail))
    return Made(Statement(whole.head, tuple(now), tail).text, late, foreign)


def _without_counter(tail: str) -> str:
    """A comment may say the same words."""
    return "".join(
        token[0] if token[0][0] in "'\"`" else _COUNTER.sub("", token[0]) for token in _TOKEN.finditer(tail)
    )


def _early(table: Table) -> set[str]:
    """Indexes that must be there from the start: of small tables and of engines that copy the table for each index,
    of a counter, and the one by which InnoDB orders a table without a primary key."""
    if table.data_bytes < SMALL_BYTES or table.engine != "InnoDB":
        return {index.name for index in table.indexes}
    counters = {column.name for column in table.columns if column.auto_increment}
    nullable = {column.name for column in table.columns if column.nullable}
    early = set()
    for index in table.indexes:
        columns = {part.column for part in index.parts}
        ordering = table.primary_key is None and index.unique and not columns & nullable
        if index.parts[0].column in counters or ordering:
            early.add(index.name)
    return early


def alter(database: str, table: str, additions: Iterable[str]) -> str:
    """One ALTER TABLE that makes all of them in one pass over the rows."""
    return f"ALTER TABLE {quote.qualified(database, table)} " + ", ".join(additions)


_COLLATION = re.compile(r"(?i)\b(COLLATE[ =])(\w+)")


def replace_collations(text: str, collations: Mapping[str, str]) -> str:
    """The statement with other collations, outside of quotes."""
    if not collations:
        return text

    def other(found: re.Match[str]) -> str:
        return found[1] + collations.get(found[2], found[2])

    return "".join(
        token[0] if token[0][0] in "'\"`" else _COLLATION.sub(other, token[0]) for token in _TOKEN.finditer(text)
    )


_ACCOUNT = re.compile(r"(?:`(?:[^`]|``)*`|'(?:[^'\\]|\\.|'')*'|[\w.%-]+)(?:@(?:`(?:[^`]|``)*`|'[^']*'|[\w.%-]+))?\s*")


def definer_of(create: str) -> tuple[int, int] | None:
    """Where the DEFINER clause stands: it comes before any quoted text but its own."""
    found = re.match(r"(?is)CREATE\s+(?:OR REPLACE\s+)?(?:ALGORITHM\s*=\s*\w+\s+)?(DEFINER\s*=\s*)", create)
    if found is None:
        return None
    account = _ACCOUNT.match(create, found.end())
    return (found.start(1), account.end()) if account else None


def with_definer(create: str, choice: str) -> str:
    """A view's, trigger's, routine's or event's statement as the person decided about its definer (see definers).

    Without the clause it is the session's user. INVOKER is said of views here; routines say it after their
    parameters and are altered once they are there."""
    place = definer_of(create)
    if choice == KEEP or place is None:
        return create
    rest = create[place[1] :]
    if choice == INVOKER:
        rest = re.sub(r"(?i)^SQL SECURITY DEFINER\b", "SQL SECURITY INVOKER", rest)
    return create[: place[0]] + rest


_ENABLED = re.compile(
    r"(ON COMPLETION (?:NOT )?PRESERVE )(?:ENABLE|DISABLE ON (?:SLAVE|REPLICA)|SLAVESIDE_DISABLED|DISABLE)\b"
)


def disabled(create: str) -> str:
    """An event's statement, so that it does not fire where it arrives."""
    return _ENABLED.sub(r"\1DISABLE", create, count=1)
