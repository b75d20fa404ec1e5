"""What the census between two kinds of server does not compare is told in the receipt, never passed over."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from jobs.engines.mysql import flavour
from jobs.engines.mysql.census import uncompared
from jobs.engines.mysql.objects import Catalog, CheckConstraint, Table, View


def filled(kind: type[Any], **values: Any) -> Any:
    """An instance whose other fields are of no matter."""
    return kind(**{field.name: values.get(field.name, ()) for field in fields(kind) if field.init})


def test_each_kind_is_named_with_its_number_and_why() -> None:
    kind = flavour.parse("8.0.36", "MySQL Community Server - GPL")
    check = filled(CheckConstraint, name="c")
    tables = tuple(filled(Table, name=name, checks=(check,), columns=()) for name in "ab")
    catalog = Catalog(kind, "shop", "utf8mb4", "utf8mb4_bin", tables=tables, views=(filled(View, name="v"),))
    found = {difference.kind: difference for difference in uncompared(catalog)}
    assert set(found) == {"view", "check"}
    assert found["check"].name == "every one of 2"
    assert all(difference.why for difference in found.values())
    assert uncompared(Catalog(kind, "shop", "utf8mb4", "utf8mb4_bin")) == []
