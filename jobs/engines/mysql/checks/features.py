"""The target has every feature that the tables use."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, found, listed
from jobs.engines.mysql.features import lacking, srids
from jobs.engines.mysql.inventory import Inventory
from jobs.engines.mysql.words_of_mysql import unknown_words


def find(inventory: Inventory) -> Findings:
    if inventory.options.scope is Scope.data_only:
        return
    catalog, target = inventory.source.catalog.get(), inventory.target.server.flavour
    for feature, names in lacking(inventory.selected, target):
        yield found(
            Severity.block,
            f"{target.label} has no {feature.words}, which the source uses: {listed(names)}.",
            object=names[0],
            remedy=f"{feature.remedy} Or leave the tables out.",
            side="target",
        )
    if catalog.sequences and not target.can("sequences"):
        yield found(
            Severity.block,
            f"{target.label} has no sequences: {listed(s.name for s in catalog.sequences)}.",
            object=catalog.sequences[0].name,
            remedy="Replace them by AUTO_INCREMENT columns on the source, and drop them.",
            side="target",
        )
    packages = [routine.name for routine in catalog.routines if routine.kind.startswith("PACKAGE")]
    if packages and not target.can("packages"):
        yield found(
            Severity.block,
            f"{target.label} has no packages: {listed(packages)}.",
            object=packages[0],
            remedy="Write them as functions and procedures on the source, and drop them.",
            side="target",
        )
    yield from _json(inventory)
    yield from _only_mysql(inventory)


def _only_mysql(inventory: Inventory) -> Findings:
    """What MariaDB skips in silence, and what it refuses only when everything has been copied."""
    if (inventory.source.server.flavour.kind, inventory.target.server.flavour.kind) != ("mysql", "mariadb"):
        return
    geometries = [name for table in inventory.selected for name in srids(table)]
    if geometries:
        yield found(
            Severity.warn,
            f"MariaDB does not hold columns to one SRID; each value keeps its own: {listed(geometries)}.",
            object=geometries[0],
            remedy="Acknowledge it, or check ST_SRID(column) by a CHECK constraint on the target afterwards.",
        )
    for name, words in unknown_words(inventory.source.catalog.get()).items():
        yield found(
            Severity.warn,
            f"{name} uses what only MySQL knows: {listed(words)}. If MariaDB refuses it, the run stops there, after"
            " the rows were copied.",
            object=name,
            remedy="Rewrite it on the source in words that both know, or drop it there and make it anew afterwards.",
        )


def _json(inventory: Inventory) -> Findings:
    """MariaDB's JSON is text that is checked; MySQL's is a type that sorts keys and drops doubled ones."""
    source, target = inventory.source.server.flavour, inventory.target.server.flavour
    if source.kind == target.kind:
        return
    if source.kind == "mysql":
        names = [f"{t.name}.{c.name}" for t in inventory.selected for c in t.columns if c.data_type == "json"]
        fate = "arrives as LONGTEXT that is checked to be JSON"
    else:
        names = [f"{t.name}.{c.name}" for t in inventory.selected for c in t.columns if _is_json(c.name, t.create)]
        fate = "stays LONGTEXT, since MariaDB's JSON is no type of its own"
    if names:
        yield found(
            Severity.warn,
            f"JSON {fate}: {listed(names)}.",
            object=names[0],
            remedy="Try the programs that use these columns with the target.",
        )


def _is_json(column: str, create: str) -> bool:
    return f"json_valid(`{column}`)" in create


def measured(inventory: Inventory) -> str:
    return f"{inventory.target.server.flavour.label} has all that is used"


CHECK = MyCheck("features", "Target has the same features", find, measured)
