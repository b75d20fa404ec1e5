"""Names that lead elsewhere: what was judged is what is connected to, whatever DNS says later."""

from __future__ import annotations

import dataclasses
import socket
import threading

import pytest
from pydantic import SecretStr
from redis import Redis

from jobs.adapters import resolve
from jobs.adapters.secrets import SecretStore, endpoint_of
from jobs.core.errors import Permanent, Transient
from jobs.core.model import Dialect, Endpoint, TlsMode, TypedSource
from jobs.engines.mysql import connect as mysql
from jobs.engines.postgres import connect as postgres
from jobs.engines.postgres.tools import environment_of
from tests.bot.threatened import CANARY

TYPED_SOURCE = TypedSource(
    host="db.example.com", port=5432, database="d", user="u", allowed_hosts=("*.example.com", "10.1.0.0/16")
)


def leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 5432)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize("inside", ["169.254.169.254", "127.0.0.1", "fd00:ec2::254", "::ffff:169.254.169.254"])
def test_a_name_that_moved_inside_is_not_connected_to(monkeypatch: pytest.MonkeyPatch, inside: str) -> None:
    """It was harmless when the form was accepted; the worker asks DNS again and judges again, each address."""
    leads_to(monkeypatch, "203.0.113.7", inside)
    with pytest.raises(Permanent) as caught:
        endpoint_of(TYPED_SOURCE, SecretStore(Redis(port=1)))
    assert "db.example.com" in caught.value.what and caught.value.object == "host"


def test_a_name_that_is_gone_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch)
    with pytest.raises(Transient, match="unknown here"):
        resolve.pinned(TYPED_SOURCE)


def test_a_source_typed_before_lists_were_kept_goes_on() -> None:
    assert resolve.pinned(TYPED_SOURCE.model_copy(update={"allowed_hosts": None})) == ()


def test_what_was_judged_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name stays for TLS to verify; the addresses are those that were judged, in connections and in tools."""
    leads_to(monkeypatch, "203.0.113.7", "203.0.113.8")
    endpoint = endpoint_of(TYPED_SOURCE, SecretStore(Redis(port=1)))
    asked = postgres.connection_parameters(endpoint)
    assert (asked["hostaddr"], asked["host"]) == ("203.0.113.7,203.0.113.8", "db.example.com,db.example.com")
    environment = environment_of(endpoint)
    assert (environment["PGHOSTADDR"], environment["PGHOST"]) == (asked["hostaddr"], asked["host"])


def test_a_pinned_address_is_used_and_dns_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both drivers knock at the pinned address under a name that no name server knows."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(10)
        port = door.getsockname()[1]
        for connect, dialect in ((postgres.connect, Dialect.postgresql), (mysql.connect, Dialect.mysql)):
            address = Endpoint("x", dialect, "db.invalid", port, "d", "u", SecretStr(CANARY), TlsMode.prefer)
            endpoint = dataclasses.replace(address, addresses=("127.0.0.1",))
            knocked: list[bool] = []

            def answer(knocked: list[bool] = knocked) -> None:
                line, _ = door.accept()
                knocked.append(True)
                line.close()

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises((Transient, Permanent)) as caught:
                connect(endpoint, purpose="test")
            thread.join(10)
            assert knocked == [True] and CANARY not in str(caught.value)
