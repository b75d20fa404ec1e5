"""Nothing on the source has been open for long: the snapshot would wait for it, or miss what it will commit."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, listed
from jobs.engines.mysql.checks.remedies import asked
from jobs.engines.mysql.inventory import Inventory

LONG_SECONDS = 300


def find(inventory: Inventory) -> Findings:
    every = asked(inventory.source.transactions, inventory.source.server, "source")
    old = sorted((t for t in every if t.seconds >= LONG_SECONDS), key=lambda t: -t.seconds)
    if old:
        threads = listed(f"{t.thread} ({t.seconds // 60} min)" for t in old)
        yield found(
            Severity.warn,
            f"{counted(len(old), 'transaction')} of the source {'is' if len(old) == 1 else 'are'} open for long, in"
            f" threads {threads}: what they write does not travel.",
            object=inventory.source.server.database,
            remedy=f"Let them end first, or end them:\nKILL {old[0].thread};\n-- on the source",
            side="source",
        )


def measured(inventory: Inventory) -> str:
    return (
        f"{counted(len(inventory.source.transactions.get()), 'open transaction')}, none over {LONG_SECONDS // 60} min"
    )


CHECK = MyCheck("transactions", "No old transaction", find, measured)
