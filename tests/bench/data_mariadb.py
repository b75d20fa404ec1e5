"""Copied from MariaDB: narrow and wide rows in one database; many small tables. A scale of 1 is 6.1 M rows."""

from __future__ import annotations

from tests.bench.data import SMALL_TABLES, Dataset

NARROW_ROWS = 5_000_000
WIDE_ROWS = 1_100_000


def _mixed(scale: float) -> list[str]:
    """As pgbench's accounts, which know their branches, and the orders of a shop; secondary indexes on both."""
    wide, narrow = int(WIDE_ROWS * scale), int(NARROW_ROWS * scale)
    return [
        "set foreign_key_checks = 0",  # each row's branch is there; to look for it would take as long as to insert
        "create table branches (bid int primary key, balance int not null, filler char(88) not null)",
        "insert into branches select seq, 0, '' from seq_0_to_99",
        "create table accounts (aid int primary key, bid int not null, abalance int not null,"
        " filler char(84) not null, key by_bid (bid), key by_balance (abalance),"
        " constraint of_branch foreign key (bid) references branches (bid))",
        f"insert into accounts select seq, seq % 100, seq % 7919, '' from seq_1_to_{narrow}",
        "create table orders (id bigint auto_increment primary key, customer int not null,"
        " placed datetime(3) not null, status enum('new', 'paid', 'sent') not null, total decimal(12,2),"
        " note varchar(200), address varchar(120), weight double, paid tinyint(1), key by_customer (customer),"
        " key by_placed (placed), key by_status (status, paid))",
        "insert into orders (customer, placed, status, total, note, address, weight, paid)"
        " select seq % 50000, '2020-01-01' + interval seq second, 1 + seq % 3, seq / 7,"
        r" if(seq % 5 = 0, null, concat('note \\ ', repeat(char(97 + seq % 26), seq % 180))),"
        f" concat('Straße ', seq, ', ', md5(seq)), seq / 3, seq % 2 from seq_1_to_{wide}",
        "analyze table branches, accounts, orders",
    ]


def _small(scale: float) -> list[str]:
    tables = max(10, int(SMALL_TABLES * scale))
    statements = []
    for i in range(tables):
        statements += [
            f"create table small_{i} (id int primary key, name varchar(50), key by_name (name))",
            f"insert into small_{i} select seq, md5(seq) from seq_1_to_100",
            f"analyze table small_{i}",
        ]
    return statements


MARIADB_DATASETS = (Dataset("mixed", _mixed), Dataset("small", _small))
