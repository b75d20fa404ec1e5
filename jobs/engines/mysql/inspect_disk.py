"""Free disk on the target: MariaDB's plugin DISKS is the only way in which a server of this family can say it."""

from __future__ import annotations

from collections.abc import Iterable

from jobs.engines.mysql.facts import Fact, Server
from jobs.engines.mysql.reader import Reader


def free_bytes(reader: Reader, server: Server) -> Fact[int]:
    """Bytes available where the data folder is. Needs the plugin and FILE."""
    if reader.flavour.kind != "mariadb":
        return Fact(reason="MySQL has no way to say it")
    read = reader.fact(lambda: reader.rows("select path, available from information_schema.disks"))
    if read.value is None:
        return Fact(reason=f"the plugin DISKS does not answer: {read.reason}")
    return available(read.value, server.settings.get("datadir", ""))


def available(disks: Iterable[tuple[str, int]], folder: str) -> Fact[int]:
    """Of (mount point, KiB available) the bytes of the longest mount point that holds `folder`."""
    holding = [(path, kib) for path, kib in disks if _within(folder, path)]
    if not holding:
        return Fact(reason="the plugin DISKS does not list the disk of the data folder")
    return Fact(int(max(holding, key=lambda disk: len(disk[0]))[1]) * 1024)


def _within(folder: str, path: str) -> bool:
    return bool(folder) and (folder + "/").startswith(path.rstrip("/") + "/")
