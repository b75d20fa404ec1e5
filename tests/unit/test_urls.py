"""Connection URLs: what is read, what is refused, and that no error repeats a password."""

import traceback
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from jobs.core.errors import Permanent
from jobs.core.model import Dialect, Endpoint, TlsMode
from jobs.core.urls import parse_url

CANARY = "Tr0ub4dor"


def parse(url: str, **options: Any) -> Endpoint:
    return parse_url(SecretStr(url), label="orders", **options)


def refused(url: str, **options: Any) -> str:
    with pytest.raises(Permanent) as caught:
        parse(url, **options)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.problem())
    assert CANARY not in told
    assert CANARY[:4] not in told
    assert caught.value.remedy
    return caught.value.what


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password", "database", "tls"),
    [
        ("postgresql://u:p%40ss@h:1/d", "h", 1, "u", "p@ss", "d", TlsMode.require),
        ("postgres://u@db.example.com/d", "db.example.com", 5432, "u", "", "d", TlsMode.require),
        ("postgresql+psycopg://u:p@127.0.0.1/d", "127.0.0.1", 5432, "u", "p", "d", TlsMode.prefer),
        ("postgresql://u:p@localhost/d", "localhost", 5432, "u", "p", "d", TlsMode.prefer),
        ("postgresql://u:p@[::1]:6/d", "::1", 6, "u", "p", "d", TlsMode.prefer),
        ("postgresql://u:p@[2001:db8::1]/d", "2001:db8::1", 5432, "u", "p", "d", TlsMode.require),
        ("mysql://u:p@h/d", "h", 3306, "u", "p", "d", TlsMode.require),
        ("mysql://u:p@h/d?ssl-mode=VERIFY_IDENTITY", "h", 3306, "u", "p", "d", TlsMode.verify_full),
        ("mariadb://u:p@h:3307/d?sslmode=disable", "h", 3307, "u", "p", "d", TlsMode.disable),
        ("postgresql://u:a@b:c@h/d", "h", 5432, "u", "a@b:c", "d", TlsMode.require),
        ("postgresql://%C3%BC:p@h/my%2Fdb%20x", "h", 5432, "ü", "p", "my/db x", TlsMode.require),
        ("postgresql://u:p@/d?host=/run/pg", "/run/pg", 5432, "u", "p", "d", TlsMode.prefer),
        ("postgresql://u:p@h/d?connect_timeout=3&keepalives=1", "h", 5432, "u", "p", "d", TlsMode.require),
        ("  postgresql://u:p@h/d\n", "h", 5432, "u", "p", "d", TlsMode.require),
    ],
)
def test_read(url: str, host: str, port: int, user: str, password: str, database: str, tls: TlsMode) -> None:
    found = parse(url)
    assert (found.host, found.port, found.user, found.database, found.tls) == (host, port, user, database, tls)
    assert found.password.get_secret_value() == password
    assert password == "" or "SecretStr('**********')" in repr(found)


def test_certificates_and_options() -> None:
    found = parse("postgresql://u:p@h/d?sslmode=verify-full&sslrootcert=/etc/ca.pem", measure_disk=True)
    assert (found.tls, found.tls_root, found.measure_disk) == (TlsMode.verify_full, "/etc/ca.pem", True)
    assert parse("postgresql://u:p@h/d?sslrootcert=system").tls_root == "system"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is empty"),
        (CANARY, "no scheme"),
        (f"u:{CANARY}@h/d", "no scheme"),
        (f"redis://u:{CANARY}@h/d", "scheme is not known"),
        (f"postgresql://:{CANARY}@h/d", "no user"),
        (f"postgresql://u:{CANARY}@h", "no database"),
        (f"postgresql://u:{CANARY}@/d", "no host"),
        (f"postgresql://u:{CANARY}@a,b/d", "several hosts"),
        (f"postgresql://u:{CANARY}@h:99999/d", "port"),
        (f"postgresql://u:{CANARY}@h:port/d", "port"),
        (f"postgresql://u:{CANARY}@h o/d", "host is not readable"),
        (f"postgresql://u:{CANARY}@[h/d", "not readable"),
        (f"postgresql://u:{CANARY}@h/d?sslmode=verify-ca", "sslmode"),
        (f"postgresql://u:{CANARY}@h/d?sslmode={CANARY}", "sslmode"),
        (f"postgresql://u:{CANARY}@h/d?sslmode=disable&ssl-mode=require", "twice"),
        (f"postgresql://u:{CANARY}@h/d?sslrootcert=ca.pem", "absolute path"),
        (f"postgresql://u:{CANARY}@h/d?sslcert=/x", "sslcert is not supported"),
        (f"postgresql://u:{CANARY}@h/d?host=/x", "Unix socket"),
        # a password with bare separators: its pieces end up where they do not belong
        (f"postgresql://u:a?{CANARY}@h/d", "after the ?"),
        (f"postgresql://u:a#{CANARY}@h/d", "bare #"),
        (f"postgresql://u:{CANARY}/x@h/d", "port is not a number|no user"),
        (f"postgresql://u:100%{CANARY}@h/d", "% without"),
        (f"postgresql://u:%ff{CANARY}@h/d", "not text"),
        (f"postgresql://u:%00{CANARY}@h/d", "not text"),
    ],
)
def test_refused_with_the_reason_but_without_the_password(url: str, said: str) -> None:
    assert any(part in refused(url) for part in said.split("|"))


def test_scheme_and_engine_must_agree() -> None:
    assert "configured as mysql" in refused(f"postgresql://u:{CANARY}@h/d", engine=Dialect.mysql)
    assert parse("mysql://u:p@h/d", engine=Dialect.mariadb).dialect is Dialect.mariadb


@given(st.text(min_size=1).filter(lambda t: "\x00" not in t and t.isprintable()))
def test_every_password_survives_percent_encoding(password: str) -> None:
    found = parse(f"postgresql://u:{quote(password, safe='')}@h/d")
    assert found.password.get_secret_value() == password
