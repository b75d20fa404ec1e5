"""The verdict: green only when every table and every object was compared and found equal."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pydantic import AwareDatetime, Field

from jobs.core.disk import Disk
from jobs.core.model import Approval, Frozen, Glass, Person


class TableProof(Frozen):
    """One table on both sides under the run's snapshot."""

    table: str
    source_rows: int
    target_rows: int
    source_sum: str
    target_sum: str
    bytes: int = 0
    seconds: float = 0.0

    @property
    def equal(self) -> bool:
        return self.source_rows == self.target_rows and self.source_sum == self.target_sum


class Difference(Frozen):
    """An object that is not the same on both sides."""

    kind: str
    name: str
    what: str = Field(description="missing on the target, unexpected on the target, or how it differs")
    why: str = Field(default="", description="why it had to change on its way; empty: nobody can say")

    @property
    def key(self) -> str:
        """Names it in a waiver."""
        return f"{self.kind}:{self.name}"

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.what}"


class RowDifference(Frozen):
    """Which rows of a table differ: by their keys, never by their values."""

    table: str
    missing: int = Field(default=0, description="rows that only the source has")
    unexpected: int = Field(default=0, description="rows that only the target has")
    changed: int = Field(default=0, description="rows of one key whose other columns differ")
    key: tuple[str, ...] = Field(default=(), description="the key's columns; empty where the table has no key")
    examples: tuple[str, ...] = Field(default=(), description="some keys as text; empty where there is no key")
    at_least: bool = Field(default=False, description="there were too many to count them all")

    def __str__(self) -> str:
        counts = [(self.missing, "missing"), (self.unexpected, "unexpected"), (self.changed, "different")]
        said = ", ".join(f"{count:,} {word}" for count, word in counts if count) or "none found any more"
        shown = f"; {', '.join(self.key)}: {', '.join(self.examples)}" if self.examples else ""
        return f"{self.table}: {'at least ' if self.at_least else ''}{said}{shown}"


class BrokenKey(Frozen):
    """A foreign key that rows of the source break: it stayed NOT VALID, or `stands` where no server knows such."""

    name: str = Field(description="schema.table.constraint; its difference is `foreign key:<name>`")
    orphans: int
    find: str = Field(description="a query that shows the rows")
    examples: tuple[str, ...] = ()
    stands: bool = Field(default=False, description="it holds for every new row, as in the source")
    parted: bool = Field(default=False, description="it stands on each partition by itself, not on the whole table")
    comments: tuple[str, ...] = Field(default=(), description="SQL that comes with it once it is whole")


class TableWritten(Frozen):
    """What the source's counters say was written to a table since the snapshot."""

    table: str
    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def rows(self) -> int:
        return self.inserted + self.updated + self.deleted


class Written(Frozen):
    """Whether the source moved on while it was copied: the copy is as of its snapshot.

    `nothing` is a proof: no transaction of the whole server wrote since. Otherwise `tables` holds those whose
    counters moved; `unknown` says why nobody can tell."""

    since: AwareDatetime | None = Field(default=None, description="when the snapshot was taken")
    nothing: bool = False
    held: bool = Field(default=False, description="the source was held read-only from before the snapshot")
    tables: tuple[TableWritten, ...] = ()
    unknown: str = ""
    counted: bool = Field(
        default=True, description="by counters; else `tables` are named by their last write's time, and some may lack"
    )

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def some(self) -> bool:
        """Whether copying again may bring something, as far as anybody knows."""
        return bool(self.tables) or not (self.counted or self.nothing)


class RestorePoint(Frozen):
    """What the target held before it was overwritten, as a file of pg_dump (or of the engine's own tool)."""

    path: str
    bytes: int
    sha256: str
    objects: int = 0
    tool: str = ""


class Rehearsal(Frozen):
    """An earlier move of the same source into a staging target, as it was measured."""

    migration: str
    at: AwareDatetime = Field(description="its end")
    target: str
    seconds: float
    bytes: int = 0
    target_bytes: int | None = Field(default=None, description="the target database's size at its end")
    peak: Disk | None = Field(default=None, description="what the target's disk held at its fullest")
    source_bytes: int = Field(default=0, description="the source's tables and indexes as its plan measured them")


class Waiver(Frozen):
    """A person's word that a difference may stay. Rows that differ cannot be waived."""

    key: str
    by: Person
    reason: str = ""


class Verdict(Frozen):
    """What was proven; `unchecked` names what was not, and is never empty in silence."""

    proofs: tuple[TableProof, ...] = ()
    objects: tuple[tuple[str, int], ...] = Field(default=(), description="census: kind and how many agree")
    differences: tuple[Difference, ...] = Field(default=(), description="neither explained nor waived")
    transformed: tuple[Difference, ...] = Field(default=(), description="differ for a stated reason")
    waived: tuple[Difference, ...] = Field(default=(), description="differ, and a person said that they may")
    unchecked: tuple[str, ...] = ()
    expected_tables: int = 0
    rows: tuple[RowDifference, ...] = Field(default=(), description="the rows behind unequal tables")
    broken_keys: tuple[BrokenKey, ...] = ()
    written: Written = Written()
    move_seconds: float = Field(default=0.0, description="from the run's begin until all but the proofs was done")

    @property
    def green(self) -> bool:
        return (
            len(self.proofs) == self.expected_tables
            and all(p.equal for p in self.proofs)
            and not self.differences
            and not self.unchecked
        )

    @property
    def unequal(self) -> list[TableProof]:
        return [p for p in self.proofs if not p.equal]

    @property
    def reasons(self) -> list[str]:
        """Why it is not green, one sentence each."""
        out = [
            f"{p.table}: {p.source_rows} rows in the source, {p.target_rows} in the target"
            if p.source_rows != p.target_rows
            else f"{p.table}: {p.source_rows} rows on both sides, but the checksums differ"
            for p in self.unequal
        ]
        out += [f"rows of {rows}" for rows in self.rows]
        out += [str(difference) for difference in self.differences]
        out += [f"not checked: {u}" for u in self.unchecked]
        missing = self.expected_tables - len(self.proofs)
        return out + ([f"{missing} tables were not compared"] if missing else [])


class Receipt(Frozen):
    """What a finished run proves, as it stands in the thread."""

    tables: int
    rows: int
    bytes: int
    seconds: float
    copy_seconds: float = 0.0
    verify_seconds: float = 0.0
    objects: int = 0
    checksum: str = Field(default="", description="one hash over every table's name, count and checksum")
    digest: str = ""
    source_version: str = ""
    target_version: str = ""
    source_engine: str = "PostgreSQL"
    target_engine: str = "PostgreSQL"
    tool_version: str = ""
    snapshot: str = ""
    runs: int = 1
    requester: Person | None = None
    approvals: tuple[Approval, ...] = ()
    glass: Glass | None = None
    left_out: tuple[str, ...] = ()
    transformed: tuple[Difference, ...] = ()
    waived: tuple[Waiver, ...] = ()
    broken_keys: tuple[BrokenKey, ...] = ()
    written: Written = Written()
    restore_point: RestorePoint | None = None
    target_bytes: int | None = Field(default=None, description="the target database's size at the end")
    peak: Disk | None = Field(default=None, description="what the target's disk held at its fullest")
    rehearsal: Rehearsal | None = None


def overall_checksum(proofs: Sequence[TableProof]) -> str:
    """SHA-256 over the proofs in the order of their names: equal receipts mean equal data."""
    lines = sorted(f"{p.table}\t{p.target_rows}\t{p.target_sum}" for p in proofs)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
