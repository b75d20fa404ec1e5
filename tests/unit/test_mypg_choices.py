"""Choices between MySQL and PostgreSQL: partitions, collations, questions and rules: pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.config_rules import COLUMN_WORDS, WORDS
from jobs.core.model import Options
from jobs.engines.mysql.catalog import Catalog, Index, Part, Partitions, Table
from jobs.engines.mysql_postgres import collations, partitions, types
from jobs.engines.mysql_postgres.choices import Wish
from jobs.engines.mysql_postgres.collations import Able
from jobs.engines.mysql_postgres.ddl import build
from jobs.engines.mysql_postgres.digest import Digest
from jobs.engines.mysql_postgres.questions import questions
from jobs.engines.mysql_postgres.rules import Rules, Stated, offer
from jobs.engines.mysql_postgres.shape import MovedColumn
from tests.unit.test_mypg_words import MYSQL, TABLE, column

KINDS: dict[str, dict[str, Any]] = {
    "int(11)": {},
    "date": {},
    "datetime": {"fraction": 0},
    "timestamp": {"fraction": 0},
    "varchar(9)": {"length": 9, "charset": "utf8mb4", "collation": "utf8mb4_general_ci"},
    "tinyint(1)": {},
}


def cut(method: str, expression: str, *descriptions: str, kind: str = "int(11)", **more: Any) -> partitions.Cut:
    """The partitions of a table with the columns `c` and `d` of one type, keyed by `c`."""
    made = tuple((f"p{n}", "", text) for n, text in enumerate(descriptions))
    columns = tuple(replace(column(kind, **{**KINDS[kind], **more}), name=name, nullable=False) for name in "cd")
    table = replace(
        TABLE,
        columns=columns,
        indexes=(Index("PRIMARY", True, "BTREE", (Part("c", "", None, False),), "", False),),
        partitions=Partitions(method, expression, "", "", made),
    )

    def moved(name: str) -> MovedColumn:
        source = table.column(name)
        form = types.form(table, source, f'"{name}"', Rules(), Digest())
        return MovedColumn(source, name, form, source.nullable)

    return partitions.cut(table, moved)


@pytest.mark.parametrize(
    ("method", "expression", "kind", "descriptions", "by", "bounds"),
    [
        ("RANGE", "`c`", "int(11)", "-5|MAXVALUE", "range", "from (minvalue) to (-5)|from (-5) to (maxvalue)"),
        ("RANGE", "year(`c`)", "date", "2020", "range", "from (minvalue) to ('2020-01-01')"),
        ("RANGE", "to_days(`c`)", "datetime", "737790", "range", "from (minvalue) to ('2020-01-01')"),
        ("RANGE", "to_seconds(`c`)", "date", "63745056005", "range", "from (minvalue) to ('2020-01-01 0:00:05')"),
        (
            *("RANGE", "unix_timestamp(`c`)", "timestamp", "1577836800", "range"),
            "from (minvalue) to ('2020-01-01 00:00:00')",
        ),
        ("RANGE COLUMNS", "`c`", "date", "'2020-01-01'", "range", "from (minvalue) to ('2020-01-01')"),
        ("LIST", "`c`", "int(11)", "1,2,NULL|DEFAULT", "list", "in (1, 2, NULL)|default"),
        ("LIST COLUMNS", "c", "date", "'2020-01-01','2020-01-02'", "list", "in ('2020-01-01', '2020-01-02')"),
        (
            *("HASH", "`c`", "int(11)", "|", "hash"),
            "with (modulus 2, remainder 0)|with (modulus 2, remainder 1)",
        ),
        ("LINEAR KEY", "", "varchar(9)", "", "hash", "with (modulus 1, remainder 0)"),
    ],
)
def test_partitions(method: str, expression: str, kind: str, descriptions: str, by: str, bounds: str) -> None:
    found = cut(method, expression, *descriptions.split("|"), kind=kind)
    assert found.clause == f' partition by {by} ("c")'
    assert [bound.removeprefix("for values ") for _, bound in found.parts] == bounds.split("|")


@pytest.mark.parametrize(
    ("method", "expression", "kind", "descriptions", "why"),
    [
        ("RANGE", "`c` + 1", "int(11)", ["5"], "no such expression"),
        ("RANGE", "year(`c`)", "int(11)", ["5"], "is no time"),
        ("RANGE", "year(`c`)", "date", ["0"], "no year of the calendar"),
        ("RANGE", "to_days(`c`)", "date", ["1"], "no day of the calendar"),
        ("RANGE COLUMNS", "`c`", "varchar(9)", ["'x'"], "cannot be cut so"),
        ("RANGE COLUMNS", "`c`", "date", ["curdate()"], "not understood"),
        ("LIST COLUMNS", "`c`", "varchar(9)", ["'x'"], "not told apart"),
        ("LIST COLUMNS", "`c`,`d`", "int(11)", ["(1,2)"], "one column only"),
        ("LIST", "`c`", "tinyint(1)", ["0"], "became boolean"),
        ("HASH", "`d`", "int(11)", [""], "key PRIMARY does not hold"),
        ("SYSTEM_TIME", "`c`", "int(11)", ["CURRENT"], "by SYSTEM_TIME"),
    ],
)
def test_partitions_that_mean_something_else_are_refused(
    method: str, expression: str, kind: str, descriptions: list[str], why: str
) -> None:
    with pytest.raises(partitions.Whole, match=why):
        cut(method, expression, *descriptions, kind=kind)


def test_texts_of_lists_keep_quotes_and_commas() -> None:
    found = cut("LIST COLUMNS", "`c`", "'a,b','it''s',_utf8mb4'x'", kind="varchar(9)", collation="utf8mb4_bin")
    assert found.parts[0][1] == "for values in ('a,b', 'it''s', 'x')"


@pytest.mark.parametrize(
    ("collation", "called"),
    [
        ("utf8mb4_general_ci", "mysql_ai_ci"),
        ("utf8mb4_0900_ai_ci", "mysql_ai_ci"),
        ("utf8mb4_0900_as_ci", "mysql_as_ci"),
        ("utf8mb4_0900_as_cs", ""),
        ("utf8mb4_bin", ""),
        ("latin1_general_cs", ""),
        ("", ""),
    ],
)
def test_what_a_collation_ignores(collation: str, called: str) -> None:
    assert collations.called(column("varchar(9)", length=9, charset="utf8mb4", collation=collation)) == called


@pytest.mark.parametrize(
    ("expression", "sql"),
    [
        ("lower(`c`)", 'create index "i" on "public"."t" (((LOWER("c"))) desc)'),
        ("own_function(`c`)", "function own_function"),
    ],
)
def test_an_index_on_an_expression_is_translated_or_stays_behind(expression: str, sql: str) -> None:
    table = replace(
        TABLE,
        columns=(column("varchar(9)", length=9, charset="utf8mb4", collation="utf8mb4_bin"),),
        indexes=(Index("i", False, "BTREE", (Part("", expression, None, True),), "", False),),
    )
    _, made = build(catalog(table), Options(), Rules())
    assert [one.sql for one in made.indexes] + [left.why for left in made.left] == [sql]


EVERY = {
    "tinyint(1)": {}, "bit(1)": {"precision": 1}, "bigint(20) unsigned": {}, "time": {}, "datetime": {},
    "timestamp": {}, "enum('a')": {}, "set('a')": {}, "json": {}, "char(36)": {"length": 36}, "binary(16)": {},
    "point": {},
}  # fmt: skip


def test_the_files_words_are_the_engines() -> None:
    words = {word for kind, more in EVERY.items() for word in types.words(TABLE, column(kind, **more))}
    words = {word.removeprefix("new ") for word in words}
    assert (words | {"plain", "icu", "citext"}) - {""} == set(COLUMN_WORDS)
    for key, listed in WORDS.items():
        assert set(listed) == offered(key), key


def offered(key: str) -> set[str]:
    """The choices of a question about the whole database, without the mark of what is not there yet."""
    loose = column("varchar(9)", length=9, charset="utf8mb4", collation="utf8mb4_general_ci")
    fulltext = Index("ft", False, "FULLTEXT", (Part("c", "", None, False),), "", False)
    table = replace(
        TABLE,
        name="T",
        columns=(loose, column("enum('a')"), column("json")),
        indexes=(fulltext,),
        partitions=Partitions("HASH", "c", "", "", ()),
    )
    wish = Wish(able=Able(icu=True, citext="new citext"))
    found = {question.key: question for question in questions(catalog(table), [table], (), wish)}
    return {choice.value.removeprefix("new ") for choice in found[key].choices}


def catalog(*tables: Table) -> Catalog:
    return Catalog(
        flavour=MYSQL, database="shop", charset="", collation="", tables=tables, views=(), triggers=(), routines=(),
        events=(), sequences=(), by_name={table.name: table for table in tables},
    )  # fmt: skip


def test_the_first_rule_that_fits_and_is_possible_holds() -> None:
    stated = Stated((("column:t.x", "uuid"), ("column:T.*", "smallint"), ("column:*.*", "boolean")))
    assert stated.of_column("T", "flag", ["boolean", "smallint"]) == "smallint"
    assert stated.of_column("t", "X", ["boolean", "smallint"]) == "smallint"
    assert stated.of_column("u", "x", ["boolean", "smallint"]) == "boolean"
    assert stated.of_column("u", "x", ["jsonb", "json"]) == ""
    assert offer("citext keys", ["plain", "new citext", "new citext keys"]) == "new citext keys"


def test_an_answer_of_a_column_goes_before_the_databases() -> None:
    loose = column("varchar(9)", length=9, charset="utf8mb4", collation="utf8mb4_general_ci")
    indexed = replace(TABLE, indexes=(Index("i", False, "BTREE", (Part("C", "", None, False),), "", False),))
    keys = Rules({"collations": "icu keys"})
    assert (collations.chosen(TABLE, loose, keys), collations.chosen(indexed, loose, keys)) == ("", "icu")
    assert collations.chosen(indexed, loose, Rules({"collations": "icu", "collation:t.c": "plain"})) == ""
    assert collations.chosen(TABLE, loose, Rules({"collation:t.c": "new citext"})) == "citext"
    assert collations.makes_citext(Rules({"collation:t.c": "new citext"}))
    assert not collations.makes_citext(Rules({"collations": "citext keys"}))


def test_a_stated_rule_is_a_default_that_a_person_may_change() -> None:
    table = replace(TABLE, columns=(column("tinyint(1)"), replace(column("enum('a')"), name="e")))
    wish = Wish(Stated((("enums", "type"), ("json", "json"), ("column:t.c", "smallint"))), Options())
    found = {question.key: question for question in questions(catalog(table), [table], (), wish)}
    assert found["enums"].default == "type" and "json" not in found and "type:t.e" not in found
    assert found["type:t.c"].default == "smallint"
    assert (
        Rules.of(found.values(), Options(decisions=(("type:t.c", "boolean"),))).of_column("type", "t", "c")
        == "boolean"
    )
