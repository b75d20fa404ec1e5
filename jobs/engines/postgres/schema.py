"""The source's schema on its way: dumped under the run's snapshot, chosen entry by entry, written as SQL.

pg_dump knows how to describe every object and pg_restore how to write it down; between them we choose entries
by their numbers and never split SQL by text.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from jobs.core.errors import Stopped
from jobs.core.model import Endpoint, Options, TlsMode
from jobs.engines.postgres import named, tools
from jobs.engines.postgres.archive import Archive, Entry, Section, parse
from jobs.engines.postgres.connect import Connection

LOCK_WAIT = "60s"
"""pg_dump locks each table against DDL; longer than this means that somebody is rebuilding the source."""

TLS = (TlsMode.require, TlsMode.verify_full)

_NEVER = {
    "DATABASE",
    "DATABASE PROPERTIES",
    "ENCODING",
    "STDSTRINGS",
    "SEARCHPATH",
    "SUBSCRIPTION",
    "SUBSCRIPTION TABLE",
}
"""Not part of a database's inside, or (subscriptions) a connection with a password that must not start by itself."""
_ATTACHED = {"COMMENT", "SECURITY LABEL", "ACL"}
"""Entries without a section of their own: they go with what they speak of."""


@dataclass(frozen=True)
class Dumped:
    """An archive, the tool that reads it, and the entries that travel in the order of a restore."""

    tool: tools.Tool
    archive: Archive
    kept: tuple[Entry, ...]
    left_out: tuple[Entry, ...]
    quoted: bool = False

    @property
    def written_by(self) -> str:
        """Who writes like this: definitions of another writer cannot be compared."""
        return self.tool.text + (", every name quoted" if self.quoted else "")

    def pre_data(self) -> list[Entry]:
        """What must exist before rows: schemas, types, functions, tables, views."""
        main = {entry.id for entry in self.kept if entry.section is Section.pre_data}
        return [entry for entry in self.kept if entry.id in main or (_speaks_of(entry, main) and entry.desc != "ACL")]

    def post_data(self) -> list[Entry]:
        """The rest, grants included: nobody uses the target's tables before they are complete."""
        early = {entry.id for entry in self.pre_data()}
        return [entry for entry in self.kept if entry.id not in early]


Choose = Callable[[Collection[tuple[int, int]]], Dumped]
"""Waits for the archive; without what is left out (catalog, oid) and what depends on that."""


_STRINGS = "select reset_val from pg_settings where name = 'standard_conforming_strings'"


def session_options(source: Connection) -> str:
    """What pg_dump's session must be told; empty, as poolers want it, where its own settings will do.

    With `standard_conforming_strings` off it would write literals that only a session with the same can read."""
    row = source.execute(_STRINGS).fetchone()
    return "-c standard_conforming_strings=on" if row and row[0] == "off" else ""


@contextmanager
def dumping(
    source: Endpoint,
    server_version: int,
    snapshot: str,
    check: Callable[[], None],
    *,
    target_version: int = 0,
    options: str = "",
) -> Iterator[Choose]:
    """pg_dump of the schema as it is in `snapshot`, at work while the block does something else.

    `options` are its session's. For another major version every name is put in quotes, since it has other keywords.
    Its errors come when its result is asked for; at the end of the block it is not running any more."""
    tls, major, target_major = source.tls in TLS, server_version // 10000, target_version // 10000
    tool = tools.fitting(major, tls=tls, target_major=target_major)
    quoted = target_major not in (0, major)
    arguments = ["--schema-only", "--format=custom", f"--snapshot={snapshot}", "--encoding=UTF8"]
    arguments += ["--exclude-schema=ferrybot", "--no-subscriptions", f"--lock-wait-timeout={LOCK_WAIT}"]
    arguments += ["--quote-all-identifiers"] if quoted else []
    over = threading.Event()

    def go_on() -> None:
        if over.is_set():
            raise Stopped("Nobody waits for the source's schema any more.")
        check()

    with ThreadPoolExecutor(1, thread_name_prefix="pg_dump") as pool:
        reading = pool.submit(tools.dump, tool, source, arguments, go_on, options)

        def chosen(left_out: Collection[tuple[int, int]]) -> Dumped:
            archive = parse(reading.result())
            kept, out = choose(archive.entries, left_out)
            return Dumped(tool, archive, kept, out, quoted)

        try:
            yield chosen
        finally:
            over.set()


def choose(
    entries: Sequence[Entry], left_out: Collection[tuple[int, int]]
) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Entries that travel, and those that do not because they or what they need were left out."""
    gone = {entry.id for entry in entries if (entry.catalog, entry.oid) in left_out and entry.catalog}
    while more := {e.id for e in entries if e.id not in gone and not gone.isdisjoint(e.needs)}:
        gone |= more
    kept = tuple(
        e for e in entries if e.id not in gone and e.desc not in _NEVER and not _of_extension(e) and not _usual(e)
    )
    return kept, tuple(e for e in entries if e.id in gone)


def _of_extension(entry: Entry) -> bool:
    """An extension's comment is mostly its author's; one of a person comes by a task of its own."""
    return entry.desc == "COMMENT" and entry.tag.startswith("EXTENSION ")


def _usual(entry: Entry) -> bool:
    """The comment that schema public is born with: pg_dump leaves it out, but not where it quotes every name."""
    said = "COMMENT ON SCHEMA \"public\" IS 'standard public schema';"
    return entry.desc == "COMMENT" and entry.create.strip() == said


def _speaks_of(entry: Entry, of: Collection[int]) -> bool:
    return entry.desc in _ATTACHED and any(need in of for need in entry.needs)


def text(
    dumped: Dumped, entries: Iterable[Entry], options: Options, target_version: int, check: Callable[[], None]
) -> str:
    """One text of SQL that makes these entries, for a target of this version."""
    chosen = list(entries)
    arguments = ["--no-tablespaces"]
    arguments += [] if options.keep_owners else ["--no-owner"]
    arguments += [] if options.keep_grants else ["--no-acl"]
    written = tools.restore(dumped.tool, dumped.archive.data, arguments, [entry.id for entry in chosen], check)
    return clean(named.marked(written, chosen), chosen, target_version)


_HEAD_END = "\n--\n-- Name: "
_RESTRICT = re.compile(r"^\\restrict (\S+)$", re.M)


def clean(written: str, entries: Sequence[Entry], target_version: int) -> str:
    """The text without psql's own lines, and without what only the source's release understands."""
    token = _RESTRICT.search(written.partition(_HEAD_END)[0])
    if token:
        written = written.replace(f"\\restrict {token[1]}\n", "", 1)
        written = "".join(written.rsplit(f"\\unrestrict {token[1]}\n", 1))
    if target_version < 170000:
        head, mark, body = written.partition(_HEAD_END)
        written = head.replace("SET transaction_timeout = 0;\n", "", 1) + mark + body
    private = {found for entry in entries for found in _private_statements(entry)}
    if private:
        written = _PRIVATE.sub(lambda m: _without_private(m[0]) if m[0] in private else m[0], written)
    return written


_NAME = r'(?:"(?:[^"]|"")*"|\w+)'
_PRIVATE = re.compile(
    rf"^ALTER (?:FOREIGN )?TABLE ONLY {_NAME}\.{_NAME} ALTER COLUMN {_NAME} SET \([^()]*\bpg_attver=[^()]*\);$", re.M
)


def _private_statements(entry: Entry) -> list[str]:
    """Statements that set an internal column option of Debian's 15.20, which other servers refuse."""
    relation = entry.desc in ("TABLE", "MATERIALIZED VIEW", "VIEW", "FOREIGN TABLE")
    return _PRIVATE.findall(entry.create) if relation and "pg_attver=" in entry.create else []


def _without_private(statement: str) -> str:
    head, _, options = statement.rpartition(" SET (")
    kept = [option for option in options.removesuffix(");").split(", ") if not option.startswith("pg_attver=")]
    return f"{head} SET ({', '.join(kept)});" if kept else ""


def statement(entry: Entry) -> str:
    """An entry's own SQL, without what only the source's release understands."""
    return clean(f"\n{entry.create}", [entry], 999999).removeprefix("\n")


def definitions(entries: Iterable[Entry]) -> dict[str, str]:
    """A short hash of every definition by its name: what a resumed run compares."""
    found: dict[str, str] = {}
    for entry in entries:
        digest = hashlib.sha256(f"{found.get(entry.label, '')}{entry.owner}\n{statement(entry)}".encode())
        found[entry.label] = digest.hexdigest()[:16]
    return found


def drop_statement(entry: Entry) -> str:
    """How an undo drops this entry, harmless when it is gone; empty where nothing of its own is to drop."""
    drop = entry.drop.strip()
    if entry.desc in ("SCHEMA",) and entry.tag == "public":
        return ""
    if drop.startswith("ALTER TABLE "):
        drop = drop.replace("ALTER TABLE ", "ALTER TABLE IF EXISTS ", 1)
        return drop.replace(" DROP CONSTRAINT ", " DROP CONSTRAINT IF EXISTS ", 1)
    if drop.startswith("ALTER DOMAIN "):
        return drop.replace(" DROP CONSTRAINT ", " DROP CONSTRAINT IF EXISTS ", 1)
    if drop.startswith(f"DROP {entry.desc} "):
        return drop.replace(f"DROP {entry.desc} ", f"DROP {entry.desc} IF EXISTS ", 1)
    return ""
