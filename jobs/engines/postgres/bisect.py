"""Which rows differ: a table whose sums do not agree is cut into buckets by the hash of its key, and only the
rows of buckets that differ travel, as hashes.

Two passes over the table on each side, at the same time on both: one that counts and sums each bucket, one that
fetches (hash of the key, hash of the row, the key as text) from differing buckets up to `ROWS`. The hashes are the
checksum's own, so they agree between versions; keys are compared by their text, whatever the collation. A table
without a key is cut by the hash of the whole row: its rows can only be missing or unexpected, each as often as it
is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from jobs.core.verdict import RowDifference, TableProof
from jobs.engines.postgres import keys, quote, wire
from jobs.engines.postgres.connect import Connection
from jobs.engines.postgres.perform.checksum import Compared, row_hash

TABLES = 50
"""More differing tables than this are not looked into: they are named, and copied again all the same."""
ROWS = 100_000
"""Fetched of one table from both sides together, some 10 MB."""
BUCKET_ROWS = 200
FEWEST, MOST = 1 << 8, 1 << 16
"""Buckets: one answer of some MB at most."""


def rows_of(
    source: Connection, target: Connection, payloads: Iterable[Mapping[str, Any]], unequal: Sequence[TableProof]
) -> list[RowDifference]:
    """One for each unequal table, in their order; `payloads` describe the tables as verify tasks do."""
    described = {f"{table['schema']}.{table['name']}": table for table in payloads}
    found = []
    for number, proof in enumerate(unequal):
        table = described.get(proof.table)
        looked = _look(source, target, table, proof) if table is not None and number < TABLES else None
        found.append(looked or _by_counts(proof))
    return found


def _by_counts(proof: TableProof) -> RowDifference:
    """What the counts alone say."""
    missing, unexpected = proof.source_rows - proof.target_rows, proof.target_rows - proof.source_rows
    changed = 1 if missing == 0 else 0
    return RowDifference(
        table=proof.table, missing=max(0, missing), unexpected=max(0, unexpected), changed=changed, at_least=True
    )


def _look(
    source: Connection, target: Connection, table: Mapping[str, Any], proof: TableProof
) -> RowDifference | None:
    """None where a server refuses to look closer; the verdict is red all the same."""
    source.execute("savepoint bisect")  # the transaction holds the snapshot: an error must not end it
    try:
        return Bisection.of(source, target, table, max(proof.source_rows, proof.target_rows)).run()
    except psycopg.OperationalError:
        raise
    except psycopg.DatabaseError:
        source.execute("rollback to savepoint bisect")
        return None
    finally:
        if not source.broken:
            source.execute("release savepoint bisect")


Bucket = tuple[int, str]
"""Rows and sum."""


@dataclass
class Tallied:
    """What was found so far."""

    missing: int = 0
    unexpected: int = 0
    changed: int = 0
    at_least: bool = False
    examples: list[str] = field(default_factory=list)

    def show(self, key: str | None) -> None:
        if key is not None and len(self.examples) < keys.EXAMPLES:
            self.examples.append(keys.clipped(key))


@dataclass(frozen=True)
class Bisection:
    """One table on both sides."""

    source: Connection
    target: Connection
    table: Compared
    key: tuple[str, ...]
    buckets: int

    @classmethod
    def of(cls, source: Connection, target: Connection, described: Mapping[str, Any], rows: int) -> Bisection:
        table = Compared.of(dict(described))
        wanted = FEWEST
        while wanted < MOST and wanted * BUCKET_ROWS < rows:
            wanted *= 2
        return cls(source, target, table, keys.row_key(source, table.schema, table.name), wanted)

    def run(self) -> RowDifference:
        """Both passes."""
        ours, theirs = (self._buckets(answer) for answer in self._both(self._sums()))
        nothing: Bucket = (0, "0")
        differ = {
            bucket: (ours.get(bucket, nothing), theirs.get(bucket, nothing))
            for bucket in ours.keys() | theirs.keys()
            if ours.get(bucket) != theirs.get(bucket)
        }
        found = Tallied()
        near, far = _affordable(differ)
        for source_rows, target_rows in far:
            _estimate(found, source_rows, target_rows)
        if near:
            self._compare(found, *self._both(self._rows(near)))
        return RowDifference(
            table=f"{self.table.schema}.{self.table.name}",
            missing=found.missing,
            unexpected=found.unexpected,
            changed=found.changed,
            key=self.key,
            examples=tuple(found.examples),
            at_least=found.at_least,
        )

    def _both(self, text: str) -> list[wire.Table]:
        return wire.together([(self.source, text), (self.target, text)], lambda: None)

    @property
    def _oldest(self) -> int:
        return min(self.source.info.server_version, self.target.info.server_version)

    @property
    def _from(self) -> str:
        return f"from only {quote.qualified(self.table.schema, self.table.name)} t"

    @property
    def _row(self) -> str:
        return row_hash(self.table, self._oldest) if self.table.columns else "0::bigint"

    @property
    def _key(self) -> str:
        return row_hash(replace(self.table, columns=self.key), self._oldest) if self.key else self._row

    def _sums(self) -> str:
        bucket = f"({self._key}) & {self.buckets - 1}"
        return f"select {bucket}, count(*), sum({self._row}) {self._from} group by 1"

    def _buckets(self, rows: wire.Table) -> dict[int, Bucket]:
        return {int(bucket or 0): (int(count or 0), total or "") for bucket, count, total in rows}

    def _rows(self, buckets: Sequence[int]) -> str:
        """(hash of the key, hash of the row, how often, the key)."""
        shown = keys.shown(self.key) if self.key else "null::text"
        listed = ", ".join(map(str, buckets))
        hashed = f"select {self._key} as k, {self._row} as r, {shown} as shown {self._from}"
        return (
            f'select k, r, count(*), min(shown collate "C") from ({hashed} offset 0) hashed'  # noqa: S608 - above
            f" where k & {self.buckets - 1} in ({listed}) group by 1, 2"
        )

    def _compare(self, found: Tallied, source: wire.Table, target: wire.Table) -> None:
        """Rows that agree cancel out; what is left of one key on both sides has changed."""
        ours, theirs = _counted(source), _counted(target)
        missing, unexpected = _by_key(ours - theirs), _by_key(theirs - ours)
        said = {row[0]: row[3] for row in (*target, *source)}
        for key in sorted(missing.keys() | unexpected.keys(), key=lambda k: _order(said.get(k))):
            gone, come = missing.get(key, 0), unexpected.get(key, 0)
            changed = min(gone, come) if self.key else 0
            found.changed += changed
            found.missing += gone - changed
            found.unexpected += come - changed
            found.show(said.get(key))


def _affordable(differ: Mapping[int, tuple[Bucket, Bucket]]) -> tuple[list[int], list[tuple[int, int]]]:
    """Buckets whose rows are fetched, the smallest first, and the row counts of those that are too many."""
    near: list[int] = []
    far: list[tuple[int, int]] = []
    room = ROWS
    for bucket, (ours, theirs) in sorted(differ.items(), key=lambda item: item[1][0][0] + item[1][1][0]):
        size = ours[0] + theirs[0]
        if size <= room:
            near.append(bucket)
            room -= size
        else:
            far.append((ours[0], theirs[0]))
    return near, far


def _estimate(found: Tallied, source_rows: int, target_rows: int) -> None:
    """Of rows that were not fetched: exact where one side has none, else the least that must be so."""
    found.missing += max(0, source_rows - target_rows)
    found.unexpected += max(0, target_rows - source_rows)
    if source_rows and target_rows:
        found.at_least = True
        found.changed += source_rows == target_rows


Cell = str | None


def _counted(rows: wire.Table) -> Counter[tuple[Cell, Cell]]:
    return Counter({(key, row): int(count or 0) for key, row, count, _ in rows})


def _by_key(rows: Counter[tuple[Cell, Cell]]) -> Counter[Cell]:
    summed: Counter[Cell] = Counter()
    for (key, _), count in rows.items():
        summed[key] += count
    return summed


def _order(key: str | None) -> tuple[int, str]:
    """Numbers in their order, where keys are numbers."""
    return (len(key or ""), key or "")


def described(payloads: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The tables that verify tasks name."""
    for payload in payloads:
        yield from payload["tables"]
