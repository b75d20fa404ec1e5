"""Which rows of an unequal table differ: found by their keys, told by their keys, never by their values.

A range of an integer key that differs is cut in two until few rows are left. Of those the source's canonical texts go
to the target once more, each with its key, and are joined there with the target's own.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg
import pymysql

from jobs.core.errors import FerrybotError
from jobs.core.verdict import RowDifference
from jobs.engines.mysql import quote as my
from jobs.engines.mysql_postgres import reader, rows
from jobs.engines.mysql_postgres.digest import Digest
from jobs.engines.mysql_postgres.perform import escape
from jobs.engines.mysql_postgres.perform.hands import Hands
from jobs.engines.mysql_postgres.perform.verify import Range, compare, equal
from jobs.engines.mysql_postgres.shape import MovedColumn, MovedTable
from jobs.engines.mysql_postgres.worklist import between, key_column
from jobs.engines.postgres import quote, wire
from jobs.ports.engine import Watch

FEW = 50_000
"""Rows to join one by one: some megabytes."""
MOST_JOINED = 5_000_000
"""Without an integer key a table is joined whole, in room that the target has to spare: some hundred megabytes."""
MOST_RANGES = 64
"""Looked into before it is said that there are more."""
EXAMPLES = 10
WIDEST = 1 << 64
_TABLE = "pg_temp.ferrybot_rows"


def differing(hands: Hands, table: MovedTable, digest: Digest, watch: Watch) -> RowDifference:
    """Counts, and keys of some; without a key only the counts of whole rows."""
    key = _key(table)
    if key_column(table) is None and table.source.rows > MOST_JOINED:
        return RowDifference(table=table.label, key=tuple(column.source.name for column in key), at_least=True)
    found = RowDifference(table=table.label, key=tuple(column.source.name for column in key))
    try:
        with hands.target.transaction():
            ranges, all_of_them = _ranges(hands, table, digest, watch)
            for cut in ranges:
                found = _added(found, _joined(hands, table, key, digest, cut, watch))
    except (psycopg.Error, pymysql.MySQLError, FerrybotError, OSError):
        # The proof said that it differs: that stands, whatever stops us from saying where.
        return found.model_copy(update={"at_least": True})
    return found if all_of_them else found.model_copy(update={"at_least": True})


def _key(table: MovedTable) -> list[MovedColumn]:
    """The primary key's columns, where both sides make one text of them."""
    index = table.source.primary_key
    if index is None or not all(part.column and part.prefix is None for part in index.parts):
        return []
    columns = [table.column(part.column) for part in index.parts]
    return [] if any(column.form.echo for column in columns) else columns


def _ranges(hands: Hands, table: MovedTable, digest: Digest, watch: Watch) -> tuple[list[Range], bool]:
    """Ranges with few rows each that hold every difference, and whether those are all."""
    payload, column = rows.payload(table, digest), key_column(table)
    whole: Range = {"source": "", "target": ""}
    if column is None:
        return [whole], True
    names = {"source": my.name(column.source.name), "target": quote.name(column.name)}
    waiting: list[tuple[int, int]] = [(-(WIDEST // 2), WIDEST)]
    narrow: list[Range] = []
    looked = 0
    while waiting:
        low, high = waiting.pop(0)
        cut = {side: between(name, low, high) for side, name in names.items()}
        proof = compare(hands, payload, watch, cut)
        looked += 1
        if equal(proof):
            continue
        if max(proof["source_rows"], proof["target_rows"]) <= FEW or high - low <= 1:
            narrow.append(cut)
        else:
            low, high = _bounds(hands, payload, names["target"], cut, low, high, watch)
            middle = (low + high) // 2
            waiting += [(low, middle), (middle, high)]
        if looked + len(narrow) > MOST_RANGES * 2:
            return narrow, False
    return narrow, True


def _bounds(
    hands: Hands, payload: dict[str, Any], name: str, cut: Range, low: int, high: int, watch: Watch
) -> tuple[int, int]:
    """The part of a range in which rows are, on either side: halving empty space would take many looks."""
    query = f"select min({name}), max({name}) from {rows.relation(payload)} where {cut['target']}"  # noqa: S608 - quoted
    theirs = wire.run(hands.target, query, watch.check)[0]
    source = cut["source"].split(" ")[0]
    query = f"select min({source}), max({source}) from {payload['from']} where {cut['source']}"  # noqa: S608 - quoted
    ours = reader.ask(hands.source, hands.asked.source, query, watch.check)[0]
    found = [int(value) for value in (*theirs, *ours) if value is not None]
    return (max(low, min(found)), min(high, max(found) + 1)) if found else (low, high)


Counts = tuple[int, int, int, list[str]]
"""Missing, unexpected, changed, keys of some."""


def _joined(
    hands: Hands, table: MovedTable, key: list[MovedColumn], digest: Digest, cut: Range, watch: Watch
) -> Counts:
    payload = rows.payload(table, digest)
    _bring(hands, payload, key, cut, watch)
    relation = rows.relation(payload)
    pieces = [rows.target_piece(f"e{n}::text", e["plain"]) for n, e in enumerate(payload["echo"])]
    ours = " || ',' || ".join(["head", *pieces] if payload["source_row"] != "''" else pieces)
    where = f" where {cut['target']}" if cut["target"] else ""
    one, other = digest.of_text(ours), digest.of_text(payload["target_row"])
    if not key:
        return _whole(hands, relation, one, other, where, watch)
    query = f"""with s as (select k, {one} as h from {_TABLE}),
        t as (select {rows.in_target(key)} as k, {other} as h from {relation}{where}),
        d as (select coalesce(s.k, t.k) as k, case when t.k is null then 0 when s.k is null then 1 else 2 end as what
            from s full join t on s.k = t.k where s.h is distinct from t.h)
        select count(*) filter (where what = 0), count(*) filter (where what = 1), count(*) filter (where what = 2),
            (select string_agg(k, E'\\n' order by k) from (select k from d order by k limit {EXAMPLES}) e) from d"""  # noqa: S608
    missing, unexpected, changed, keys = wire.run(hands.target, query, watch.check)[0]
    plain = all(column.form.plain for column in key)
    return int(missing or 0), int(unexpected or 0), int(changed or 0), (keys or "").split("\n") if plain else []


def _whole(hands: Hands, relation: str, one: str, other: str, where: str, watch: Watch) -> Counts:
    """Rows without a key are counted by what they hold."""
    query = f"""select coalesce(sum(greatest(n, 0)), 0), coalesce(sum(greatest(-n, 0)), 0) from (
        select sum(n) as n from (
            select {one} as h, 1 as n from {_TABLE}
            union all select {other}, -1 from {relation}{where}) both_sides group by h) counted"""  # noqa: S608
    missing, unexpected = wire.run(hands.target, query, watch.check)[0]
    return int(missing or 0), int(unexpected or 0), 0, []


def _bring(hands: Hands, payload: dict[str, Any], key: list[MovedColumn], cut: Range, watch: Watch) -> None:
    """The source's keys and canonical texts, in a temporary table of the target."""
    columns = "".join(f", e{number} {e['type']}" for number, e in enumerate(payload["echo"]))
    made = (
        f"drop table if exists {_TABLE}; create temp table ferrybot_rows (k text, head text{columns}) on commit drop"
    )
    wire.run(hands.target, made, watch.check)
    echoed = "".join(f", ifnull({e['rendered']}, x'fe')" for e in payload["echo"])
    where = f" where {cut['source']}" if cut["source"] else ""
    query = (
        f"select concat_ws(x'ff', {rows.in_source(key)}, {payload['source_row']}{echoed})"  # noqa: S608 - quoted
        f" from {payload['from']}{where}"
    )
    blocks = reader.blocks(hands.source, hands.asked.source, query, escape.ROW, watch.check)
    with closing(blocks), hands.target.cursor() as cursor, cursor.copy(f"copy {_TABLE} from stdin".encode()) as sink:
        for _, block in blocks:
            sink.write(escape.lines(block))


def _added(found: RowDifference, counts: Counts) -> RowDifference:
    missing, unexpected, changed, keys = counts
    return found.model_copy(
        update={
            "missing": found.missing + missing,
            "unexpected": found.unexpected + unexpected,
            "changed": found.changed + changed,
            "examples": (*found.examples, *filter(None, keys))[:EXAMPLES],
        }
    )
