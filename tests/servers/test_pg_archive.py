"""Our reading of archives against pg_restore's own, for every pg_dump on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from dataclasses import replace

import pytest

from bot.sandbox.servers import PostgresServer
from jobs.core.errors import Permanent, Stopped, Transient
from jobs.core.model import Options
from jobs.engines.postgres import archive, schema, tools
from tests.servers.pg_run import endpoint
from tests.support.servers import FreshDatabase, ShopDatabase

LISTED = re.compile(r"^(\d+); (\d+) (\d+) (.*)$")


def listed(tool: tools.Tool, data: bytes) -> list[tuple[int, int, int, str]]:
    """pg_restore -l: id, catalog, oid, and the rest of its line."""
    ran = subprocess.run([tool.path_restore, "-l"], input=data, capture_output=True, check=True)
    found = (LISTED.match(line) for line in ran.stdout.decode().split("\n"))
    return [(int(m[1]), int(m[2]), int(m[3]), m[4]) for m in found if m]


def line(entry: archive.Entry) -> tuple[int, int, int, str]:
    """An entry as pg_restore -l writes it; it replaces line breaks, and shows `-` for no schema."""
    words = f"{entry.desc} {entry.schema or '-'} {entry.tag} {entry.owner}"
    return entry.id, entry.catalog, entry.oid, re.sub(r"[\r\n]", " ", words)


HIDDEN = {"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE"}


@pytest.mark.parametrize("tool", tools.found(), ids=lambda tool: tool.text.split()[0])
def test_the_same_list_as_pg_restore(tool: tools.Tool, shop_db: ShopDatabase, pg15: PostgresServer) -> None:
    source = shop_db(pg15)
    data = tools.dump(tool, endpoint(source), ["--schema-only", "-Fc"], lambda: None)
    parsed = archive.parse(data)
    assert [line(e) for e in parsed.entries if e.desc not in HIDDEN] == listed(tool, data)
    assert parsed.tool.split()[0] == tool.text.split()[0]
    every = {entry.id for entry in parsed.entries}
    assert all(need in every for entry in parsed.entries for need in entry.needs)


def test_a_dump_that_nobody_waits_for_ends_with_the_block(shop_db: ShopDatabase, pg16: PostgresServer) -> None:
    source = shop_db(pg16)
    with source.connect() as holder, source.connect() as other, holder.transaction():
        holder.execute("set transaction isolation level repeatable read")
        snapshot = holder.execute("select pg_export_snapshot()").fetchone()
        assert snapshot
        with other.transaction():
            other.execute("lock table catalog.category")  # pg_dump waits for it, a minute long
            with (
                pytest.raises(ZeroDivisionError),
                schema.dumping(endpoint(source), 160000, snapshot[0], lambda: None),
            ):
                raise ZeroDivisionError
            assert not [t for t in threading.enumerate() if t.name.startswith("pg_dump")]


def test_statements_are_those_that_pg_restore_writes(shop_db: ShopDatabase, pg16: PostgresServer) -> None:
    source = shop_db(pg16)
    with source.connect() as holder, holder.transaction():
        holder.execute("set transaction isolation level repeatable read")
        snapshot = holder.execute("select pg_export_snapshot()").fetchone()
        assert snapshot
        with schema.dumping(endpoint(source), 160000, snapshot[0], lambda: None) as choose:
            dumped = choose(())
    post = [entry for entry in dumped.post_data() if entry.desc in ("INDEX", "CONSTRAINT", "FK CONSTRAINT")]
    text = schema.text(dumped, post, Options(), 180000, lambda: None)
    assert len(post) > 50
    assert [entry.label for entry in post if entry.create not in text] == []
    assert "restrict" not in text.replace("ON DELETE RESTRICT", "")


def test_no_secret_is_on_the_command_line_or_in_an_error(fresh_db: FreshDatabase, pg16: PostgresServer) -> None:
    source = replace(endpoint(fresh_db(pg16)), user="nobody_here")
    with pytest.raises((Permanent, Transient)) as caught:
        tools.dump(tools.newest(), source, ["--schema-only", "-Fc"], lambda: None)
    assert source.password.get_secret_value() not in str(caught.value.problem())
    assert "PGPASSWORD" in tools.environment_of(source)
    assert not any(key.startswith("PG") for key in tools._clean())


def test_a_stop_ends_pg_dump(shop_db: ShopDatabase, pg16: PostgresServer) -> None:
    def stop() -> None:
        raise Stopped("asked to")

    with pytest.raises(Stopped):
        tools.dump(tools.newest(), endpoint(shop_db(pg16)), ["--schema-only", "-Fc"], stop)
    assert not _children()


def _children() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        children = file.read().split()
    return [child for child in children if "pg_dump" in open(f"/proc/{child}/cmdline").read()]


def test_tools_are_chosen_by_version_and_tls() -> None:
    assert tools.newest().version[0] >= 18
    assert tools.fitting(15, tls=False, target_major=16).version[0] == 16
    assert tools.fitting(16, tls=False, target_major=15).version[0] == 16
    assert tools.fitting(15, tls=True).version[0] >= 15 and tools.knows_tls(tools.fitting(15, tls=True))
    with pytest.raises(Permanent, match="older than the source, PostgreSQL 99"):
        tools.fitting(99, tls=False)
