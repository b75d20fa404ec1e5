"""Connection URLs, read strictly: what is not understood is an error, and no error shows a password. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import PurePosixPath
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from jobs.core.errors import Permanent
from jobs.core.model import Dialect, Endpoint, TlsMode

SCHEMES: Mapping[str, Dialect] = {
    "postgresql": Dialect.postgresql,
    "postgres": Dialect.postgresql,
    "mysql": Dialect.mysql,
    "mariadb": Dialect.mariadb,
}
DEFAULT_PORTS: Mapping[Dialect, int] = {Dialect.postgresql: 5432, Dialect.mysql: 3306, Dialect.mariadb: 3306}

_ENCODE = "In user and password write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25."

_TLS: Mapping[str, TlsMode] = {
    **{mode.value: mode for mode in TlsMode},
    # MySQL's words for the same (--ssl-mode).
    "disabled": TlsMode.disable,
    "preferred": TlsMode.prefer,
    "required": TlsMode.require,
    "verify_identity": TlsMode.verify_full,
}
_TLS_KEYS = frozenset({"sslmode", "ssl-mode", "ssl_mode"})
_ROOT_KEYS = frozenset({"sslrootcert", "ssl-ca", "ssl_ca"})
_IGNORED = frozenset({"application_name", "connect_timeout", "connection_limit", "pool_timeout", "charset", "schema"})
"""Parameters that change neither where we connect nor how safely; Ferrybot sets its own."""
_KNOWN = frozenset({"sslcert", "sslkey", "options", "passfile", "service", "target_session_attrs", "channel_binding"})
"""Words that an error may repeat. Any other word may be the rest of a password with a bare `?`."""

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?")


def parse_url(url: SecretStr, *, label: str, engine: Dialect | None = None, measure_disk: bool = False) -> Endpoint:
    """The endpoint behind a connection URL; raises `Permanent` that names what is wrong.

    Without a TLS mode in the URL it is `prefer` on this machine and `require` everywhere else: a password never
    crosses a network unencrypted because a word was left out. `sslmode=disable` says so explicitly.
    """
    text = url.get_secret_value().strip()
    parts = _split(text, label)
    dialect = _dialect(parts, label, engine)
    query = _query(parts, label)
    authority, _, address = parts.netloc.rpartition("@")
    user, _, password = authority.partition(":")
    host, port = _address(address, query, label)
    database = _decoded(parts.path.removeprefix("/"), "the database's name", label)
    user = _decoded(user, "the user's name", label)
    if not user:
        raise _wrong(label, "it names no user", "Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE.")
    if not database:
        raise _wrong(label, "it names no database", "Write the database's name after the host: …@HOST:PORT/DATABASE.")
    return Endpoint(
        label=label,
        dialect=dialect,
        host=host,
        port=port or DEFAULT_PORTS[dialect],
        database=database,
        user=user,
        password=SecretStr(_decoded(password, "the password", label)),
        tls=_tls(query, host, label),
        tls_root=_tls_root(query, label),
        measure_disk=measure_disk,
    )


def default_tls(host: str) -> TlsMode:
    """`prefer` on this machine (a socket or loopback), `require` across a network."""
    if host.startswith("/") or host.lower() == "localhost":
        return TlsMode.prefer
    try:
        return TlsMode.prefer if ip_address(host).is_loopback else TlsMode.require
    except ValueError:
        return TlsMode.require


def _wrong(label: str, what: str, remedy: str = "") -> Permanent:
    return Permanent(
        f"The connection URL of {label} cannot be used: {what}.",
        meaning="Nothing was connected to.",
        remedy=remedy or _ENCODE,
    )


def _split(text: str, label: str) -> SplitResult:
    if not text:
        raise _wrong(label, "it is empty", "Put a URL there: postgresql://USER:PASSWORD@HOST:PORT/DATABASE.")
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = None  # the error's text quotes the URL
    if parts is None:
        raise _wrong(label, "host and port are not readable")
    if "://" not in text or not parts.scheme:
        raise _wrong(label, "it has no scheme", "Begin it with postgresql://, mysql:// or mariadb://.")
    if parts.fragment or text.endswith("#"):
        raise _wrong(label, "it holds a bare #")
    return parts


def _dialect(parts: SplitResult, label: str, engine: Dialect | None) -> Dialect:
    """The service's engine, when the scheme agrees; `postgresql+psycopg` is taken as `postgresql`."""
    dialect = SCHEMES.get(parts.scheme.partition("+")[0].lower())
    if dialect is None:
        raise _wrong(label, "its scheme is not known", "Begin it with postgresql://, mysql:// or mariadb://.")
    if engine is None or engine is dialect:
        return dialect
    if Dialect.postgresql in (engine, dialect):
        raise _wrong(
            label,
            f"it is a {dialect.value} URL, but the service is configured as {engine.value}",
            "Correct `engine` in ferrybot.yaml or the URL.",
        )
    return engine  # MariaDB's tools write mysql:// too


def _query(parts: SplitResult, label: str) -> dict[str, str]:
    _check_escapes(parts.query, "a parameter", label)
    query: dict[str, str] = {}
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key in _TLS_KEYS:
            key = "sslmode"
        elif key in _ROOT_KEYS:
            key = "sslrootcert"
        elif key != "host":
            _refuse_unknown(key, label)
            continue
        if key in query:
            raise _wrong(label, f"{key} is there twice", f"Keep one {key}.")
        query[key] = value
    return query


def _refuse_unknown(key: str, label: str) -> None:
    if key in _IGNORED or key.startswith("keepalives"):
        return
    if key in _KNOWN:
        raise _wrong(label, f"the parameter {key} is not supported", f"Remove {key}.")
    raise _wrong(
        label,
        "after the ? stands a parameter that Ferrybot does not know",
        f"Known ones are sslmode, sslrootcert and host. {_ENCODE}",
    )


def _address(address: str, query: Mapping[str, str], label: str) -> tuple[str, int | None]:
    """Host and port; brackets mark IPv6; `?host=/folder` a Unix socket."""
    if "," in address:
        raise _wrong(label, "it names several hosts", "Name exactly one server, the primary.")
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", address)
    host, port = bracketed.groups() if bracketed else (address.partition(":")[0], address.partition(":")[2])
    if "host" in query:
        if host or not PurePosixPath(query["host"]).is_absolute():
            raise _wrong(label, "?host= is only for the folder of a Unix socket", "Write …@HOST:PORT/DATABASE.")
        return query["host"], _port(port, label)
    host = _decoded(host, "the host", label)
    if not host:
        raise _wrong(label, "it names no host", "Write …@HOST:PORT/DATABASE.")
    if not _HOST.fullmatch(host) or (bracketed is not None and ":" not in host):
        raise _wrong(label, "the host is not readable")
    return host, _port(port, label)


def _port(port: str | None, label: str) -> int | None:
    if not port:
        return None
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        raise _wrong(label, "the port is not a number from 1 to 65535")
    return int(port)


def _decoded(text: str, what: str, label: str) -> str:
    _check_escapes(text, what, label)
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        plain = "\x00"  # reported below, away from the handler: the error holds the text
    if "\x00" in plain:
        raise _wrong(label, f"{what} holds bytes that are not text", "Percent-encode it as UTF-8.")
    return plain


def _check_escapes(text: str, what: str, label: str) -> None:
    if _BAD_ESCAPE.search(text):
        raise _wrong(label, f"in {what} stands a % without two hexadecimal digits")


def _tls(query: Mapping[str, str], host: str, label: str) -> TlsMode:
    word = query.get("sslmode")
    if word is None:
        return default_tls(host)
    mode = _TLS.get(word.lower())
    if mode is None:
        raise _wrong(
            label,
            "its sslmode is not one of disable, prefer, require, verify-full",
            "allow gives no protection: choose prefer. Instead of verify-ca choose verify-full.",
        )
    return mode


def _tls_root(query: Mapping[str, str], label: str) -> str | None:
    root = query.get("sslrootcert")
    if root is None or root == "system" or PurePosixPath(root).is_absolute():
        return root
    raise _wrong(label, "sslrootcert is not an absolute path", "Write the whole path of the CA file, or system.")
