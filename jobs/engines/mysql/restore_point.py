"""The restore point: what the target held, as one script of mariadb-dump or mysqldump, whole before anything goes.

Writers of the target wait while it is made, so its parts are of one moment, whatever the tables' engines are, and the
counts and checksums in its last line are those of its rows. Its parts: tables, rows, routines and views; rows that
the program would change, exactly; triggers, which no row may wake; events, which nothing may wake before the rows are
proven; and the last line, a comment, which says what a restored database must be like.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from jobs.core.errors import Permanent
from jobs.core.verdict import RestorePoint
from jobs.engines.mysql import catalog, census, clear, exact_rows, found, objects, quote, session, tools
from jobs.engines.mysql import columns as values
from jobs.engines.mysql.catalog import Catalog, Table
from jobs.engines.mysql.connect import Connection, flavour, rows
from jobs.engines.mysql.hold import Hold
from jobs.engines.mysql.perform.checksum import summed
from jobs.engines.mysql.perform.counters import next_values, set_next
from jobs.engines.shared.restore_files import digest_of, prove_file
from jobs.ports.engine import Asked, Watch

_PIECE = 1 << 20
_HEADER = 4096
"""In which the program sets the mode of its rows' session."""
_MODE, _TAKES_ALL = b"SQL_MODE='NO_AUTO_VALUE_ON_ZERO'", b"SQL_MODE='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
_COMPLETED = b"-- Dump completed"
_MARK = b"\n-- ferrybot "
_COMMON = ("--no-tablespaces", "--skip-dump-date", "--skip-add-locks", "--skip-lock-tables", "--quick", "--hex-blob")
_MYSQL = ("--set-gtid-purged=OFF", "--column-statistics=0")
"""Of MySQL's own program: what it would ask for more rights."""
_NOTHING = ("--no-create-info", "--no-data", "--skip-triggers")
_ONCE = re.compile(r"\bON SCHEDULE AT\b")


@dataclass(frozen=True)
class Contents:
    """The last line. `definitions` is kind and name with a hash, `rows` the count and checksum of each table's rows,
    `counters` the next values, `once` the events that go by themselves, `events` where that part begins."""

    definitions: dict[str, str]
    rows: dict[str, list[Any]]
    counters: dict[str, list[int]]
    once: list[str]
    events: int


def make(asked: Asked, target: Connection, watch: Watch) -> RestorePoint:
    """Saves the whole target. The file has its name only once it is whole, on disk and read again."""
    if not asked.restore_folder:
        raise Permanent(
            "No folder for restore points is configured on this worker",
            meaning="The target was not touched.",
            remedy="Set FERRYBOT_RESTORE_POINTS to a folder that all workers share, then press Retry.",
        )
    hold = Hold(asked.target)
    try:
        before = catalog.read(target, asked.target.database)
        _must_be_readable(before)
        _hold(hold, before)
        return _save(asked, target, watch)
    except OSError as error:
        raise Permanent(
            f"The restore point could not be written to {asked.restore_folder}: {error.strerror}",
            meaning="The target was not touched.",
            remedy="Make room there, or let the workers write to it, then press Retry.",
        ) from None
    finally:
        hold.release()


def _hold(hold: Hold, before: Catalog) -> None:
    try:
        hold.take([table.name for table in before.tables])
    except Permanent as error:
        raise Permanent(
            f"Writers of the target could not be made to wait for the restore point: {error.what}",
            meaning="The target was not touched.",
            remedy="Grant the target's user LOCK TABLES on the database, then press Retry.",
        ) from None


def _must_be_readable(before: Catalog) -> None:
    items: tuple[Any, ...] = (*before.tables, *before.views, *before.routines, *before.triggers, *before.events)
    shut = [f"{item.name}: {item.create_error}" for item in items if item.create_error]
    if shut:
        raise Permanent(
            f"This cannot be saved, since its definition cannot be read: {'; '.join(shut[:5])}",
            meaning="The target was not touched.",
            remedy="Mend or drop it, or let the target's user see it, then press Retry.",
        )


def _save(asked: Asked, target: Connection, watch: Watch) -> RestorePoint:
    known = catalog.read(target, asked.target.database)
    tool = tools.fitting(known.flavour)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", asked.target.database)
    growing = Path(asked.restore_folder) / f"{asked.migration}-{name}.part"
    try:
        with _fresh(growing) as file:
            _write(tool, asked, target, known, file, watch.check)
            file.flush()
            os.fsync(file.fileno())
        digest, size = digest_of(growing, watch.check), growing.stat().st_size
        contents = read(growing)
        final = _named(growing, f"{asked.migration}-{name}")
    finally:
        with suppress(OSError):
            growing.unlink(missing_ok=True)
    return RestorePoint(path=str(final), bytes=size, sha256=digest, objects=len(contents.definitions), tool=tool.text)


def _write(
    tool: tools.Tool,
    asked: Asked,
    target: Connection,
    known: Catalog,
    file: BinaryIO,
    check: Callable[[], None],
) -> None:
    ours = [f"--ignore-table={known.database}.{name}" for name in (objects.FOUND_TABLE, *objects.RUN_TABLES)]
    common = [*_COMMON, *(_MYSQL if tool.kind == "mysql" else ()), *ours]

    def dump(*arguments: str) -> None:
        writer = _Section(file)
        tools.dump(tool, asked.target, target, [*common, *arguments], writer.put, check)
        writer.end(asked.restore_folder)

    history = ["--dump-history"] if any(table.versioned for table in known.tables) else []
    dump("--single-transaction", "--routines", "--skip-triggers", *history)
    exact_rows.write(asked.target, known, lambda piece: _put(file, piece), check)
    if known.triggers:
        dump("--no-create-info", "--no-data", "--triggers")
    events = file.tell()
    if known.events:
        dump(*_NOTHING, "--events")
    contents = Contents(
        definitions=census.wholes(known),
        rows={table.name: list(summed(target, asked.target, _document(table))) for table in known.tables},
        counters=next_values(target, [sequence.name for sequence in known.sequences]),
        once=[event.name for event in known.events if _ONCE.search(event.create)],
        events=events,
    )
    file.write(_MARK + json.dumps(contents.__dict__).encode() + b"\n")


def _put(file: BinaryIO, piece: bytes) -> None:
    file.write(piece)


class _Section:
    """One dump on its way into the file: its header takes dates that are none, its end must be its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._head: bytes | None = b""
        self._tail = b""

    def put(self, piece: bytes) -> None:
        if self._head is not None:
            self._head += piece
            if len(self._head) < _HEADER:
                return
            piece = self._opened()
        self._pass(piece)

    def _opened(self) -> bytes:
        head, self._head = self._head or b"", None
        return head[:_HEADER].replace(_MODE, _TAKES_ALL) + head[_HEADER:]

    def _pass(self, piece: bytes) -> None:
        self._tail = (self._tail + piece)[-100:]
        self._file.write(piece)

    def end(self, folder: str) -> None:
        """Raises `Permanent` for a dump that broke off without saying so."""
        if self._head is not None:
            self._pass(self._opened())
        if _COMPLETED not in self._tail:
            raise Permanent(
                f"The restore point in {folder} is not whole: the dump program ended early",
                meaning="The target was not touched.",
                remedy="Press Retry.",
            )


def _document(table: Table) -> dict[str, Any]:
    """What `summed` asks for: the rows of now, without the history of a versioned table."""
    return {
        "label": table.name,
        "from": quote.name(table.name),
        "compare": values.compared(list(table.columns)),
    }


def read(path: Path) -> Contents:
    """The last line of a restore point. Raises `Permanent` for what is none."""
    with path.open("rb") as file:
        size, data = file.seek(0, os.SEEK_END), b""
        while _MARK not in data and len(data) < size:
            start = max(0, size - len(data) - _PIECE)
            file.seek(start)
            data = file.read(size - len(data) - start) + data
    try:
        return Contents(**json.loads(data[data.rindex(_MARK) + len(_MARK) :]))
    except (ValueError, TypeError):
        raise Permanent(
            f"The restore point {path} is not whole: its last line is missing",
            meaning="Nothing was changed by this try.",
            remedy="Put the right file there, then try again.",
        ) from None


def bring_back(asked: Asked, target: Connection, before: found.Found, check: Callable[[], None]) -> str:
    """Empties the target and runs the script in it. Idempotent: after a crash both are done again."""
    point = asked.restore_point
    if point is None:
        raise Permanent(
            "The target's contents were replaced, but no restore point is known",
            meaning="The target holds what the run made of it.",
            remedy="Restore the target from a backup of your own.",
        )
    path = Path(point.path)
    prove_file(point, check)
    contents, tool = read(path), tools.fitting(flavour(target))
    clear.everything(target, check)
    found.put_back(target, asked.target.database, before)
    begin = session.restoring(asked.target.database, mariadb=tool.kind == "mariadb")
    tools.load(tool, asked.target, target, _pieces(path, 0, contents.events), begin, check)
    _prove_rows(asked, target, point, contents)
    tools.load(tool, asked.target, target, _pieces(path, contents.events, point.bytes), begin, check)
    return (
        f"What the target held before was brought back from {point.path}: {_proven(asked, target, point, contents)}"
    )


def _prove_rows(asked: Asked, target: Connection, point: RestorePoint, contents: Contents) -> None:
    """Before an event may change them."""
    now = catalog.read(target, asked.target.database)
    different = [
        name
        for name, wanted in contents.rows.items()
        if name not in now.by_name
        or list(summed(target, asked.target, _document(now.by_name[name]))) != [int(wanted[0]), str(wanted[1])]
    ]
    if different:
        raise _unlike(point, f"rows of {len(different)} tables differ: {', '.join(different[:5])}")
    there = next_values(target, [sequence.name for sequence in now.sequences])
    for name, value in contents.counters.items():
        if there.get(name) != value:
            set_next(target, name, value)


def _proven(asked: Asked, target: Connection, point: RestorePoint, contents: Contents) -> str:
    now = census.wholes(catalog.read(target, asked.target.database))
    wanted = contents.definitions.keys() - {f"event {name}" for name in contents.once}
    missing, others = sorted(wanted - now.keys()), sorted(now.keys() - contents.definitions.keys())
    if missing or others:
        raise _unlike(point, f"missing: {_listed(missing)}; unexpected: {_listed(others)}")
    changed = sorted(name for name in wanted if now[name] != contents.definitions[name])
    rows_of = sum(int(value[0]) for value in contents.rows.values())
    said = f"{len(now):,} objects, {rows_of:,} rows, every table's checksum as before."
    return f"{said} These read differently than before: {_listed(changed)}." if changed else said


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "none"


def _unlike(point: RestorePoint, what: str) -> Permanent:
    return Permanent(
        f"The restored target is not what the restore point was made of: {what}",
        meaning="The restore ended without an error, yet something is not as it was.",
        remedy=f"Compare the target with the restore point {point.path}, then try again.",
    )


def is_back(target: Connection, asked: Asked, point: RestorePoint, made: dict[str, str]) -> bool:
    """A crash came between the end of the restore and the word of it: none of the run's tables is there any more, all
    else is. `made` says when each of them was made."""
    path = Path(point.path)
    if not path.exists():
        return False
    now = census.wholes(catalog.read(target, asked.target.database))
    contents = read(path)
    gone = not (created(target).items() & made.items())
    return (
        gone
        and bool(made)
        and now.keys() | {f"event {name}" for name in contents.once}
        == (contents.definitions.keys() | {f"event {name}" for name in contents.once})
    )


def created(target: Connection) -> dict[str, str]:
    """When each table was made, as far as the server knows it."""
    found_ = rows(
        target,
        "select table_name, create_time from information_schema.tables where table_schema = database()"
        " and table_type <> 'VIEW' and create_time is not null",
    )
    return {str(name): str(time) for name, time in found_}


def _pieces(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (piece := file.read(min(_PIECE, end - start))):
            start += len(piece)
            yield piece


@contextmanager
def _fresh(path: Path) -> Iterator[BinaryIO]:
    """A new file that only this user may read: it holds the rows of a database."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb") as file:
        yield file


def _named(growing: Path, name: str) -> Path:
    """The file under a name that no restore point had before, and the folder that says so on disk."""
    number = 1
    while True:
        final = growing.with_name(f"{name}.sql" if number == 1 else f"{name}-{number}.sql")
        try:
            os.link(growing, final)
            break
        except FileExistsError:
            number += 1
        except OSError:  # a file system without links
            if not final.exists():
                growing.rename(final)
                break
            number += 1
    growing.unlink(missing_ok=True)
    descriptor = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return final
