"""The run table by table, for the full log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobs.engines.postgres import judge, worktable
from jobs.engines.postgres.connect import Connection


def of_tables(target: Connection) -> list[dict[str, Any]]:
    """Per table: name, rows, bytes, seconds, checksums, method."""
    proofs = {p.table: p for p in judge.proofs(target)}
    lines = [line for result in worktable.results(target, ["copy"]) for line in result]
    return [line | _proof_of(proofs.get(line["table"])) for line in whole_tables(lines)]


def whole_tables(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was kept of each table, its parts added up."""
    tables: dict[str, dict[str, Any]] = {}
    for line in lines:
        kept = {key: value for key, value in line.items() if key != "xid"}
        before = tables.setdefault(line["table"], {**kept, "rows": 0, "bytes": 0, "seconds": 0, "parts": 0})
        added = {key: before[key] + line[key] for key in ("rows", "bytes", "seconds")}
        tables[line["table"]] = before | added | {"parts": before["parts"] + 1}
    return list(tables.values())


def _proof_of(proof: Any) -> dict[str, Any]:
    if proof is None:
        return {}
    sums = {"source_sum": proof.source_sum, "target_sum": proof.target_sum}
    return {"source_rows": proof.source_rows, "target_rows": proof.target_rows, **sums}
