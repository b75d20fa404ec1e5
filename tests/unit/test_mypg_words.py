"""Names, escapes, expressions and defaults between MySQL and PostgreSQL: pure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.model import Choice, Options, Question
from jobs.engines.mysql.catalog import CheckConstraint, Column, Table
from jobs.engines.mysql.flavour import Flavour
from jobs.engines.mysql_postgres import defaults, expressions, names, rows, types, values
from jobs.engines.mysql_postgres.digest import Digest
from jobs.engines.mysql_postgres.expressions import Untranslated, Words
from jobs.engines.mysql_postgres.perform import escape
from jobs.engines.mysql_postgres.rules import Rules

MARIADB = Flavour("mariadb", (10, 11, 6), "10.11.6-MariaDB")
MYSQL = Flavour("mysql", (8, 4, 0), "8.4.0")
COLUMN = Column(
    name="c",
    position=1,
    data_type="int",
    column_type="int(11)",
    nullable=True,
    default=None,
    default_is_expression=False,
    charset="",
    collation="",
    length=None,
    octets=None,
    precision=None,
    scale=None,
    fraction=None,
    comment="",
    extra="",
    generated="",
    expression="",
    auto_increment=False,
    on_update=False,
    invisible=False,
)
TABLE = Table("t", "InnoDB", False, "", "", "", "", "", 0, 0, 0, None, "")


def column(column_type: str, **more: object) -> Column:
    return replace(COLUMN, data_type=column_type.split("(")[0].split()[0], column_type=column_type, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "more", "answers", "target"),
    [
        ("tinyint(1)", {}, {}, "boolean"),
        ("tinyint(1)", {}, {"type:t.c": "smallint"}, "smallint"),
        ("tinyint(4)", {}, {}, "smallint"),
        ("tinyint(3) unsigned", {}, {}, "smallint"),
        ("smallint(5) unsigned", {}, {}, "integer"),
        ("mediumint(8) unsigned", {}, {}, "integer"),
        ("int(10) unsigned zerofill", {}, {}, "bigint"),
        ("bigint(20)", {}, {}, "bigint"),
        ("bigint(20) unsigned", {}, {}, "bigint"),
        ("bigint(20) unsigned", {}, {"type:t.c": "numeric(20)"}, "numeric(20)"),
        ("decimal(65,30)", {"precision": 65, "scale": 30}, {}, "numeric(65,30)"),
        ("float", {}, {}, "real"),
        ("double(10,2)", {}, {}, "double precision"),
        ("char(36)", {"length": 36, "charset": "utf8mb4"}, {}, "varchar(36)"),
        ("varchar(0)", {"length": 0, "charset": "utf8mb4"}, {}, "text"),
        ("longtext", {"length": 4294967295, "charset": "latin1"}, {}, "text"),
        ("varbinary(10)", {}, {}, "bytea"),
        ("date", {}, {}, "date"),
        ("datetime(6)", {"fraction": 6}, {}, "timestamp(6)"),
        ("timestamp", {"fraction": 0}, {}, "timestamp(0) with time zone"),
        ("time(2)", {"fraction": 2}, {}, "time(2)"),
        ("time", {"fraction": 0}, {"type:t.c": "interval"}, "interval(0)"),
        ("year(4)", {}, {}, "smallint"),
        ("bit(1)", {"precision": 1}, {}, "boolean"),
        ("bit(64)", {"precision": 64}, {}, "bit(64)"),
        ("enum('a','b')", {"charset": "utf8mb4"}, {}, "text"),
        ("set('a','b')", {"charset": "utf8mb4"}, {}, "text[]"),
        ("json", {}, {}, "jsonb"),
        ("json", {}, {"json": "json"}, "json"),
        ("uuid", {}, {}, "uuid"),
        ("inet6", {}, {}, "inet"),
        ("point", {}, {"type:t.c": "wkb"}, "bytea"),
        ("datetime(3)", {"fraction": 3}, {"type:t.c": "timestamptz"}, "timestamp(3) with time zone"),
        ("timestamp", {"fraction": 0}, {"type:t.c": "timestamp"}, "timestamp(0)"),
        ("set('a','b')", {"charset": "utf8mb4"}, {"type:t.c": "text"}, "text"),
        ("bit(1)", {"precision": 1}, {"type:t.c": "bit"}, "bit(1)"),
        ("binary(16)", {}, {"type:t.c": "uuid"}, "uuid"),
        ("char(36)", {"length": 36, "charset": "ascii"}, {"type:t.c": "uuid"}, "uuid"),
        ("char(35)", {"length": 35, "charset": "ascii"}, {"type:t.c": "uuid"}, "varchar(35)"),
        ("varchar(9)", {"length": 9, "charset": "utf8mb4"}, {"type:t.c": "text"}, "text"),
        ("json", {}, {"json": "json", "type:t.c": "jsonb"}, "jsonb"),
        ("int(10)", {}, {"type:t.c": "boolean"}, "integer"),
    ],
)
def test_every_type_has_its_form(source: str, more: dict[str, object], answers: dict[str, str], target: str) -> None:
    form = types.form(TABLE, column(source, **more), '"c"', Rules(answers), Digest())
    assert form.type == target


@pytest.mark.parametrize("source", ["point", "geometry", "vector(3)", "something_new"])
def test_a_type_without_a_form_is_refused(source: str) -> None:
    with pytest.raises(types.Unmapped):
        types.form(TABLE, column(source), '"c"', Rules(), Digest())


def test_mariadbs_json_is_known_by_its_check() -> None:
    text = column("longtext", charset="utf8mb4")
    assert not types.is_json(TABLE, text)
    checked = replace(TABLE, checks=(CheckConstraint("c", "json_valid(`c`)", True, True),))
    assert types.is_json(checked, text)
    other = replace(TABLE, checks=(CheckConstraint("d", "json_valid(`d`)", True, True),))
    assert not types.is_json(other, text)


def test_the_members_of_an_enum_are_read_with_quotes_and_commas() -> None:
    assert types.members(column(r"enum('a,b','it''s','','(x)','back\\slash')")) == (
        "a,b",
        "it's",
        "",
        "(x)",
        "back\\slash",
    )


@pytest.mark.parametrize(
    ("server", "source", "more", "text", "target"),
    [
        (MARIADB, "int(11)", {}, "7", "7"),
        (MARIADB, "tinyint(1)", {}, "1", "true"),
        (MARIADB, "varchar(9)", {"length": 9, "charset": "utf8mb4"}, "'it''s \\\\ \\n'", " E'it''s \\\\ \n'"),
        (MARIADB, "varchar(9)", {"length": 9, "charset": "utf8mb4"}, "NULL", ""),
        (MYSQL, "varchar(9)", {"length": 9, "charset": "utf8mb4"}, "NULL", "'NULL'"),
        (MARIADB, "datetime(3)", {"fraction": 3}, "current_timestamp(3)", "localtimestamp(3)"),
        (MYSQL, "timestamp", {"fraction": 0}, "CURRENT_TIMESTAMP", "current_timestamp(0)"),
        (MARIADB, "date", {}, "curdate()", "current_date"),
        (MARIADB, "date", {}, "(curdate())", "current_date"),
        (MARIADB, "bit(4)", {"precision": 4}, "b'11'", "B'0011'"),
        (MYSQL, "bit(1)", {"precision": 1}, "b'1'", "true"),
        (MARIADB, "decimal(5,2)", {"precision": 5, "scale": 2}, "-1.50", "-1.50"),
        (MARIADB, "set('a','b')", {"charset": "utf8mb4"}, "'a,b'", "array['a', 'b']::text[]"),
        (MYSQL, "set('a','b')", {"charset": "utf8mb4"}, "", "array[]::text[]"),
        (
            MYSQL,
            "varchar(40)",
            {"length": 40, "charset": "utf8mb4", "default_is_expression": True},
            "uuid()",
            "(GEN_RANDOM_UUID())",
        ),
    ],
)
def test_defaults(server: Flavour, source: str, more: dict[str, object], text: str, target: str) -> None:
    given_ = column(source, default=text, **more)
    form = types.form(TABLE, given_, '"c"', Rules(), Digest())
    assert defaults.default(given_, form, server, Words()) == target


def test_a_default_that_no_calendar_has_is_refused() -> None:
    given_ = column("datetime", default="'0000-00-00 00:00:00'")
    form = types.form(TABLE, given_, '"c"', Rules(), Digest())
    with pytest.raises(Untranslated, match="calendar"):
        defaults.default(given_, form, MARIADB, Words())


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("concat(`A`, ' ', `b`)", '"a" || \' \' || "b"'),
        ("json_unquote(json_extract(`j`, '$.a.b'))", """"j" #>> '{"a","b"}'"""),
        ("json_value(`j`, '$.name')", """"j" #>> '{"name"}'"""),
        ("(`flag` = 1)", '("flag" = TRUE)'),
        ("`flag` <> 0", '"flag" <> FALSE'),
        ("`n` = 1", '"n" = 1'),
        ("`flag` in (0, 1)", 'CAST("flag" AS INT) IN (0, 1)'),
        ("`flag` + 1 > 1", 'CAST("flag" AS INT) + 1 > 1'),
        ("_utf8mb4'it\\'s'", "'it''s'"),
        ("ifnull(`a`, 0)", 'COALESCE("a", 0)'),
        ("if(`a` > 1, 'x', 'y')", "CASE WHEN \"a\" > 1 THEN 'x' ELSE 'y' END"),
    ],
)
def test_expressions(text: str, target: str) -> None:
    assert expressions.expression(text, Words(booleans=frozenset({"flag"}))) == target


@pytest.mark.parametrize(
    "text",
    [
        "own_function(`a`)",
        "@var + 1",
        "`a` collate utf8mb4_bin = 'x'",
        "json_extract(`j`, '$**.x')",
        "((",
        "last_insert_id()",
    ],
)
def test_an_expression_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(Untranslated):
        expressions.expression(text, Words())


def test_a_view_of_another_database_is_refused() -> None:
    words = Words(known=frozenset({"T"}), schema="public", database="shop")
    assert expressions.query("select `T`.`Id` AS `Id` from `shop`.`T`", words) == (
        'SELECT "t"."id" AS "id" FROM "public"."t"'
    )
    for text, why in (
        ("select 1 from `other`.`T`", "another database"),
        ("select 1 from `shop`.`gone`", "not travel"),
    ):
        with pytest.raises(Untranslated, match=why):
            expressions.query(text, words)


@given(st.text(min_size=1, max_size=90))
def test_a_shortened_name_fits_and_stays_the_same(name: str) -> None:
    short = names.shorten(name)
    assert len(short.encode()) <= names.MOST_BYTES and short == names.shorten(name)
    assert short == name or names.too_long(name)


@given(st.lists(st.text("ab", min_size=1, max_size=3), max_size=30))
def test_no_two_relations_get_one_name(wishes: list[str]) -> None:
    taken = names.Taken(["a"])
    given_ = [taken.free(wish, "t") for wish in wishes]
    assert len({*given_, "a"}) == len(given_) + 1


def test_names_that_become_one_are_found() -> None:
    assert names.collisions(["A", "a", "b"], "lower") == [("A", "a")]
    assert names.collisions(["A", "a", "b"], "keep") == []


VALUES = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(st.lists(VALUES, min_size=2, max_size=2), max_size=8))
def test_lines_are_what_copy_reads(table: list[list[str | None]]) -> None:
    """Against COPY's own rules, written down once more value by value."""

    def one(value: str | None) -> str:
        if value is None:
            return "\\N"
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")

    block = b"".join(
        escape.FIELD.join(escape.NULL if v is None else v.encode() for v in row) + escape.ROW for row in table
    )
    wanted = "".join("\t".join(map(one, row)) + "\n" for row in table)
    assert escape.lines(block) == wanted.encode()


def test_an_answer_goes_before_its_default() -> None:
    asked = Question(key="type:t.c", title="", choices=(Choice(value="smallint", text=""),), default="smallint")
    assert types.kind(TABLE, column("tinyint(1)"), Rules.of([asked], Options())) == "smallint"
    chosen = Options(decisions=(("type:t.c", "boolean"),))
    assert types.kind(TABLE, column("tinyint(1)"), Rules.of([asked], chosen)) == "boolean"


def test_an_answer_that_makes_null_lets_the_column_take_it() -> None:
    strict = column("datetime", nullable=False, fraction=0)
    assert not types.nullable(TABLE, strict, Rules())
    assert types.nullable(TABLE, strict, Rules({"zero dates:t.c": "null"}))
    assert not types.nullable(TABLE, strict, Rules({"zero dates:t.c": "epoch"}))
    form = types.form(TABLE, strict, '"c"', Rules({"zero dates:t.c": "null"}), Digest())
    assert form.rendered.startswith("case when (year(`c`) = 0") and form.source.startswith("case when")


def test_hashes_fall_back_where_mysql_lost_md5() -> None:
    assert Digest.fitting(MYSQL) == Digest("sha256") or MYSQL.can("md5")
    newest = Flavour("mysql", (9, 7, 0), "9.7.0")
    assert Digest.fitting(newest) == Digest("sha256")
    assert "sha2(" in Digest("sha256").source_sum("x") and "sha256(" in Digest("sha256").target_sum("x")


def test_a_canonical_row_tells_null_from_its_letter_and_parts_its_values() -> None:
    assert rows.target_piece("x", True) == "coalesce(x, 'N')"
    assert rows.target_piece("x", False) == "coalesce(octet_length(x) || ':' || (x), 'N')"


def test_every_fault_offers_a_way_and_none_is_taken_unasked() -> None:
    for kind in ("date", "text", "enum('a')"):
        given_ = column(kind, charset="utf8mb4")
        for fault in values.faults(given_, types.members(given_)):
            assert fault.choices and "stop" not in {choice.value for choice in fault.choices}
