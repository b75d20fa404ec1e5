"""Generated tables with generated values, many at the edges, arrive bit for bit, whichever way their rows travel.

The proof is the test's own: every value's text, and its binary form (`*_send`) where that holds no OID of a type.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.pg_run import Migration, rows
from tests.support.servers import FreshDatabase, PostgresPool

TYPES = """
create type mood as enum ('sad', 'it''s', 'a,b', ''); create domain happy as mood check (value <> 'sad');
create type pair as (a int, b text); create type span as range (subtype = float8); create domain pairs as pair[];
create domain percent as numeric(6, 3) check (value >= 0)
"""
# type -> literals at its edges; those that are marked so travel as text whatever their neighbours are.
BINARY = {
    "bool": ["true", "false"],
    "int2": ["-32768", "32767", "0"],
    "int4": ["-2147483648", "2147483647"],
    "int8": ["-9223372036854775808", "9223372036854775807"],
    "oid": ["0", "4294967295"],
    "float4": ["NaN", "infinity", "-infinity", "-0", "1.17549435e-38", "1e-45", "3.4028235e38", "0.1"],
    "float8": ["NaN", "infinity", "-infinity", "-0", "5e-324", "1.7976931348623157e308", "0.1"],
    "numeric": ["NaN", "0.000", "1.10", "1" + "0" * 400, "-0." + "7" * 300, "1e131071"],
    "numeric(6,3)": ["999.999", "-0.001"],
    "text": ["", "\\.", "\\N", "NULL", "a\tb\nc\r\\", "ä漢😀", "x" * 9000],
    "varchar(5)": ["", "é   ", "12345"],
    "char(5)": ["", "a", "  x"],
    '"char"': ["", "a"],
    "name": ["", "n" * 63],
    "bytea": ["", "\\x00", "\\xffff5c2e0a", "\\x" + "ab" * 5000],
    "bit(3)": ["101", "000"],
    "varbit": ["", "1", "10101"],
    "date": ["infinity", "-infinity", "4713-01-01 BC", "5874897-12-31"],
    "time": ["00:00:00", "24:00:00", "23:59:59.999999"],
    "timetz": ["00:00:00+15:59", "24:00:00-15:59"],
    "timestamp": ["infinity", "-infinity", "4713-01-01 BC", "294276-12-31 23:59:59.999999"],
    "timestamptz": ["infinity", "-infinity", "4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00"],
    "interval": ["0", "-178000000 years", "1 mon -1 day 00:00:00.000001"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "json": ['{"a": 1, "a" : 2}', "null", '"\\u0000"'],
    "jsonb": ['{"a": 1e400}', "null", "[]", '"ä"'],
    "inet": ["0.0.0.0/0", "::1/64", "10.1.2.3/8"],
    "cidr": ["10.0.0.0/8", "::/0"],
    "macaddr": ["08:00:2b:01:02:03"],
    "macaddr8": ["08:00:2b:01:02:03:04:05"],
    "money": ["-92233720368547758.08", "92233720368547758.07", "0"],
    "int4[]": ["{}", "{NULL,1}", "[0:1]={1,2}", "{{1},{2}}"],
    "text[]": ["{}", '{"",NULL,"NULL","a\\"b\\\\"}', "[-1:0][2:2]={{a},{b}}"],
    "float8[]": ["{NaN,-0,infinity}"],
    "percent": ["0", "999.999"],
    "mood": ["it's", "a,b", ""],
    "happy": ["", "a,b"],
}
TEXT = {
    "mood[]": ['{"",NULL,"a,b"}'],
    "pair": ["(,)", '(1,"x,""y")', '(,"")'],
    "pairs": ["{}", '{NULL,"(1,\\"a b\\")"}'],
    "span": ["empty", "(,)", "[0,NaN]", "[-infinity,infinity)"],
    "int4range": ["empty", "(,5)", "[1,)"],
    "tstzrange[]": ['{"[-infinity,infinity]",NULL,empty}'],
    "point": ["(1e-300,-0)", "(NaN,infinity)"],
    "polygon": ["((0,0),(1,1),(2,0.1))"],
    "tsvector": ["", "'a b':1A 'c':2"],
    "tsquery": ["!'a' & ( 'b' | 'c':* )"],
    "xid": ["4294967295"],
    "pg_lsn": ["FFFFFFFF/FFFFFFFF"],
}
LATE = {"regclass": ["pg_class"]}
EVERY = BINARY | TEXT | LATE


_WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=5,
).map(lambda value: json.dumps(value, ensure_ascii=False))


def _whole_numbers(bits: int) -> st.SearchStrategy[str]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).map(str)


def _array(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.none() | of, max_size=4).map(lambda values: "{" + ",".join(map(_element, values)) + "}")


def _element(value: str | None) -> str:
    return "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


# Literals anywhere between the edges, for the types that have many.
ANY: dict[str, st.SearchStrategy[str]] = {
    "int2": _whole_numbers(16),
    "int4": _whole_numbers(32),
    "int8": _whole_numbers(64),
    "oid": st.integers(0, 2**32 - 1).map(str),
    "float4": st.floats(width=32).map(repr),
    "float8": st.floats().map(repr),
    "numeric": st.builds("{}e{}".format, st.integers(-(10**60), 10**60), st.integers(-300, 300)),
    "numeric(6,3)": st.integers(-999999, 999999).map(lambda n: f"{n}e-3"),
    "percent": st.integers(0, 999999).map(lambda n: f"{n}e-3"),
    "money": st.integers(-(2**63), 2**63 - 1).map(
        lambda n: f"{'-' if n < 0 else ''}{abs(n) // 100}.{abs(n) % 100:02}"
    ),
    "text": _WORDS,
    "varchar(5)": _WORDS.map(lambda text: text[:5]),
    "char(5)": _WORDS.map(lambda text: text[:5]),
    "bytea": st.binary(max_size=40).map(lambda value: "\\x" + value.hex()),
    "bit(3)": st.text("01", min_size=3, max_size=3),
    "varbit": st.text("01", max_size=40),
    "date": st.dates().map(str),
    "time": st.times().map(str),
    "timestamp": st.datetimes().map(str),
    "timestamptz": st.datetimes().map("{}+00".format),
    "interval": st.builds(
        "{} months {} days {} microseconds".format,
        *(st.integers(-most, most) for most in (10**9, 10**9, 10**15)),
    ),
    "uuid": st.uuids().map(str),
    "json": _JSON,
    "jsonb": _JSON,
    "inet": st.ip_addresses().map(str),
    "macaddr": st.binary(min_size=6, max_size=6).map(bytes.hex),
    "int4[]": _array(_whole_numbers(32)),
    "text[]": _array(_WORDS),
    "float8[]": _array(st.floats().map(repr)),
    "point": st.builds("({},{})".format, st.floats(), st.floats()),
    "int4range": st.tuples(*[st.integers(-(2**31), 2**31 - 2)] * 2).map(lambda ends: f"[{min(ends)},{max(ends)})"),
}


def _literals(of: dict[str, list[str]], kind: str) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(of[kind]) | ANY.get(kind, st.nothing())


@st.composite
def tables(draw: st.DrawFn, of: dict[str, list[str]]) -> tuple[list[str], list[list[str | None]]]:
    """Types of the columns, and rows of literals."""
    types = draw(st.lists(st.sampled_from(sorted(of)), min_size=1, max_size=12))
    row = st.tuples(*(_literals(of, kind) for kind in types)).map(list)
    return types, draw(st.lists(row, max_size=12))


def _edge(of: dict[str, list[str]], kind: str, number: int) -> str:
    return of[kind][number % len(of[kind])]


Made = tuple[list[str], list[list[str | None]]]


@pytest.mark.parametrize("versions", [(15, 18), (16, 16)], ids=["15 to 18", "16 to 16"])
def test_generated_tables_arrive_bit_for_bit(
    versions: tuple[int, int], pg_server: PostgresPool, fresh_db: FreshDatabase
) -> None:
    old, new = (pg_server.server(major) for major in versions)

    @settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.lists(tables(BINARY), min_size=5, max_size=8), st.lists(tables(EVERY), min_size=5, max_size=8))
    def arrive(binary: list[Made], mixed: list[Made]) -> None:
        migration = Migration(fresh_db(old), fresh_db(new))
        with migration.source.connect() as source:
            source.execute(TYPES)
            # One table with everything that travels in each way, whatever is drawn.
            all_rows: list[list[str | None]] = [[_edge(EVERY, kind, n) for kind in EVERY] for n in range(9)]
            every_binary: list[list[str | None]] = [[_edge(BINARY, kind, n) for kind in BINARY] for n in range(9)]
            as_text: list[list[str | None]] = [[_edge(TEXT, kind, n) for kind in TEXT] for n in range(9)]
            ways: list[Made] = [(list(EVERY), all_rows), (list(BINARY), every_binary), (list(TEXT), as_text)]
            made: list[Made] = [*binary, *mixed, *ways]
            for number, (types, lines) in enumerate(made):
                columns = ", ".join(f"c{i} {kind}" for i, kind in enumerate(types))
                source.execute(f"create table t{number} ({columns})".encode())
                for line in lines:
                    marks = ", ".join(["%s"] * len(line))
                    source.execute(f"insert into t{number} values ({marks})".encode(), line)
        plan = migration.plan()
        methods = {table.name: table.method for table in plan.tables}
        assert all(methods[f"t{number}"] == "copy binary" for number in range(len(binary)))
        assert {"copy text after the indexes", "copy text", "copy binary"} == set(methods.values())
        assert migration.run(lanes=2, plan=plan).reasons == []
        for number, (types, _) in enumerate(made):
            query = _whole(number, types)
            assert rows(migration.source, query) == rows(migration.target, query)

    arrive()


_SENDS = {"varchar(5)": "varchar", "char(5)": "bpchar", '"char"': "char", "bit(3)": "bit", "timestamp": "timestamp"}
_SENDS |= {"numeric(6,3)": "numeric", "percent": "numeric", "money": "cash", "mood": "enum", "happy": "enum"}


def _whole(number: int, types: list[str]) -> str:
    """Every row: text of each column, and the bytes of its binary form."""
    shown = []
    for i, kind in enumerate(types):
        shown.append(f"c{i}::text")
        if kind in BINARY and not kind.endswith("[]"):
            send = _SENDS.get(kind, kind)
            column = f"c{i}::mood" if kind == "happy" else f"c{i}"  # enum_send takes no domain
            shown.append(f"{send}{'_send' if send in _UNDERSCORED else 'send'}({column})")
    return f"select {', '.join(shown)} from t{number} order by {', '.join(map(str, range(1, len(shown) + 1)))}"


_UNDERSCORED = {"numeric", "date", "time", "timetz", "timestamp", "timestamptz", "interval", "bit", "varbit", "uuid"}
_UNDERSCORED |= {"enum", "json", "jsonb", "inet", "cidr", "macaddr", "macaddr8", "cash"}
