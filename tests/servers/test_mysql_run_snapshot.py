"""How the sessions of a run are known to see one instant, and what they never do."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pymysql
import pytest
from pydantic import SecretStr

from bot.sandbox.servers import MariaDbServer
from jobs.core.model import Options
from jobs.engines.mysql import session
from jobs.engines.mysql.conductor import conduct
from jobs.engines.mysql.connect import Connection, connect, rows, run
from jobs.ports.engine import Asked
from tests.servers.mysql_run import Migration, databases, endpoint, work
from tests.servers.pg_run import Spy

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def quiet_server() -> Iterator[MariaDbServer]:
    """Without a binary log."""
    with MariaDbServer(settings={"skip-log-bin": "1"}) as server:
        yield server


@dataclass
class AsReader(Migration):
    """The source's user may do what is said and nothing else."""

    reader: tuple[str, str] = ("", "")

    def asked(self) -> Asked:
        asked = super().asked()
        source = endpoint(self.source, *self.reader) if self.reader[0] else asked.source
        return Asked(asked.migration, source, asked.target, asked.options)


@pytest.fixture
def pair(quiet_server: MariaDbServer, mariadb_server: MariaDbServer) -> Iterator[AsReader]:
    with databases(quiet_server, 1) as (source,), databases(mariadb_server, 1) as (target,):
        source.run("create table t (a int primary key)", "insert into t values (1), (2)")
        yield AsReader(source, target, Options(parallelism=3))


@pytest.mark.parametrize(
    ("rights", "readers", "how"),
    [
        ("select, lock tables, show view, trigger, event", 3, "a moment without writers for every session"),
        ("select, show view, trigger, event", 1, "one session's snapshot"),
    ],
)
def test_without_a_binary_log(pair: AsReader, rights: str, readers: int, how: str) -> None:
    assert pair.source.rows("select @@log_bin") == [(0,)]
    plan = pair.plan()
    name, password = f"reader_{secrets.token_hex(3)}", secrets.token_hex(8)
    pair.source.run(
        f"create user {name} identified by '{password}'", f"grant {rights} on `{pair.source.name}`.* to {name}"
    )
    pair.reader = (name, password)
    with conduct(pair.asked(), plan) as conductor:
        conductor.prepare(Spy())
        assert conductor._snapshot is not None
        assert (conductor.own_lanes, conductor._snapshot.how) == (readers, how)
        pair.source.run("delete from t where a = 2")
        work(conductor)
        verdict = conductor.verdict()
    assert verdict.reasons == []
    # No log proves anything, but the table says when it was last written to.
    assert [table.table for table in verdict.written.tables] == [f"{pair.source.name}.t"]
    assert verdict.written.some and not verdict.written.nothing
    assert pair.target.rows("select count(*) from t") == [(2,)]


def test_a_source_that_nobody_wrote_to_says_so(quiet_server: MariaDbServer, mariadb_server: MariaDbServer) -> None:
    with databases(mariadb_server, 1) as (source,), databases(quiet_server, 1) as (target,):
        source.run("create table t (a int primary key)", "insert into t values (1), (2)")
        migration = Migration(source, target)
        verdict = migration.run(finish=False)
        assert verdict.green and verdict.written.nothing and not verdict.written.held
        with conduct(migration.asked(), migration.plan()) as conductor:
            assert conductor.undo(Spy())


def test_a_commit_between_two_sessions_is_noticed(
    mariadb_server: MariaDbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, late = session._begin, iter([1, 2, 3])
    with databases(mariadb_server, 1) as (source,):
        source.run("create table t (a int primary key)")

        def disturbed(sessions: Iterable[Connection]) -> None:
            first, *others = sessions
            begin([first])
            for number in itertools.islice(late, 1 if others else 0):
                source.run(f"insert into t values ({number})")
            begin(others)

        monkeypatch.setattr(session, "_begin", disturbed)
        snapshot = session.take_snapshot(Migration(source, source).asked().source, "m0000000002", 2, ["t"])
        sessions = [snapshot.first, snapshot.borrow(), snapshot.borrow()]
        assert {rows(reader, "select count(*) from t") == [(3,)] for reader in sessions} == {True}
        snapshot.close()


def test_a_server_that_asks_for_a_file_of_ours_gets_none(mariadb_server: MariaDbServer) -> None:
    """Any server may answer any statement so; a file of a worker is nobody's business."""
    with databases(mariadb_server, 1) as (source,):
        source.run("create table t (a text)")
        asked = Migration(source, source).asked().source
        asking = "load data local infile '/etc/hostname' into table t"
        with connect(asked, purpose="test") as plain, pytest.raises(pymysql.MySQLError):
            run(plain, asking)
        with session.open_target(asked, "m0000000002") as loading, pytest.raises(RuntimeError, match="LOAD_LOCAL"):
            run(loading, asking)
        assert source.rows("select * from t") == []


def test_a_password_is_in_no_text(mariadb_server: MariaDbServer) -> None:
    with databases(mariadb_server, 1) as (source,):
        asked = endpoint(source, "root", "wrong but secret")
        with pytest.raises(Exception, match="Access denied") as raised:
            session.open_target(asked, "m0000000002")
        assert "wrong but secret" not in str(raised.value) + repr(asked)
        assert isinstance(asked.password, SecretStr)
