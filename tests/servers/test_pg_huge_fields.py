"""Fields of hundreds of megabytes: they travel where the protocol lets them, in bounded memory, or are refused in
words (hard case 21)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import Permanent
from tests.servers.pg_run import Migration, rows
from tests.support.servers import FreshDatabase

# Over half a GB: as text, which is twice as long, no message could hold it. The note alone is more than a process
# that moves it may take.
BINARY = """
create table big (id int primary key, data bytea, note text);
alter table big alter data set storage external;
insert into big select 1, convert_to(repeat('ab', 270 * 1024 * 1024), 'UTF8'), 'x';
insert into big values (2, '\\x01', repeat('y', 160 * 1024 * 1024));
"""
AS_TEXT = """
create table big (id int primary key, data bytea, span int4range);
alter table big alter data set storage external;
insert into big select 1, convert_to(repeat('ab', 270 * 1024 * 1024), 'UTF8'), '[1,2)';
"""
RUN = """
import json, resource, sys
from pathlib import Path
from jobs.core.model import Options
from jobs.ports.engine import Asked
from tests.servers.doomed import endpoint
from tests.servers.pg_run import ENGINE, Spy, work
from jobs.engines.postgres.conductor import conduct
order = json.load(sys.stdin)
asked = Asked("m0000000001", endpoint(order["source"]), endpoint(order["target"]), Options(parallelism=1))
plan = ENGINE.plan(asked, ENGINE.inspect(asked))
with conduct(asked, plan) as conductor:
    conductor.prepare(Spy())
    work(asked, plan)
    reasons = conductor.verdict().reasons
peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps({"reasons": reasons, "peak": peak}))
"""


def migration(fresh_db: FreshDatabase, old: PostgresServer, new: PostgresServer, sql: str) -> Migration:
    source, target = fresh_db(old), fresh_db(new)
    with source.connect() as connection:
        connection.execute(sql)
    return Migration(source, target)


def address(move: Migration, side: str) -> dict[str, str | int]:
    database = getattr(move, side)
    server = database.server
    where: dict[str, str | int] = {"host": server.host, "port": server.port, "database": database.name}
    return where | {"user": server.superuser, "password": server.password}


@pytest.mark.slow
def test_more_than_half_a_gigabyte_arrives_in_bounded_memory(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer
) -> None:
    move = migration(fresh_db, pg16, pg18, BINARY)
    order = json.dumps({side: address(move, side) for side in ("source", "target")})
    ran = subprocess.run([sys.executable, "-c", RUN], input=order, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    told = json.loads(ran.stdout)
    assert told["reasons"] == []
    assert told["peak"] < 150, f"{told['peak']} MB"
    query = "select id, length(data), length(note), md5(note) from big order by id"
    assert rows(move.target, query) == rows(move.source, query)


@pytest.mark.slow
def test_what_is_too_long_as_text_is_refused_in_words(
    fresh_db: FreshDatabase, pg16: PostgresServer, pg18: PostgresServer
) -> None:
    move = migration(fresh_db, pg16, pg18, AS_TEXT)
    with pytest.raises(Permanent) as caught:
        move.run()
    assert "public.big" in caught.value.what and "1 GB" in caught.value.what
    assert "abab" not in str(caught.value)
    assert caught.value.remedy
