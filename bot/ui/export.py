"""Past migrations as files: JSON lines and CSV. Pure: summaries -> text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from jobs.core.model import Service
from jobs.core.summary import Summary

BOM = "\ufeff"
"""Without it spreadsheets read UTF-8 as something else."""


def json_lines(found: Sequence[Summary]) -> str:
    """One object a line."""
    return "".join(json.dumps(_fields(summary), ensure_ascii=False) + "\n" for summary in found)


def as_csv(found: Sequence[Summary]) -> str:
    """With a line of names; no cell is a formula."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(NAMES)
    for summary in found:
        rows.writerow([harmless(value) for value in _fields(summary).values()])
    return BOM + out.getvalue()


NAMES = (
    "id", "status", "begun", "changed", "source", "source environment", "target", "target environment",
    "requested by", "requested by name", "approved by", "channel", "runs", "tables", "rows", "bytes", "seconds",
    "accepted differences", "problem", "plan",
)  # fmt: skip


def harmless(value: object) -> object:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it (owasp.org, CSV Injection)."""
    if not isinstance(value, str):
        return "" if value is None else value
    return f"'{value}" if value.lstrip()[:1] in tuple("=+-@＝＋－＠") or value[:1] in tuple("\t\r\n") else value


def _fields(summary: Summary) -> dict[str, object]:
    source, target = summary.source, summary.target
    values = (
        summary.id,
        summary.status.value,
        summary.created.isoformat(timespec="seconds"),
        summary.changed.isoformat(timespec="seconds"),
        source.label if source else None,
        source.environment.value if isinstance(source, Service) else None,
        target.label if target else None,
        target.environment.value if target else None,
        summary.requester.id if summary.requester else None,
        summary.requester.name if summary.requester else None,
        " ".join(person.id for person in summary.approvers),
        summary.channel,
        summary.runs,
        summary.tables,
        summary.rows,
        summary.bytes,
        round(summary.seconds, 3) if summary.seconds is not None else None,
        summary.waived,
        summary.problem,
        summary.digest,
    )
    return dict(zip(NAMES, values, strict=True))
