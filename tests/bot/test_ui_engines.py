"""Forms and plans of every pair of dialects: what fits is asked, what does not is not."""

from __future__ import annotations

from typing import Any

import pytest

from bot.refs import Sheet
from bot.ui import configure, findings, logs
from bot.ui import plan as plan_view
from jobs.core.model import Dialect, Environment, Options, Service, TypedSource
from jobs.core.pairs import NAMES, SOURCES
from jobs.core.state import State, Status
from tests.bot.takes import good_view
from tests.support.tales import CHANNEL, MIGRATION, RECEIPT, Tale, place, plan

FAMILY = (Dialect.mysql, Dialect.mariadb)


def service(engine: Dialect) -> Service:
    return Service(name="new", engine=engine, environment=Environment.staging, secret="env:X")


def blocks_of(view: dict[str, Any]) -> dict[str, Any]:
    return {block.get("block_id", ""): block for block in view["blocks"]}


@pytest.mark.parametrize("engine", list(Dialect))
def test_every_target_has_its_guide(engine: Dialect) -> None:
    view = configure.view(configure.Draft(channel=CHANNEL, target=service(engine)))
    good_view(view)
    told = str(view)
    assert NAMES[engine] in told and ("binary log" in told) is (engine in FAMILY)


@pytest.mark.parametrize("engine", list(Dialect))
def test_a_typed_source_says_what_it_is(engine: Dialect) -> None:
    state = State(id=MIGRATION, status=Status.draft, target=service(engine))
    view = findings.view(state, findings.Form(kind=findings.TYPED))
    good_view(view)
    offered = [o["value"] for o in blocks_of(view)["engine"]["element"]["options"]]
    assert offered == list(SOURCES[engine]) and len(offered) == len(set(offered)) > 1
    assert blocks_of(view)["port"]["optional"] and "initial_value" not in blocks_of(view)["port"]["element"]
    for chosen in SOURCES[engine]:
        source = TypedSource(engine=chosen, host="h", port=1, database="d", user="u")
        again = State(id=MIGRATION, status=Status.blocked, target=service(engine), source=source)
        form = findings.form_of(again)
        assert findings.engine_of(form, again) is chosen
        shown = blocks_of(findings.view(again))["engine"]["element"]["initial_option"]
        assert shown["value"] == chosen.value


def test_an_engine_that_does_not_fit_the_new_target_is_not_kept() -> None:
    form = findings.Form(kind=findings.TYPED, typed={"engine": "postgresql"})
    state = State(id=MIGRATION, status=Status.draft, target=service(Dialect.mariadb))
    assert findings.engine_of(form, state) is Dialect.mariadb
    good_view(findings.view(state, form))


@pytest.mark.parametrize(("source", "target"), [(s, t) for t, sources in SOURCES.items() for s in sources])
def test_step_3_asks_what_fits_the_pair(source: Dialect, target: Dialect) -> None:
    ends: dict[str, Any] = {
        "source": place("old").model_copy(update={"dialect": source, "server_version": "10.11.6"}),
        "target": place("new").model_copy(update={"dialect": target, "server_version": "16.4"}),
    }
    view = plan_view.view(Tale().checked(plan(options=Options(), **ends)).state)
    good_view(view)
    assert ("keep" in blocks_of(view)) is (source is Dialect.postgresql)
    choices = [o["value"] for o in blocks_of(view)["safety"]["element"]["options"]]
    assert choices == ["hold_source", "overwrite"]
    assert f"{NAMES[source]} 10.11.6" in str(view) and f"{NAMES[target]} 16.4" in str(view)
    assert Sheet.model_validate_json(view["private_metadata"]).m == MIGRATION


def test_the_receipt_names_both_kinds() -> None:
    done = RECEIPT.model_copy(
        update={
            "source_engine": "MariaDB",
            "source_version": "10.11.6",
            "target_engine": "PostgreSQL",
            "target_version": "16.4",
        }
    )
    assert "MariaDB 10.11.6 to PostgreSQL 16.4" in logs.receipt(done)
