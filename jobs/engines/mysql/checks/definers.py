"""Accounts in whose name views, routines, triggers and events run: what becomes of them is asked in the plan."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.mysql.checks.base import Findings, MyCheck, counted, found, listed
from jobs.engines.mysql.checks.remedies import who
from jobs.engines.mysql.definers import INVOKER, KEEP
from jobs.engines.mysql.inventory import Inventory
from jobs.engines.mysql.owners import choice, foreign, question


def find(inventory: Inventory) -> Findings:
    asked = question(inventory)
    if inventory.options.scope is Scope.data_only or asked is None:
        return
    chosen = choice(inventory)
    for account, names in sorted(foreign(inventory).items()):
        fate = {
            KEEP: "it stays, but whoever uses them is refused until the account exists",
            INVOKER: "they run with the rights of whoever uses them, triggers and events as the target's user",
        }.get(chosen, f"{inventory.target.server.account}, the target's user, takes its place")
        there = _there(inventory, account)
        if chosen == KEEP and there:
            continue
        state = {True: "exists there", False: "does not exist there", None: "may not exist there"}[there]
        yield found(
            Severity.warn,
            f"{counted(len(names), 'object')} run as {account}, which {state}: {listed(names, 5)}. As chosen,"
            f" {fate}.",
            object=account,
            remedy=f"Choose in step 3; to keep it, first CREATE USER {account} with the same rights,\n"
            f"and let the target's user set definers (MariaDB: SET USER; MySQL: SET_USER_ID or SET_ANY_DEFINER)\n"
            f"{who('target')}",
            side="target",
        )


def _there(inventory: Inventory, account: str) -> bool | None:
    accounts = inventory.target.accounts.value
    return None if accounts is None else account in accounts


def measured(inventory: Inventory) -> str:
    accounts = foreign(inventory)
    return f"{counted(len(accounts), 'account')} kept" if accounts else "nothing runs as somebody else"


CHECK = MyCheck("definers", "Definers exist", find, measured)
