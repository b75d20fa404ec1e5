"""Reads every fact of both sides once, without writing anything. What cannot be read is a fact too."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg

from jobs.core.errors import FerrybotError, Permanent
from jobs.core.model import Endpoint, Environment, Scope, TlsMode
from jobs.engines.postgres import facts as f
from jobs.engines.postgres.connect import connect, explain, first_line, scrub
from jobs.engines.postgres.facts_rights import Hidden, Privileged, Role, RoleNeed, RoleShape
from jobs.engines.postgres.inspect_disk import free_bytes
from jobs.engines.postgres.inspect_orphans import count_orphans
from jobs.engines.postgres.inspect_rows import filled_tables
from jobs.engines.postgres.inspect_safe import with_safety
from jobs.engines.postgres.inspect_wire import pooling, speed_of_source, speed_of_target
from jobs.engines.postgres.inventory import Address, Inventory, Side, Tool
from jobs.engines.postgres.reader import Reader
from jobs.engines.postgres.tools import fitting, found
from jobs.ports.engine import Asked

_Read = Callable[[Reader, f.Server, f.Pooling], Side]


def inspect(asked: Asked) -> Inventory:
    """Both sides at once, since a far server answers slowly and a silent one only after a timeout."""
    with ThreadPoolExecutor(3) as pool:
        pool.submit(found)  # programs are asked for their versions, which takes a while, and remembered
        reading_source = pool.submit(_side, asked.source, _read_source)
        reading_target = pool.submit(_side, asked.target, _read_target)
        source, target = reading_source.result(), reading_target.result()
    inventory = Inventory(
        migration=asked.migration,
        options=asked.options,
        source_address=_address(asked.source, asked.source_environment),
        target_address=_address(asked.target, asked.target_environment),
        source_side=source,
        target_side=target,
        tool=_tool(asked.source, source, target),
        stated_free_bytes=asked.stated_free_bytes,
    )
    return with_safety(asked, _with_probes(asked, inventory))


def _side(endpoint: Endpoint, read: _Read) -> Side | f.Unreachable:
    try:
        # Asked before anything is set in the session: behind a transaction pooler our settings would stay in
        # a server session that serves somebody else next.
        pooled = pooling(endpoint)
        if pooled.changes:
            return _behind_pooler(endpoint)
        with closing(connect(endpoint, purpose="inspect")) as connection:
            reader = Reader(connection, endpoint)
            return read(reader, reader.row("server", f.Server).get(), pooled)
    except FerrybotError as error:
        kind = "permanent" if isinstance(error, Permanent) else "transient"
        return f.Unreachable(kind=kind, message=scrub(error.what, endpoint), remedy=error.remedy, field=error.object)
    except psycopg.Error as error:
        return _failed(endpoint, first_line(scrub(error.diag.message_primary or str(error), endpoint)))
    except f.Unread as error:
        return _failed(endpoint, str(error))


def _failed(endpoint: Endpoint, text: str) -> f.Unreachable:
    return f.Unreachable(
        kind="transient",
        message=f"{endpoint.label} could be reached, but did not describe itself: {text}",
        remedy="Check that this address is a PostgreSQL server of version 10 or newer, and run the check again.",
    )


def _behind_pooler(endpoint: Endpoint) -> f.Unreachable:
    return f.Unreachable(
        kind="permanent",
        message=f"{endpoint.label} is behind a transaction pooler: each transaction runs in another session",
        remedy="Give the address of the PostgreSQL server itself (often port 5432), or of a pool in session mode.",
        field="port",
        pooled=True,
    )


def _read_source(reader: Reader, server: f.Server, pooled: f.Pooling) -> Side:
    """In two sessions at once: a catalog is read by one processor of the server, and of a large one for seconds."""
    # Before the second session is there, which would be counted as somebody else's and slow the probe.
    connections = reader.row("connections", f.Connections)
    speed = speed_of_source(reader.connection)
    with closing(connect(reader.endpoint, purpose="inspect")) as second, ThreadPoolExecutor(1) as pool:
        schema = pool.submit(_read_schema, Reader(second, reader.endpoint), server)
        return Side(
            server=server,
            pooling=f.Fact(value=pooled),
            speed=f.Fact(value=speed),
            identifier=_only(reader, "identifier"),
            connections=connections,
            tables=reader.rows("tables", f.Table),
            columns=reader.rows("columns", f.Column),
            bloat=reader.rows("bloat", f.Bloat),
            hidden=reader.rows("hidden", Hidden),
            references=reader.rows("references", f.Reference),
            foreign_keys=reader.rows("foreign_keys", f.ForeignKey),
            role_needs=reader.rows("role_needs", RoleNeed),
            role_shapes=reader.rows("role_shapes", RoleShape),
            replication=_replication(reader),
            standby=reader.row("standby", f.Standby) if server.in_recovery else f.Fact(),
            **schema.result(),
        )


def _read_schema(reader: Reader, server: f.Server) -> dict[str, f.Fact[Any]]:
    """What the source's objects are made of; nothing of it measures the server."""
    return {
        "objects": reader.rows("objects", f.Object),
        "oddities": reader.rows("oddities", f.Oddity),
        "definitions": reader.rows("definitions", f.Definition),
        "extensions": reader.rows("extensions", f.Extension),
        "languages": reader.rows("languages", f.Language),
        "wrappers": reader.rows("wrappers", f.Wrapper),
        "routines": reader.rows("routines", f.Routine),
        "collations": reader.rows("collations", f.Collation),
        "default_collation": _default_collation(reader, server),
        "collation_uses": reader.rows("collation_uses", f.CollationUse),
        "privileged": reader.rows("privileged", Privileged),
        "build_needs": reader.rows("build_needs", f.Oddity),
        "path_functions": reader.rows("path_functions", f.PathFunction),
    }


def _read_target(reader: Reader, server: f.Server, pooled: f.Pooling) -> Side:
    return Side(
        server=server,
        pooling=f.Fact(value=pooled),
        speed=f.Fact(value=speed_of_target(reader.connection)),
        identifier=_only(reader, "identifier"),
        connections=reader.row("connections", f.Connections),
        tables=reader.rows("tables", f.Table),
        columns=reader.rows("columns", f.Column),
        objects=reader.rows("objects", f.Object),
        extensions=reader.rows("extensions", f.Extension),
        available_extensions=reader.rows("available_extensions", f.AvailableExtension),
        languages=reader.rows("languages", f.Language),
        wrappers=reader.rows("wrappers", f.Wrapper),
        collations=reader.rows("collations", f.Collation),
        roles=reader.rows("roles", Role),
        tablespaces=reader.texts("tablespaces", "name"),
        locked_sequences=reader.rows("locked_sequences", Hidden),
        silences=f.Fact(value=reader.allowed("set session_replication_role = replica")),
        xml=f.Fact(value=reader.texts("xml", "value").value is not None),
        compressions=reader.texts("compressions", "value"),
        replication=_replication(reader),
        leftover=_leftover(reader),
    )


def _default_collation(reader: Reader, server: f.Server) -> f.Fact[str]:
    return _only(reader, "database_collation") if server.major >= 15 else f.Fact(value="")


def _only(reader: Reader, name: str) -> f.Fact[str]:
    read = reader.texts(name, "value")
    return f.Fact(value=read.value[0]) if read.value else f.Fact(reason=read.reason)


def _replication(reader: Reader) -> f.Fact[f.Replication]:
    replicas, slots = reader.rows("replicas", f.Replica), reader.rows("slots", f.Slot)
    if replicas.value is None or slots.value is None:
        return f.Fact(reason=replicas.reason if replicas.value is None else slots.reason)
    return f.Fact(value=f.Replication(replicas=replicas.value, slots=slots.value))


def _leftover(reader: Reader) -> f.Fact[f.Leftover]:
    shapes = reader.rows("leftover", f.LeftoverShape)
    if not shapes.value:
        return f.Fact(reason=shapes.reason)
    shape = shapes.value[0]
    if not (shape.present and shape.run):
        return f.Fact(value=f.Leftover(present=shape.present))
    runs = reader.texts("leftover_runs", "migration")
    # Unreadable runs are somebody else's: the schema is there all the same.
    return f.Fact(value=f.Leftover(present=True, migrations=runs.value or ()))


def _with_probes(asked: Asked, inventory: Inventory) -> Inventory:
    """Adds what takes a connection of its own: orphans, free disk, whether existing tables hold rows."""
    source, target = inventory.source_side, inventory.target_side
    if isinstance(source, Side):
        orphans = count_orphans(asked.source, inventory)
        inventory = inventory.model_copy(update={"source_side": source.model_copy(update={"orphans": orphans})})
    if isinstance(target, f.Unreachable):
        return inventory
    found = {"free_bytes": free_bytes(asked.target, target.server)}
    if asked.options.scope is Scope.data_only:
        return inventory.model_copy(
            update={"target_side": target.model_copy(update={**found, "filled": _filled(asked, inventory)})}
        )
    return inventory.model_copy(update={"target_side": target.model_copy(update=found)})


def _filled(asked: Asked, inventory: Inventory) -> f.Fact[tuple[str, ...]]:
    try:
        existing = {t.key for t in inventory.target.tables.get() if t.kind != "f"}
        return filled_tables(asked.target, sorted(inventory.selected_keys & existing))
    except (f.Unread, f.Unreached) as error:
        return f.Fact[tuple[str, ...]](reason=str(error))
    except FerrybotError as error:
        return f.Fact[tuple[str, ...]](reason=error.what)
    except psycopg.Error as error:
        return f.Fact[tuple[str, ...]](reason=explain(error, asked.target, doing="Looking for rows").what)


def _tool(endpoint: Endpoint, source: Side | f.Unreachable, target: Side | f.Unreachable) -> f.Fact[Tool]:
    """pg_dump as this worker has it, for this source and target as far as they are known."""
    major, new = (0 if isinstance(side, f.Unreachable) else side.server.major for side in (source, target))
    try:
        tls = endpoint.tls in (TlsMode.require, TlsMode.verify_full)
        tool = fitting(major, tls=tls, target_major=new)
    except Permanent as error:
        return f.Fact(value=Tool(problem=error.what, remedy=error.remedy))
    return f.Fact(value=Tool(major=tool.version[0], text=tool.text))


def _address(endpoint: Endpoint, environment: str) -> Address:
    known = {e.value for e in Environment}
    return Address(
        label=endpoint.label,
        host=endpoint.host,
        port=endpoint.port,
        database=endpoint.database,
        user=endpoint.user,
        tls=endpoint.tls.value,
        environment=Environment(environment) if environment in known else "",
    )
