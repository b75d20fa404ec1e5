"""Archives, texts and the work list: what is pure of the engine's running half."""

from __future__ import annotations

import pytest

from jobs.core.errors import Permanent
from jobs.core.model import Options
from jobs.engines.postgres import archive, census, grouping, quote, schema, worklist
from jobs.engines.postgres.archive import Entry, Section
from jobs.engines.postgres.catalog import Constraint, Table
from jobs.engines.postgres.parts import parts
from jobs.engines.postgres.perform.checksum import Compared, query


def entry(number: int, desc: str, tag: str, create: str = "", drop: str = "", needs: tuple[int, ...] = ()) -> Entry:
    section = Section.none if desc in ("COMMENT", "ACL") else Section.pre_data
    return Entry(number, 1259, 1000 + number, tag, desc, section, create, drop, "public", "me", needs)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "ended too early"),
        (b"hello world, this is no archive", "did not write an archive"),
        (b"PGDMP\x01\x11\x00\x04\x08\x01", "archives of version 1.17.0"),
        (b"PGDMP\x01\x0b\x00\x04\x08\x01", "archives of version 1.11.0"),
        (b"PGDMP\x01\x10\x00\x04\x08\x03", "not of the custom format"),
        (b"PGDMP\x01\x10\x00\x04\x08\x01\x00", "ended too early"),
    ],
)
def test_an_unknown_archive_fails_loudly(data: bytes, said: str) -> None:
    with pytest.raises(Permanent, match=said):
        archive.parse(data)


def test_what_needs_a_left_out_table_stays_too() -> None:
    table, view = entry(1, "TABLE", "t"), entry(2, "VIEW", "v", needs=(1,))
    over, other = entry(3, "VIEW", "w", needs=(2,)), entry(4, "TABLE", "u")
    kept, out = schema.choose([table, view, over, other], {(1259, 1001)})
    assert kept == (other,) and out == (table, view, over)


def test_comments_of_extensions_and_subscriptions_never_travel() -> None:
    kept, _ = schema.choose([entry(1, "COMMENT", "EXTENSION hstore"), entry(2, "SUBSCRIPTION", "s")], ())
    assert kept == ()


HEAD = (
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict Token123\n\n"
    "SET transaction_timeout = 0;\nSET xmloption = content;\n"
)
BODY = (
    "\n--\n-- Name: f(); Type: FUNCTION\n--\n\nCREATE FUNCTION f() AS $$\n\\restrict Token9\n"
    "SET transaction_timeout = 0;\nALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=1);\n$$;\n"
)


def test_a_text_loses_psqls_lines_and_keeps_every_body() -> None:
    written = schema.clean(f"{HEAD}{BODY}\n\\unrestrict Token123\n\n", [], 150000)
    assert "Token123" not in written and "\\restrict Token9" in written
    assert written.count("transaction_timeout") == 1 and "pg_attver=1" in written
    assert "transaction_timeout = 0;\nSET xml" in schema.clean(HEAD + BODY, [], 180000)


def test_private_options_go_and_others_stay() -> None:
    lines = (
        'ALTER TABLE ONLY public."a\nb" ALTER COLUMN x SET (pg_attver=1);\n'
        "ALTER TABLE ONLY public.t ALTER COLUMN y SET (pg_attver=7, n_distinct=5);\n"
    )
    created = schema.statement(entry(1, "TABLE", "t", f"CREATE TABLE t ();\n{lines}"))
    assert "pg_attver" not in created
    assert "ALTER TABLE ONLY public.t ALTER COLUMN y SET (n_distinct=5);" in created


@pytest.mark.parametrize(
    ("desc", "drop", "expected"),
    [
        ("TABLE", "DROP TABLE public.t;\n", "DROP TABLE IF EXISTS public.t;"),
        ("MATERIALIZED VIEW", "DROP MATERIALIZED VIEW public.m;\n", "DROP MATERIALIZED VIEW IF EXISTS public.m;"),
        (
            "FK CONSTRAINT",
            "ALTER TABLE ONLY public.t DROP CONSTRAINT k;\n",
            "ALTER TABLE IF EXISTS ONLY public.t DROP CONSTRAINT IF EXISTS k;",
        ),
        ("RULE", "CREATE OR REPLACE VIEW public.v AS SELECT 1;\n", ""),
        ("COMMENT", "", ""),
    ],
)
def test_drops_are_harmless_when_repeated(desc: str, drop: str, expected: str) -> None:
    assert schema.drop_statement(entry(1, desc, "t", drop=drop)) == expected


def test_a_constraint_takes_its_index_and_keeps_what_follows() -> None:
    table = Table(1, "s", "t;", "r", 0, 0, 0, 0, (), (), (), (), ())
    constraint = Constraint(2, "p", 1, 0, 'k"', 3, True, False, ("id",), ())
    created = 'ALTER TABLE ONLY s."t;"\n    ADD CONSTRAINT "k""" PRIMARY KEY ("a;b");\n'
    created += '\nALTER TABLE s."t;" CLUSTER ON "k""";\n'
    assert worklist.using_index(created, table, constraint) == (
        'alter table only "s"."t;" add constraint "k""" PRIMARY KEY using index "k""";\n'
        '\nALTER TABLE s."t;" CLUSTER ON "k""";\n'
    )


def test_small_tables_travel_together_and_large_ones_alone() -> None:
    sizes = [grouping.SMALL_BYTES * 3, 10, 20, grouping.SMALL_BYTES, *[5] * 60]
    found = list(grouping.groups(sizes, lambda size: size))
    assert found[0] == [grouping.SMALL_BYTES * 3] and found[1] == [grouping.SMALL_BYTES]
    assert [len(group) for group in found[2:]] == [grouping.GROUP_TABLES, 62 - grouping.GROUP_TABLES]


def test_checksums_name_every_column_once_and_quote_it() -> None:
    seeded = Compared("s", "t", ("i", "n", "x"), exact=frozenset("i"), texts=frozenset("x"))
    expected = (
        'hashtextextended(row(t."n")::text collate "C", hash_record_extended(row(t."i", t."x" collate "C"), 0))'
    )
    assert expected in query([seeded], 140000)
    assert "hash_record" not in query([seeded], 130000)
    assert "hashint8extended(hash_record" in query([Compared("s", "t", ("i",), exact=frozenset("i"))], 140000)
    text = query([Compared("s", 'a"b', ("x", "f"), frozenset({"f"}))], 150000)
    assert 'from only "s"."a""b" t' in text and 'row(t."x", t."f")::text' in text and "hashtextextended" in text
    old = query([Compared("s", "t", ("x", "f"), frozenset({"f"}))], 100000)
    assert "md5(" in old and 'float8send(t."f"::float8)' in old
    assert "count(*), 0::numeric::text" in query([Compared("s", "nothing", (), frozenset())], 150000)


def test_names_and_texts_survive_quoting() -> None:
    assert quote.qualified('a"', "b\n; --") == '"a"""."b\n; --"'
    assert quote.text("it's \\") in ("'it''s \\'", " E'it''s \\\\'")


@pytest.mark.parametrize("versions", [(150000, 150000), (150000, 180000)])
def test_no_placeholder_is_left_in_a_census_statement(versions: tuple[int, int]) -> None:
    assert [kind for kind in parts("census") if "{" in census.statement(kind, *versions, Options())] == []
