"""Taking back, killed at every statement and in between: done again, it ends exact."""

from __future__ import annotations

import random
import signal

import psycopg
import pytest

from jobs.core.plan import MigrationPlan
from jobs.engines.postgres.conductor import conduct
from tests.servers.pg_run import Migration, Spy, nothing_of_ours
from tests.servers.test_pg_rollback import back, filled, migration, move, picture
from tests.support import cradle
from tests.support.cradle import Child
from tests.support.driver import doomed, order_of

__all__ = ["filled", "migration"]  # fixtures


def start(migration: Migration, plan: MigrationPlan, role: str, kept: str = "") -> Child:
    """A conductor in a process of its own, at its work."""
    return cradle.child(order_of(migration.asked(), plan, at=0, role=role, keepsake=kept))


def killed_on_the_way(migration: Migration, child: Child, after: float) -> bool:
    """Waits until the child is in the target, lets it work a while, and kills it."""
    with psycopg.connect(migration.target.server.dsn(), autocommit=True) as eye:
        while child.poll() is None:
            if eye.execute(
                "select 1 from pg_stat_activity where datname = %s and application_name like 'ferrybot conductor%%'",
                [migration.target.name],
            ).fetchone():
                break
        child.poll(after)
        child.kill()
        died = child.wait() == -signal.SIGKILL
        # Its sessions end by themselves; the next conductor must find the fence free.
        while eye.execute(
            "select 1 from pg_stat_activity where datname = %s and application_name like 'ferrybot%%'",
            [migration.target.name],
        ).fetchone():
            pass
    return died


def killed_at(
    migration: Migration, plan: MigrationPlan, role: str, kept: str, moments: range, *, children: bool = False
) -> int:
    """How often it died: right before its n-th statement, or at the n-th moment of a child's life, for each n; up to
    the first life that ends by itself."""
    moment = {"children" if children else "statements": True}
    for died, at in enumerate(moments):
        if doomed(migration, plan, at, role, keepsake=kept, **moment) != -signal.SIGKILL:
            return died
    return len(moments)


def killed_at_random(migration: Migration, plan: MigrationPlan, role: str, kept: str) -> None:
    """In the midst of statements, too. How many of these kills hit is the machine's affair: no test counts them."""
    chance = random.Random(11)
    for _ in range(3):
        killed_on_the_way(migration, start(migration, plan, role, kept), chance.uniform(0, 0.1))


@pytest.mark.kill
def test_a_rollback_killed_at_any_statement_ends_exact(migration: Migration) -> None:
    before, plan = picture(migration.target), migration.plan()
    kept = move(migration, plan)
    assert killed_at(migration, plan, "back", kept, range(1, 31)) == 30
    killed_at_random(migration, plan, "back", kept)
    assert killed_at(migration, plan, "back", kept, range(1, 200)) > 0
    back(migration, plan, kept)
    assert picture(migration.target) == before


@pytest.mark.kill
@pytest.mark.parametrize("role", ["undo", "back"])
def test_bringing_back_killed_at_any_statement_ends_exact(filled: Migration, role: str) -> None:
    before, plan, kept = picture(filled.target), filled.plan(), ""
    if role == "back":
        kept = move(filled, plan)
    else:
        with conduct(filled.asked(), plan) as conductor:
            filled.restore_point = conductor.secure(Spy())
            conductor.prepare(Spy())
    # While it looks and empties; when pg_restore has begun and when it has all that it will get; and after it.
    assert killed_at(filled, plan, role, kept, range(1, 25)) == 24
    assert killed_at(filled, plan, role, kept, range(1, 3), children=True) == 2
    killed_at_random(filled, plan, role, kept)
    assert killed_at(filled, plan, role, kept, range(1, 200)) > 0
    with conduct(filled.asked(), plan) as conductor:
        conductor.undo(Spy()) if role == "undo" else conductor.roll_back(kept, Spy())
    assert picture(filled.target) == before
    assert nothing_of_ours(filled.target)
