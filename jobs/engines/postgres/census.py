"""The census: every object of both sides, kind by kind, name by name.

PostgreSQL deparses what it parsed, and its versions write some things differently: bodies of views, rules and
policies are compared only between equal major versions; between others their columns, options and flags are.
Functions are compared by the hash of their source. Nothing here is skipped in silence: a kind that a server
would not let us read is named as unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from jobs.core.model import Options, Scope
from jobs.core.verdict import Difference, TableProof
from jobs.engines.postgres import census_edges, housing, transformed, wire, worktable
from jobs.engines.postgres import found as target_found
from jobs.engines.postgres.connect import Connection, first_line
from jobs.engines.postgres.parts import parts
from jobs.engines.postgres.perform.sequences import PER_STATEMENT, read_values
from jobs.engines.postgres.transformed import Broken, Spelling

_BEFORE = """with mine as (
    select n.oid, n.nspname, n.nspowner from pg_namespace n
    where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')),
ext as (select d.classid, d.objid from pg_depend d where d.deptype = 'e'),
rel as (
    select c.oid, c.relkind, c.relpersistence, c.relowner, c.relacl, c.reloptions, c.relrowsecurity,
        c.relforcerowsecurity, c.relreplident, c.relispopulated, c.relpartbound, c.relam, c.reltype, c.reloftype,
        c.reltoastrelid,
        quote_ident(n.nspname) || '.' || quote_ident(c.relname) as label
    from pg_class c join mine n on n.oid = c.relnamespace
    where c.relpersistence <> 't'
      and not exists (select from ext where ext.classid = 'pg_class'::regclass and ext.objid = c.oid))
"""
_SEQUENCES = """select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S'"""
_SINCE, _BODY = re.compile(r"\{since (\d+) ([^{}]+)\}"), re.compile(r"\{body ([^{}]+)\}")
_CLIP = 200
"""Definitions in a difference are cut to this: the thread must stay readable."""


@dataclass
class Counted:
    """How many objects of each kind agree, and every one that does not."""

    broken: Broken = field(default_factory=Broken)
    stood: transformed.Stood = field(default_factory=transformed.Stood)
    agreed: list[tuple[str, int]] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    transformed: list[Difference] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def add(self, kind: str, source: dict[str, str], target: dict[str, str]) -> None:
        if kind == "constraint":
            target = self.broken.folded(source, target)
        agreeing = sum(target.get(name) == definition for name, definition in source.items())
        if source or target:
            self.agreed.append((kind, agreeing))
        for found in _differences(kind, source, target):
            self._judge(found, source.get(found.name), target.get(found.name))

    def _judge(self, found: Difference, source: str | None, target: str | None) -> None:
        told = transformed.as_broken_key(found, source, target, self.broken)
        told = told or transformed.as_standing(found, source, target, self.stood)
        told = told or transformed.explain(found, source, target)
        (self.transformed if told.why else self.differences).append(told)


def proofs(results: Sequence[Any]) -> list[TableProof]:
    """What the verify tasks kept."""
    return [TableProof(**document) for result in results for document in result]


def take(
    source: Connection,
    target: Connection,
    run: worktable.Run,
    options: Options,
    values: Sequence[Sequence[str]],
    broken: Broken,
) -> Counted:
    """Compares both sides; `values` are the sequences' as they were read when they were set."""
    spell = spelling(source.info.server_version, target.info.server_version)
    counted = Counted(broken.spelled(spell), _stood(target, spell))
    if options.scope is not Scope.data_only:
        gone = {f"{catalog}:{oid}" for catalog, oid in run.left_out}
        for kind in parts("census"):
            if _asked(kind, options):
                _compare(counted, kind, source, target, gone, options)
        counted.transformed += transformed.by_nature(source, target, options)
    if values:
        counted.add("sequence value", *_values(target, values))
    census_edges.count(counted, source, target, options)
    return counted


def _stood(target: Connection, spell: Spelling) -> transformed.Stood:
    before = target_found.read(target)
    if before is None:
        return transformed.Stood()
    schemas = housing.spelled(target, before.schemas)
    return transformed.Stood(frozenset(map(spell, schemas)), frozenset(map(spell, before.extensions)))


def _asked(kind: str, options: Options) -> bool:
    return {"owner": options.keep_owners, "privilege": options.keep_grants}.get(kind, True)


def _compare(
    counted: Counted, kind: str, source: Connection, target: Connection, gone: Collection[str], options: Options
) -> None:
    text = statement(kind, source.info.server_version, target.info.server_version, options)
    source.execute("savepoint census")  # the transaction holds the snapshot: an error must not end it
    try:
        ours, theirs = wire.together([(source, text), (target, text)], lambda: None)
    except psycopg.OperationalError:
        raise
    except psycopg.DatabaseError as error:
        counted.unchecked.append(f"every {kind}: {first_line(error.diag.message_primary or str(error))}")
        source.execute("rollback to savepoint census")
    else:
        counted.transformed += transformed.left_out(kind, ours, gone)
        spell = spelling(source.info.server_version, target.info.server_version)
        counted.add(kind, by_name(ours, gone, spell), by_name(theirs, (), spell))
    source.execute("release savepoint census")


def statement(kind: str, source_version: int, target_version: int, options: Options) -> str:
    """The whole statement of a kind, as both servers can answer it alike."""
    same = source_version // 10000 == target_version // 10000
    words = {
        "owners": options.keep_owners,
        "rows": options.scope is Scope.everything,
        "maintain": min(source_version, target_version) >= 170000,
    }
    text = parts("census")[kind]
    oldest = min(source_version, target_version) // 10000
    text = _SINCE.sub(lambda found: found[2] if oldest >= int(found[1]) else "null", text)
    text = _BODY.sub(r"\1" if same else "null", text)
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", str(value).lower())
    return _BEFORE + text


_PLAIN = re.compile(r'(?<!")"([a-z_][a-z0-9_$]*)"(?!")')


def spelling(source_version: int, target_version: int) -> Spelling:
    """How names are written to be compared: each major version has keywords of its own, and quotes those alone."""
    if source_version // 10000 == target_version // 10000:
        return lambda text: text
    return lambda text: _PLAIN.sub(r"\1", text)


def by_name(rows: wire.Table, gone: Collection[str], spell: Spelling) -> dict[str, str]:
    """Name -> definition, without what belongs to something left out."""
    return {
        spell(name or ""): spell(definition or "")
        for tokens, name, definition in rows
        if not gone or not any(token in gone for token in (tokens or "").split())
    }


def _differences(kind: str, source: dict[str, str], target: dict[str, str]) -> Iterable[Difference]:
    for name in sorted(source.keys() | target.keys()):
        if name not in target:
            yield Difference(kind=kind, name=name, what="missing on the target")
        elif name not in source:
            yield Difference(kind=kind, name=name, what="unexpected on the target")
        elif source[name] != target[name]:
            yield Difference(kind=kind, name=name, what=_between(source[name], target[name]))


def _between(source: str, target: str) -> str:
    """Where two definitions part, with a little of what stands before."""
    at = next(
        (i for i, (a, b) in enumerate(zip(source, target, strict=False)) if a != b), min(len(source), len(target))
    )
    start = max(0, at - 30)
    return f"source: {_clip(source, start)}; target: {_clip(target, start)}"


def _clip(text: str, start: int) -> str:
    piece = " ".join(text[start : start + _CLIP].split())
    return ("…" if start else "") + (piece or "nothing") + ("…" if len(text) > start + _CLIP else "")


def _values(target: Connection, values: Sequence[Sequence[str]]) -> tuple[dict[str, str], dict[str, str]]:
    """The sequences' values as read in the source when they were set, and as they are in the target."""
    wanted = {f"{schema}.{name}": f"{value} {called}" for schema, name, value, called in values}
    found: dict[str, str] = {}
    there = set(wire.run(target, _SEQUENCES, lambda: None))
    names = [(schema, name) for schema, name, _, _ in values if (schema, name) in there]
    for start in range(0, len(names), PER_STATEMENT):
        part = names[start : start + PER_STATEMENT]
        for number, value, called in wire.run(target, read_values(part), lambda: None):
            found[".".join(part[int(number or 0)])] = f"{value} {called}"
    return wanted, found
