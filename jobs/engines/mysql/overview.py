"""One look at a MySQL or MariaDB server for the overview: a session of some milliseconds that only reads."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pymysql

from jobs.core.model import Endpoint
from jobs.core.services import Replica, ServiceFacts
from jobs.engines.mysql import inspect_server
from jobs.engines.mysql.connect import connect, explain, one
from jobs.engines.mysql.gauge import lag, sizes
from jobs.engines.mysql.inspect_disk import room
from jobs.engines.mysql.reader import Reader

PATIENCE = 5
"""Seconds for a connect or one answer."""
MOST = 20
"""Replicas that are kept of one server."""


def observe(endpoint: Endpoint) -> ServiceFacts:
    """What the server says of itself. Raises `Transient` or `Permanent` when it cannot be asked at all."""
    try:
        with closing(connect(endpoint, purpose="overview", patience=PATIENCE)) as connection:
            reader = Reader(connection, endpoint)
            reader.limit(PATIENCE)
            facts = _facts(reader)
            mariadb = reader.flavour.kind == "mariadb"
    except (pymysql.MySQLError, OSError, LookupError) as error:
        raise explain(error, endpoint, doing="Looking at the server") from None
    if not mariadb:
        return facts.model_copy(update={"free_unknown": "MySQL has no way to say it"})
    measured = room(endpoint)
    return facts.model_copy(update={"free": measured.free, "free_unknown": measured.unknown})


def _facts(reader: Reader) -> ServiceFacts:
    upstream = reader.fact(lambda: inspect_server.replication(reader))
    behind = reader.fact(lambda: lag(reader.connection))
    size = reader.fact(lambda: sizes(reader.connection))
    replicas = reader.fact(lambda: _replicas(reader))
    follows = upstream.value.upstream if upstream.value else ""
    known = "" if upstream.value else f"whether it is a replica itself: {upstream.reason}"
    return ServiceFacts(
        name=reader.endpoint.label,
        at=datetime.now(UTC),
        version=reader.flavour.text.split("-")[0],
        role="" if known else "replica" if follows else "primary",
        read_only=str(one(reader.connection, "select @@global.read_only")[0]).upper() not in ("0", "OFF"),
        upstream=follows,
        lag_seconds=behind.value if follows else None,
        replicas=replicas.value or (),
        replicas_unknown="; ".join(why for why in (known, replicas.reason) if why),
        size=size.value,
    )


def _replicas(reader: Reader) -> tuple[Replica, ...]:
    """The threads that send the binary log. How far their servers are behind only those servers know."""
    inspect_server.replicas(reader, inspect_server.grants(reader))  # raises where we would see our own threads only
    found = reader.rows(
        "select substring_index(host, ':', 1), state from information_schema.processlist"
        " where command like 'Binlog Dump%%' order by 1 limit %s",
        [MOST],
    )
    return tuple(Replica(name=str(host), state=str(state or "")) for host, state in found)
