"""Oracle's MySQL for tests, where one is: `FERRYBOT_MYSQL` names its folder, else the one that was fetched serves.

The folder is laid out as an installation's prefix: `bin/mysqld`, `bin/mysqldump`, `share/mysql`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from bot.sandbox.binaries import CACHE_VARIABLE, Program
from bot.sandbox.servers import MariaDbServer
from jobs.core.model import Dialect

PREFIX_VARIABLE = "FERRYBOT_MYSQL"
FAMILY = os.environ.get("FERRYBOT_FAMILY", "")
"""A folder as above: every test of the family runs on it instead of MariaDB. Some are of MariaDB's own ways."""
_SETTINGS = {
    "gtid-mode": "ON",
    "enforce-gtid-consistency": "ON",
    "performance-schema": "ON",
    "log-error-verbosity": "1",
    "secure-file-priv": "NULL",
    "local-infile": "ON",  # MySQL's default is off: then rows travel as INSERTs
    "loose-mysqlx": "OFF",
    # Words of some versions only.
    "loose-binlog-row-metadata": "FULL",
    "loose-innodb-log-file-size": "16M",
}
_MARIADBS = ("binlog-row-metadata", "innodb-log-file-size")


class MysqlServer(MariaDbServer):
    """A MySQL server with GTIDs and TLS, else as `MariaDbServer`; root has the server's default way of login."""

    name: ClassVar[str] = "mysql"
    dialect: ClassVar[Dialect] = Dialect.mysql

    def __init__(self, prefix: Path, *, base: Path | None = None) -> None:
        super().__init__(Program(prefix / "bin" / "mysqld"), settings=_SETTINGS, base=base)
        self.prefix = prefix
        for name in _MARIADBS:
            del self.settings[name]
        # Else it would read the files of the system's MySQL or MariaDB.
        share = (prefix / "share" / "mysql").resolve()
        self.settings |= {"lc-messages-dir": str(share), "character-sets-dir": str(share / "charsets")}

    def _prepare(self) -> None:
        self._run([self._program.path, "--no-defaults", "--initialize-insecure", *self._places()])
        self._write_accounts()

    def _places(self) -> list[str]:
        kept = ("loose-innodb-log-file-size", "lc-messages-dir", "character-sets-dir", "secure-file-priv")
        return [f"--datadir={self.data}", *(f"--{name}={self.settings[name]}" for name in kept), *self._user_option()]


def mysql_prefix() -> Path | None:
    """Where a MySQL lies that can be started here."""
    places = [os.environ.get(PREFIX_VARIABLE, ""), str(Path(os.environ.get(CACHE_VARIABLE, "")) / "mysql")]
    return next((Path(place) for place in places if place and (Path(place) / "bin" / "mysqld").exists()), None)


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[MysqlServer]:
    """Oracle's MySQL."""
    prefix = mysql_prefix()
    if prefix is None:
        pytest.skip(f"MySQL is not here: tools/fetch_servers.sh fetches it on Debian, or {PREFIX_VARIABLE} names one")
    with MysqlServer(prefix) as server:
        yield server
