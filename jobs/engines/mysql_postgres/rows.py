"""The SQL by which rows travel and are proven, for both sides. Pure.

A row's canonical text: the canonical texts of its values, with commas between; NULL is `N`, and a value that may
hold a comma comes with its length before it. So no two different rows have one text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobs.engines.mysql import quote as my
from jobs.engines.mysql.flavour import Flavour
from jobs.engines.mysql_postgres.digest import Digest
from jobs.engines.mysql_postgres.shape import MovedColumn, MovedTable
from jobs.engines.postgres import quote


def rendered(columns: Sequence[MovedColumn]) -> str:
    """One column that holds a row: FF between values, FE for NULL."""
    values = ", ".join(f"ifnull({c.form.rendered}, x'fe')" for c in columns)
    return f"concat_ws(x'ff', {values})"


def in_source(columns: Sequence[MovedColumn]) -> str:
    """The canonical text of a row, in the source."""
    return f"concat_ws(',', {', '.join(_source_piece(c) for c in columns)})" if columns else "''"


def _source_piece(column: MovedColumn) -> str:
    text = column.form.source
    return f"ifnull({text}, 'N')" if column.form.plain else f"ifnull(concat(length({text}), ':', {text}), 'N')"


def in_target(columns: Sequence[MovedColumn]) -> str:
    """The same in the target."""
    return " || ',' || ".join(target_piece(c.form.target, c.form.plain) for c in columns) or "''"


def target_piece(text: str, plain: bool) -> str:
    if plain:
        return f"coalesce({text}, 'N')"
    return f"coalesce(octet_length({text}) || ':' || ({text}), 'N')"


def payload(table: MovedTable, digest: Digest) -> dict[str, Any]:
    """What a task keeps of a table: all SQL of the schema, no value."""
    own = [c for c in table.columns if not c.form.echo]
    echo = [c for c in table.columns if c.form.echo]
    return {
        "label": table.label,
        "schema": table.schema,
        "name": table.name,
        "bytes": table.source.bytes,
        "partitioned": table.cut is not None,
        "columns": [c.name for c in table.copied],
        "from": my.qualified(table.database, table.source.name),
        "rendered": rendered(table.copied),
        "digest": digest.name,
        "source_row": in_source(own),
        "target_row": in_target([*own, *echo]),
        "mended": [[c.source.name, about, condition] for c in table.copied for about, condition in c.mended],
        "echo": [{"rendered": c.form.rendered, "type": c.form.type, "plain": c.form.plain} for c in echo],
    }


def relation(table: dict[str, Any]) -> str:
    """The target's table where its rows are read or deleted. Tables that inherit from it are not part of it, the
    partitions that the run made are."""
    only = "" if table.get("partitioned") else "only "
    return only + quote.qualified(table["schema"], table["name"])


def source_sums(table: dict[str, Any], where: str = "") -> str:
    """Count and checksum, in the source."""
    total = Digest(table["digest"]).source_sum(table["source_row"])
    return f"select count(*), {total} from {table['from']}{_where(where)}"  # noqa: S608 - quoted


def mended_counts(table: dict[str, Any], where: str = "") -> str:
    """In the source: how many values of each kind are replaced on their way."""
    sums = ", ".join(f"coalesce(sum({condition}), 0)" for _, _, condition in table["mended"])
    return f"select {sums} from {table['from']}{_where(where)}"  # noqa: S608 - quoted


def target_sums(table: dict[str, Any], where: str = "") -> str:
    """The same in the target."""
    total = Digest(table["digest"]).target_sum(table["target_row"])
    return f"select count(*)::text, {total} from {relation(table)}{_where(where)}"  # noqa: S608 - quoted


def sums_by_transaction(table: dict[str, Any]) -> str:
    """The number of each transaction that wrote rows, and their count and checksum, in the target."""
    total = Digest(table["digest"]).target_sum(table["target_row"])
    return f"select xmin::text, count(*)::text, {total} from {relation(table)} group by xmin::text"  # noqa: S608


def echo_query(table: dict[str, Any], where: str = "") -> str:
    """In the source: each row's own canonical text, and what only the target can bring to one form."""
    values = ", ".join(f"ifnull({e['rendered']}, x'fe')" for e in table["echo"])
    return f"select concat_ws(x'ff', {table['source_row']}, {values}) from {table['from']}{_where(where)}"  # noqa: S608


COUNT_SECONDS = 5
"""A view that takes longer, on either side, is told as not counted."""


def view_count(server: Flavour, database: str, view: str) -> str:
    """In the source: how many rows a view has, unless that takes long."""
    place = my.qualified(database, view)
    if server.kind == "mariadb":
        return f"set statement max_statement_time = {COUNT_SECONDS} for select count(*) from {place}"  # noqa: S608
    return f"select /*+ max_execution_time({COUNT_SECONDS * 1000}) */ count(*) from {place}"  # noqa: S608 - quoted


ECHO = "pg_temp.ferrybot_echo"


def echo_table(table: dict[str, Any]) -> str:
    columns = "".join(f", e{number} {e['type']}" for number, e in enumerate(table["echo"]))
    return f"create temp table ferrybot_echo (head text{columns}) on commit drop"


def echo_sums(table: dict[str, Any]) -> str:
    """Count and checksum of what the source said, in the target."""
    pieces = [target_piece(f"e{number}::text", e["plain"]) for number, e in enumerate(table["echo"])]
    head = ["head"] if table["source_row"] != "''" else []
    total = Digest(table["digest"]).target_sum(" || ',' || ".join([*head, *pieces]))
    return f"select count(*)::text, {total} from {ECHO}"  # noqa: S608 - ours


def _where(condition: str) -> str:
    return f" where {condition}" if condition else ""
