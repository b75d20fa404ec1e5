"""Taking back, killed at random moments: done again, it ends exact."""

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
from tests.support.driver import order_of

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


@pytest.mark.kill
def test_a_rollback_killed_at_random_moments_ends_exact(migration: Migration) -> None:
    before, plan, chance = picture(migration.target), migration.plan(), random.Random(4)
    kept = move(migration, plan)
    kills = sum(
        killed_on_the_way(migration, start(migration, plan, "back", kept), chance.uniform(0, 0.1)) for _ in range(5)
    )
    assert kills
    back(migration, plan, kept)
    assert picture(migration.target) == before


@pytest.mark.kill
@pytest.mark.parametrize("role", ["undo", "back"])
def test_bringing_back_killed_at_random_moments_ends_exact(filled: Migration, role: str) -> None:
    before, plan, chance, kept = picture(filled.target), filled.plan(), random.Random(11), ""
    if role == "back":
        kept = move(filled, plan)
    else:
        with conduct(filled.asked(), plan) as conductor:
            filled.restore_point = conductor.secure(Spy())
            conductor.prepare(Spy())
    kills = sum(killed_on_the_way(filled, start(filled, plan, role, kept), chance.uniform(0, 0.5)) for _ in range(6))
    assert kills
    with conduct(filled.asked(), plan) as conductor:
        conductor.undo(Spy()) if role == "undo" else conductor.roll_back(kept, Spy())
    assert picture(filled.target) == before
    assert nothing_of_ours(filled.target)
