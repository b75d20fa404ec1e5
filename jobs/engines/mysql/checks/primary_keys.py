"""Tables without a primary key: refused by some servers, slow to compare and to replicate on all."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql import quote
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, listed
from jobs.engines.mysql.checks.remedies import who
from jobs.engines.mysql.inventory import Inventory

_DEMANDS = ("sql_require_primary_key", "innodb_force_primary_key")
_MAY_LIFT = ("SUPER", "SYSTEM_VARIABLES_ADMIN", "SESSION_VARIABLES_ADMIN")
"""Rights to switch `sql_require_primary_key` off for one's own session, as a lane does."""


def find(inventory: Inventory) -> Findings:
    bare = [table.name for table in inventory.selected if table.primary_key is None]
    if not bare:
        return
    server = inventory.target.server
    demanded = next((name for name in _DEMANDS if server.on(name)), "")
    lifted = demanded == _DEMANDS[0] and inventory.target.grants.get().may_everywhere(*_MAY_LIFT)
    tables = f"{counted(len(bare), 'table')} without a primary key: {listed(bare)}"
    if demanded and not lifted and inventory.options.scope is not Scope.data_only:
        yield found(
            Severity.block,
            f"The target refuses {tables} ({demanded} is on).",
            object=bare[0] if len(bare) == 1 else server.database,
            remedy=f"Give them one on the source:\nALTER TABLE {quote.name(bare[0])} ADD COLUMN id BIGINT UNSIGNED"
            f" NOT NULL AUTO_INCREMENT PRIMARY KEY;\nor: SET GLOBAL {demanded} = OFF;\n{who('target')}",
            side="target",
        )
        return
    yield found(
        Severity.warn,
        f"{tables[0].upper()}{tables[1:]}. Each travels in one piece and is compared as a whole.",
        object=bare[0] if len(bare) == 1 else inventory.source.server.database,
        remedy="After a crash such a table is copied again from its beginning. A primary key helps.",
        side="source",
    )


def measured(inventory: Inventory) -> str:
    return f"{counted(len(inventory.selected), 'table')}, each with one"


CHECK = MyCheck("primary_keys", "Tables have a primary key", find, measured)
