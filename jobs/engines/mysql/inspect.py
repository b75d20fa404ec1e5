"""Reads every fact of both sides once, without writing anything. What cannot be read is a fact too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import pymysql

from jobs.core.errors import FerrybotError, Permanent
from jobs.core.model import Endpoint, Environment, Scope
from jobs.engines.mysql import catalog, inspect_server
from jobs.engines.mysql.connect import connect, explain, said, scrub
from jobs.engines.mysql.facts import Fact, Unreachable
from jobs.engines.mysql.inspect_disk import free_bytes
from jobs.engines.mysql.inspect_rows import filled, orphans, unreadable, zeros
from jobs.engines.mysql.inspect_safe import with_safety
from jobs.engines.mysql.inventory import Address, Inventory, Side
from jobs.engines.mysql.reader import Reader
from jobs.ports.engine import Asked

_Read = Callable[[Reader], Side]


def inspect(asked: Asked) -> Inventory:
    """Both sides at once, since a far server answers slowly and a silent one only after a timeout."""
    with ThreadPoolExecutor(2) as pool:
        reading_source = pool.submit(inspect_side, asked.source, read_source)
        reading_target = pool.submit(inspect_side, asked.target, read_target)
        source, target = reading_source.result(), reading_target.result()
    inventory = Inventory(
        migration=asked.migration,
        options=asked.options,
        source_address=address(asked.source, asked.source_environment),
        target_address=address(asked.target, asked.target_environment),
        source_side=source,
        target_side=target,
        stated_free_bytes=asked.stated_free_bytes,
    )
    return with_safety(
        asked,
        replace(
            inventory,
            source_side=source_probes(asked.source, inventory),
            target_side=_target_probes(asked.target, inventory),
        ),
    )


def inspect_side(endpoint: Endpoint, read: _Read) -> Side | Unreachable:
    """What `read` finds out over a session of its own, or why there is none."""
    try:
        with closing(connect(endpoint, purpose="inspect")) as connection:
            return read(Reader(connection, endpoint))
    except FerrybotError as error:
        kind = "permanent" if isinstance(error, Permanent) else "transient"
        return Unreachable(kind, scrub(error.what, endpoint), error.remedy, error.object)  # type: ignore[arg-type]
    except (pymysql.MySQLError, OSError, ValueError) as error:
        text = said(scrub(str(error), endpoint))
        return Unreachable(
            "transient",
            f"{endpoint.label} could be reached, but did not describe itself: {text}",
            "Check that this address is a MySQL or MariaDB server, and run the check again.",
        )


def read_source(reader: Reader) -> Side:
    """Facts of a source, of this pair and of others."""
    server = inspect_server.server(reader)
    found = reader.fact(lambda: inspect_server.grants(reader))
    return Side(
        server=server,
        grants=found,
        catalog=reader.fact(lambda: catalog.read(reader.connection, server.database)),
        engines=reader.fact(lambda: inspect_server.engines(reader)),
        databases=reader.fact(lambda: inspect_server.databases(reader)),
        connections=reader.fact(lambda: inspect_server.connections(reader)),
        speed=reader.fact(lambda: inspect_server.speed_of_source(reader)),
        replication=reader.fact(lambda: inspect_server.replication(reader)),
        replicas=reader.fact(lambda: inspect_server.replicas(reader, found.get())),
        transactions=reader.fact(lambda: inspect_server.transactions(reader)),
        consistency=reader.fact(lambda: inspect_server.consistency(reader, server, found.get())),
    )


def read_target(reader: Reader) -> Side:
    """Facts of a target."""
    server = inspect_server.server(reader)
    found = reader.fact(lambda: inspect_server.grants(reader))
    return Side(
        server=server,
        grants=found,
        catalog=reader.fact(lambda: catalog.read(reader.connection, server.database)),
        engines=reader.fact(lambda: inspect_server.engines(reader)),
        collations=reader.fact(lambda: inspect_server.collations(reader)),
        accounts=reader.fact(lambda: inspect_server.accounts(reader)),
        databases=reader.fact(lambda: inspect_server.databases(reader)),
        zones=reader.fact(lambda: inspect_server.zones(reader)),
        connections=reader.fact(lambda: inspect_server.connections(reader)),
        speed=reader.fact(lambda: inspect_server.speed_of_target(reader)),
        replication=reader.fact(lambda: inspect_server.replication(reader)),
        replicas=reader.fact(lambda: inspect_server.replicas(reader, found.get())),
        leftover=reader.fact(lambda: inspect_server.leftover(reader, server.database)),
        free_bytes=free_bytes(reader, server),
    )


def source_probes(endpoint: Endpoint, inventory: Inventory) -> Side | Unreachable:
    """The source's side with what is asked table by table: rights, orphans, zero dates."""
    side = inventory.source_side
    if isinstance(side, Unreachable):
        return side
    looks: dict[str, Callable[[Reader], Any]] = {"unreadable": lambda reader: unreadable(reader, inventory)}
    if inventory.options.scope is Scope.schema_only:
        side = replace(side, orphans=Fact(()), zeros=Fact(()))
    else:
        looks |= {
            "orphans": lambda reader: orphans(reader, inventory),
            "zeros": lambda reader: zeros(reader, inventory),
        }
    return replace(side, **_probed(endpoint, looks))


def _target_probes(endpoint: Endpoint, inventory: Inventory) -> Side | Unreachable:
    side = inventory.target_side
    if isinstance(side, Unreachable) or inventory.options.scope is not Scope.data_only:
        return side
    return replace(side, **_probed(endpoint, {"filled": lambda reader: filled(reader, inventory)}))


def _probed(endpoint: Endpoint, looks: Mapping[str, Callable[[Reader], Any]]) -> dict[str, Any]:
    """What takes a session of its own, since it may be long: facts, whatever happens."""
    found: dict[str, Fact[Any]] = {}
    reason = ""
    try:
        with closing(connect(endpoint, purpose="inspect rows")) as connection:
            reader = Reader(connection, endpoint)
            for name, ask in looks.items():
                found[name] = reader.fact(partial(ask, reader))
    except FerrybotError as error:
        reason = error.what
    except (pymysql.MySQLError, OSError) as error:
        reason = explain(error, endpoint, doing="Looking at the rows").what
    return {name: found.get(name, Fact(reason=reason)) for name in looks}


def address(endpoint: Endpoint, environment: str) -> Address:
    """Where a side is, without any secret."""
    known = {e.value for e in Environment}
    return Address(
        label=endpoint.label,
        dialect=endpoint.dialect,
        host=endpoint.host,
        port=endpoint.port,
        database=endpoint.database,
        user=endpoint.user,
        tls=endpoint.tls.value,
        environment=Environment(environment) if environment in known else "",
    )
