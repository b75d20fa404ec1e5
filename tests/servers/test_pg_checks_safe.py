"""The checks of a hold and of overwriting: what trips each, and a near miss that does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.core.model import CheckResult, Scope, Severity
from jobs.engines.postgres.inspect import inspect
from tests.support.inspection import Bench, asked, endpoint, judge
from tests.support.servers import PostgresPool

BLOCK, WARN, INFORM = Severity.block, Severity.warn, Severity.inform
READER, Q = 'Plain "user" ü', '"Plain ""user"" ü"'
LOGIN = (
    f"create role {Q} login password 'plain-user''s p@ss'; grant usage on schema public to {Q};"
    f"alter database {{db}} owner to {Q};"
)
T = "create table t (id int primary key); create table u (id int);"
OWN = f"{LOGIN} alter schema public owner to {Q}; set role {Q}; {T} reset role;"


@pytest.fixture(scope="module")
def bench(pg_server: PostgresPool) -> Iterator[Bench]:
    bench = Bench(pg_server)
    yield bench
    bench.close()


def look(
    bench: Bench,
    source: str = "",
    target: str = "",
    *,
    source_user: str = "",
    target_user: str = "",
    folder: str = "",
    during: str = "",
    source_major: int = 16,
    **options: Any,
) -> Mapping[str, CheckResult]:
    """What the checks say; `during` runs in a transaction of the source that stays open meanwhile."""
    try:
        databases = bench.database(source_major, "source", source), bench.database(18, "target", target)
        ask = asked(endpoint(databases[0], source_user), endpoint(databases[1], target_user), **options)
        with ExitStack() as open_:
            if during:
                writer = open_.enter_context(databases[0].connect(application_name="nightly"))
                open_.enter_context(writer.transaction(force_rollback=True))
                writer.execute(during.encode())
            return judge(inspect(replace(ask, restore_folder=folder)))
    finally:
        bench.clean()


def said(result: CheckResult) -> str:
    return "\n".join(f"{f.message}\n{f.remedy}" for f in result.findings)


READ = f"{LOGIN} {T} grant select on t, u to {Q};"


def test_a_reader_cannot_hold_and_is_told_the_grant(bench: Bench) -> None:
    found = look(bench, READ, source_user=READER, hold_source=True)["hold_source"]
    assert found.severity is BLOCK and f'GRANT UPDATE ON "public"."t" TO {Q};' in said(found)
    granted = READ + f"grant update on t to {Q}; grant truncate on u to {Q};"
    assert look(bench, granted, source_user=READER, hold_source=True)["hold_source"].severity is None
    assert look(bench, READ, source_user=READER)["hold_source"].severity is None
    half = READ + f"grant update on t to {Q}; grant insert on u to {Q};"
    found = look(bench, half, source_user=READER, hold_source=True)["hold_source"]
    assert 'ON "public"."u"' in said(found) and 'ON "public"."t"' not in said(found)
    out = look(bench, half, source_user=READER, hold_source=True, exclude=("public.u",))["hold_source"]
    assert out.severity is None


def test_maintain_is_enough_where_it_exists(bench: Bench) -> None:
    found = look(bench, READ, source_user=READER, source_major=18, hold_source=True)["hold_source"]
    assert "GRANT MAINTAIN" in said(found)
    granted = READ + f"grant maintain on t, u to {Q};"
    found = look(bench, granted, source_user=READER, source_major=18, hold_source=True)["hold_source"]
    assert found.severity is None


def test_writers_of_moved_tables_are_named(bench: Bench) -> None:
    writes = "insert into t values (47110815)"
    found = look(bench, T, during=writes, hold_source=True)["hold_source"]
    assert found.severity is WARN and "nightly" in said(found) and "47110815" not in said(found)
    assert look(bench, T, during="select * from t", hold_source=True)["hold_source"].severity is None
    assert look(bench, T, during=writes, hold_source=True, exclude=("public.t",))["hold_source"].severity is None


def test_a_standby_cannot_be_held_and_a_schema_needs_no_hold(bench: Bench) -> None:
    databases = bench.database(16, "source", T), bench.database(18, "target")
    inventory = inspect(asked(endpoint(databases[0]), endpoint(databases[1]), hold_source=True))
    server = inventory.source.server.model_copy(update={"in_recovery": True})
    standby = inventory.model_copy(update={"source_side": inventory.source.model_copy(update={"server": server})})
    assert judge(standby)["hold_source"].severity is BLOCK
    holding = inventory.holding.get().model_copy(update={"locks": 5})
    scarce = inventory.model_copy(update={"holding": inventory.holding.model_copy(update={"value": holding})})
    assert "max_locks_per_transaction" in said(judge(scarce)["hold_source"])
    holding = holding.model_copy(update={"locks": 6})
    enough = inventory.model_copy(update={"holding": inventory.holding.model_copy(update={"value": holding})})
    assert judge(enough)["hold_source"].severity is None
    bench.clean()
    assert look(bench, T, hold_source=True, scope=Scope.schema_only)["hold_source"].severity is INFORM


def test_overwriting_is_a_warning_that_lists_everything(bench: Bench, tmp_path: Path) -> None:
    full = "create table kept (i int); create extension vector; create function f() returns int return 1"
    off = look(bench, T, full, folder=str(tmp_path))
    assert off["target_empty"].severity is BLOCK and "Replace its contents" in said(off["target_empty"])
    on = look(bench, T, full, folder=str(tmp_path), overwrite=True)
    assert on["target_empty"].severity is WARN and on["restore_point"].severity is None
    assert all(word in said(on["target_empty"]) for word in ("table public.kept", "function public.f", "vector"))
    empty = look(bench, T, overwrite=True)
    assert empty["target_empty"].severity is None and empty["restore_point"].severity is not BLOCK
    data = look(bench, T, T, folder=str(tmp_path), overwrite=True, scope=Scope.data_only)
    assert "overwriting replaces a whole database" in said(data["target_empty"])


def test_the_place_of_the_restore_point(bench: Bench, tmp_path: Path) -> None:
    def point(folder: str) -> CheckResult:
        return look(bench, "", T, folder=folder, overwrite=True)["restore_point"]

    assert "FERRYBOT_RESTORE_POINTS" in said(point(""))
    assert "not a folder" in said(point(str(tmp_path / "none")))
    assert point(str(tmp_path)).severity is None
    databases = bench.database(16, "source"), bench.database(18, "target", T)
    ask = asked(endpoint(databases[0]), endpoint(databases[1]), overwrite=True)
    inventory = inspect(replace(ask, restore_folder=str(tmp_path)))
    facts = inventory.replacement.get()
    for free, verdict in ((int(facts.bytes * 1.2) - 1, BLOCK), (int(facts.bytes * 1.2), None)):
        room = facts.room.model_copy(update={"free_bytes": free})
        changed = inventory.replacement.model_copy(update={"value": facts.model_copy(update={"room": room})})
        judged = judge(inventory.model_copy(update={"replacement": changed}))["restore_point"]
        assert judged.severity is verdict, judged
    bench.clean()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("create table stranger (i int); grant select on stranger to {Q}", "table public.stranger of"),
        ("create extension vector", "extension vector"),
        (
            "create function f() returns event_trigger language plpgsql as $$begin end$$;"
            "alter function f() owner to {Q}; create event trigger e on sql_drop execute function f()",
            "event trigger e",
        ),
        ("set role {Q}; create table mine (i int); revoke select on mine from {Q}; reset role", "public.mine"),
    ],
)
def test_what_this_user_could_not_bring_back(bench: Bench, tmp_path: Path, more: str, says: str) -> None:
    def point(script: str) -> CheckResult:
        found = look(bench, "", script, folder=str(tmp_path), overwrite=True, target_user=READER)
        return found["restore_point"]

    assert point(OWN).severity is None
    found = point(OWN + more.replace("{Q}", Q))
    assert found.severity is BLOCK and says in said(found)
