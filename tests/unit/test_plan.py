"""The plan's digest names exactly what was approved."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.core.model import Choice, Dialect, Options, Question, Scope
from jobs.core.plan import Measures, MigrationPlan, PlannedStep, PlannedTable, difference
from tests.support.tales import place, plan

OTHER: dict[str, Any] = {
    "version": 99,
    "migration": "m0000000002",
    "source": place("shop-old", "elsewhere.example.com"),
    "target": place("shop-newer", "new.example.com"),
    "options": Options(parallelism=7),
    "tables": ("orders",),
    "steps": (PlannedStep(name="copy", title="Copy rows", count=2),),
    "schema_fingerprint": "f2",
    "snapshot": "none",
    "questions": (Question(key="k", title="t", choices=(Choice(value="a", text="A"),), default="a"),),
    "roles": ("reader",),
    "left_out": ("statistics",),
    "validation": ("warn:settings:TimeZone",),
}


def test_every_field_but_the_measures_is_tried() -> None:
    assert set(OTHER) == set(MigrationPlan.model_fields) - {"measures"}


@pytest.mark.parametrize("field", sorted(OTHER))
def test_each_field_changes_the_digest_and_is_told(field: str) -> None:
    old, new = plan(), plan(**{field: OTHER[field]})
    assert new.digest != old.digest
    assert difference(old, new), "a plan that is another one must say in what"


def test_measures_change_by_themselves_and_are_not_approved() -> None:
    assert plan(measures=Measures(need_bytes=10**12)).digest == plan().digest
    assert difference(plan(), plan(measures=Measures())) == []


def test_a_plan_survives_the_ledger() -> None:
    again = MigrationPlan.model_validate(json.loads(plan().model_dump_json()))
    assert again == plan() and again.digest == plan().digest


def test_order_of_tables_is_part_of_the_plan() -> None:
    assert plan(("people", "orders")).digest != plan(("orders", "people")).digest


def test_difference_names_tables_options_and_places() -> None:
    old = plan(("orders", "people"), options=Options(parallelism=2))
    new = plan(
        ("orders", "stock"),
        options=Options(parallelism=4, scope=Scope.schema_only, exclude=("a.b",), keep_owners=False),
        target=place("shop-new", "other.example.com"),
        schema_fingerprint="f9",
    )
    assert difference(old, new) == [
        "target host: new.example.com became other.example.com",
        "table public.stock was added",
        "table public.people is gone",
        "option parallelism: 2 became 4",
        "option scope: everything became schema",
        "option exclude: none became a.b",
        "option keep owners: yes became no",
        "the source's schema changed",
    ]


def test_another_way_of_travelling_is_told() -> None:
    binary = (PlannedTable(schema_name="public", name="orders", method="copy binary"),)
    old = plan(("orders",))
    assert difference(old, old.model_copy(update={"tables": binary})) == ["the way tables travel changed"]
    less = old.model_copy(update={"left_out": ("statistics",)})
    assert difference(old, less) == ["no longer travels: statistics"]
    assert difference(less, old) == ["travels now: statistics"]


def test_dialects_are_words_in_the_canonical_form() -> None:
    assert f'"dialect":"{Dialect.postgresql.value}"' in plan().canonical()
    assert "measures" not in json.loads(plan().canonical())
