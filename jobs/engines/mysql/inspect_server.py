"""What a server says of itself: settings, rights, engines, sessions, the wire in between."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pymysql

from jobs.engines.mysql import grants as g
from jobs.engines.mysql import quote
from jobs.engines.mysql.facts import (
    Connections,
    Consistency,
    Leftover,
    Replication,
    Server,
    Speed,
    Transaction,
    Unread,
)
from jobs.engines.mysql.objects import FOUND_TABLE, RUN_TABLES
from jobs.engines.mysql.reader import Reader

_SETTINGS = frozenset(
    {
        "character_set_server", "collation_server", "datadir", "default_storage_engine",
        "enforce_storage_engine", "event_scheduler", "gtid_mode", "hostname", "innodb_default_row_format",
        "innodb_force_primary_key", "innodb_page_size", "innodb_read_only", "innodb_strict_mode",
        "local_infile", "log_bin", "log_bin_trust_function_creators", "lower_case_table_names",
        "max_allowed_packet", "max_connections", "max_user_connections", "partial_revokes", "port",
        "read_only", "require_secure_transport", "restrict_fk_on_non_standard_key", "server_id",
        "server_uuid", "sql_generate_invisible_primary_key", "sql_mode", "sql_require_primary_key",
        "super_read_only", "system_time_zone", "time_zone", "wsrep_on",
    }
)  # fmt: skip

_PROBE_BYTES = 4 << 20
"""Long enough to leave TCP's slow start behind, short enough (0.4 s at 100 Mbit/s) for a person who waits."""
_PACKET_BYTES = 256 << 10
"""Below the smallest max_allowed_packet that a server comes with (1 MiB, MySQL 5.5)."""
_ROUND_TRIPS = 5


def server(reader: Reader) -> Server:
    """Raises the driver's errors: without this there is nothing to say."""
    settings = {
        name.lower(): str(value) for name, value in reader.rows("show global variables") if name.lower() in _SETTINGS
    }
    ((account, database),) = reader.rows("select current_user(), database()")
    cipher = reader.rows("show session status like 'Ssl_cipher'")
    greeted = reader.connection.thread_id()  # type: ignore[no-untyped-call]  # PyMySQL
    sessions = {reader.rows("select connection_id()")[0][0] for _ in range(3)}
    return Server(
        flavour=reader.flavour,
        settings=settings,
        account=account,
        database=database or reader.endpoint.database,
        tls=bool(cipher and cipher[0][1]),
        steady=len(sessions) == 1,
        proxied=sessions != {greeted},
    )


def grants(reader: Reader) -> g.Grants:
    """The account's and those of its active roles."""
    texts = [text for (text,) in reader.rows("show grants")]
    if reader.flavour.kind == "mysql":
        with suppress(pymysql.MySQLError):
            ((roles,),) = reader.rows("select current_role()")
            if roles and roles.upper() != "NONE":
                # The server's own quoting of the names.
                texts += [text for (text,) in reader.rows(f"show grants for current_user() using {roles}")]
    return g.parse(texts)


def engines(reader: Reader) -> Mapping[str, bool]:
    asked = "select engine, transactions from information_schema.engines where support in ('YES', 'DEFAULT')"
    return {name: transactions == "YES" for name, transactions in reader.rows(asked)}


def collations(reader: Reader) -> Mapping[str, str]:
    """MariaDB lists its newest collations without their character set; the second table has them in full."""
    found = {
        name: charset
        for name, charset in reader.rows(
            "select collation_name, character_set_name from information_schema.collations"
        )
        if charset
    }
    with suppress(pymysql.MySQLError):
        found |= dict(
            reader.rows(
                "select full_collation_name, character_set_name"
                " from information_schema.collation_character_set_applicability"
            )
        )
    return found


def accounts(reader: Reader) -> frozenset[str]:
    return frozenset(
        f"{user}@{host}" if host else user for user, host in reader.rows("select user, host from mysql.user")
    )


def databases(reader: Reader) -> tuple[str, ...]:
    return tuple(name for (name,) in reader.rows("select schema_name from information_schema.schemata"))


def zones(reader: Reader) -> bool:
    """Whether names of time zones are known."""
    return reader.rows("select convert_tz('2000-01-01 00:00:00', 'UTC', 'Europe/Berlin')")[0][0] is not None


def connections(reader: Reader) -> Connections:
    ((limit, mine),) = reader.rows("select @@global.max_connections, @@session.max_user_connections")
    used = reader.rows("show global status like 'Threads_connected'")
    own = reader.rows(
        "select count(*) from information_schema.processlist where user = substring_index(user(), '@', 1)"
    )
    return Connections(int(limit), int(used[0][1]) if used else None, int(mine), int(own[0][0]))


def transactions(reader: Reader) -> tuple[Transaction, ...]:
    """Other people's open transactions. Needs PROCESS."""
    asked = (
        "select trx_mysql_thread_id, timestampdiff(second, trx_started, now())"
        " from information_schema.innodb_trx where trx_mysql_thread_id not in (0, connection_id())"
    )
    # trx_started is in the server's own time zone, which this session does not have.
    reader.rows("set session time_zone = @@global.time_zone")
    try:
        return tuple(Transaction(int(thread), int(seconds or 0)) for thread, seconds in reader.rows(asked))
    finally:
        reader.rows("set session time_zone = '+00:00'")


def consistency(reader: Reader, server: Server, mine: g.Grants) -> Consistency:
    """What `session.take_snapshot` will be able to do."""
    if reader.flavour.can("binlog snapshot") and server.on("log_bin"):
        return "binlog"
    if reader.flavour.can("gtid executed") and server.settings.get("gtid_mode", "").upper() == "ON":
        return "gtid"
    return "lock" if mine.may("LOCK TABLES", server.database) else "single"


def replication(reader: Reader) -> Replication:
    """Needs SLAVE MONITOR (MySQL: REPLICATION CLIENT)."""
    try:
        states = reader.dicts("show replica status")
    except pymysql.ProgrammingError:
        states = reader.dicts("show slave status")  # before MariaDB 10.5.1 and MySQL 8.0.22
    state = states[0] if states else {}
    behind = _either(state, "Seconds_Behind_Source", "Seconds_Behind_Master")
    return Replication(
        upstream=str(_either(state, "Source_Host", "Master_Host") or ""),
        running=_either(state, "Replica_SQL_Running", "Slave_SQL_Running") == "Yes",
        behind=None if behind is None else float(behind),
    )


def replicas(reader: Reader, mine: g.Grants) -> int:
    """Servers that read the binary log now.

    Raises `Unread` without PROCESS: the server would show our own sessions only, and no error."""
    if not mine.may_everywhere("PROCESS"):
        raise Unread("Access denied; you need (at least one of) the PROCESS privilege(s) for this operation")
    found = reader.rows("select count(*) from information_schema.processlist where command like 'Binlog Dump%'")
    return int(found[0][0])


def _either(state: Mapping[str, Any], *names: str) -> Any:
    return next((state[name] for name in names if name in state), None)


def leftover(reader: Reader, database: str) -> Leftover:
    there = reader.rows(
        "select table_name from information_schema.tables where table_schema = %s and table_name like %s",
        [database, r"\_ferrybot\_%"],
    )
    named = [name for name in (RUN_TABLES[0], FOUND_TABLE) if (name,) in there]
    runs: set[str] = set()
    for name in named:
        try:
            noted = reader.rows(f"select migration from {quote.qualified(database, name)}")  # noqa: S608 - quoted
        except pymysql.MySQLError as error:
            reader.reason(error)
            # Unreadable runs are somebody else's: the tables are there all the same.
            return Leftover(True)
        runs |= {str(migration) for (migration,) in noted}
    return Leftover(bool(there), tuple(sorted(runs)))


def speed_of_source(reader: Reader) -> Speed:
    """Measured with values that the server makes up: no table is read."""
    asked = f"select repeat('*', {_PACKET_BYTES})"
    return Speed(_round_trip(reader), _rate(lambda: reader.rows(asked)))


def speed_of_target(reader: Reader) -> Speed:
    """Measured with values that the server only weighs: nothing is written."""
    load = "*" * _PACKET_BYTES
    return Speed(_round_trip(reader), _rate(lambda: reader.rows(f"select length('{load}')")))


def _rate(work: Callable[[], object]) -> float:
    times = _PROBE_BYTES // _PACKET_BYTES
    return _PROBE_BYTES / max(_seconds(lambda: [work() for _ in range(times)]), 1e-6)


def _round_trip(reader: Reader) -> float:
    return statistics.median(_seconds(lambda: reader.rows("select 1")) for _ in range(_ROUND_TRIPS))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
