"""Compares tables on both sides at the same time; what differs is kept, not raised: the verdict says it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from jobs.engines.postgres import wire
from jobs.engines.postgres.perform.checksum import Compared, query
from jobs.engines.postgres.perform.hands import Hands
from jobs.ports.engine import Done, Task, Watch


def verify(hands: Hands, task: Task, watch: Watch) -> Done:
    """Counts and checksums of the task's tables, the source's within the snapshot."""
    tables = task.payload["tables"]
    watch.report("verify", task.title, 0, 0)
    began = time.monotonic()
    proofs = compare(hands, [Compared.of(table) for table in tables], watch)
    seconds = (time.monotonic() - began) / len(proofs)
    documents = [
        {"table": f"{table['schema']}.{table['name']}", **proof, "bytes": table["bytes"], "seconds": seconds}
        for table, proof in zip(tables, proofs, strict=True)
    ]
    rows = sum(proof["target_rows"] for proof in proofs)
    return Done(rows=rows, bytes=task.size, result=documents)


def compare(hands: Hands, tables: Sequence[Compared], watch: Watch) -> list[dict[str, Any]]:
    """Per table: source_rows, target_rows, source_sum, target_sum."""
    text = query(tables, hands.oldest)
    source, target = wire.together([(hands.source, text), (hands.target, text)], watch.check)
    return [_proof(s, t) for s, t in zip(_ordered(source), _ordered(target), strict=True)]


def equal(proof: dict[str, Any]) -> bool:
    return bool(proof["source_rows"] == proof["target_rows"] and proof["source_sum"] == proof["target_sum"])


def _ordered(rows: wire.Table) -> list[tuple[int, int, str]]:
    return sorted((int(number or 0), int(count or 0), total or "") for number, count, total in rows)


def _proof(source: tuple[int, int, str], target: tuple[int, int, str]) -> dict[str, Any]:
    return {
        "source_rows": source[1],
        "target_rows": target[1],
        "source_sum": source[2],
        "target_sum": target[2],
    }
