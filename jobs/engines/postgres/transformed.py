"""Differences that have a reason: what a move changes by nature, each with its why.

A rule speaks only where it is sure. Whatever no rule explains stays a difference, and the run is not done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.core.model import Options
from jobs.core.verdict import BrokenKey, Difference
from jobs.engines.postgres import wire
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.parts import parts

Spelling = Callable[[str], str]
Definition = str | None
"""As the census writes it; None where the side has no such object."""


@dataclass(frozen=True)
class Rule:
    """Explains a difference of one kind."""

    kind: str
    fits: Callable[[Definition, Definition], bool]
    why: str


def _schema(extension: Definition) -> str:
    return (extension or "").partition(" in ")[2]


def _inherited(source: Definition, target: Definition) -> bool:
    """Both inherit and have the same columns; a name may hold the comma, so letters are counted, not names."""
    both = [side or "" for side in (source, target)]
    return all(side.startswith("inherited: ") for side in both) and sorted(both[0]) == sorted(both[1])


RULES = (
    Rule(
        "extension",
        lambda source, target: bool(source and target) and _schema(source) == _schema(target),
        "the target installs the version that its own server offers",
    ),
    Rule(
        "column order",
        _inherited,
        "pg_dump makes inherited columns first; no row of the table is stored as a value",
    ),
)


def explain(found: Difference, source: Definition, target: Definition) -> Difference:
    """The same difference with its why, where a rule knows it."""
    why = next((rule.why for rule in RULES if rule.kind == found.kind and rule.fits(source, target)), "")
    return found.model_copy(update={"why": why})


_UNPROVEN = " NOT VALID unproven"


@dataclass(frozen=True)
class Broken:
    """Foreign keys that stayed NOT VALID. Names are those of the census.

    `stand_ins`: of a key that a partitioned table cannot have NOT VALID the keys of its partitions; `waiting`:
    comments on such keys."""

    keys: Mapping[str, BrokenKey] = field(default_factory=dict)
    stand_ins: Mapping[str, Sequence[str]] = field(default_factory=dict)
    waiting: Collection[str] = ()

    @staticmethod
    def of(results: Iterable[Sequence[Mapping[str, Any]]]) -> Broken:
        """From what validate tasks kept."""
        documents = [document for result in results for document in result]
        own = {"census", "stand_ins", "comment"}
        return Broken(
            {d["census"]: BrokenKey(**{k: v for k, v in d.items() if k not in own}) for d in documents},
            {d["census"]: d["stand_ins"] for d in documents if "stand_ins" in d},
            {d["comment"] for d in documents if d.get("comment")},
        )

    def spelled(self, spell: Spelling) -> Broken:
        """The same with every name written anew."""
        return Broken(
            {spell(name): key for name, key in self.keys.items()},
            {spell(name): [spell(n) for n in names] for name, names in self.stand_ins.items()},
            {spell(name) for name in self.waiting},
        )

    def folded(self, source: Mapping[str, str], target: Mapping[str, str]) -> dict[str, str]:
        """The target's constraints, the stand-ins of a key as that key: only where each is as the key is."""
        seen = dict(target)
        for name, stand_ins in self.stand_ins.items():
            wanted = source.get(name)
            fits = {wanted, f"{wanted}{_UNPROVEN}"}
            if wanted and name not in seen and all(target.get(n) in fits and n not in source for n in stand_ins):
                seen = {n: definition for n, definition in seen.items() if n not in set(stand_ins)}
                seen[name] = wanted + _UNPROVEN
        return seen


def as_broken_key(found: Difference, source: Definition, target: Definition, broken: Broken) -> Difference | None:
    """A foreign key that only stayed NOT VALID since rows break it; None where that is not all, or not so."""
    if found.kind == "comment" and found.name in broken.waiting and target is None:
        return found.model_copy(update={"why": "its key stands on each partition; it comes when that is valid"})
    key = broken.keys.get(found.name) if found.kind == "constraint" else None
    if key is None or source is None or target != source + _UNPROVEN:
        return None
    rows = "1 row breaks it" if key.orphans == 1 else f"{key.orphans:,} rows break it"
    where = "stands NOT VALID on each partition" if key.parted else "is NOT VALID on the target"
    return Difference(kind="foreign key", name=key.name, what=f"{where}: {rows}")


@dataclass(frozen=True)
class Stood:
    """What a target had before the run besides what its server gives to all: extensions, and schemas that house them.

    Names as the census writes them."""

    schemas: frozenset[str] = frozenset()
    extensions: frozenset[str] = frozenset()


_STOOD = "it stood on the target before the run"


def as_standing(found: Difference, source: Definition, target: Definition, stood: Stood) -> Difference | None:
    """What the target had before and keeps; None for all else, and for what is lacking."""
    name = found.name.removeprefix("schema ") if found.kind == "comment" else found.name
    if name not in (stood.extensions if found.kind == "extension" else stood.schemas) or target is None:
        return None
    more = found.kind == "privilege" and _grants(source) <= _grants(target)
    if found.kind == "owner" or more or source is None:
        return found.model_copy(update={"why": _STOOD})
    return None


def _grants(written: Definition) -> set[str]:
    return set((written or "").split(", ")) - {""}


_OF_ANOTHER = frozenset({"column", "column order", "owner", "privilege", "comment", "security label"})
"""Kinds that only speak of an object: who knows that the object stays behind needs no word of them."""


def left_out(kind: str, rows: wire.Table, gone: Collection[str]) -> Iterator[Difference]:
    """Objects of the source that stay behind with a table that was left out, or because they need it."""
    if kind in _OF_ANOTHER or not gone:
        return
    for words, name, _ in rows:
        own, *others = (words or "").split() or [""]
        if others and others[0] in gone:
            continue  # it belongs to a table that stays behind
        if own in gone:
            yield Difference(
                kind=kind, name=name or "", what="not on the target", why="left out by choice, or needs what was"
            )
        elif any(other in gone for other in others):
            yield Difference(kind=kind, name=name or "", what="not on the target", why="points to what was left out")


def by_nature(source: Connection, target: Connection, options: Options) -> Iterator[Difference]:
    """What is no object of its own, and still is not the same on both sides."""
    yield from _not_kept(options, target.info.user)
    old, new = (connection.info.server_version // 10000 for connection in (source, target))
    texts = parts("transformed")
    for (name,) in wire.run(source, texts["invalid indexes"], lambda: None):
        yield Difference(
            kind="index", name=name or "", what="not on the target", why="it is invalid in the source: nobody uses it"
        )
    if _number(source, texts["column options"]) and not _number(target, texts["column options"]):
        why = "an internal mark of the source's build, which other servers refuse"
        yield Difference(kind="column", name="option pg_attver", what="not on the target", why=why)
    if old < 18 <= new and (columns := _number(source, texts["not null"])):
        why = "from PostgreSQL 18 on NOT NULL is a constraint with a name; the columns agree"
        yield Difference(kind="constraint", name="NOT NULL", what=f"{columns:,} columns", why=why)
    if old < 17 <= new and options.keep_grants:
        why = "PostgreSQL 17 brought it, and gives it to every owner"
        yield Difference(kind="privilege", name="MAINTAIN", what="only on the target", why=why)
    if old != new and (bodies := _number(source, texts["bodies"])):
        why = f"PostgreSQL {old} and {new} write them differently; their columns, options and flags agree"
        what = f"{bodies:,} texts were not compared word by word"
        yield Difference(kind="text", name="views, rules and policies", what=what, why=why)


def _not_kept(options: Options, user: str) -> Iterator[Difference]:
    if not options.keep_owners:
        what = f"everything belongs to {user}"
        yield Difference(kind="owner", name="of every object", what=what, why="owners were not to be kept")
    if not options.keep_grants:
        what = "not on the target"
        yield Difference(kind="privilege", name="of every object", what=what, why="grants were not to be kept")


def _number(connection: Connection, text: str) -> int:
    return int(wire.run(connection, text, lambda: None)[0][0] or 0)
