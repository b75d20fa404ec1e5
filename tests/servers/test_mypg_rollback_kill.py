"""Overwriting PostgreSQL from MariaDB and taking it back, killed on the way: done again, it ends exact."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.core.model import Options
from jobs.core.plan import MigrationPlan
from jobs.core.verdict import RestorePoint
from tests.servers.mypg_run import Move, doomed, work
from tests.servers.pg_run import Spy, nothing_of_ours
from tests.servers.test_mypg_resume import KILLED, assert_exact, move
from tests.servers.test_pg_rollback import picture

__all__ = ["move"]  # a fixture

pytestmark = [pytest.mark.servers, pytest.mark.kill]

THEIRS = """
create schema before; create table before.kept (id int primary key, t text);
insert into before.kept select i, md5(i::text) from generate_series(1, 500) i;
create view before.seen as select * from before.kept; create sequence loose start 40;
create table parent (x int, note text); insert into parent select i, 'theirs' from generate_series(1, 300) i;
create function twice(n int, out m int) language sql immutable as $$select n * 2$$; create index on parent (twice(x));
create extension vector; create table vectors (v vector(2)); insert into vectors values ('[1,2]');
"""


@pytest.fixture
def filled(move: Move, tmp_path: Path) -> Move:
    """A target that holds a table of the source's name, among others."""
    with move.target.connect() as target:
        target.execute(THEIRS)
    move.options, move.restore_folder = Options(parallelism=1, overwrite=True), str(tmp_path)
    return move


def test_overwriting_and_undoing_killed_at_any_statement_end_exact(filled: Move, tmp_path: Path) -> None:
    """From the restore point to the proof: the target holds its old contents, or the story knows where they are."""
    before, plan = picture(filled.target), filled.plan()
    story, killed = tmp_path / "story.json", 0
    # While pg_dump writes; while the target is emptied, while tables are made and filled, and at the proofs.
    for moment in ({"children": True, "at": 2}, *({"statements": True, "at": at} for at in (45, 100, 190))):
        killed += (
            doomed(filled, plan, moment.pop("at"), "overwrite", story=str(story), refresh=False, **moment) == KILLED
        )
        if filled.restore_point is None and story.exists():
            filled.restore_point = RestorePoint.model_validate_json(story.read_text())
        if filled.restore_point is None:
            assert picture(filled.target) == before
    assert killed == 4 and filled.restore_point is not None
    assert filled.run(plan=plan, finish=False).reasons == []
    assert_exact(filled)
    assert _bringing_back(filled, plan, "undo") == 3
    with filled.conductor(plan) as conductor:
        assert "brought back" in conductor.undo(Spy())
    assert picture(filled.target) == before
    assert nothing_of_ours(filled.target)


def test_a_rollback_killed_at_any_statement_ends_exact(filled: Move) -> None:
    before, plan = picture(filled.target), filled.plan()
    with filled.conductor(plan) as conductor:
        filled.restore_point = conductor.secure(Spy())
        conductor.prepare(Spy())
        work(conductor)
        kept = conductor.keepsake()
        conductor.finish()
    assert _bringing_back(filled, plan, "back", kept) == 3
    with filled.conductor(plan) as conductor:
        conductor.roll_back(kept, Spy())
    assert picture(filled.target) == before
    assert nothing_of_ours(filled.target)


def _bringing_back(move: Move, plan: MigrationPlan, role: str, kept: str = "") -> int:
    """How often it died: while it looks, while it empties, and when pg_restore has all that it will get."""
    killed = sum(doomed(move, plan, at, role, statements=True, keepsake=kept) == KILLED for at in (10, 20))
    return killed + (doomed(move, plan, 2, role, children=True, keepsake=kept) == KILLED)
