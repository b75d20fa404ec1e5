"""Names of tables survive on a server that compares them differently (`lower_case_table_names`)."""

from __future__ import annotations

from collections import defaultdict

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, listed
from jobs.engines.mysql.inventory import Inventory


def find(inventory: Inventory) -> Findings:
    source, target = inventory.source.server, inventory.target.server
    if not target.lower_case or source.lower_case:
        return
    catalog = inventory.source.catalog.get()
    names = [*inventory.selected_names, *(view.name for view in catalog.views)]
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        groups[name.lower()].append(name)
    for same in (group for group in groups.values() if len(group) > 1):
        yield found(
            Severity.block,
            f"The target does not tell {listed(same)} apart: it compares names of tables without case.",
            object=same[0],
            remedy="Rename all but one on the source, or choose a server with lower_case_table_names = 0.",
            side="target",
            field="target",
        )
    folded = [name for name in sorted(names) if name != name.lower()]
    if folded and target.number("lower_case_table_names") == 1:
        yield found(
            Severity.block,
            f"The target writes names of tables in lower case; {counted(len(folded), 'name')} would change:"
            f" {listed(folded)}.",
            object=folded[0],
            remedy="Rename them on the source (RENAME TABLE), leave them out, or choose a server with"
            " lower_case_table_names = 0.",
            side="target",
            field="target",
        )


def measured(inventory: Inventory) -> str:
    settings = [side.server.number("lower_case_table_names") for side in (inventory.source, inventory.target)]
    return f"lower_case_table_names {settings[0]} and {settings[1]}"


CHECK = MyCheck("name_case", "Names keep their case", find, measured)
