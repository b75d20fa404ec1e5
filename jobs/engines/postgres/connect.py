"""Connections to PostgreSQL: with pinned session settings, and with errors that a person can act on."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import make_conninfo

from jobs.core.errors import FerrybotError, Permanent, Transient
from jobs.core.model import Endpoint, TlsMode

Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_SECONDS = 10
"""Long enough for a far server, short enough for a person who waits at a modal."""

PINNED = {
    # What a value looks like as text must not depend on the server's or the role's configuration.
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "client_encoding": "UTF8",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmloption": "content",
    # A server counts money in hundredths here, whatever its own currency: both sides read and write the same number.
    "lc_monetary": "C",
    # Read before a statement is: SET within a text of several comes too late for that text.
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "search_path": "",
    # A row that a policy hides must be an error, never a row less.
    "row_security": "off",
    # A long copy is not a mistake.
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "0",
    # Ours say what they need; another default would make lanes fail or wait for each other.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # A parallel plan may hold more connections and memory than the plan promised.
    "max_parallel_workers_per_gather": "0",
}
"""Session settings on both sides; each exists since PostgreSQL 9.6."""


def connect(
    endpoint: Endpoint, *, purpose: str, autocommit: bool = True, seconds: int = CONNECT_SECONDS
) -> Connection:
    """A connection with pinned settings, closed by its caller. Raises `Permanent` or `Transient`."""
    try:
        connection: Connection = psycopg.connect(_conninfo(endpoint, purpose, seconds), autocommit=True)
    except psycopg.OperationalError as error:
        raise explain_connect(endpoint, error) from None
    pin(connection)
    connection.autocommit = autocommit
    return connection


def pin(connection: Connection) -> None:
    """Sets `PINNED` for the session, and what only newer servers know."""
    settings = dict(PINNED)
    if connection.info.server_version >= 110000:
        # What we ask of large tables is one scan with few expressions: compiling it costs more than it brings (10 M
        # rows: checksum 3.4 s against 3.7, validating a foreign key 1.8 against 1.9).
        settings["jit"] = "off"
    if connection.info.server_version >= 140000:
        # A lane that was killed must not leave its backend working for nobody (PostgreSQL 14+).
        settings["client_connection_check_interval"] = "2s"
        # The fence is a session that mostly waits.
        settings["idle_session_timeout"] = "0"
    if connection.info.server_version >= 170000:
        settings["transaction_timeout"] = "0"
    if connection.info.server_version >= 90600:
        connection.execute(
            "select " + ", ".join(["set_config(%s, %s, false)"] * len(settings)),
            [part for pair in settings.items() for part in pair],
        )


def _conninfo(endpoint: Endpoint, purpose: str, seconds: int) -> str:
    return make_conninfo(
        **{key: value for key, value in connection_parameters(endpoint).items() if value is not None},
        application_name=f"ferrybot {purpose}"[:63],
        connect_timeout=seconds,
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
    )


def connection_parameters(endpoint: Endpoint) -> dict[str, Any]:
    """libpq's parameters, with the password: for a connection or a child's environment, never for a log."""
    hosts = max(1, len(endpoint.addresses))
    return {
        # Each address needs the name beside it, which TLS verifies.
        "host": ",".join([endpoint.host] * hosts),
        "hostaddr": ",".join(endpoint.addresses) or None,
        "port": endpoint.port,
        "dbname": endpoint.database,
        "user": endpoint.user,
        "password": endpoint.password.get_secret_value(),
        "sslmode": endpoint.tls.value,
        "sslrootcert": endpoint.tls_root or ("system" if endpoint.tls is TlsMode.verify_full else None),
    }


_CAUSES: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile("password authentication failed|no password supplied|SASL|SCRAM"),
        "password",
        "The user name or the password is wrong. Check both and run the check again.",
    ),
    (
        re.compile("does not support SSL|SSL error|certificate|sslmode|SSL connection"),
        "tls",
        "The server and the chosen TLS mode do not fit. Choose another TLS mode or enable TLS on the server.",
    ),
    (
        re.compile("could not translate host name|Name or service not known|failed to resolve|nodename nor"),
        "host",
        "This host name is unknown here. Check its spelling, and the DNS of the machine that runs the workers.",
    ),
    (
        re.compile("Connection refused"),
        "port",
        "Nothing listens on this port. Check host and port, and that the server accepts TCP connections.",
    ),
    (
        re.compile("timeout expired|timed out|No route to host|Network is unreachable"),
        "host",
        "The server did not answer. Check the address, firewalls and allow-lists between the workers and it.",
    ),
    (re.compile(r'database ".*" does not exist'), "database", "Check the database's name; names are case-sensitive."),
    (re.compile(r'role ".*" does not exist'), "user", "Check the user's name; names are case-sensitive."),
    (
        re.compile("no pg_hba.conf entry|pg_hba.conf rejects"),
        "host",
        "The server's pg_hba.conf does not admit this user from the workers' address; ask its administrator.",
    ),
    (
        re.compile("too many (clients|connections)|remaining connection slots"),
        "",
        "The server has no free connection. Close some, or raise max_connections.",
    ),
)

_PASSING = {"", "port", "host"}


def explain_connect(endpoint: Endpoint, error: psycopg.OperationalError) -> FerrybotError:
    """Our error for a refused connection: `object` names the form's field at fault, if one is."""
    text = scrub(str(error), endpoint)
    for pattern, field, remedy in _CAUSES:
        if pattern.search(text):
            kind = Transient if field in _PASSING else Permanent
            return kind(f"Cannot connect to {endpoint.label}: {first_line(text)}", remedy=remedy, object=field)
    return Transient(f"Cannot connect to {endpoint.label}: {first_line(text)}", remedy="Check the server's log.")


def explain(error: psycopg.Error, endpoint: Endpoint, *, doing: str, object: str = "") -> FerrybotError:
    """Our error for a failed statement: passing faults are `Transient`, the rest is `Permanent`."""
    text = first_line(scrub(error.diag.message_primary or str(error), endpoint))
    state = error.sqlstate or ""
    passing = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) and not state.startswith("53100")
    if state[:2] in ("08", "57", "40") or state in ("55P03", "53300") or (passing and not state):
        return Transient(f"{doing}: {text}", remedy="It is tried again by itself.", object=object)
    remedy = error.diag.message_hint or "Mend the cause and press Retry; what is done stays done."
    if isinstance(error, pg.DiskFull):
        remedy = "Free space on the server's disk, then press Retry; what is done stays done."
    return Permanent(f"{doing}: {text}", remedy=remedy, object=object)


def scrub(text: str, *endpoints: Endpoint) -> str:
    """`text` without any endpoint's password and without a URL's password part."""
    for endpoint in endpoints:
        secret = endpoint.password.get_secret_value()
        if secret:
            text = text.replace(secret, "***")
    return re.sub(r"(\w+://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)


def first_line(text: str) -> str:
    """The line that says what happened: of libpq's "connection to … failed: reason", the reason."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "no message"
    reason = lines[0].rpartition(" failed: ")[2] if lines[0].startswith("connection failed") else lines[0]
    return reason.removeprefix("FATAL:").strip()[:500]
