"""The restore point: what the target held, as a file of pg_dump, proven whole before anything is replaced."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobs.core.errors import Permanent
from jobs.core.model import Endpoint, TlsMode
from jobs.core.verdict import RestorePoint
from jobs.engines.postgres import clear, found, tools
from jobs.engines.postgres.connect import Connection
from jobs.engines.shared.restore_files import digest_of, prove_file
from jobs.ports.engine import Asked, Watch

_ARGUMENTS = (
    "--format=custom",
    "--exclude-schema=ferrybot",
    "--no-subscriptions",
    "--no-password",
)
_PUT_BACK_BY_US = re.compile(r"^\d+; \d+ \d+ (COMMENT - EXTENSION |(COMMENT|ACL) - SCHEMA public \S*$)")
"""An extension's comment is its author's; schema public is put back from what was noted of it."""

_COUNT = """
with members as (select classid, objid from pg_depend where deptype = 'e'),
rel as (select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot') and c.relkind <> 't'
      and not exists (select from members m where m.classid = 'pg_class'::regclass and m.objid = c.oid))
select (select count(*) from rel)
     + (select count(*) from pg_constraint k join rel on rel.oid = k.conrelid where k.contype <> 'n')
     + (select count(*) from pg_trigger g join rel on rel.oid = g.tgrelid where not g.tgisinternal)
     + (select count(*) from pg_policy p join rel on rel.oid = p.polrelid)
     + (select count(*) from pg_largeobject_metadata)"""


def place(asked: Asked) -> Path:
    """The file of this migration's restore point."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", asked.target.database)
    return Path(asked.restore_folder) / f"{asked.migration}-{name}.dump"


def tool_for(target: Endpoint, version: int) -> tools.Tool:
    """pg_dump nearest to the target's version: what a newer one writes, an older server may refuse."""
    return tools.nearest(version // 10000, tls=target.tls in (TlsMode.require, TlsMode.verify_full))


def make(asked: Asked, target: Connection, watch: Watch) -> RestorePoint:
    """Dumps the whole target. The file has its name only once it is whole, on disk and readable."""
    if not asked.restore_folder:
        raise Permanent(
            "No folder for restore points is configured on this worker",
            meaning="The target was not touched.",
            remedy="Set FERRYBOT_RESTORE_POINTS to a folder that all workers share, then press Retry.",
        )
    tool, final = tool_for(asked.target, target.info.server_version), place(asked)
    growing = final.with_suffix(".part")
    count = objects(target)
    try:
        with _fresh(growing) as descriptor:
            tools.dump_into(tool, asked.target, [*_ARGUMENTS, _encoding(target)], descriptor, watch.check)
            os.fsync(descriptor)
        tools.listing(tool, growing, watch.check)
        digest = digest_of(growing, watch.check)
        size = growing.stat().st_size
        growing.replace(final)
        _sync_folder(final.parent)
    except OSError as error:
        raise Permanent(
            f"The restore point could not be written to {final.parent}: {error.strerror}",
            meaning="The target was not touched.",
            remedy="Make room there, or let the workers write to it, then press Retry.",
        ) from None
    finally:
        with suppress(OSError):
            growing.unlink(missing_ok=True)
    return RestorePoint(path=str(final), bytes=size, sha256=digest, objects=count, tool=f"pg_dump {tool.text}")


def _encoding(target: Connection) -> str:
    """Bytes of a SQL_ASCII database are of no encoding: they are kept as they are."""
    row = target.execute("select current_setting('server_encoding')").fetchone()
    return f"--encoding={'SQL_ASCII' if row and row[0] == 'SQL_ASCII' else 'UTF8'}"


def bring_back(asked: Asked, target: Connection, before: found.Found, check: Callable[[], None]) -> str:
    """Empties the target and restores the file into it. Idempotent: after a crash both are done again."""
    point = asked.restore_point
    if point is None:
        raise Permanent(
            "The target's contents were replaced, but no restore point is known",
            meaning="The target holds what the run made of it.",
            remedy="Restore the target from a backup of your own.",
        )
    tool, path = tool_for(asked.target, target.info.server_version), Path(point.path)
    prove_file(point, check)
    clear.everything(target, before.kept, check)
    entries = [line for line in tools.listing(tool, path, check).splitlines() if not _PUT_BACK_BY_US.match(line)]
    _restore(tool, asked, target, path, "\n".join(entries) + "\n", before.kept, check)
    found.put_back(target, before)
    now = objects(target)
    if now != point.objects:
        raise Permanent(
            f"The restored target holds {now:,} objects, the restore point was made of {point.objects:,}",
            meaning="The restore ended without an error, yet something is not as it was.",
            remedy=f"Compare the target with the restore point {point.path} (pg_restore --list), then try again.",
        )
    target.execute("analyze")
    return f"What the target held before was brought back from {point.path}: {now:,} objects."


def _restore(
    tool: tools.Tool,
    asked: Asked,
    target: Connection,
    path: Path,
    entries: str,
    kept: Collection[str],
    check: Callable[[], None],
) -> None:
    """In one transaction; where that needs more locks than the server has, object by object into an empty target."""
    try:
        tools.restore_into(tool, asked.target, path, entries, ("--single-transaction",), check)
    except Permanent as error:
        if "shared memory" not in error.what and "max_locks" not in error.what:
            raise
        clear.everything(target, kept, check)
        tools.restore_into(tool, asked.target, path, entries, (), check)


def objects(target: Connection) -> int:
    """How many objects people see in the database, indexes and constraints among them."""
    row = target.execute(_COUNT).fetchone()
    assert row
    apart = {"table", "view", "materialized view", "foreign table", "sequence", "index"}
    return int(row[0]) + sum(thing.type not in apart for thing in found.things(target))


@contextmanager
def _fresh(path: Path) -> Iterator[int]:
    """A new file that only this user may read: it holds the rows of a database."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """A rename is on disk once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
