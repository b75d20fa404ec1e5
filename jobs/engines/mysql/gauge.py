"""What else a MySQL or MariaDB server has to do: threads at work, and how far it is behind as a replica.

A primary does not know how far its replicas are behind: lag is only seen on a server that is a replica itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import pymysql
from pymysql.constants import ER
from pymysql.cursors import DictCursor

from jobs.core.disk import Disk
from jobs.core.model import Endpoint
from jobs.engines.mysql.connect import Connection, connect, explain, one, rows
from jobs.ports.engine import Load, Standing

Answer = TypeVar("Answer")

_STATUS = ("show replica status", "show slave status")
"""MySQL 8.0.22 and MariaDB 10.5 say replica; older ones only know the other word, and MySQL 8.4 does not any more."""
_LAG = ("Seconds_Behind_Source", "Seconds_Behind_Master")
# Our own sessions are of the same account, and an account always sees its own.
_OURS = """
select count(*) from information_schema.processlist
where user = substring_index(current_user(), '@', 1)
  and command not in ('Sleep', 'Daemon') and id <> connection_id()"""
_SIZE = """
select coalesce(sum(data_length + index_length), 0) from information_schema.tables where table_schema = database()"""
_DENIED = frozenset({ER.SPECIFIC_ACCESS_DENIED_ERROR, ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR})


class MysqlGauge:
    """`jobs.ports.engine.Gauge` with one session of its own."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._connection: Connection | None = None

    def close(self) -> None:
        if self._connection is not None:
            with suppress(pymysql.MySQLError, OSError):
                self._connection.close()
            self._connection = None

    def read(self) -> Load:
        """The load at this moment. Raises `Transient` or `Permanent`; the next call connects anew."""
        return self._ask(_load)

    def size(self) -> int:
        """Bytes of the database's tables, as the server estimates them."""
        return self._ask(sizes)

    def disk(self) -> Disk:
        """With the binary log where this account may list it; temporary files no server shows."""
        return self._ask(_disk)

    def standing(self) -> Standing:
        """The server's own id, and whether it is set to take no writes."""
        self.close()
        return self._ask(_standing)

    def _ask(self, question: Callable[[Connection], Answer]) -> Answer:
        if self._connection is None:
            self._connection = connect(self._endpoint, purpose="gauge")
        try:
            return question(self._connection)
        except (pymysql.MySQLError, OSError) as error:
            self.close()
            raise explain(error, self._endpoint, doing="Reading the load") from None


def sizes(connection: Connection) -> int:
    """Bytes of the database's tables."""
    return int(one(connection, _SIZE)[0])


def _disk(connection: Connection) -> Disk:
    return Disk(database=sizes(connection), log=_log(connection))


def _log(connection: Connection) -> int | None:
    try:
        return sum(int(row[1]) for row in rows(connection, "show binary logs"))
    except pymysql.MySQLError as error:
        code = error.args[0] if error.args else 0
        if code == ER.NO_BINARY_LOGGING:
            return 0
        if code in _DENIED:
            return None
        raise


def _standing(connection: Connection) -> Standing:
    # MariaDB has no uuid: its server_id differs between the servers of one replication.
    found = dict(rows(connection, "show global variables where variable_name in ('server_uuid', 'server_id')"))
    shut = "show global variables where variable_name in ('read_only', 'super_read_only', 'innodb_read_only')"
    # MariaDB 12 has further values than ON and OFF, which all shut out writers.
    primary = all(str(value).upper() in ("OFF", "0") for _, value in rows(connection, shut))
    return Standing(identity=str(found.get("server_uuid") or found.get("server_id") or ""), primary=primary)


def _load(connection: Connection) -> Load:
    running = int(one(connection, "show global status like 'Threads_running'")[1])
    ours = int(one(connection, _OURS)[0])
    behind, hidden = _replica(connection)
    # This session itself is running, too.
    return Load(sessions=max(0, running - ours - 1), lag_seconds=behind, hidden=hidden)


def _replica(connection: Connection) -> tuple[float, str]:
    for statement in _STATUS:
        try:
            with connection.cursor(DictCursor) as cursor:
                cursor.execute(statement)
                found: Any = cursor.fetchall()
        except pymysql.MySQLError as error:
            code = error.args[0] if error.args else 0
            if code in _DENIED:
                return 0.0, "REPLICATION CLIENT"
            if code == ER.PARSE_ERROR:
                continue
            raise
        return max((_behind(row) for row in found), default=0.0), ""
    return 0.0, ""


def _behind(row: dict[str, Any]) -> float:
    value = next((row[name] for name in _LAG if name in row), None)
    return float(value or 0)


def lag(connection: Connection) -> float | None:
    """Seconds that this server is behind as a replica; None where it does not say."""
    seconds, hidden = _replica(connection)
    return None if hidden else seconds
