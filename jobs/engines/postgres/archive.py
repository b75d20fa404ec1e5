"""The table of contents of a pg_dump archive (`-Fc`): what pg_restore -l shows, and the SQL behind it.

The layout is that of PostgreSQL's `pg_backup_archiver.c` (ReadHead, ReadToc) and `pg_backup_custom.c`
(_ReadExtraToc). Integers are a sign byte and `int_size` bytes, the lowest first; strings an integer length
(-1 for none) and the bytes; numbers within entries are mostly written as strings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from jobs.core.errors import Permanent

MAGIC = b"PGDMP"
OLDEST, NEWEST = (1, 12), (1, 16)
"""1.12 is written by PostgreSQL 9.0 to 10 (and 1.13 since 10.3), 1.16 by 16 to 18."""
_CUSTOM = 1


class Section(IntEnum):
    """Where an entry belongs in the order of a restore."""

    none = 1
    pre_data = 2
    data = 3
    post_data = 4


@dataclass(frozen=True)
class Entry:
    """One object of the archive. `catalog` and `oid` name it in the source's catalogs; 0 where it has no row."""

    id: int
    catalog: int
    oid: int
    tag: str
    desc: str
    section: Section
    create: str
    drop: str
    schema: str
    owner: str
    needs: tuple[int, ...]

    @property
    def label(self) -> str:
        return f"{self.desc} {self.schema}.{self.tag}" if self.schema else f"{self.desc} {self.tag}"


@dataclass(frozen=True)
class Archive:
    """An archive's head and its entries in the order of a restore; `data` is the archive itself."""

    format: tuple[int, int, int]
    database: str
    server: str
    tool: str
    entries: tuple[Entry, ...]
    data: bytes


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self.int_size = 4

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise Permanent("pg_dump's archive ended too early", remedy="Press Retry; the schema is read again.")
        self._at += count
        return piece

    def byte(self) -> int:
        return self.take(1)[0]

    def integer(self) -> int:
        piece = self.take(1 + self.int_size)
        value = int.from_bytes(piece[1:], "little")
        return -value if piece[0] else value

    def string(self) -> str | None:
        length = self.integer()
        return None if length < 0 else self.take(length).decode()

    def skip(self, strings: int) -> None:
        """Passes over strings unread: most of an entry's are of no interest here."""
        for _ in range(strings):
            length = self.integer()
            self._at += max(0, length)

    def text(self) -> str:
        return self.string() or ""


def parse(data: bytes) -> Archive:
    """Raises `Permanent` for anything but a custom-format archive of a version known here."""
    reader = _Reader(data)
    if reader.take(5) != MAGIC:
        raise Permanent("pg_dump did not write an archive", remedy="Check which pg_dump the worker uses.")
    version = (reader.byte(), reader.byte(), reader.byte())
    if not OLDEST <= version[:2] <= NEWEST:
        said = ".".join(map(str, version))
        raise Permanent(
            f"pg_dump writes archives of version {said}, which this Ferrybot does not know",
            remedy="Use pg_dump of PostgreSQL 10 to 18 (FERRYBOT_PG_BIN), or a newer Ferrybot.",
        )
    reader.int_size = reader.byte()
    reader.byte()  # the size of offsets; needed again in each entry's tail
    if reader.byte() != _CUSTOM:
        raise Permanent("pg_dump's archive is not of the custom format", remedy="Report this as a bug.")
    offset_size = data[9]
    _skip_compression_and_time(reader, version[:2])
    database, server, tool = reader.text(), reader.text(), reader.text()
    entries = tuple(_entry(reader, version[:2], offset_size) for _ in range(reader.integer()))
    return Archive(version, database, server, tool, entries, data)


def _skip_compression_and_time(reader: _Reader, version: tuple[int, int]) -> None:
    if version >= (1, 15):
        reader.byte()
    else:
        reader.integer()
    for _ in range(7):  # the fields of struct tm
        reader.integer()


def _entry(reader: _Reader, version: tuple[int, int], offset_size: int) -> Entry:
    dump_id = reader.integer()
    reader.integer()  # whether the entry has data
    catalog, oid = int(reader.text()), int(reader.text())
    tag, desc = reader.text(), reader.text()
    section = Section(reader.integer())
    create, drop = reader.text(), reader.text()
    reader.skip(1)  # the COPY statement
    schema = reader.text()
    reader.skip(2 if version >= (1, 14) else 1)  # the tablespace, the table access method
    if version >= (1, 16):
        reader.integer()  # the relation's kind
    owner = reader.text()
    reader.skip(1)  # "with oids"
    needs = tuple(_needs(reader))
    reader.take(1 + offset_size)  # the custom format's own tail: state and position of the data
    return Entry(dump_id, catalog, oid, tag, desc, section, create, drop, schema, owner, needs)


def _needs(reader: _Reader) -> Iterator[int]:
    while (word := reader.string()) is not None:
        yield int(word)
