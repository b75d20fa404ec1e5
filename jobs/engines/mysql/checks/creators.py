"""Functions and triggers may be created while the target writes a binary log."""

from __future__ import annotations

import re

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.catalog import Routine
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, listed
from jobs.engines.mysql.checks.remedies import asked, who
from jobs.engines.mysql.facts import Server
from jobs.engines.mysql.inventory import Inventory

_TRUST = "log_bin_trust_function_creators"
TRUST_REMEDY = f"SET GLOBAL {_TRUST} = 1;\n{who('target')}; on a managed server it is a parameter of its own"
_BODY = re.compile(r"\b(BEGIN|RETURN)\b", re.I)
_SAID = re.compile(r"(?<!NOT )\bDETERMINISTIC\b|\bNO SQL\b|\bREADS SQL DATA\b", re.I)


def trusted(server: Server) -> bool:
    """Whether anybody may create them who may create anything."""
    return not server.on("log_bin") or server.on(_TRUST)


def find(inventory: Inventory) -> Findings:
    server = inventory.target.server
    if inventory.options.scope is Scope.data_only or trusted(server):
        return
    catalog = inventory.source.catalog.get()
    functions = [routine for routine in catalog.routines if routine.kind == "FUNCTION"]
    names = [f"function {routine.name}" for routine in functions]
    names += [f"trigger {t.name}" for t in catalog.triggers if t.table in inventory.selected_names]
    if names and not asked(inventory.target.grants, server, "target").may_everywhere("SUPER"):
        yield found(
            Severity.block,
            f"The target writes a binary log, and its user may not create {counted(len(names), 'object')} there"
            f" without SUPER: {listed(names)}.",
            object=names[0] if len(names) == 1 else server.database,
            remedy=TRUST_REMEDY,
            side="target",
            field="user",
        )
        return
    unsaid = [routine.name for routine in functions if not declared(routine)]
    if unsaid:
        yield found(
            Severity.block,
            f"The target writes a binary log and refuses {counted(len(unsaid), 'function')} that"
            f" {'says' if len(unsaid) == 1 else 'say'} neither DETERMINISTIC, NO SQL nor READS SQL DATA:"
            f" {listed(unsaid)}.",
            object=unsaid[0],
            remedy=TRUST_REMEDY,
            side="target",
        )


def declared(routine: Routine) -> bool:
    """Whether the function's head says what a binary log needs to know."""
    body = _BODY.search(routine.create)
    return _SAID.search(routine.create[: body.start()] if body else routine.create) is not None


CHECK = MyCheck("creators", "Functions and triggers may be created", find, lambda _: "allowed, or there are none")
