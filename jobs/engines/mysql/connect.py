"""Connections to MySQL and MariaDB: with pinned session settings, and with errors that a person can act on."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CR, ER
from pymysql.cursors import Cursor

from jobs.core.errors import FerrybotError, Permanent, Transient
from jobs.core.model import Endpoint, TlsMode
from jobs.engines.mysql import flavour as flavours
from jobs.engines.mysql.flavour import Flavour

if TYPE_CHECKING:
    Connection = pymysql.Connection[Cursor]
else:
    Connection = pymysql.Connection

CONNECT_SECONDS = 10
"""Long enough for a far server, short enough for a person who waits at a modal."""

SQL_MODE = "NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES"
"""Takes what a source holds, zero dates and zeros in AUTO_INCREMENT columns; never another engine than asked for."""

PINNED: Mapping[str, str | int] = {
    # What a value looks like as text must not depend on the server's or the account's configuration.
    "time_zone": "+00:00",
    "sql_mode": SQL_MODE,
    "sql_quote_show_create": 1,
    "div_precision_increment": 4,
    "group_concat_max_len": 1 << 30,
    "sql_select_limit": 18446744073709551615,
    # A long copy is not a mistake.
    "net_read_timeout": 3600,
    "net_write_timeout": 3600,
    "wait_timeout": 86400,
    "innodb_lock_wait_timeout": 50,
    "lock_wait_timeout": 120,
}
"""Session settings on both sides, which every version has and every account may set."""

PINNED_WHERE_KNOWN: Mapping[str, tuple[str, str | int]] = {
    "max_statement_time": ("max_statement_time", 0),
    "max_execution_time": ("max_execution_time", 0),
    "statistics expiry": ("information_schema_stats_expiry", 0),
    "idle transaction timeout": ("idle_transaction_timeout", 0),
}
"""Feature -> setting, for servers that have it."""


def connect(
    endpoint: Endpoint, *, purpose: str, database: bool = True, loads: bool = False, patience: int | None = None
) -> Connection:
    """A connection with pinned settings in autocommit, closed by its caller. Raises `Permanent` or `Transient`.

    Without `database` none is chosen: it may not exist yet. With `loads` the server may be sent rows by LOAD DATA
    LOCAL, but only where we ask for it ourselves: a server that asks the driver for a file of ours gets none.
    `patience`: seconds after which a connect or an answer that does not come is given up."""
    waits = {} if patience is None else dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), patience)
    try:
        connection = pymysql.connect(
            **{**_parameters(endpoint, purpose, database), **waits}, local_infile=loads, defer_connect=True
        )
        connection.connect(_dialled(endpoint))
        connection._local_infile = False  # type: ignore[attr-defined]
        pin(connection)
    except (pymysql.MySQLError, OSError, RuntimeError) as error:
        raise explain_connect(endpoint, error) from None
    return connection


def _dialled(endpoint: Endpoint) -> socket.socket | None:
    """A connection to the first pinned address that answers; None lets the driver ask DNS. TLS verifies the name."""
    for left, address in enumerate(endpoint.addresses, 1 - len(endpoint.addresses)):
        try:
            line = socket.create_connection((address, endpoint.port), CONNECT_SECONDS)
        except OSError as error:
            if left < 0:
                continue
            raise pymysql.OperationalError(CR.CR_CONN_HOST_ERROR, f"Can't connect ({error})") from None
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return line
    return None


def pin(connection: Connection) -> None:
    """Sets `PINNED` for the session, and what only some servers know."""
    settings = dict(PINNED)
    known = flavour(connection)
    settings.update(pair for feature, pair in PINNED_WHERE_KNOWN.items() if known.can(feature))
    connection.query("set names utf8mb4 collate utf8mb4_bin")
    run(connection, "set " + ", ".join(f"session {name} = %s" for name in settings), list(settings.values()))


def flavour(connection: Connection) -> Flavour:
    """What the server says it is."""
    version, comment = one(connection, "select @@version, @@version_comment")
    return flavours.parse(str(version), str(comment))


def rows(connection: Connection, statement: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Every row of a query."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def one(connection: Connection, statement: str, values: Sequence[Any] | None = None) -> tuple[Any, ...]:
    """The only row of a query; LookupError when there is none."""
    found = rows(connection, statement, values)
    if not found:
        raise LookupError("the query gave no row")
    return found[0]


def run(connection: Connection, statement: str, values: Sequence[Any] | None = None) -> int:
    """Runs a statement; rows affected."""
    with connection.cursor() as cursor:
        return cursor.execute(statement, values)


def _parameters(endpoint: Endpoint, purpose: str, database: bool) -> dict[str, Any]:
    """The driver's parameters, with the password: never for a log."""
    parameters: dict[str, Any] = {
        "user": endpoint.user,
        "password": endpoint.password.get_secret_value().encode(),  # of a str the driver would make Latin-1
        "database": endpoint.database if database else None,
        "connect_timeout": CONNECT_SECONDS,
        "charset": "utf8mb4",
        "autocommit": True,
        "program_name": f"ferrybot {purpose}"[:63],
    }
    if endpoint.host.startswith("/"):
        parameters["unix_socket"] = endpoint.host
    else:
        parameters |= {"host": endpoint.host, "port": endpoint.port}
    return parameters | _tls(endpoint)


def _tls(endpoint: Endpoint) -> dict[str, Any]:
    """Without parameters the driver encrypts where the server can, and verifies nothing."""
    match endpoint.tls:
        case TlsMode.disable:
            return {"ssl_disabled": True}
        case TlsMode.prefer:
            return {}
        case TlsMode.require:
            # Verifies nothing, so it need not read every certificate of the machine (30 to 110 ms a connection).
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return {"ssl": context}
        case TlsMode.verify_full:
            root = None if endpoint.tls_root in (None, "system") else endpoint.tls_root
            return {"ssl": ssl.create_default_context(cafile=root)}


_CAUSES: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"^\((1045|1698|1862|1820|3118|4151)\b"),
        "password",
        "The user name or the password is wrong, or this account may not come from the workers' address.",
    ),
    (
        re.compile(r"^\(2026\b|SSL|TLS|certificate|secure transport|^\(3159\b", re.I),
        "tls",
        "The server and the chosen TLS mode do not fit. Choose another TLS mode or enable TLS on the server.",
    ),
    (re.compile(r"^\(1049\b"), "database", "Check the database's name; names may be case-sensitive."),
    (re.compile(r"^\(1044\b"), "database", "This user may not use the database: grant it, or name another user."),
    (
        re.compile("Name or service not known|nodename nor|getaddrinfo|name resolution"),
        "host",
        "This host name is unknown here. Check its spelling, and the DNS of the machine that runs the workers.",
    ),
    (
        re.compile("Connection refused|No such file"),
        "port",
        "Nothing listens on this port. Check host and port, and that the server accepts TCP connections.",
    ),
    (
        re.compile("timed out|No route to host|Network is unreachable"),
        "host",
        "The server did not answer. Check the address, firewalls and allow-lists between the workers and it.",
    ),
    (
        re.compile(r"^\((1130|1129)\b"),
        "host",
        "The server does not admit the workers' address; ask its administrator.",
    ),
    (
        re.compile(r"^\((1040|1203|1226)\b"),
        "",
        "The server has no free connection for this user. Close some, or raise its limit.",
    ),
)

_PASSING = {"", "port", "host"}


def explain_connect(endpoint: Endpoint, error: Exception) -> FerrybotError:
    """Our error for a refused connection: `object` names the form's field at fault, if one is."""
    text = scrub(str(error), endpoint)
    for pattern, field, remedy in _CAUSES:
        if pattern.search(text):
            kind = Transient if field in _PASSING else Permanent
            return kind(f"Cannot connect to {endpoint.label}: {said(text)}", remedy=remedy, object=field)
    return Transient(f"Cannot connect to {endpoint.label}: {said(text)}", remedy="Check the server's log.")


_TRANSIENT = frozenset(
    {
        *(1040, 1203, 1226),  # no connection free
        *(1205, 1213, 1614),  # waited too long, deadlock
        *(1053, 1077, 1079, 1317, 1927, 3168, 4031),  # shut down, killed
        *(1158, 1159, 1160, 1161, 1184, 2002, 2003, 2006, 2013, 2014, 2055),  # the network
    }
)
_FULL = frozenset({1021, 1030, 1114, 1041, 1037})
_QUOTES_VALUES = frozenset(
    {1048, 1062, 1169, 1216, 1217, 1264, 1265, 1292, 1300, 1365, 1366, 1367, 1406, 1411, 1416, 1441, 1451, 1452}
    | {1526, 1557, 1586, 1690, 1977, 3140, 3141, 3156, 3643, 3819, 3854, 4025, 4026, 4038, 1761, 1762, 1364}
)
"""Data errors: their texts quote values of rows, so they are named by their symbol."""
_SYMBOLS = {code: symbol for symbol, code in vars(ER).items() if isinstance(code, int)}


def code_of(error: BaseException) -> int:
    """The server's or the driver's error number; 0 when there is none."""
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


def explain(error: Exception, endpoint: Endpoint, *, doing: str, object: str = "") -> FerrybotError:
    """Our error for a failed statement: passing faults are `Transient`, the rest is `Permanent`.

    A data error is named by its symbol, since its text quotes values."""
    code = code_of(error)
    if code in _QUOTES_VALUES:
        text = f"{_SYMBOLS.get(code, 'data error').replace('_', ' ').lower()} (error {code})"
    else:
        text = said(scrub(str(error), endpoint))
    passing = code in _TRANSIENT or isinstance(error, (OSError, pymysql.InterfaceError))
    if passing:
        return Transient(f"{doing}: {text}", remedy="It is tried again by itself.", object=object)
    remedy = "Mend the cause and press Retry; what is done stays done."
    if code in _FULL:
        remedy = "Free space on the server's disk, then press Retry; what is done stays done."
    return Permanent(f"{doing}: {text}", remedy=remedy, object=object)


def scrub(text: str, *endpoints: Endpoint) -> str:
    """`text` without any endpoint's password and without a URL's password part."""
    for endpoint in endpoints:
        secret = endpoint.password.get_secret_value()
        if secret:
            text = text.replace(secret, "***")
    return re.sub(r"(\w+://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)


def said(text: str) -> str:
    """What a driver's error says: of `(1045, "Access denied")` the words, on one line."""
    found = re.fullmatch(r"\(\d+, (['\"])(.*)\1\)", text.strip(), re.S)
    return " ".join((found[2] if found else text).split())[:500] or "no message"
