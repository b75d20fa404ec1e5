"""`python -m tests.bench`: how fast we copy, beside the tools that people use instead.

Contenders take turns on the same servers, each into a new database, after both servers have written what they hold;
medians are told. Nothing is asserted but that every row has arrived: the figures are of this machine and this hour,
whose load is printed with them. Ours is timed through queue, workers and ledger (`tests.bench.ours`).
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from tests.bench import ours
from tests.bench.contest import Contest
from tests.bench.data import Dataset
from tests.bench.pairs import PAIRS, Pair, S, T
from tests.bench.sides import Host

QUICK = 0.1


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
        datasets = [dataset for dataset in pair.datasets if not asked.dataset or dataset.name in asked.dataset]
        if not datasets or (asked.pair and pair.name not in asked.pair):
            continue
        with pair.source() as old, pair.target() as new, ours.installed() as bot:
            if scale >= QUICK:
                new.warm()
            for dataset in datasets:
                found += _measure(bot, pair, (old, new), dataset, scale, asked.runs)
                Path(asked.out).write_text(json.dumps(found, indent=1) + "\n")
    if not found:
        raise SystemExit("nothing was measured: no such pair has such a dataset")
    print(f"{asked.out} written; load now {_load()}")


def _arguments() -> argparse.Namespace:
    names = dict.fromkeys(dataset.name for pair in PAIRS for dataset in pair.datasets)
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is about 1 GB in each larger dataset")
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pair", action="append", choices=[pair.name for pair in PAIRS], help="only this one")
    parser.add_argument("--dataset", action="append", choices=list(names), help="only this one")
    parser.add_argument("--out", default="bench.json")
    return parser.parse_args()


def _load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def _measure(
    bot: ours.Ferrybot, pair: Pair[S, T], hosts: tuple[Host[S], Host[T]], dataset: Dataset, scale: float, runs: int
) -> list[dict[str, Any]]:
    old, new = hosts
    label = f"{old.label} → {new.label}"
    statements = dataset.build(scale)
    print(f"\n{label}, {dataset.name}, load {_load()}", flush=True)
    with old.database(statements) as source:
        rows = source.counts()
        with new.database() as target:
            known = pair.peers(source, target) if pair.peers else []
            peers = [peer for peer in known if not (peer.small and dataset.table)]
            streams = pair.stream.peers(source, target) if pair.stream and dataset.table else []
        lines: list[dict[str, Any]] = []
        if pair.peers:
            contest = Contest(source, old, new, rows, keep=dataset.many_files)
            lines = contest.lines(peers, lambda target: bot.whole(source, target), runs)
            print(f"  told apart: {', '.join(bot.told)}")
            bot.told.clear()
        if pair.stream and dataset.table:
            mine, table = pair.stream.ours, dataset.table
            contest = Contest(source, old, new, {table: rows[table]}, statements[:1], table)
            lines += contest.lines(streams, lambda target: {"": mine(source, target, table)}, runs)
    return [{"pair": label, "dataset": dataset.name, **line} for line in lines]


if __name__ == "__main__":
    main()
