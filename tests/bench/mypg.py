"""`python -m tests.bench.mypg`: MariaDB to PostgreSQL, beside pgloader where it is installed.

Contenders take turns on the same two servers, each into a new database; medians are told. Ours is the engine in a
process of its own, with the two lanes of a default plan: everything up to ANALYZE, and the proofs and the census told
apart. pgloader copies, builds its indexes and proves nothing. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bot.sandbox.servers import MariaDbServer, PostgresServer
from jobs.core.model import Options
from jobs.core.plan import MigrationPlan
from jobs.engines.mysql_postgres.conductor import conduct
from jobs.ports.engine import Asked
from tests.servers.doomed import endpoint
from tests.servers.mypg_run import Move, Source, _address, drain
from tests.servers.pg_run import Spy
from tests.support.servers import Database, create_database, drop_database, postgres_binaries

LANES = 2
MARIADB = {"innodb-buffer-pool-size": "1G", "innodb-log-file-size": "512M", "max-allowed-packet": "64M"}
POSTGRES = {"fsync": "on", "shared_buffers": "512MB", "max_wal_size": "4GB"}
SCHEMA = """
create table orders (id bigint auto_increment primary key, customer int not null, placed datetime(3) not null,
    status enum('new', 'paid', 'sent') not null, total decimal(12,2), note varchar(200), address varchar(120),
    paid tinyint(1), key by_customer (customer), key by_placed (placed), key by_status (status, paid));
create table accounts (aid int primary key, bid int not null, abalance int not null, filler char(84) not null,
    key by_bid (bid), key by_balance (abalance));
insert into orders (customer, placed, status, total, note, address, paid)
    select seq %% 50000, '2020-01-01' + interval seq second, 1 + seq %% 3, seq / 7,
    if(seq %% 5 = 0, null, concat('note \\\\ ', repeat(char(97 + seq %% 26), seq %% 180))),
    concat('Straße ', seq, ', ', md5(seq)), seq %% 2 from seq_1_to_{wide};
insert into accounts select seq, seq %% 100, seq %% 7919, '' from seq_1_to_{narrow};
"""
FULL_WIDE, FULL_NARROW = 1_100_000, 5_000_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mypg")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--major", type=int, default=16)
    asked = parser.parse_args()
    print(f"scale {asked.scale:g}, {asked.runs} runs each, medians; {os.cpu_count()} cores, load {os.getloadavg()}")
    binaries = postgres_binaries(asked.major)
    with (
        MariaDbServer(settings=MARIADB, password="bench") as mariadb,
        PostgresServer(binaries, settings=POSTGRES, password="bench") as postgres,
    ):
        source = _fill(mariadb, asked.scale)
        found: dict[str, list[dict[str, float]]] = {}
        for number in range(asked.runs):
            for name, contender in (("ferrybot", _ours), ("pgloader", _pgloader)):
                if name == "pgloader" and shutil.which(name) is None:
                    continue
                target = Database(postgres, f"bench_{name}_{number}")
                create_database(postgres, target.name)
                with postgres_checkpoint(target):
                    found.setdefault(name, []).append(contender(source, target))
                drop_database(postgres, target.name)
        for name, runs in found.items():
            print(name, {key: round(statistics.median(run[key] for run in runs), 2) for key in runs[0]}, flush=True)


class postgres_checkpoint:
    """Nothing that an earlier contender wrote is still to be written."""

    def __init__(self, target: Database) -> None:
        self.target = target

    def __enter__(self) -> None:
        with self.target.connect() as connection:
            connection.execute("checkpoint")

    def __exit__(self, *_: object) -> None:
        return None


def _fill(server: MariaDbServer, scale: float) -> Source:
    source = Source(server, "bench")
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("create database bench character set utf8mb4")
    counts = {"wide": int(FULL_WIDE * scale), "narrow": int(FULL_NARROW * scale)}
    source.execute(SCHEMA.format(**counts).replace("%%", "%"))
    source.rows("analyze table orders, accounts")
    return source


def _ours(source: Source, target: Database) -> dict[str, float]:
    move = Move(source, target, Options(parallelism=LANES))
    began = time.monotonic()
    plan, asked = move.plan(), move.asked()
    checked = time.monotonic() - began
    order = {
        "plan": plan.model_dump_json(),
        "options": asked.options.model_dump(mode="json"),
        "source": _address(asked.source),
        "target": _address(asked.target),
    }
    command = [sys.executable, "-m", "tests.bench.mypg_worker"]
    told = subprocess.run(command, input=json.dumps(order), text=True, check=True, stdout=subprocess.PIPE).stdout
    return {"checks": checked, **json.loads(told)}


def worker() -> None:
    """One run in a process of its own; prints its seconds as JSON."""
    order: dict[str, Any] = json.load(sys.stdin)
    plan = MigrationPlan.model_validate_json(order["plan"])
    options = Options.model_validate(order["options"])
    asked = Asked(plan.migration, endpoint(order["source"]), endpoint(order["target"]), options)
    began = time.monotonic()
    marks: list[float] = []
    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())

        def one() -> None:
            with conductor.lane() as lane:
                drain(lane, Spy())

        threads = [threading.Thread(target=one) for _ in range(conductor.own_lanes)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            threads[0].join(0.05)
            tally = conductor.tally()
            if tally.phase in ("verify", "") and not marks:
                marks.append(time.monotonic() - began)
        for thread in threads:
            thread.join()
        verdict = conductor.verdict()
    assert verdict.green, verdict.reasons
    usage = os.times()
    whole = time.monotonic() - began
    print(json.dumps({"wall": marks[0] if marks else whole, "proven": whole, "cpu": usage.user + usage.system}))


def _pgloader(source: Source, target: Database) -> dict[str, float]:
    """Its heap is enlarged: with its default it dies on such tables."""
    mine, theirs = source.endpoint, target.server
    secret = quote(theirs.password, safe="")
    text = f"""load database
        from mysql://root:{quote(source.server.password, safe="")}@{mine.host}:{mine.port}/{source.name}
        into postgresql://{theirs.superuser}:{secret}@{theirs.host}:{theirs.port}/{target.name}
        with workers = 8, concurrency = 2, include drop, create tables, create indexes, reset sequences;"""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "load"
        script.write_text(text)
        began, before = time.monotonic(), os.times()
        command = ["pgloader", "--dynamic-space-size", "4096", str(script)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    wall = time.monotonic() - began
    with target.connect() as connection:
        arrived = connection.execute(f"select count(*) from {source.name}.orders").fetchone()
    assert arrived and [arrived] == source.rows("select count(*) from orders")
    return {"checks": 0.0, "wall": wall, "proven": float("nan"), "cpu": cpu}


if __name__ == "__main__":
    main()
