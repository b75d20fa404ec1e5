"""Which tables of the target hold rows already: asked table by table, since estimates cannot prove emptiness."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from psycopg import sql

from jobs.core.model import Endpoint
from jobs.engines.postgres.connect import connect
from jobs.engines.postgres.facts import Fact

_BATCH = 100
"""Questions in one statement: few round trips, and far from any limit of the parser."""


def filled_tables(endpoint: Endpoint, tables: Sequence[tuple[str, str]]) -> Fact[tuple[str, ...]]:
    """Labels of the tables with at least one row. Raises `psycopg.Error` where one may not be read."""
    filled: list[str] = []
    with closing(connect(endpoint, purpose="inspect rows")) as connection:
        connection.execute("set default_transaction_read_only = on")
        connection.execute("set lock_timeout = '5s'")
        for start in range(0, len(tables), _BATCH):
            batch = tables[start : start + _BATCH]
            answers = connection.execute(sql.SQL(" union all ").join(map(_question, range(len(batch)), batch)))
            filled += [".".join(batch[number]) for number, some in answers.fetchall() if some]
    return Fact[tuple[str, ...]](value=tuple(sorted(filled)))


def _question(number: int, table: tuple[str, str]) -> sql.Composed:
    return sql.SQL("select {}, exists (select from {})").format(number, sql.Identifier(*table))
