"""Copied from PostgreSQL: narrow rows, wide mixed rows, many small tables. A scale of 1 is 10 M rows or 1 GB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

NARROW_ROWS = 10_000_000
WIDE_ROWS = 2_200_000
SMALL_TABLES = 300


@dataclass(frozen=True)
class Dataset:
    """A database's content; `table` is the one that a single stream is measured with."""

    name: str
    build: Callable[[float], list[str]]
    table: str = ""
    many_files: bool = False
    """Copies stay until the servers stop: ext4 passes by each inode that was freed within minutes before taking one,
    so that whoever comes after a dropped database makes 300 tables in 1.2 to 1.9 s instead of 0.4 (seen)."""


def _narrow(scale: float) -> list[str]:
    """As pgbench: accounts, whose branches and tellers are small, and keys between them."""
    rows = int(NARROW_ROWS * scale)
    return [
        "create table narrow (aid int not null, bid int, abalance int, filler char(84))",
        "insert into narrow select i, i % 100 + 1, (i * 7919::bigint % 10000)::int, ''"
        f" from generate_series(1, {rows}) i",
        "alter table narrow add primary key (aid)",
        "create table branches as select i as bid, 0 as balance, ''::char(88) as filler"
        " from generate_series(1, 100) i",
        "alter table branches add primary key (bid)",
        "create table tellers as select i as tid, i % 100 + 1 as bid, 0 as tbalance from generate_series(1, 1000) i",
        "alter table tellers add primary key (tid), add foreign key (bid) references branches",
        "alter table narrow add foreign key (bid) references branches",
        *_settled("narrow"),
    ]


def _wide(scale: float) -> list[str]:
    rows = int(WIDE_ROWS * scale)
    return [
        "create table orders (id bigint not null, customer int not null, state text, total numeric(12, 2),"
        " weight float8, placed timestamptz, delivered date, token uuid, tags text[], extra jsonb, note text,"
        " picture bytea)",
        "insert into orders select i, i % 50021, (array['new', 'paid', 'sent', 'back'])[i % 4 + 1],"
        " (i % 99991)::numeric / 7, sqrt(i), '2024-01-01'::timestamptz + i * interval '13 s',"
        " '2024-01-01'::date + i % 900, md5(i::text)::uuid, array['t' || i % 10, 'ü' || i % 7],"
        " jsonb_build_object('n', i, 'deep', jsonb_build_object('s', md5((i * 3)::text))),"
        " case when i % 5 > 0 then repeat(md5(i::text), 4) end, decode(md5(i::text), 'hex')"
        f" from generate_series(1, {rows}) i",
        "alter table orders add primary key (id)",
        "create table customers as select i as id, 'customer ' || i as name, md5(i::text) as mail"
        " from generate_series(0, 50020) i",
        "alter table customers add primary key (id)",
        "alter table orders add foreign key (customer) references customers",
        "create index on orders (customer)",
        "create index on orders (placed)",
        *_settled("orders"),
    ]


def _small(scale: float) -> list[str]:
    tables = max(10, int(SMALL_TABLES * scale))
    statements = []
    for i in range(tables):
        statements += [
            f"create table small_{i} (id int primary key, name text not null, at timestamptz)",
            f"insert into small_{i} select j, 'name ' || j, '2024-01-01' from generate_series(1, 100) j",
            f"create index on small_{i} (name)",
        ]
    return [*statements, "analyze"]


def _settled(table: str) -> list[str]:
    """No hint bit is left to be set by the first reader, whoever that is."""
    return [f"vacuum (freeze, analyze) {table}", "checkpoint"]


DATASETS = (
    # The first, before the others' gigabytes are dropped (see `many_files`).
    Dataset("small", _small, many_files=True),
    Dataset("narrow", _narrow, "narrow"),
    Dataset("wide", _wide, "orders"),
)
