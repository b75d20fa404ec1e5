"""Overwriting and taking back on MariaDB, killed on the way: done again, it ends exact."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.core.verdict import RestorePoint
from jobs.engines.mysql.conductor import conduct
from tests.servers.mysql_overwriting import filled, migration, move, picture
from tests.servers.mysql_run import Migration, assert_same, doomed, nothing_of_ours
from tests.servers.pg_run import Spy

__all__ = ["filled", "migration"]  # fixtures

pytestmark = pytest.mark.servers


@pytest.mark.kill
def test_overwriting_killed_at_any_statement_ends_exact_and_comes_back(filled: Migration, tmp_path: Path) -> None:
    """From the restore point to the proof: the target holds its old contents, or the story knows where they are."""
    before, plan = picture(filled.target), filled.plan()
    story, killed = tmp_path / "story.json", 0
    while_saving = [{"children": True, "at": at} for at in (1, 2, 4)]
    for moment in (*while_saving, *({"statements": True, "at": at} for at in (25, 90, 130, 170, 260))):
        killed += doomed(filled, plan, moment.pop("at"), "overwrite", story=str(story), refresh=False, **moment) == -9
        if filled.restore_point is None and story.exists():
            filled.restore_point = RestorePoint.model_validate_json(story.read_text())
        if filled.restore_point is None:
            assert picture(filled.target) == before
    assert killed >= 6 and filled.restore_point is not None
    assert filled.run(plan=plan, finish=False).reasons == []
    assert_same(filled.source, filled.target)
    with conduct(filled.asked(), plan) as conductor:
        conductor.undo(Spy())
    assert picture(filled.target) == before


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
    killed = sum(doomed(filled, plan, at, role, statements=True, keepsake=kept) == -9 for at in (10, 40, 70, 100))
    # While the client is at work: when it has just begun, and when it has all that it will get.
    killed += sum(doomed(filled, plan, at, role, children=True, keepsake=kept) == -9 for at in (1, 2, 3, 4))
    assert killed >= 6
    with conduct(filled.asked(), plan) as conductor:
        conductor.undo(Spy()) if role == "undo" else conductor.roll_back(kept, Spy())
    assert picture(filled.target) == before
    assert nothing_of_ours(filled.target)
