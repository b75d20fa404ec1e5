"""Rows fit into the target's pages, as far as definitions tell."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.catalog import Column, Table
from jobs.engines.mysql.checks.base import Findings, MyCheck, found
from jobs.engines.mysql.inventory import Inventory

_INLINE = 40
"""A longer value may leave the page; so much of it is counted by InnoDB (dynamic rows, MariaDB and MySQL alike)."""
_PREFIX = 788
"""What older row formats keep on the page of a value that left it: 768 bytes and a pointer."""
_FIXED: Mapping[str, int] = {
    "tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8, "float": 4, "double": 8, "date": 3,
    "year": 1, "time": 6, "datetime": 8, "timestamp": 7, "enum": 2, "set": 8, "bit": 8, "uuid": 16, "inet6": 16,
    "inet4": 4,
}  # fmt: skip


def inline_bytes(table: Table) -> int:
    """What a row takes on its page at least, when every column is full and long ones have left it."""
    old = table.row_format.lower() in ("compact", "redundant")
    return 20 + sum(_column(column, _PREFIX if old else _INLINE) for column in table.columns)


def _column(column: Column, kept: int) -> int:
    if column.generated == "virtual":
        return 0
    if column.data_type == "decimal":
        return ((column.precision or 10) + 8) // 9 * 4 + 1
    if column.data_type in _FIXED:
        return _FIXED[column.data_type]
    return min(column.octets or kept, kept) + 2


def find(inventory: Inventory) -> Findings:
    source, target = inventory.source.server, inventory.target.server
    if inventory.options.scope is Scope.data_only:
        return
    pages = [server.number("innodb_page_size", 16384) for server in (source, target)]
    strict = target.on("innodb_strict_mode")
    for table in inventory.selected:
        row = inline_bytes(table)
        if table.engine == "InnoDB" and strict and row > pages[1] // 2 - 66:
            yield found(
                Severity.warn,
                f"A row of {table.name} may take {row:,} bytes on its page, more than the target allows: in strict"
                " mode it may refuse the table.",
                object=table.name,
                remedy="Make it ROW_FORMAT=DYNAMIC, or long VARCHARs TEXT, on the source; or switch"
                " innodb_strict_mode off on the target for the move.",
                side="target",
            )
    if pages[1] < pages[0]:
        yield found(
            Severity.warn,
            f"The target's pages have {pages[1]:,} bytes, the source's {pages[0]:,}: long rows and long index keys"
            " may be refused.",
            object="innodb_page_size",
            remedy="Choose a target with the same innodb_page_size; it is fixed when a server is made.",
            side="target",
        )


def measured(inventory: Inventory) -> str:
    largest = max(map(inline_bytes, inventory.selected), default=0)
    return f"the largest row takes {largest:,} bytes of its page"


CHECK = MyCheck("row_size", "Rows fit the target's pages", find, measured)
