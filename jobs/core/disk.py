"""What a run takes of the target's disk: its peak, and what that of a rehearsal says of a later run. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from jobs.core.model import CheckResult, Finding, Frozen, Severity

CHECK = "disk_as_rehearsed"
TITLE = "Target has the disk that the rehearsal took"
_COMFORT = 1.3
"""As the engines' own checks of the estimate."""
_GB = 1e9


class Disk(Frozen):
    """Bytes at one moment; what is None, the server does not show to this user."""

    database: int = Field(description="the target database's files")
    temporary: int | None = Field(default=None, description="files that sorts and index builds spilled")
    log: int | None = Field(default=None, description="the server's log of changes, of everybody's")

    @property
    def total(self) -> int:
        return self.database + (self.temporary or 0) + (self.log or 0)

    @property
    def unseen(self) -> Sequence[str]:
        """What the total lacks, in words."""
        parts = {"temporary files": self.temporary, "the server's log": self.log}
        return tuple(name for name, size in parts.items() if size is None)


def greater(one: Disk | None, other: Disk) -> Disk:
    """The one at which the disk held more."""
    return other if one is None or other.total > one.total else one


def expected(peak: Disk, source_then: int, source_now: int) -> int:
    """Bytes for a source of another size: never less than was measured, more as the source grew."""
    growth = source_now / source_then if source_then > 0 else 1.0
    return int(peak.total * max(1.0, growth))


def result(need: int, have: int | None, target: str) -> CheckResult:
    """The check of what a rehearsal measured; what is free, where nobody knows, the estimate's check asks already."""
    told = f"its peak makes {_said(need)}"
    if have is None or have >= need * _COMFORT:
        free = "" if have is None else f", have {_said(have)}"
        return CheckResult(check=CHECK, title=TITLE, detail=f"{told}{free}")
    short = have < need
    what = "Not enough disk on the target" if short else "Disk on the target is tight"
    finding = Finding(
        check=CHECK,
        severity=Severity.block if short else Severity.warn,
        message=f"{what}: by the rehearsal's peak {_said(need)} are needed, {_said(have)} are free.",
        object=target,
        remedy="Free space or enlarge the disk, or move fewer tables. Measured: the database, and where the server"
        " shows them temporary files and its log.",
        side="target",
        field="free_bytes",
    )
    return CheckResult(check=CHECK, title=TITLE, findings=(finding,))


def _said(size: int) -> str:
    return f"{size / _GB:,.1f} GB" if size >= _GB else f"{size / 1e6:,.1f} MB"
