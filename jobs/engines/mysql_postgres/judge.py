"""The verdict of a run: proofs, census, broken keys, and what a person was told would change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobs.core.model import Options, Scope
from jobs.core.plan import MigrationPlan
from jobs.core.questions import answer, said
from jobs.core.verdict import BrokenKey, Difference, TableProof, Verdict, Waiver
from jobs.engines.mysql_postgres import census, values, words
from jobs.engines.mysql_postgres.ddl import Ddl
from jobs.engines.mysql_postgres.rules import DEFAULTS
from jobs.engines.mysql_postgres.shape import Shape
from jobs.engines.mysql_postgres.types import answered
from jobs.engines.postgres import wire, worktable
from jobs.engines.postgres.connect import Connection
from jobs.engines.shared.words import counted, listed


def verdict(
    target: Connection, plan: MigrationPlan, options: Options, shape: Shape, ddl: Ddl, waivers: Sequence[Waiver]
) -> Verdict:
    """What the task table and the target's catalogs prove."""
    proofs = [TableProof(**{k: v for k, v in proof.items() if k != "mended"}) for proof in _proofs(target)]
    broken = [BrokenKey(**key) for result in worktable.results(target, ["validate"]) for key in result]
    counted = census.Counted()
    if options.scope is not Scope.data_only:
        refused = dict(entry for r in worktable.results(target, ["views"]) for one in r for entry in one["refused"])
        counted = census.compare(shape, ddl, census.found(target), refused, empty=True)
    differences = [*counted.differences, *_counters(target), *map(_broken, broken)]
    explained = [*_transformed(plan, shape, ddl, options, _mended(target)), *_views(target, shape)]
    differences += [difference for difference, known in explained if not known]
    waived = {waiver.key for waiver in waivers}
    return Verdict(
        proofs=tuple(proofs),
        objects=tuple(counted.agreed),
        differences=tuple(d for d in differences if d.key not in waived),
        waived=tuple(d for d in differences if d.key in waived),
        transformed=tuple(difference for difference, known in explained if known),
        unchecked=tuple(f"{title} ({kind} is not done)" for kind, title in worktable.open_tasks(target)),
        expected_tables=sum(table.rows_moved for table in plan.tables),
        move_seconds=worktable.move_seconds(target),
        broken_keys=tuple(broken),
    )


def _proofs(target: Connection) -> list[dict[str, Any]]:
    """One for each table, its parts added up: the checksums are sums over rows."""
    tables: dict[str, dict[str, Any]] = {}
    for proof in (proof for result in worktable.results(target, ["verify"]) for proof in result if "table" in proof):
        before = tables.setdefault(
            proof["table"], {**proof, **dict.fromkeys(_ADDED, 0), "source_sum": 0, "target_sum": 0}
        )
        tables[proof["table"]] = (
            before
            | {key: before[key] + proof[key] for key in _ADDED}
            | {key: str(int(before[key]) + int(proof[key])) for key in ("source_sum", "target_sum")}
        )
    return list(tables.values())


_ADDED = ("source_rows", "target_rows", "bytes", "seconds")


def _views(target: Connection, shape: Shape) -> Iterator[tuple[Difference, bool]]:
    """Views with other numbers of rows; those that nobody could count are told."""
    for one in (one for result in worktable.results(target, ["verify"]) for one in result if "view" in one):
        name, ours, theirs = f"{shape.schema}.{one['view']}", one["source"], one["target"]
        if one["reason"]:
            yield Difference(kind="view rows", name=name, what="not counted", why=one["reason"]), True
        elif theirs == -1:
            yield Difference(kind="view rows", name=name, what="the target fails to read the view"), False
        elif ours != theirs:
            what = f"{ours:,} rows in the source, {theirs:,} in the target: it means something else there"
            yield Difference(kind="view rows", name=name, what=what), False


def _broken(key: BrokenKey) -> Difference:
    return Difference(kind="foreign key", name=key.name, what=f"not valid: {key.orphans:,} rows break it")


def _mended(target: Connection) -> Mapping[tuple[str, str, str], str]:
    """By table, column and kind: how many values of the source were replaced, in words; its parts added up."""
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    for proof in (proof for result in worktable.results(target, ["verify"]) for proof in result if "table" in proof):
        for column, about, number in proof.get("mended", ()):
            counts[proof["table"], column, about] += number
    return {place: f" ({counted(number, 'value')})" for place, number in counts.items()}


def _transformed(
    plan: MigrationPlan, shape: Shape, ddl: Ddl, options: Options, mended: Mapping[tuple[str, str, str], str]
) -> Iterator[tuple[Difference, bool]]:
    """What differs for a reason, and whether the approved plan said so."""
    if options.scope is not Scope.data_only:
        for left in ddl.left:
            what = "not in the target" if left.gone else "otherwise in the target"
            known = words.sentence(left) in plan.left_out
            yield Difference(kind=left.kind, name=left.name, what=what, why=left.why), known
        yield from _chosen(plan, options)
    if options.scope is Scope.schema_only:
        return
    if shape.rules.whole("unsearched") == "mend":
        what = "a value that PostgreSQL refuses was mended wherever there was one"
        yield Difference(kind="values", name="every column", what=what, why="as the requester chose"), True
    for table in shape.tables:
        for column in table.columns:
            for fault, said_ in answered(table.source, column.source, shape.rules):
                if shape.rules.of_column(fault.about, table.source.name, column.source.name) != said_:
                    continue
                text = values.said(fault, said_)
                named = text[:1].lower() + text[1:] + mended.get((table.label, column.source.name, fault.about), "")
                name = f"{table.label}.{column.source.name}"
                yield (
                    Difference(
                        kind="values", name=name, what=f"{fault.about}: {named}", why="as the requester chose"
                    ),
                    True,
                )


def _chosen(plan: MigrationPlan, options: Options) -> Iterator[tuple[Difference, bool]]:
    """What was chosen about types and texts, by rule or by answer: columns that became the same, together.

    The first of a question's choices is what the engine itself would do."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    decided = dict(options.decisions)
    for question in plan.questions:
        about, colon, place = question.key.partition(":")
        word = answer(question, options)
        usual = word == question.choices[0].value and bool(question.default) and question.key not in decided
        if about in ("type", "collation") and colon and not usual:
            groups[about, word].append(place)
        elif about in ("enums", "json", "collations", "partitions") and word != DEFAULTS[about]:
            yield Difference(kind="choice", name=about, what=said(question, options), why="as chosen"), True
    for (about, word), places in groups.items():
        what = f"{'becomes' if about == 'type' else 'compares as'} {word or 'nothing yet'}"
        yield Difference(kind="columns", name=listed(places), what=what, why="as chosen"), True


def _counters(target: Connection) -> Iterator[Difference]:
    """Identities stand where they were set."""
    for result in worktable.results(target, ["sequences"]):
        for sequence, value, *full in result:
            row = wire.run(target, f"select last_value, is_called from {sequence}", lambda: None)[0]  # noqa: S608 - quoted
            if row != (str(value), "t" if any(full) else "f"):
                yield Difference(kind="sequence value", name=sequence, what=f"expected {value}; target: {row[0]}")


def report(target: Connection) -> list[dict[str, Any]]:
    """Per table what was copied, its parts added up, and its proof."""
    tables: dict[str, dict[str, Any]] = {}
    for line in (line for result in worktable.results(target, ["copy"]) for line in result):
        before = tables.setdefault(line["table"], {**line, "rows": 0, "bytes": 0, "seconds": 0, "parts": 0})
        added = {key: before[key] + line[key] for key in ("rows", "bytes", "seconds")}
        tables[line["table"]] = {**before, **added, "parts": before["parts"] + 1}
    for proof in _proofs(target):
        tables.setdefault(proof["table"], {"table": proof["table"]}).update(
            {key: proof[key] for key in ("source_rows", "target_rows", "source_sum", "target_sum")}
        )
    return list(tables.values())
