"""Turns of several contenders at the same work, and the lines that say what each has cost."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

from tests.bench.clock import Cost, RunFailed
from tests.bench.pairs import S, T
from tests.bench.peers import Peer
from tests.bench.sides import Host

OURS = "ours"
METRICS = ("wall", "cpu", "rss")


@dataclass(frozen=True)
class Contest(Generic[S, T]):
    """One source, and a new target for every turn, prepared by `statements`; `rows` must arrive in it.

    With `keep` the targets stay as long as their server."""

    source: S
    old: Host[S]
    new: Host[T]
    rows: dict[str, int]
    statements: Sequence[str] = ()
    table: str = ""
    keep: bool = False

    def lines(
        self, peers: Sequence[Peer[S, T]], mine: Callable[[T], dict[str, Cost]], runs: int
    ) -> list[dict[str, Any]]:
        """Takes turns, each round begun by another; a peer that fails is named with its reason and has no figures."""
        costs: dict[str, list[Cost]] = {}
        contenders = {OURS: mine} | {peer.name: partial(self._peer, peer) for peer in peers}
        for turn in range(runs):
            order = list(contenders.items())
            for name, contender in order[turn % len(order) :] + order[: turn % len(order)]:
                try:
                    for variant, cost in self._turn(contender).items():
                        costs.setdefault(name + variant, []).append(cost)
                except RunFailed as error:
                    if name == OURS:
                        raise SystemExit(f"ours failed: {error}") from error
                    print(f"  {name}: left out: {error}", flush=True)
                    del contenders[name]
        left = [peer for peer in peers if peer.name in contenders]
        alone: list[Peer[S, T] | None] = [None]
        return [line for peer in left or alone for line in _lines(peer, costs)]

    def _peer(self, peer: Peer[S, T], target: T) -> dict[str, Cost]:
        return {"": peer.run(self.source, target, self.table)}

    def _turn(self, contender: Callable[[T], dict[str, Cost]]) -> dict[str, Cost]:
        """Into a database of its own; what arrived is counted when the clock has stopped."""
        with self.new.database(self.statements, keep=self.keep) as target:
            self.old.settle()
            self.new.settle()
            found = contender(target)
            there = target.counts()
        for table, rows in self.rows.items():
            if there.get(table) != rows:
                raise RunFailed(f"of {table}'s {rows} rows {there.get(table)} arrived")
        return found


def _lines(peer: Peer[Any, Any] | None, costs: dict[str, list[Cost]]) -> list[dict[str, Any]]:
    """Without a peer ours stands alone."""
    lines = []
    name, version = (peer.name, peer.version) if peer else ("", "")
    for variant in (key.removeprefix(OURS) for key in costs if key.startswith(OURS)):
        for metric in METRICS:
            mine = _median(costs[OURS + variant], metric)
            theirs = _median(costs[name], metric) if peer else None
            ratio = round(mine / theirs, 2) if theirs else None
            figures = {"ours": round(mine, 2), "theirs": None if theirs is None else round(theirs, 2), "ratio": ratio}
            lines.append({"peer": name, "peer_version": version, "metric": metric + variant, **figures})
            shown = f"{mine:9.2f} {_told(theirs):>9} {ratio}"
            print(f"  {name or 'no peer':24} {metric + variant:24} {shown}", flush=True)
    return lines


def _median(costs: Sequence[Cost], metric: str) -> float:
    found: float = statistics.median(getattr(cost, metric) for cost in costs)
    return found


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
