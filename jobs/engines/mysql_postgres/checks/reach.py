"""Both servers can be reached, and are of a kind and version that this pair knows."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.facts import Unreachable as SourceUnreachable
from jobs.engines.mysql_postgres.checks.base import Findings, PairCheck, found
from jobs.engines.mysql_postgres.inventory import Inventory
from jobs.engines.postgres import quote
from jobs.engines.postgres.facts import Unreachable

OLDEST_TARGET = 12
"""Generated columns, and hash functions that the proof stands on."""
OLDEST_SOURCE = {"mysql": (5, 7, 0), "mariadb": (10, 3, 0)}


def _connect(inventory: Inventory) -> Findings:
    source, target = inventory.mine.source_side, inventory.reached.target_side
    if isinstance(source, SourceUnreachable):
        yield found(
            Severity.block,
            source.message,
            object=inventory.mine.source_address.label,
            remedy=source.remedy,
            side="source",
            field=source.field or "source",
        )
    if isinstance(target, Unreachable):
        yield found(
            Severity.block,
            target.message,
            object=inventory.reached.target_address.label,
            remedy=target.remedy,
            side="target",
            field=target.field or "target",
        )


def _said(inventory: Inventory) -> str:
    return f"{inventory.source.server.flavour.label} to PostgreSQL {inventory.target.server.version}"


def _versions(inventory: Inventory) -> Findings:
    known = inventory.source.server.flavour
    oldest = OLDEST_SOURCE[known.kind]
    if known.version < oldest:
        yield found(
            Severity.block,
            f"The source is {known.label}; versions before {'.'.join(map(str, oldest[:2]))} are not supported.",
            remedy="Upgrade it first.",
            side="source",
            field="source",
        )
    server = inventory.target.server
    if server.major < OLDEST_TARGET:
        yield found(
            Severity.block,
            f"The target is PostgreSQL {server.version}; a move from MySQL needs {OLDEST_TARGET} or newer.",
            remedy="Choose a newer server.",
            side="target",
            field="target",
        )


def _encoding(inventory: Inventory) -> Findings:
    server = inventory.target.server
    if server.encoding != "UTF8":
        yield found(
            Severity.block,
            f"The target's encoding is {server.encoding}; texts of MySQL need UTF8.",
            object=server.database,
            remedy=f"CREATE DATABASE {quote.name(server.database + '_utf8')} TEMPLATE template0 ENCODING 'UTF8';\n"
            "-- run by a role with CREATEDB on the target",
            side="target",
            field="target",
        )


def _tls(inventory: Inventory) -> Findings:
    sides = (
        ("source", inventory.source.server.tls, inventory.mine.source_address),
        ("target", inventory.target.server.tls, inventory.reached.target_address),
    )
    for name, encrypted, address in sides:
        if not encrypted:
            yield found(
                Severity.inform,
                f"The connection to the {name} is not encrypted (TLS mode {address.tls}).",
                object=address.label,
                remedy="Where others can listen, enable TLS on the server and choose the mode require.",
                side="source" if name == "source" else "target",
                field="tls",
            )


def _whole_schema(inventory: Inventory) -> str:
    return inventory.target.server.encoding


CONNECT = PairCheck("connect", "Both servers answer", _connect, _said)
TLS = PairCheck("tls", "Connections are encrypted", _tls, lambda _: "TLS on both sides")
VERSIONS = PairCheck("versions", "Versions are known", _versions, _said)
ENCODING = PairCheck("encoding", "Target takes every text", _encoding, _whole_schema)
