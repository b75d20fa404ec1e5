"""What is known of each table of a run: how it travelled, and whether it was proven. Pure: kept lines -> details."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.ui import text as t
from jobs.core import events as e
from jobs.core.state import State

PROVEN_BEFORE = "proven equal"
"""The engines' word for a table that an earlier snapshot brought and that is right under this one."""


@dataclass(frozen=True)
class Detail:
    """One table; what is not known is None or empty."""

    name: str
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    method: str = ""
    lane: str = ""
    parts: int = 1
    source: tuple[int, str] | None = None
    target: tuple[int, str] | None = None
    moved: bool = True
    errors: tuple[str, ...] = ()

    @property
    def equal(self) -> bool | None:
        """The same count and checksum on both sides; None: nobody has compared."""
        return None if self.source is None or self.target is None else self.source == self.target

    @property
    def troubled(self) -> bool:
        return bool(self.errors) or self.equal is False


def details(state: State, story: Sequence[e.Recorded], kept: str | None) -> list[Detail]:
    """Every table of the plan and of the kept lines (one JSON object each), in the order of their names."""
    errors = _errors(state, story)
    lines = {str(line["table"]): line for line in map(_object, (kept or "").splitlines()) if "table" in line}
    planned = {table.label: table.rows_moved for table in state.plan.tables} if state.plan else {}
    return [
        _detail(name, lines.get(name, {}), planned.get(name, True), tuple(errors.get(name, ())))
        for name in sorted(planned.keys() | lines.keys())
    ]


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _detail(name: str, line: Mapping[str, Any], moved: bool, errors: tuple[str, ...]) -> Detail:
    source, target = (
        (int(line[f"{side}_rows"]), str(line[f"{side}_sum"])) if f"{side}_sum" in line else None
        for side in ("source", "target")
    )
    return Detail(
        name=name,
        rows=line.get("rows"),
        bytes=line.get("bytes"),
        seconds=line.get("seconds"),
        method=str(line.get("method") or ""),
        lane=str(line.get("lane") or ""),
        parts=int(line.get("parts") or 1),
        source=source,
        target=target,
        moved=moved,
        errors=errors,
    )


def _errors(state: State, story: Sequence[e.Recorded]) -> dict[str, list[str]]:
    """What went wrong at a table, in the order in which it did; the rows that differ now come last."""
    found: dict[str, list[str]] = {}
    for recorded in story:
        event = recorded.event
        if isinstance(event, e.Troubled | e.RunFailed) and event.problem.object:
            again = "" if isinstance(event, e.RunFailed) else " (tried again)"
            found.setdefault(event.problem.object, []).append(f"{event.problem.what}{again}")
    for rows in state.rows:
        found.setdefault(rows.table, []).append(f"rows differ: {str(rows).removeprefix(f'{rows.table}: ')}")
    return found


def told(detail: Detail) -> str:
    """One table in a line or two."""
    said = [part for part in (_figures(detail), _way(detail), _proof(detail)) if part]
    line = f"{t.code(t.clip(detail.name, 160))}  {'; '.join(said)}"
    more = len(detail.errors) - ERRORS
    errors = [f"      *Error:* {t.plain(error, 250)}" for error in detail.errors[:ERRORS]]
    return "\n".join([line, *errors, *([f"      … and {t.count(more, 'error')} more"] if more > 0 else [])])


ERRORS = 3


def _figures(detail: Detail) -> str:
    if detail.rows is None:
        return "" if detail.moved else "arrives empty, as chosen"
    said = [t.count(detail.rows, "row")]
    if detail.bytes is not None:
        said.append(t.size(detail.bytes))
    if detail.seconds is not None:
        said.append(t.span(detail.seconds))
    return ", ".join(said)


def _way(detail: Detail) -> str:
    if detail.rows is None:
        return ""
    if detail.method == PROVEN_BEFORE:
        return "copied by an earlier run and proven under the new snapshot"
    how = t.plain(t.clip(detail.method, 60)) or "copied"
    if detail.parts > 1:
        return f"{how}, in {detail.parts:,} parts"
    return f"{how}, lane {t.plain(t.clip(detail.lane, 40))}" if detail.lane else how


def _proof(detail: Detail) -> str:
    match detail.equal:
        case True:
            assert detail.target is not None
            return f"proven: same count and checksum `{t.escape(detail.target[1][:16])}`"
        case False:
            assert detail.source is not None and detail.target is not None
            return f"*differs*: {detail.source[0]:,} rows in the source, {detail.target[0]:,} in the target"
        case _ if detail.moved:
            return "not proven yet" if detail.rows is not None else "no figures yet"
        case _:
            return ""
