"""Secrets behind references, and one-time links: nothing readable in Redis, nothing twice, nothing too long."""

import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from jobs.adapters.links import LINK_SECONDS, Link, OneTimeLinks
from jobs.adapters.secrets import PREFIX, SecretStore, endpoint_of
from jobs.core.errors import Permanent, Transient
from jobs.core.model import Dialect, Environment, Service, TlsMode, TypedSource
from jobs.logs import redact

CANARY = "c4n&ry/p@ss%w\"o'rd"
KEY = SecretStr("k" * 32)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as connection:
        yield connection


@pytest.fixture
def store(client: redis.Redis) -> SecretStore:
    return SecretStore(client, KEY, {"ORDERS": f"postgresql://u:{CANARY}@h/d", "EMPTY": " "})


def everything(client: redis.Redis) -> str:
    """All that Redis holds, as text."""
    keys = client.keys("*")
    assert isinstance(keys, list)
    return repr([(key, client.dump(key), client.get(key)) for key in keys])


def test_deposit_resolve_forget(client: redis.Redis, store: SecretStore) -> None:
    reference = store.deposit(SecretStr(CANARY), 60)
    assert TypedSource(host="h", port=1, database="d", user="u", password=reference).password == reference
    assert store.resolve(reference).get_secret_value() == CANARY
    assert store.resolve(reference).get_secret_value() == CANARY
    assert 0 < client.ttl(PREFIX + reference.removeprefix("once:")) <= 60
    store.forget("env:ORDERS")
    store.forget(reference)
    with pytest.raises(Permanent, match="no longer kept"):
        store.resolve(reference)


def test_redis_holds_no_canary(client: redis.Redis, store: SecretStore) -> None:
    store.deposit(SecretStr(CANARY), 60)
    token = OneTimeLinks(client).make("m1", "U1", "orders")
    seen = everything(client)
    assert CANARY not in seen
    assert "c4n" not in seen
    assert token not in seen
    assert KEY.get_secret_value() not in seen


def test_a_client_that_decodes_reads_the_same(redis_url: str, store: SecretStore) -> None:
    reference = store.deposit(SecretStr(CANARY), 60)
    with redis.Redis.from_url(redis_url, decode_responses=True) as decoding:
        assert SecretStore(decoding, KEY).resolve(reference).get_secret_value() == CANARY
        token = OneTimeLinks(decoding).make("m1", "U1")
        assert OneTimeLinks(decoding).take(token) == Link("m1", "U1")


def test_a_value_moved_under_another_reference_does_not_open(client: redis.Redis, store: SecretStore) -> None:
    one, other = (store.deposit(SecretStr(word), 60).removeprefix("once:") for word in ("first", "second"))
    client.copy(PREFIX + one, PREFIX + other, replace=True)
    with pytest.raises(Permanent, match="cannot be read"):
        store.resolve(f"once:{other}")


def test_another_key_is_told_from_an_expired_secret(client: redis.Redis, store: SecretStore) -> None:
    reference = store.deposit(SecretStr(CANARY), 60)
    with pytest.raises(Permanent, match="FERRYBOT_SECRET_KEY changed"):
        SecretStore(client, SecretStr("x" * 32)).resolve(reference)
    with pytest.raises(Permanent, match="is not set"):
        SecretStore(client).resolve(reference)
    with pytest.raises(Permanent, match="is not set"):
        SecretStore(client).deposit(SecretStr(CANARY), 60)


def test_environment_and_files(store: SecretStore, tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text(f"{CANARY}\n")
    assert store.resolve(f"file:{path}").get_secret_value() == CANARY
    assert CANARY in store.resolve("env:ORDERS").get_secret_value()


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"x" * 70_000])
def test_a_file_that_holds_something_else(store: SecretStore, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "url"
    path.write_bytes(content)
    with pytest.raises(Permanent, match="does not hold one"):
        store.resolve(f"file:{path}")


@pytest.mark.parametrize("reference", ["env:NONE", "env:EMPTY", "file:/nowhere", "file:/", "once:unknown", "vault:x"])
def test_what_is_not_there_is_permanent_with_a_remedy(store: SecretStore, reference: str) -> None:
    with pytest.raises(Permanent) as caught:
        store.resolve(reference)
    assert caught.value.remedy


def test_without_redis_it_is_transient_and_says_no_address() -> None:
    nowhere = redis.Redis.from_url(f"redis://:{'canary' * 3}@127.0.0.1:1/0")
    for call in (
        lambda: SecretStore(nowhere, KEY).deposit(SecretStr(CANARY), 60),
        lambda: SecretStore(nowhere, KEY).resolve("once:abcdefghijklmnopqrst"),
        lambda: OneTimeLinks(nowhere).make("m1", "U1"),
    ):
        with pytest.raises(Transient) as caught:
            call()
        told = "".join(traceback.format_exception(caught.value))
        assert CANARY not in told
        assert "canarycanary" not in told


def test_endpoints(store: SecretStore) -> None:
    service = Service(
        name="orders",
        engine=Dialect.postgresql,
        environment=Environment.staging,
        secret="env:ORDERS",
        measure_disk=True,
    )
    with pytest.raises(Permanent):  # the canary's % and / are not encoded there
        endpoint_of(service, store)
    typed = TypedSource(host="h", port=1, database="d", user="u", password=store.deposit(SecretStr(CANARY), 60))
    endpoint = endpoint_of(typed, store)
    assert endpoint.password.get_secret_value() == CANARY
    assert (endpoint.label, endpoint.tls) == ("d on h:1", TlsMode.prefer)
    assert CANARY not in repr(endpoint) + repr(store) + repr(service)
    assert endpoint_of(typed.model_copy(update={"password": None}), store).password.get_secret_value() == ""


def test_a_resolved_password_is_hidden_in_logs(client: redis.Redis) -> None:
    store = SecretStore(client, KEY, {"DB": "postgresql://u:Zwiebel%2Fsuppe@h/d"})
    service = Service(name="o", engine=Dialect.postgresql, environment=Environment.staging, secret="env:DB")
    endpoint_of(service, store)
    assert redact("refused: Zwiebel/suppe") == "refused: ***"


def test_a_link_is_shown_often_and_taken_once(client: redis.Redis) -> None:
    links = OneTimeLinks(client)
    token = links.make("m1", "U1", "orders on h")
    assert links.peek(token) == links.peek(token) == Link("m1", "U1", "orders on h")
    keys = client.keys("*")
    assert isinstance(keys, list)
    assert 0 < client.ttl(keys[0]) <= LINK_SECONDS
    assert links.take(token) == Link("m1", "U1", "orders on h")
    assert links.take(token) is None
    assert links.peek(token) is None
    assert links.peek("never made") is None


def test_of_many_takers_one_wins(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as connection:
        links = OneTimeLinks(connection)
        token = links.make("m1", "U1")
        barrier = threading.Barrier(8)
        won: list[Link | None] = []

        def take() -> None:
            barrier.wait()
            won.append(links.take(token))

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(link is not None for link in won) == [False] * 7 + [True]
