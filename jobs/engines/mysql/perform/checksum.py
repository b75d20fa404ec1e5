"""Counts and order-independent checksums, computed alike by both servers at the same time.

Each row is hashed, and the first 64 bits are summed exactly over all rows: neither their order nor their grouping
matters, and two equal rows count twice. A row that could not be hashed makes the checksum an error: NULL on both
sides is never "equal".
"""

from __future__ import annotations

import threading
from typing import Any

import pymysql

from jobs.core.errors import FerrybotError, Permanent
from jobs.core.model import Endpoint
from jobs.engines.mysql.columns import hashed
from jobs.engines.mysql.connect import Connection, explain, one
from jobs.engines.mysql.perform.hands import Hands

Sum = tuple[int, str]
"""Rows, and their checksum in decimal digits."""


_UNHASHED = 10**40
"""Stands for a row that could not be hashed: more than all others together can sum up to."""


def query(table: dict[str, Any], condition: str = "") -> str:
    """One row: how many rows, and the sum."""
    digits = f"cast(conv(left({hashed(table['compare'])}, 16), 16, 10) as unsigned)"
    where = f" where {condition}" if condition else ""
    return f"select count(*), coalesce(sum(coalesce({digits}, {_UNHASHED})), 0) from {table['from']}{where}"  # noqa: S608 - quoted


def summed(connection: Connection, endpoint: Endpoint, table: dict[str, Any], condition: str = "") -> Sum:
    """Count and checksum of a table or a part of it on one side."""
    try:
        count, total = one(connection, query(table, condition))
    except pymysql.MySQLError as error:
        raise explain(error, endpoint, doing=f"Comparing {table['label']}", object=table["label"]) from None
    if int(total) >= _UNHASHED:
        raise Permanent(
            f"{int(total) // _UNHASHED} rows of {table['label']} could not be hashed by {endpoint.label}",
            meaning="They are too large for the server's max_allowed_packet; nothing was found to differ.",
            remedy="Raise max_allowed_packet on that server, then press Retry.",
            object=table["label"],
        )
    return int(count), str(int(total))


def both(hands: Hands, table: dict[str, Any], condition: str = "") -> tuple[Sum, Sum]:
    """Source and target at the same time."""
    errors: list[FerrybotError] = []
    found: list[Sum] = []

    def ask_target() -> None:
        try:
            found.append(summed(hands.target, hands.asked.target, table, condition))
        except FerrybotError as error:
            errors.append(error)

    other = threading.Thread(target=ask_target, name="checksum")
    other.start()
    try:
        ours = summed(hands.source, hands.asked.source, table, condition)
    finally:
        other.join()
    if errors:
        raise errors[0]
    return ours, found[0]
