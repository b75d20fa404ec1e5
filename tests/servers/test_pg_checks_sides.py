"""Sides that cannot be reached, are one and the same, hide something, or are cut off by what stands before them."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from bot.sandbox.binaries import CACHE_VARIABLE
from bot.sandbox.servers import PostgresServer
from jobs.core.model import Endpoint, Severity, TlsMode, blockers
from jobs.engines.postgres.facts import Fact, Replica, Replication, Slot, Speed, Standby, Unreachable
from jobs.engines.postgres.inspect import inspect
from jobs.engines.postgres.inventory import Inventory, Side, Tool
from tests.support.inspection import PASSWORD, asked, endpoint, judge, results
from tests.support.servers import Database, FreshDatabase, database_with


@pytest.fixture
def pair(pg15: PostgresServer, pg18: PostgresServer, fresh_db: FreshDatabase) -> tuple[Database, Database]:
    """An empty source and an empty target."""
    return fresh_db(pg15), fresh_db(pg18)


def changed(inventory: Inventory, side: str, **facts: object) -> Inventory:
    """The inventory with other facts of one side: for what no test server can be brought to."""
    old = inventory.source if side == "source" else inventory.target
    return inventory.model_copy(update={f"{side}_side": old.model_copy(update=facts)})


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"password": "not it"}, "password"),
        ({"database": "no such"}, "database"),
        ({"port": 1}, "port"),
        ({"host": "no-such-host.invalid"}, "host"),
        ({"tls": TlsMode.require}, "tls"),
    ],
)
def test_a_side_out_of_reach_is_a_fact(
    pg15: PostgresServer, pg18: PostgresServer, wrong: dict[str, object], field: str
) -> None:
    values = dict(wrong)
    if "password" in values:
        values["password"] = SecretStr("not it")
    source = endpoint(Database(pg15, "postgres"), **values)  # type: ignore[arg-type]  # a table of mixed values
    inventory = inspect(asked(source, endpoint(Database(pg18, "postgres"))))
    found = judge(inventory)
    assert isinstance(inventory.source_side, Unreachable)
    assert [f.field for f in found["connect"].findings] == [field]
    assert found["row_security"].skipped == "The source could not be reached."
    assert found["row_security"].severity is Severity.unknown
    assert not found["target_writable"].skipped
    assert source.password.get_secret_value() not in inventory.model_dump_json()


def test_both_sides_out_of_reach(pg15: PostgresServer) -> None:
    lost = endpoint(Database(pg15, "no such"))
    found = judge(inspect(asked(lost, lost)))
    assert [f.side for f in found["connect"].findings] == ["source", "target"]
    # The hold was not asked for, so nothing was to be looked at.
    assert [name for name, r in found.items() if r.severity is None] == ["hold_source"]


def test_no_password_in_facts_or_findings(pair: tuple[Database, Database]) -> None:
    inventory = inspect(asked(endpoint(pair[0]), endpoint(pair[1])))
    everything = inventory.model_dump_json() + repr(inventory) + "".join(map(repr, judge(inventory).values()))
    assert pair[0].server.password not in everything
    assert "ferry &" not in everything


def test_tls_is_seen(pg17_tls: PostgresServer, pg18: PostgresServer) -> None:
    ends = endpoint(Database(pg17_tls, "postgres"), tls=TlsMode.require), endpoint(Database(pg18, "postgres"))
    found = results(*ends)["tls"]
    assert [f.side for f in found.findings] == ["target"]
    trusting = endpoint(Database(pg17_tls, "postgres"), tls=TlsMode.verify_full, tls_root=str(pg17_tls.ca_file))
    assert not [f for f in results(trusting, ends[1])["connect"].findings if f.side == "source"]


def test_same_database(pair: tuple[Database, Database], fresh_db: FreshDatabase) -> None:
    source, target = pair
    same = results(endpoint(source), endpoint(source, host="localhost"))["same_database"]
    assert [(f.severity, f.field) for f in same.findings] == [(Severity.block, "database")]
    neighbour = fresh_db(source.server)
    assert results(endpoint(source), endpoint(neighbour))["same_database"].severity is None
    assert results(endpoint(source), endpoint(target))["same_database"].severity is None


def test_encoding_and_locale(pair: tuple[Database, Database]) -> None:
    with database_with(pair[0].server, "ascii", "encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'") as ascii_only:
        found = results(endpoint(ascii_only), endpoint(pair[1]))
        assert found["encoding"].severity is Severity.block
        assert "no text in any encoding" in found["encoding"].findings[0].message
        assert found["collations"].severity is Severity.warn
        assert results(endpoint(ascii_only), endpoint(ascii_only))["encoding"].severity is Severity.warn
    assert results(endpoint(pair[0]), endpoint(pair[1]))["encoding"].severity is None


def test_disk(pair: tuple[Database, Database]) -> None:
    with pair[0].connect() as connection:
        connection.execute("create table t (id int primary key, v text)")
        connection.execute("insert into t select i, repeat('x', 500) from generate_series(1, 20000) i")
    inventory = inspect(asked(endpoint(pair[0]), endpoint(pair[1], measure_disk=True)))
    free, table = inventory.target.free_bytes.get(), inventory.selected[0]
    assert abs(free - shutil.disk_usage(pair[1].server.folder).free) < 2 << 30
    assert table.bytes < 15 << 20 and table.largest_index_bytes > 0
    assert "(measured)" in judge(inventory)["disk"].detail
    # rows and index, the sort of the index, and as much WAL, which is less than max_wal_size
    need = 2 * table.bytes + table.largest_index_bytes
    for have, verdict in (
        (need - 1, Severity.block),
        (need, Severity.warn),
        (int(need * 1.29), Severity.warn),
        (int(need * 1.31), None),
    ):
        stated = changed(inventory, "target", free_bytes=Fact()).model_copy(update={"stated_free_bytes": have})
        assert judge(stated)["disk"].severity is verdict


def test_disk_by_a_plain_user(pair: tuple[Database, Database]) -> None:
    with pair[1].connect() as connection:
        connection.execute(sql.SQL("create role plain login password {}").format(PASSWORD))
    measuring = endpoint(pair[1], "plain", measure_disk=True)
    found = results(endpoint(pair[0]), measuring, free=1 << 40)["disk"]
    assert found.severity is None
    inventory = inspect(asked(endpoint(pair[0]), measuring))
    assert "permission denied" in inventory.target.free_bytes.reason


def test_what_is_hidden_is_unknown_and_never_passed(pair: tuple[Database, Database]) -> None:
    with pair[0].connect() as connection:
        connection.execute(sql.SQL("create role plain login password {}").format(PASSWORD))
        connection.execute("revoke select on pg_publication from public")
        connection.execute("revoke execute on function pg_control_system() from public")
    source = endpoint(pair[0], "plain")
    found = results(source, endpoint(pair[1]))
    for check in ("publications", "large_objects", "unvalidated"):
        assert found[check].severity is Severity.unknown
        assert "permission denied for table pg_publication" in found[check].findings[0].message
    assert found["primary_keys"].severity is None


def test_a_standby_a_hidden_replica_an_old_tool(pair: tuple[Database, Database]) -> None:
    inventory = inspect(asked(endpoint(pair[0]), endpoint(pair[1])))
    behind = Replication(
        replicas=(
            Replica(name="far", state="streaming", lag_bytes=1 << 30),
            Replica(name="near", state="streaming", lag_bytes=1000),
            Replica(name="hidden", state=None, lag_bytes=None),
        ),
        slots=(
            Slot(name="used", active=True, retained_bytes=1 << 30),
            Slot(name="slow", active=True, retained_bytes=(1 << 30) + 1),
            Slot(name="idle", active=False, retained_bytes=0),
            Slot(name="lost", active=False, retained_bytes=None, lost=True),
        ),
    )
    target = changed(inventory, "target", replication=Fact(value=behind))
    assert [(f.object, f.severity) for f in judge(target)["replication"].findings] == [
        ("far", Severity.warn),
        ("hidden", Severity.unknown),
    ]
    assert [(f.object, f.severity) for f in judge(target)["slots"].findings] == [
        ("slow", Severity.warn),
        ("idle", Severity.warn),
    ]
    source = changed(inventory, "source", replication=Fact(value=behind))
    assert [(f.object, f.severity) for f in judge(source)["slots"].findings] == [
        ("slow", Severity.warn),
        ("idle", Severity.inform),
    ]
    server = inventory.target.server.model_copy(update={"in_recovery": True})
    assert judge(changed(inventory, "target", server=server))["target_writable"].severity is Severity.block
    follows = Standby(feedback=True, delay_ms=30_000, upstream="", receiving=True, paused=False, lag_seconds=None)
    for lag, receiving, severity in (
        (61.0, True, "warn"),
        (None, True, "warn"),
        (59.0, False, "warn"),
        (59.0, True, ""),
    ):
        standby = follows.model_copy(update={"lag_seconds": lag, "receiving": receiving})
        late = changed(inventory, "source", server=server, standby=Fact(value=standby))
        assert judge(late)["replication"].severity == (Severity(severity) if severity else None)
    near_the_end = inventory.source.server.model_copy(update={"freeze_age": 1_500_000_000})
    assert judge(changed(inventory, "source", server=near_the_end))["wraparound"].severity is Severity.warn
    drifted = inventory.source.server.model_copy(update={"collation_version": "2.31"})
    later = changed(inventory, "source", server=drifted, default_collation=Fact(value="2.36"))
    assert judge(later)["collation_versions"].severity is Severity.warn
    for tool, expected in ((Tool(major=14, text="14.2"), Severity.block), (Tool(major=15, text="15.1"), None)):
        assert judge(inventory.model_copy(update={"tool": Fact(value=tool)}))["tools"].severity is expected


def test_a_far_or_slow_side_is_told_and_a_near_one_is_not(pair: tuple[Database, Database]) -> None:
    inventory = inspect(asked(endpoint(pair[0]), endpoint(pair[1])))
    measured = inventory.source.speed.get()
    assert 0 < measured.round_trip_seconds < 10 and measured.bytes_per_second > 0
    near = changed(inventory, "source", speed=Fact(value=Speed(round_trip_seconds=0.05, bytes_per_second=10_000_000)))
    for seconds, rate, sides in (
        (0.05, 10_000_000, []),
        (0.051, 10_000_000, ["target"]),
        (0.05, 9_999_999, ["target"]),
    ):
        speed = Fact[Speed](value=Speed(round_trip_seconds=seconds, bytes_per_second=rate))
        found = judge(changed(near, "target", speed=speed))["speed"]
        assert [f.side for f in found.findings] == sides
        assert found.severity is (Severity.inform if sides else None)


def test_nothing_blocks_two_plain_databases(pair: tuple[Database, Database]) -> None:
    assert blockers(list(results(endpoint(pair[0]), endpoint(pair[1]), free=1 << 40).values())) == []


FETCHED = Path(os.environ[CACHE_VARIABLE]) / "bin" / "pgbouncer"
NAMES = (os.environ.get("FERRYBOT_PGBOUNCER", ""), "pgbouncer", "/usr/sbin/pgbouncer", str(FETCHED))
POOLER = next((path for name in NAMES if name and (path := shutil.which(name))), "")


@contextlib.contextmanager
def pgbouncer(database: Database, mode: str, folder: Path, size: int = 20) -> Iterator[Endpoint]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = database.server
    quoted = server.password.replace("'", "''")
    (folder / "ini").write_text(
        f"[databases]\n{database.name} = host={server.host} port={server.port} user=postgres password='{quoted}'\n"
        f"[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={port}\nauth_type=any\n"
        f"pool_mode={mode}\ndefault_pool_size={size}\nunix_socket_dir=\nmin_pool_size=0\n"
    )
    user = ["-u", "nobody"] if os.geteuid() == 0 else []  # it refuses root
    with subprocess.Popen([POOLER, "-q", *user, str(folder / "ini")], stderr=subprocess.DEVNULL) as process:
        try:
            _until_open(port)
            yield endpoint(database, port=port, password=SecretStr("pooled"))
        finally:
            process.kill()


def _until_open(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError("pgbouncer did not start")


@pytest.mark.skipif(not POOLER, reason="PgBouncer is not here: tools/fetch_servers.sh fetches it")
@pytest.mark.parametrize(("mode", "severity"), [("transaction", Severity.block), ("session", Severity.warn)])
def test_pooler(pair: tuple[Database, Database], tmp_path: Path, mode: str, severity: Severity) -> None:
    with pgbouncer(pair[0], mode, tmp_path) as pooled:
        inventory = inspect(asked(pooled, endpoint(pair[1])))
        found = judge(inventory)
        assert [(f.severity, f.field) for f in found["pooler"].findings] == [(severity, "port")]
        assert isinstance(inventory.source_side, Side if mode == "session" else Unreachable)
        if mode == "transaction":
            with psycopg.connect(pooled_dsn(pooled), autocommit=True) as next_client:
                row = next_client.execute("select current_setting('search_path')").fetchone()
            assert row == ('"$user", public',)  # we left nothing in a session that serves somebody else now


@pytest.mark.skipif(not POOLER, reason="PgBouncer is not here: tools/fetch_servers.sh fetches it")
def test_a_pool_of_one_does_not_hang_us(pair: tuple[Database, Database], tmp_path: Path) -> None:
    with pgbouncer(pair[0], "transaction", tmp_path, size=1) as pooled:
        found = results(pooled, endpoint(pair[1]))
    assert found["pooler"].severity is Severity.block


def pooled_dsn(pooled: Endpoint) -> str:
    return f"host=127.0.0.1 port={pooled.port} dbname={pooled.database} user=postgres password=pooled"


def test_no_pooler(pair: tuple[Database, Database]) -> None:
    assert results(endpoint(pair[0]), endpoint(pair[1]))["pooler"].severity is None
