"""The verdict: green only when every table and every object was compared and found equal."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pydantic import Field

from jobs.core.model import Approval, Frozen, Person


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


class Verdict(Frozen):
    """What was proven; `unchecked` names what was not, and is never empty in silence."""

    proofs: tuple[TableProof, ...] = ()
    objects: tuple[tuple[str, int], ...] = Field(default=(), description="census: kind and how many agree")
    differences: tuple[Difference, ...] = ()
    unchecked: tuple[str, ...] = ()
    expected_tables: int = 0

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
        out += [f"{d.kind} {d.name}: {d.what}" for d in self.differences]
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
    tool_version: str = ""
    snapshot: str = ""
    runs: int = 1
    requester: Person | None = None
    approvals: tuple[Approval, ...] = ()
    left_out: tuple[str, ...] = ()


def overall_checksum(proofs: Sequence[TableProof]) -> str:
    """SHA-256 over the proofs in the order of their names: equal receipts mean equal data."""
    lines = sorted(f"{p.table}\t{p.target_rows}\t{p.target_sum}" for p in proofs)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
