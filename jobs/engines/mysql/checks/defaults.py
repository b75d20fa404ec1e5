"""The databases' own character set: what programs make later without naming one."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql import quote
from jobs.engines.mysql.checks.base import Findings, MyCheck, found
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    source, target = inventory.source.catalog.get(), inventory.target.catalog.get()
    stays = inventory.options.scope is Scope.data_only
    if source.collation != target.collation:
        yield found(
            Severity.inform,
            f"The source's database has the default collation {source.collation}, the target's {target.collation}"
            + (": new tables will differ." if stays else ", which becomes the source's."),
            object=target.database,
            remedy=f"ALTER DATABASE {quote.name(target.database)} CHARACTER SET {source.charset} COLLATE"
            f" {source.collation};\n-- on the target{'' if stays else ', by the run itself'}",
            side="target",
        )


def measured(inventory: Inventory) -> str:
    return f"both {inventory.source.catalog.get().collation}"


CHECK = MyCheck("defaults", "Default collations agree", find, measured)
