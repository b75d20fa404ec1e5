"""Free disk on the target: MariaDB's plugin DISKS is the only way in which a server of this family can say it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

import pymysql

from jobs.core.errors import FerrybotError
from jobs.core.model import Endpoint
from jobs.engines.mysql.connect import connect, said, scrub
from jobs.engines.mysql.facts import Fact, Server
from jobs.engines.mysql.reader import Reader
from jobs.ports.engine import Room


def free_bytes(reader: Reader, server: Server) -> Fact[int]:
    """Bytes available where the data folder is. Needs the plugin and FILE."""
    return _measured(reader, server.settings.get("datadir", ""))


def room(endpoint: Endpoint) -> Room:
    """What is free where the data folder is, asked in a session of its own."""
    try:
        with closing(connect(endpoint, purpose="disk")) as connection:
            reader = Reader(connection, endpoint)
            found = _measured(reader, str(reader.rows("select @@datadir")[0][0]))
            return Room(found.value, found.reason, ever=reader.flavour.kind == "mariadb")
    except FerrybotError as error:
        return Room(unknown=error.what)
    except (pymysql.MySQLError, OSError) as error:
        return Room(unknown=said(scrub(str(error), endpoint)))


def _measured(reader: Reader, folder: str) -> Fact[int]:
    if reader.flavour.kind != "mariadb":
        return Fact(reason="MySQL has no way to say it")
    read = reader.fact(lambda: reader.rows("select path, available from information_schema.disks"))
    if read.value is None:
        return Fact(reason=f"the plugin DISKS does not answer: {read.reason}")
    return available(read.value, folder)


def available(disks: Iterable[tuple[str, int]], folder: str) -> Fact[int]:
    """Of (mount point, KiB available) the bytes of the longest mount point that holds `folder`."""
    holding = [(path, kib) for path, kib in disks if _within(folder, path)]
    if not holding:
        return Fact(reason="the plugin DISKS does not list the disk of the data folder")
    return Fact(int(max(holding, key=lambda disk: len(disk[0]))[1]) * 1024)


def _within(folder: str, path: str) -> bool:
    return bool(folder) and (folder + "/").startswith(path.rstrip("/") + "/")
