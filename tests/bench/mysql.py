"""`python -m tests.bench.mysql`: MariaDB to MariaDB, beside the tools that people use instead.

Contenders take turns on the same two servers, each into a new database; medians are told. Ours is the engine in a
process of its own: prepare, two lanes, with and without the proofs and the census. Nothing is asserted.
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
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.sandbox.servers import MariaDbServer
from jobs.core.model import Options
from jobs.core.plan import MigrationPlan
from jobs.engines.mysql.conductor import conduct
from jobs.ports.engine import Asked
from tests.bench.clock import Cost, shell
from tests.servers.doomed import endpoint
from tests.servers.mysql_run import Migration, MysqlDatabase, _address, drain
from tests.servers.pg_run import Spy

LANES = 2
SETTINGS = {
    # What is committed must be on disk: that is what a user waits for.
    "innodb-flush-log-at-trx-commit": "1",
    "innodb-buffer-pool-size": "1G",
    "innodb-log-file-size": "512M",
    "max-allowed-packet": "64M",
    "skip-log-bin": "1",
}
SOURCE_SETTINGS = {name: value for name, value in SETTINGS.items() if name != "skip-log-bin"}

WIDE = (
    """create table orders (id bigint auto_increment primary key, customer int not null, placed datetime(3) not null,
        status enum('new', 'paid', 'sent') not null, total decimal(12,2), note varchar(200), address varchar(120),
        weight double, paid tinyint(1), key by_customer (customer), key by_placed (placed),
        key by_status (status, paid))
    """,
    """insert into orders (customer, placed, status, total, note, address, weight, paid)
        select seq %% 50000, '2020-01-01' + interval seq second, 1 + seq %% 3, seq / 7,
        if(seq %% 5 = 0, null, concat('note \\\\ ', repeat(char(97 + seq %% 26), seq %% 180))),
        concat('Straße ', seq, ', ', md5(seq)), seq / 3, seq %% 2 from seq_1_to_{wide}""",
)
NARROW = (
    """create table accounts (aid int primary key, bid int not null, abalance int not null, filler char(84) not null,
        key by_bid (bid), key by_balance (abalance))""",
    "insert into accounts select seq, seq %% 100, seq %% 7919, '' from seq_1_to_{narrow}",
)
FULL_WIDE, FULL_NARROW, SMALL = 1_100_000, 5_000_000, 300


@dataclass(frozen=True)
class Contender:
    """A tool that copies a whole database."""

    name: str
    run: Callable[[MysqlDatabase, MysqlDatabase], dict[str, Cost]]


def fill(source: MysqlDatabase, scale: float, datasets: list[str]) -> None:
    """Wide rows, narrow rows, many small tables."""
    sizes = {"wide": int(FULL_WIDE * scale), "narrow": int(FULL_NARROW * scale)}
    statements = [*(WIDE if "wide" in datasets else ()), *(NARROW if "narrow" in datasets else ())]
    source.run(*(statement.format(**sizes).replace("%%", "%") for statement in statements))
    for number in range(SMALL if "small" in datasets else 0):
        source.run(
            f"create table small_{number} (id int primary key, name varchar(50), key by_name (name))",
            f"insert into small_{number} select seq, md5(seq) from seq_1_to_100",
        )


def client(database: MysqlDatabase) -> str:
    server = database.server
    return f"-h127.0.0.1 -P{server.port} -uroot -pbench"


def pipe(source: MysqlDatabase, target: MysqlDatabase) -> dict[str, Cost]:
    """The pipe that most people type."""
    script = (
        f"mariadb-dump {client(source)} --single-transaction --routines --triggers --events {source.name}"
        f" | mariadb {client(target)} {target.name}"
    )
    return {"": shell(script, dict(os.environ))}


def mydumper(source: MysqlDatabase, target: MysqlDatabase) -> dict[str, Cost]:
    """mydumper with row chunks and myloader, two threads each."""
    with tempfile.TemporaryDirectory() as folder:
        out, into = (client(side).replace("-h", "-h ").replace("-P", "-P ") for side in (source, target))
        words = f"{out.replace('-uroot -pbench', '-u root -p bench')}"
        goal = f"{into.replace('-uroot -pbench', '-u root -p bench')}"
        script = (
            f"mydumper {words} -B {source.name} -t {LANES} -r 200000 -G -E -R -o {folder}/d\n"
            f"myloader {goal} -s {source.name} -B {target.name} -t {LANES} -o -d {folder}/d"
        )
        return {"": shell(script, dict(os.environ))}


def ours(source: MysqlDatabase, target: MysqlDatabase) -> dict[str, Cost]:
    """The engine in a process of its own."""
    migration = Migration(source, target, Options(parallelism=LANES))
    asked, plan = migration.asked(), migration.plan()
    order = {"plan": plan.model_dump_json(), "source": _address(asked.source), "target": _address(asked.target)}
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.mysql", "--one"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise SystemExit(f"ours failed: {ran.stderr[-3000:]}")
    return {name: Cost(**values) for name, values in json.loads(ran.stdout).items()}


def one() -> None:
    """Our run, as an order on standard input says."""
    order = json.load(sys.stdin)
    plan = MigrationPlan.model_validate_json(order["plan"])
    asked = Asked(plan.migration, endpoint(order["source"]), endpoint(order["target"]), plan.options)
    began = time.monotonic()
    proving = [0.0]
    errors: list[BaseException] = []

    def lane() -> None:
        try:
            with conductor.lane() as hands:
                drain(hands, Spy())
        except BaseException as error:
            errors.append(error)

    def cost(since: float) -> Cost:
        times = os.times()
        peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
        return Cost(time.monotonic() - since, times.user + times.system, peak)

    with conduct(asked, plan) as conductor:
        conductor.prepare(Spy())
        threads = [threading.Thread(target=lane) for _ in range(conductor.own_lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        tally = conductor.tally()
        proving = [work.seconds for work in tally.work if work.kind == "verify"]
        for work in tally.work:
            print(work.kind, round(work.seconds, 2), file=sys.stderr)
        verdict = conductor.verdict()
        assert verdict.green, verdict.reasons
        conductor.finish()
    whole = cost(began)
    moved = Cost(whole.wall - sum(proving) / LANES, whole.cpu, whole.rss)
    print(json.dumps({"": asdict(moved), " with verification": asdict(whole)}))


def main() -> None:
    """Every contender, in turns."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mysql")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", action="append", help="a contender")
    parser.add_argument("--dataset", action="append", choices=["wide", "narrow", "small"])
    asked = parser.parse_args()
    if asked.one:
        return one()
    contenders = [Contender("ours", ours), Contender("mariadb-dump|mariadb", pipe)]
    if shutil.which("mydumper"):
        contenders.append(Contender("mydumper+myloader", mydumper))
    else:
        print("absent: mydumper is not installed, so nothing is said about it")
    contenders = [c for c in contenders if not asked.only or c.name in asked.only]
    with (
        MariaDbServer(settings=SOURCE_SETTINGS, password="bench") as old,
        MariaDbServer(settings=SETTINGS, password="bench") as new,
    ):
        compare(old, new, contenders, asked)
    return None


def compare(old: MariaDbServer, new: MariaDbServer, contenders: list[Contender], asked: argparse.Namespace) -> None:
    source = created(old, "bench_source")
    fill(source, asked.scale, asked.dataset or ["wide", "narrow", "small"])
    print(f"scale {asked.scale:g}, load {' '.join(f'{value:.1f}' for value in os.getloadavg())}", flush=True)
    costs: dict[str, list[Cost]] = {}
    for run in range(asked.runs):
        for contender in contenders:
            target = created(new, f"bench_{run}")
            for name, cost in contender.run(source, target).items():
                costs.setdefault(contender.name + name, []).append(cost)
                print(f"  {contender.name}{name}: {cost.wall:.1f} s, {cost.cpu:.1f} s of CPU", flush=True)
            target.run(f"drop database {target.name}")
    for name, found in costs.items():
        wall, cpu = statistics.median(c.wall for c in found), statistics.median(c.cpu for c in found)
        print(f"{name:32} {wall:7.1f} s  cpu {cpu:6.1f}  peak {max(c.rss for c in found):5.0f} MB")


def created(server: MariaDbServer, name: str) -> MysqlDatabase:
    connection = server.connect()
    with connection.cursor() as cursor:
        cursor.execute(f"create database {name}")
    connection.close()
    return MysqlDatabase(server, name)


if __name__ == "__main__":
    main()
