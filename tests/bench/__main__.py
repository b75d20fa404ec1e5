"""`python -m tests.bench`: how fast we copy, beside the tools that people use instead.

Contenders take turns on the same servers, each into a new database, after a checkpoint of both servers; medians are
told. Nothing is asserted: the figures are of this machine and this hour, whose load is printed with them. Ours is
timed through queue, workers and ledger (`tests.bench.ours`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.sandbox.servers import PostgresServer
from tests.bench import ours, peers
from tests.bench.clock import Cost, RunFailed
from tests.bench.data import DATASETS, Dataset
from tests.support.servers import Database, create_database, drop_database, postgres_binaries

PAIRS = ((15, 15), (16, 18))
SETTINGS = {
    # Unlike in the tests, what is committed must be on disk: that is what a user waits for.
    "fsync": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
}
QUICK = 0.1
PIPE = "pg_dump|psql"
"""What people type for small databases; for large ones its two-job brother is the better peer."""

Runs = dict[str, list[Cost]]
Contender = Callable[[Database], dict[str, Cost]]


def main() -> None:
    """Every pair and dataset that was asked for."""
    asked = _arguments()
    scale = QUICK * asked.scale if asked.quick else asked.scale
    print(f"scale {scale:g}, {asked.runs} runs each, medians; {os.cpu_count()} cores, load {_load()}")
    print(
        "ours: from the queued run through RQ, two lanes and the ledger up to ANALYZE; proofs told apart;"
        " peers: their whole run and ANALYZE"
    )
    found: list[dict[str, Any]] = []
    for pair in PAIRS:
        if asked.pair and asked.pair != f"{pair[0]}-{pair[1]}":
            continue
        with _servers(*pair) as (old, new), ours.installed() as bot:
            for dataset in DATASETS:
                if not asked.dataset or dataset.name in asked.dataset:
                    found += _measure(bot, old, new, dataset, scale, asked.runs)
                    Path(asked.out).write_text(json.dumps(found, indent=1) + "\n")
    print(f"{asked.out} written; load now {_load()}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 10 M narrow rows, 1 GB of wide ones")
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pair", help="only this one, as 15-15")
    parser.add_argument("--dataset", action="append", choices=[dataset.name for dataset in DATASETS])
    parser.add_argument("--out", default="bench.json")
    return parser.parse_args()


def _load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


@contextmanager
def _servers(old: int, new: int) -> Iterator[tuple[PostgresServer, PostgresServer]]:
    with (
        PostgresServer(postgres_binaries(old), settings=SETTINGS, password="bench") as source,
        PostgresServer(postgres_binaries(new), settings=SETTINGS, password="bench") as target,
    ):
        _warm(target)
        yield source, target


def _warm(server: PostgresServer) -> None:
    """Fills what recycled WAL there will be: a new server's first gigabytes cost whoever comes first 9 s (seen)."""
    with _database(server) as scratch, scratch.connect() as connection:
        rows = "select repeat(md5(i::text), 50) from generate_series(1, 1500000) i"
        connection.execute(f"create table filler as {rows}")
        connection.execute("checkpoint")


@contextmanager
def _database(server: PostgresServer, statements: Sequence[str] = ()) -> Iterator[Database]:
    name = f"bench_{uuid.uuid4().hex[:8]}"
    create_database(server, name)
    database = Database(server, name)
    with database.connect() as connection:
        for statement in statements:
            connection.execute(statement)
    yield database
    drop_database(server, name)


def _measure(
    bot: ours.Ferrybot, old: PostgresServer, new: PostgresServer, dataset: Dataset, scale: float, runs: int
) -> list[dict[str, Any]]:
    pair = f"{old.binaries.major} → {new.binaries.major}"
    statements = dataset.build(scale)
    print(f"\n{pair}, {dataset.name}, load {_load()}", flush=True)
    with _database(old, statements) as source:
        with _database(new) as target:
            found = [peer for peer in peers.whole(source, target) if peer.name != PIPE or not dataset.table]
        lines = _compare(found, lambda target: bot.whole(source, target), source, new, [], "", runs)
        print(f"  told apart: {', '.join(bot.told)}")
        bot.told.clear()
        if dataset.table:
            peer = peers.stream(source, target)
            table = statements[:1]
            lines += _compare(
                peer, lambda t: {"": ours.stream(source, t, dataset.table)}, source, new, table, dataset.table, runs
            )
    return [{"pair": pair, "dataset": dataset.name, **line} for line in lines]


def _compare(
    found: Sequence[peers.Peer],
    mine: Contender,
    source: Database,
    server: PostgresServer,
    statements: Sequence[str],
    table: str,
    runs: int,
) -> list[dict[str, Any]]:
    """Takes turns, each round begun by another; a peer that fails is named with its reason and has no figures."""
    costs: Runs = {}
    contenders: dict[str, Contender] = {"ours": mine}
    for peer in found:
        contenders[peer.name] = lambda target, run=peer.run: {"": run(source, target, table)}  # type: ignore[misc]
    for turn in range(runs):
        order = list(contenders.items())
        for name, contender in order[turn % len(order) :] + order[: turn % len(order)]:
            try:
                with _database(server, statements) as target:
                    _settle(source.server, server)
                    for variant, cost in contender(target).items():
                        costs.setdefault(name + variant, []).append(cost)
            except RunFailed as error:
                print(f"  {name}: left out: {error}")
                del contenders[name]
    if "ours" not in contenders:
        raise SystemExit("ours failed")
    return [line for peer in found if peer.name in contenders for line in _lines(peer, costs)]


def _settle(*servers: PostgresServer) -> None:
    """Nobody pays for pages that another left to be written."""
    for server in servers:
        with Database(server, "postgres").connect() as connection:
            connection.execute("checkpoint")


def _lines(peer: peers.Peer, costs: Runs) -> list[dict[str, Any]]:
    lines = []
    for variant in (name.removeprefix("ours") for name in costs if name.startswith("ours")):
        for metric in ("wall", "cpu", "rss"):
            mine, theirs = (
                statistics.median(getattr(cost, metric) for cost in costs[name])
                for name in (f"ours{variant}", peer.name)
            )
            line = {"metric": metric + variant, "ours": round(mine, 2), "theirs": round(theirs, 2)}
            ratio = round(mine / theirs, 2) if theirs else None
            lines.append({"peer": peer.name, "peer_version": peer.version, **line, "ratio": ratio})
            print(f"  {peer.name:24} {metric + variant:24} {mine:9.2f} {theirs:9.2f} {ratio}", flush=True)
    return lines


if __name__ == "__main__":
    main()
