"""The plan: what will be done, in order. What was approved is what runs: both read this value."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import Field

from jobs.core.model import Dialect, Frozen, MigrationId, Options, Question

PLAN_VERSION = 2
"""Part of the digest: a plan approved under other rules of execution is not this plan."""


class Place(Frozen):
    """One side of a migration as the server itself described it, without any secret."""

    label: str
    dialect: Dialect
    host: str
    port: int
    database: str
    user: str
    server_version: str
    server_id: str = Field(default="", description="the server's own identity, e.g. system_identifier")
    environment: str = ""


class PlannedTable(Frozen):
    """A table to move; `method` is how its rows travel."""

    schema_name: str
    name: str
    method: str = "copy text"
    rows_moved: bool = True

    @property
    def label(self) -> str:
        return f"{self.schema_name}.{self.name}"


class PlannedStep(Frozen):
    """A phase of the run in the order of execution."""

    name: str
    title: str
    count: int = 0


class Measures(Frozen):
    """Estimates at validation time: shown with the plan, not part of what is approved."""

    table_bytes: tuple[int, ...] = Field(default=(), description="bytes, in the order of `tables`")
    table_rows: tuple[int, ...] = Field(default=(), description="the server's estimate; -1 is unknown")
    need_bytes: int = 0
    have_bytes: int | None = None
    seconds_low: int = 0
    seconds_high: int = 0


class MigrationPlan(Frozen):
    """Everything that decides what the run does; its digest names it in approvals."""

    version: int = PLAN_VERSION
    migration: MigrationId
    source: Place
    target: Place
    options: Options
    tables: tuple[PlannedTable, ...]
    steps: tuple[PlannedStep, ...]
    schema_fingerprint: str
    questions: tuple[Question, ...] = Field(default=(), description="asked with the plan; answers are in the options")
    roles: tuple[str, ...] = Field(default=(), description="roles that the run makes on the target")
    snapshot: str = "one exported snapshot for every table"
    left_out: tuple[str, ...] = Field(default=(), description="what does not travel, each in a sentence")
    validation: tuple[str, ...] = Field(
        default=(), description="`severity:check:object` of all that was acknowledged"
    )
    measures: Measures = Measures()

    def canonical(self) -> str:
        """JSON with sorted keys and no spaces, without the measures, which change by themselves, and without what is
        as by default: a field that a later version adds must not change the digest that was approved before it."""
        values: dict[str, Any] = self.model_dump(mode="json", exclude={"measures"}, exclude_defaults=True)
        values["version"] = self.version
        return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def digest(self) -> str:
        """64 hex digits of SHA-256 over `canonical()`."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def difference(old: MigrationPlan, new: MigrationPlan) -> list[str]:
    """What changed between two plans, one sentence each; empty when the digests agree."""
    changes = _place_changes("source", old.source, new.source) + _place_changes("target", old.target, new.target)
    before, after = {t.label for t in old.tables}, {t.label for t in new.tables}
    changes += [f"table {name} was added" for name in sorted(after - before)]
    changes += [f"table {name} is gone" for name in sorted(before - after)]
    for field, value in old.options.model_dump().items():
        now = getattr(new.options, field)
        if now != value:
            changes.append(f"option {field.replace('_', ' ')}: {_say(value)} became {_say(now)}")
    if old.schema_fingerprint != new.schema_fingerprint:
        changes.append("the source's schema changed")
    asked, asked_before = ({question.title for question in plan.questions} for plan in (new, old))
    changes += [f"a new question: {title}" for title in sorted(asked - asked_before)]
    changes += [f"no longer asked: {title}" for title in sorted(asked_before - asked)]
    changes += [f"role {name} is made too" for name in sorted(set(new.roles) - set(old.roles))]
    changes += [f"role {name} is not made any more" for name in sorted(set(old.roles) - set(new.roles))]
    changes += [f"no longer travels: {line}" for line in new.left_out if line not in old.left_out]
    changes += [f"travels now: {line}" for line in old.left_out if line not in new.left_out]
    changes += [f"a check warns now: {_found(key)}" for key in new.validation if key not in old.validation]
    changes += [f"no longer found: {_found(key)}" for key in old.validation if key not in new.validation]
    if not changes and old.digest != new.digest:
        changes.append("the way tables travel changed")
    return changes


def _place_changes(side: str, old: Place, new: Place) -> list[str]:
    return [
        f"{side} {field.replace('_', ' ')}: {value} became {getattr(new, field)}"
        for field, value in old.model_dump(mode="json").items()
        if str(getattr(new, field)) != str(value)
    ]


def _found(key: str) -> str:
    """`warn:settings:TimeZone` as words."""
    _, check, name = key.split(":", 2)
    return f"{check.replace('_', ' ')} {name}".strip()


def _say(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
