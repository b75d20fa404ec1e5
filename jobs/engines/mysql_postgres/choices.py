"""Questions about single columns: what each may become, by rule, by need, or because somebody wants to choose. Pure.

Not every column that could be something else is asked about: that would be hundreds. One is asked about where its
values leave the default no place, where a rule of ferrybot.yaml names it, where it was answered before, and in the
tables whose columns somebody chose to go through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from jobs.core.model import Choice, Options, Question
from jobs.engines.mysql.catalog import Column, Table
from jobs.engines.mysql_postgres import collations, types
from jobs.engines.mysql_postgres.collations import Able
from jobs.engines.mysql_postgres.rules import DEFAULTS, Rules, Stated, key, offer
from jobs.engines.shared.words import counted

EVERY, TABLE = "every", "table "
MOST_COLUMNS = 200
"""Beyond it nobody goes through every column: one table at a time is offered."""


@dataclass(frozen=True)
class Wish:
    """Who says what beyond the facts: the file's rules, the answers so far, and what the target offers."""

    stated: Stated = field(default_factory=Stated)
    options: Options = field(default_factory=Options)
    able: Able = field(default_factory=Able)

    @property
    def rules(self) -> Rules:
        """What holds for the whole database, so far as nobody answered for a column."""
        return Rules({**dict(self.stated.pairs), **dict(self.options.decisions)})

    def ruled(self, question: Question) -> Question:
        """A question about the whole database with the file's rule as its default, where that is offered."""
        found = offer(self.stated.whole(question.key), (choice.value for choice in question.choices))
        return question.model_copy(update={"default": found}) if found else question

    def wants(self, table: Table, about: str, column: Column) -> bool:
        """Somebody goes through this table's columns, or answered for this one before."""
        decided = dict(self.options.decisions)
        return decided.get("columns") in (EVERY, TABLE + table.name) or key(about, table.name, column.name) in decided


def of_whole(tables: Sequence[Table], wish: Wish) -> Iterator[Question]:
    """How texts compare, what partitions become, and whether columns are gone through."""
    loose = [c for table in tables for c in table.columns if collations.called(c)]
    if loose and len(wish.able.words) > 1:
        yield _collations(loose, wish.able)
    if any(table.partitions for table in tables):
        yield Question(
            key="partitions",
            title="What do partitioned tables become?",
            choices=(
                Choice(value="keep", text="Partitioned tables"),
                Choice(value="one", text="One plain table each"),
            ),
            default=DEFAULTS["partitions"],
            detail="Partitioned by HASH or KEY, rows lie in other partitions than in the source.",
        )
    choosing = [table for table in tables if any(_offers(table, column, wish.able) for column in table.columns)]
    if choosing:
        yield _columns(choosing, wish.able)


def _collations(loose: Sequence[Column], able: Able) -> Question:
    texts = {
        "icu": "ICU collations that ignore them too",
        "citext": "citext: case does not count, accents do",
        "new citext": "citext, the extension is made: case does not count, accents do",
    }
    short = {"icu": "ICU collations", "citext": "citext", "new citext": "citext, the extension is made"}
    choices = [Choice(value="plain", text="Case and accents count")]
    for word in able.words[1:]:
        choices.append(Choice(value=word, text=texts[word]))
        choices.append(Choice(value=f"{word} keys", text=f"{short[word]}: only columns with an index"))
    return Question(
        key="collations",
        title="How do texts compare whose collation ignores case or accents?",
        choices=tuple(choices),
        default=DEFAULTS["collations"],
        detail=f"{counted(len(loose), 'column has', 'columns have')} such a collation. It decides what is unique and"
        " what a search finds; before PostgreSQL 18, LIKE does not work with collations of ICU.",
    )


def _columns(tables: Sequence[Table], able: Able) -> Question:
    choices = [Choice(value="none", text="None: the rules are right")]
    count = sum(bool(_offers(table, column, able)) for table in tables for column in table.columns)
    if count <= MOST_COLUMNS:
        choices.append(Choice(value=EVERY, text="Every table"))
    choices += [Choice(value=TABLE + table.name, text=f"Table {table.name}") for table in tables]
    return Question(
        key="columns",
        title="In which table do you want to choose the columns' types yourself?",
        choices=tuple(choices),
        default="none",
        detail=f"{counted(count, 'column')} could be something else. After Update plan each is asked about; its"
        " answer stays when you go on to another table.",
    )


def _offers(table: Table, column: Column, able: Able) -> bool:
    return len(types.words(table, column)) > 1 or bool(collations.called(column) and len(able.words) > 1)


def of_column(
    table: Table, column: Column, wish: Wish, words: Sequence[str] = (), default: str | None = None, detail: str = ""
) -> Iterator[Question]:
    """The questions about a column. `words` and `default`: what its values leave, where they must be asked about."""
    offered = list(words or types.words(table, column))
    ruled = wish.stated.of_column(table.name, column.name, offered)
    if default is not None or (len(offered) > 1 and (ruled or wish.wants(table, "type", column))):
        usual = types.kind(table, column, wish.rules) if default is None else default
        yield Question(
            key=key("type", table.name, column.name),
            title=f"What does {table.name}.{column.name} ({column.column_type}) become?",
            choices=tuple(Choice(value=word, text=_said(column, word, bool(words))) for word in offered if word),
            default=ruled or usual,
            detail=detail,
        )
    if collations.called(column):
        yield from _collation(table, column, wish)


def _collation(table: Table, column: Column, wish: Wish) -> Iterator[Question]:
    ruled = wish.stated.of_column(table.name, column.name, wish.able.words)
    if not ruled and not (len(wish.able.words) > 1 and wish.wants(table, "collation", column)):
        return
    usual = collations.of_whole(table, column, wish.rules)
    texts = {"plain": "Case and accents count", "icu": f"As {column.collation} does, by ICU", "citext": "citext"}
    yield Question(
        key=key("collation", table.name, column.name),
        title=f"How do texts of {table.name}.{column.name} compare?",
        choices=tuple(Choice(value=w, text=texts.get(w, "citext, the extension is made")) for w in wish.able.words),
        default=ruled or offer(usual, wish.able.words) or "plain",
        detail="With citext case does not count, accents do.",
    )


_SAID = {
    "geometry": "geometry of PostGIS",
    "new geometry": "geometry of PostGIS, the extension is made",
    "wkb": "bytea with well-known binary",
    "type": "an enum type of its own",
    "text[]": "text[]",
}


def _said(column: Column, word: str, beyond: bool) -> str:
    if word == "boolean" and beyond:
        return "boolean: every number but 0 is true"
    if word == "text" and column.data_type == "enum":
        return "text with a check"
    if word == "timestamptz" and column.data_type == "datetime":
        return "timestamp with time zone, taken as UTC"
    if word == "timestamp" and column.data_type == "timestamp":
        return "timestamp without time zone, in UTC"
    words = {"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone"}
    return _SAID.get(word) or words.get(word, f"varchar({column.length})" if word == "varchar" else word)
