"""Definers: whose rights a view, routine, trigger or event runs with, and what can become of that. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from jobs.core.model import Choice, Question
from jobs.core.questions import answer
from jobs.engines.mysql.catalog import Catalog
from jobs.engines.mysql.definers import DEFINER, INVOKER, KEEP, TARGET
from jobs.engines.mysql.dependents import broken
from jobs.engines.mysql.inventory import Inventory
from jobs.engines.shared.words import listed

SETTERS = ("SUPER", "SET USER", "SET_USER_ID", "SET_ANY_DEFINER")
"""Rights to name another definer: MariaDB, MariaDB 10.5.2, MySQL 8.0, MySQL 8.2."""


def foreign(inventory: Inventory) -> dict[str, list[str]]:
    """Definer -> what it defines, of what moves, except the target's own user."""
    found: dict[str, list[str]] = {}
    for account, name in _defined(inventory):
        if account and account != inventory.target.server.account:
            found.setdefault(account, []).append(name)
    return found


def _defined(inventory: Inventory) -> Iterator[tuple[str, str]]:
    lost = {view.name for view in broken(inventory)}
    yield from definers(inventory.source.catalog.get(), inventory.selected_names, lost)


def definers(catalog: Catalog, tables: Collection[str], lost: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Definer and what it defines, without triggers of other than these tables and without the views in `lost`."""
    yield from ((view.definer, f"view {view.name}") for view in catalog.views if view.name not in lost)
    yield from ((r.definer, f"{r.kind.lower()} {r.name}") for r in catalog.routines)
    yield from ((event.definer, f"event {event.name}") for event in catalog.events)
    yield from (
        (trigger.definer, f"trigger {trigger.name}") for trigger in catalog.triggers if trigger.table in tables
    )


def question(inventory: Inventory) -> Question | None:
    """What shall become of them; None where there are none. Raises `Unread` or `Unreached`."""
    accounts = foreign(inventory)
    if not accounts:
        return None
    mine = inventory.target.server.account
    known = inventory.target.accounts.value
    all_there = known is not None and set(accounts) <= known
    may_keep = _may_keep(inventory, all_there)
    choices = [
        *([Choice(value=KEEP, text="Keep them as they are")] if may_keep else []),
        Choice(value=TARGET, text=f"{mine} takes their place"),
        Choice(value=INVOKER, text="Run with the rights of whoever uses them"),
    ]
    names = "; ".join(f"{account}: {listed(objects, 3)}" for account, objects in sorted(accounts.items()))
    why = "" if may_keep else f"{mine} may not keep them: it lacks SET USER (MySQL: SET_USER_ID). "
    return Question(
        key=DEFINER,
        title="Views, routines, triggers and events run as accounts of the source. As whom on the target?",
        choices=tuple(choices),
        default=KEEP if may_keep and all_there else TARGET,
        detail=f"{why}{names}",
    )


def _may_keep(inventory: Inventory, all_there: bool) -> bool:
    """Naming another definer is a right; naming one that does not exist is one more since MySQL 8.2."""
    mine, known = inventory.target.grants.get(), inventory.target.server.flavour
    if not mine.may_everywhere(*SETTERS):
        return False
    return all_there or not known.can("nonexistent definer") or mine.may_everywhere("ALLOW_NONEXISTENT_DEFINER")


def choice(inventory: Inventory) -> str:
    """What holds for this plan; `keep` where nobody needs to be asked."""
    asked = question(inventory)
    return answer(asked, inventory.options) if asked else KEEP
