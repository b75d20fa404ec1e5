"""What only the ledger in PostgreSQL promises: it makes itself, refuses changes, and knows what a broken line did."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from selectors import EVENT_READ, DefaultSelector

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from bot.sandbox.servers import PostgresServer
from jobs.adapters.ledger_postgres import PostgresLedger
from jobs.core.errors import Conflict, FerrybotError, LedgerAway, Permanent
from jobs.core.events import Noted
from tests.support.servers import Database, FreshDatabase
from tests.support.tcp_proxy import Proxy

MIGRATION = "m0000000001"
CANARY = "Tr0ub4dor-canary"
Open = Callable[[str], PostgresLedger]


@pytest.fixture
def opened() -> Iterator[Open]:
    with contextlib.ExitStack() as after:

        def new(url: str) -> PostgresLedger:
            ledger = PostgresLedger(SecretStr(url))
            after.callback(ledger.release)
            return ledger

        yield new


@pytest.fixture
def database(pg15: PostgresServer, fresh_db: FreshDatabase) -> Database:
    return fresh_db(pg15)


def note(text: str) -> Noted:
    return Noted(run=1, text=text)


def texts(ledger: PostgresLedger) -> list[str]:
    return [r.event.text for r in ledger.read(MIGRATION) if isinstance(r.event, Noted)]


def test_many_processes_start_at_once_on_an_empty_database(database: Database, opened: Open) -> None:
    gate, raised = threading.Barrier(8), list[BaseException]()

    def start(number: int) -> None:
        ledger = opened(database.url)
        gate.wait()
        try:
            ledger.append(f"m000000000{number}", 0, [note("a")])
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=start, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == []
    assert len(opened(database.url).open()) == 8


@pytest.mark.parametrize(
    "change",
    ["update ferrybot_ledger.story set version = 9", "delete from ferrybot_ledger.story",
     "truncate ferrybot_ledger.story", "delete from ferrybot_ledger.story where false"],
)  # fmt: skip
def test_what_happened_is_never_changed(database: Database, opened: Open, change: str) -> None:
    """Not even by the superuser who owns the table."""
    opened(database.url).append(MIGRATION, 0, [note("a")])
    with database.connect() as own, pytest.raises(psycopg.errors.RaiseException, match="never changed"):
        own.execute(change.encode())
    assert texts(opened(database.url)) == ["a"]


GRANTS = (
    "grant usage on schema ferrybot_ledger to {}",
    "grant select, insert on ferrybot_ledger.story to {}",
    "grant select, insert, update on ferrybot_ledger.migration, ferrybot_ledger.paper to {}",
)
"""As docs/operations.md says."""


def login(database: Database, *grants: str) -> str:
    """A role with these grants and no others; its URL."""
    name = f"clerk_{database.name}"
    with database.connect() as own:
        own.execute(sql.SQL("create role {} login password {}").format(sql.Identifier(name), CANARY))
        for grant in grants:
            own.execute(sql.SQL(grant).format(sql.Identifier(name)))
    return database.server.url(database.name, user=name, password=CANARY)


def test_a_role_that_may_only_add(database: Database, opened: Open) -> None:
    opened(database.url).ready()
    clerk = opened(login(database, *GRANTS))
    clerk.ready()
    assert clerk.append(MIGRATION, 0, [note("a")]) == 1
    clerk.attach(MIGRATION, "x", "y")
    clerk.attach(MIGRATION, "x", "z")
    clerk.close(MIGRATION)
    assert clerk.append(MIGRATION, 1, [note("b")]) == 2
    assert list(clerk.open()) == [MIGRATION] and clerk.attachment(MIGRATION, "x") == "z"
    url = database.server.url(database.name, user=f"clerk_{database.name}", password=CANARY)
    with psycopg.connect(url) as own, pytest.raises(psycopg.errors.InsufficientPrivilege):
        own.execute("delete from ferrybot_ledger.story")


@pytest.mark.parametrize("made", [False, True])
def test_a_role_that_may_not(database: Database, opened: Open, made: bool) -> None:
    if made:
        opened(database.url).ready()
    with pytest.raises(Permanent) as caught:
        opened(login(database)).append(MIGRATION, 0, [note("a")])
    assert "docs/operations.md" in caught.value.remedy
    assert CANARY not in f"{caught.value.what}{caught.value.remedy}"


def test_a_server_that_restarts(database: Database, opened: Open, pg15: PostgresServer) -> None:
    ledger = opened(database.url)
    ledger.append(MIGRATION, 0, [note("a")])
    pg15.stop("fast")
    pg15.start()
    assert texts(ledger) == ["a"], "over a new connection, and nobody noticed"
    pg15.stop("immediate")
    with pytest.raises(LedgerAway, match="nothing was done"):
        ledger.append(MIGRATION, 1, [note("b")])
    with pytest.raises(LedgerAway):
        ledger.read(MIGRATION)
    pg15.start()
    assert ledger.append(MIGRATION, 1, [note("b")]) == 2
    assert texts(ledger) == ["a", "b"]


class Swallowing(Proxy):
    """Passes everything on until `armed`; then the next `answers` answers are kept back and their line is cut."""

    armed = False
    answers = 1

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, DefaultSelector() as selector, contextlib.suppress(OSError):
            selector.register(client, EVENT_READ, server)
            selector.register(server, EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    assert isinstance(key.fileobj, socket.socket)
                    data = key.fileobj.recv(65536)
                    if key.fileobj is server and self.armed and self.answers:
                        self.answers -= 1
                        return
                    if not data:
                        return
                    key.data.sendall(data)


def test_a_decision_whose_answer_was_lost_is_written_once(database: Database, opened: Open) -> None:
    proxy = Swallowing(database.server.port, 0)
    with proxy:
        ledger = opened(database.url.replace(f":{database.server.port}/", f":{proxy.port}/"))
        ledger.append(MIGRATION, 0, [note("a")])
        proxy.armed = True
        assert ledger.append(MIGRATION, 1, [note("b"), note("c")]) == 3, "it was ours"
        assert proxy.answers == 0
        assert texts(ledger) == ["a", "b", "c"]
        with pytest.raises(Conflict):
            ledger.append(MIGRATION, 1, [note("x")])


def test_when_nobody_can_know_it_is_said(database: Database, opened: Open) -> None:
    proxy = Swallowing(database.server.port, 0)
    with proxy:
        ledger = opened(database.url.replace(f":{database.server.port}/", f":{proxy.port}/"))
        ledger.append(MIGRATION, 0, [note("a")])
        proxy.answers, proxy.armed = 100, True
        with pytest.raises(LedgerAway, match="not known") as caught:
            ledger.append(MIGRATION, 1, [note("b")])
        assert "nothing was done" not in caught.value.what
    assert texts(opened(database.url)) == ["a", "b"]


@pytest.mark.parametrize(
    ("user", "name", "said"),
    [("postgres", "nowhere", "does not exist"), ("nobody_here", "postgres", "nobody_here")],
)
def test_what_the_server_refuses_is_said_without_the_password(
    pg15: PostgresServer, opened: Open, user: str, name: str, said: str
) -> None:
    with pytest.raises(FerrybotError) as caught:
        opened(pg15.url(name, user=user, password=CANARY)).ready()
    assert isinstance(caught.value, Permanent)
    assert CANARY not in str(caught.value) and "LEDGER_URL" in caught.value.remedy


def test_a_database_that_cannot_hold_every_text(pg15: PostgresServer, database: Database, opened: Open) -> None:
    with psycopg.connect(pg15.dsn(), autocommit=True) as connection:
        connection.execute(f"create database latin_{database.name} template template0 encoding 'LATIN1' locale 'C'")
        try:
            with pytest.raises(Permanent, match="LATIN1"):
                opened(pg15.url(f"latin_{database.name}")).ready()
        finally:
            connection.execute(f"drop database latin_{database.name} with (force)")
