"""What every engine promises, through its port alone: one suite over every pair of dialects, here and in
`test_engine_ways.py`. What only one engine has (its types, its objects, its ways to be exact) is tested beside it.
"""

from __future__ import annotations

import threading

import pytest

from jobs.core.errors import FerrybotError, Permanent, Stopped
from jobs.core.model import CheckResult, Options, Severity, blockers
from jobs.engines.registry import pairs
from jobs.ports.engine import Asked, FenceHeld, Tally
from tests.contract.sides import ROWS, SECRET, TABLES
from tests.contract.worlds import WORLDS, World, contents, is_copy, is_proof
from tests.support.driver import Spy, steps, work


def test_no_engine_is_left_out() -> None:
    families = {tuple("PostgreSQL" if d == "postgresql" else "MariaDB" for d in pair) for pair in pairs()}
    named = {" to ".join(dict.fromkeys(pair)) for pair in families}
    assert named == set(WORLDS)


# --- looking ------------------------------------------------------------------------------------------------


def test_inspecting_writes_nothing(world: World) -> None:
    """Not even a transaction that could have: a server's own housekeeping may fall into one look, not into three."""
    sides = (world.source, world.target)
    before = [side.picture() for side in sides]
    quiet = []
    for _ in range(3):
        then = [side.written() for side in sides]
        world.engine.inspect(world.asked())
        quiet.append(then == [side.written() for side in sides])
        if quiet[-1]:
            break
    assert any(quiet)
    assert [side.picture() for side in sides] == before
    assert world.nothing_of_ours()


def looked(world: World, asked: Asked) -> list[CheckResult]:
    """Every check's answer, each of which is one that a person can use."""
    engine = world.engine
    inventory = engine.inspect(asked)
    results = [engine.look(check, inventory) for check in engine.checks]
    assert [(r.check, r.title) for r in results] == [(check.name, check.title) for check in engine.checks]
    assert len({result.check for result in results}) == len(results)
    for result in results:
        for finding in result.findings:
            assert finding.check == result.check and finding.message
            assert finding.remedy or finding.severity is Severity.inform
    return results


def test_every_check_passes_a_plain_database(world: World) -> None:
    assert blockers(looked(world, world.asked())) == []


def test_every_check_answers_of_empty_databases(world: World) -> None:
    world.source.empty()
    world.source.touched = True
    assert looked(world, world.asked())


def test_every_check_answers_of_weird_databases(world: World) -> None:
    world.source.empty()
    world.source.make_weird()
    world.target.make_weird()
    results = {result.check: result for result in looked(world, world.asked())}
    assert results["target_empty"].severity is Severity.block


def test_no_check_passes_what_it_could_not_read(world: World) -> None:
    """Neither where nobody answers nor where somebody may see nothing; what is not asked for needs no look."""
    world.options = Options(hold_source=True, overwrite=True)
    for asked in (world.nowhere(), world.with_password("wrong but s3cret")):
        results = looked(world, asked)
        assert blockers(results)
        assert [result.check for result in results if result.severity is None] == []
        assert "s3cret" not in repr(results)
    results = looked(world, world.as_strangers())
    assert blockers(results)
    assert SECRET not in repr(results)


def test_there_is_no_plan_without_a_look_at_both_sides(world: World) -> None:
    for asked in (world.nowhere(), world.with_password("wrong but s3cret")):
        with pytest.raises(Permanent) as refused:
            world.engine.plan(asked, world.engine.inspect(asked))
        assert refused.value.remedy
        assert "s3cret" not in repr(refused.value.problem())


def test_the_plans_digest_follows_the_schema_and_nothing_else(world: World) -> None:
    first = world.plan()
    again = world.plan()
    assert (again.digest, again) == (first.digest, first)
    world.source.run("insert into town values (9, 'new')")
    assert world.plan().digest == first.digest
    seen = {first.digest}
    for change in (
        "create table added (id int primary key)",
        "alter table town add column more int",
        "drop view crowd",
    ):
        world.source.run(change)
        assert world.plan().digest not in seen, change
        seen.add(world.plan().digest)
    world.options = Options(exclude=("*.added",))
    assert world.plan().digest not in seen


# --- the whole way ------------------------------------------------------------------------------------------


def test_a_whole_run_proves_everything_and_leaves_nothing_of_ours(world: World) -> None:
    before = world.source.picture()
    verdict = world.run(lanes=None)
    assert verdict.reasons == []
    assert verdict.green and len(verdict.proofs) == verdict.expected_tables == TABLES
    assert sum(proof.source_rows for proof in verdict.proofs) == ROWS
    # MariaDB's own account goes by the second, and the rows came within this one.
    assert verdict.written.nothing or verdict.written.unknown or not verdict.written.counted
    assert contents(world.target) == contents(world.source)
    assert world.target.rows("select * from crowd order by town") == world.source.rows(
        "select * from crowd order by town"
    )
    assert world.source.picture() == before
    assert world.nothing_of_ours()


def test_nothing_is_green_until_everything_is_proven(world: World) -> None:
    """Nor does progress pass its totals on the way, or go back."""
    spy, tallies = Spy(), []
    with world.conductor() as conductor:
        conductor.prepare(spy)
        verdicts = [conductor.verdict()]
        with conductor.lane() as lane:
            while (task := lane.claim()) is not None:
                done = lane.perform(task, spy)
                if is_proof(task):
                    lane.rollback(task)
                    verdicts.append(conductor.verdict())
                    task = lane.claim()
                    assert task is not None
                    done = lane.perform(task, spy)
                lane.commit(task, done)
                tallies.append(conductor.tally())
            assert lane.finished()
        assert [verdict.green for verdict in verdicts] == [False] * len(verdicts)
        assert all(verdict.reasons for verdict in verdicts) and len(verdicts) > 1
        assert conductor.verdict().reasons == []
    assert_never_too_much(tallies, spy)


def assert_never_too_much(tallies: list[Tally], spy: Spy) -> None:
    for name in ("tasks", "tables", "bytes"):
        done = [getattr(tally, f"{name}_done") for tally in tallies]
        totals = [getattr(tally, f"{name}_total") for tally in tallies]
        assert all(d <= t for d, t in zip(done, totals, strict=True)), name
        assert done == sorted(done) and done[-1] == totals[-1] > 0, name
    assert tallies[-1].rows_done == ROWS and tallies[-1].tables_total == TABLES
    assert not any(tally.failed for tally in tallies)
    assert spy.reports and all(0 <= rows <= ROWS and moved >= 0 for _, _, rows, moved in spy.reports)


def test_a_second_conductor_is_refused_until_the_first_is_gone(world: World) -> None:
    plan = world.plan()
    with world.conductor(plan), pytest.raises(FenceHeld), world.conductor(plan):
        raise AssertionError
    with world.conductor(plan):
        pass


def test_a_fence_that_is_just_being_given_back_is_waited_for(world: World) -> None:
    """A closed session ends a moment later on a busy server."""
    plan, refused = world.plan(), list[Exception]()

    def second() -> None:
        try:
            with world.conductor(plan):
                pass
        except FenceHeld as held:
            refused.append(held)

    follower = threading.Thread(target=second)
    with world.conductor(plan):
        alone = world.target.sessions()
        follower.start()
        while follower.is_alive() and world.target.sessions() == alone:
            pass
    follower.join()
    assert refused == []


def test_a_lane_without_a_led_run_says_so(world: World) -> None:
    asked, plan, engine = world.asked(), world.plan(), world.engine
    with pytest.raises(Stopped), engine.lane(asked, plan):
        raise AssertionError
    with world.conductor(plan) as conductor:
        conductor.prepare(Spy())
    with pytest.raises(Stopped), engine.lane(asked, plan) as lane:
        lane.claim()


def test_a_task_whose_mark_was_lost_may_be_done_again(world: World) -> None:
    """Every task of the run, the last moment before its mark: whatever commits by itself stays, and is found."""
    with world.conductor() as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            while (task := lane.claim()) is not None:
                lane.perform(task, Spy())
                lane.rollback(task)
                again = lane.claim()
                assert again is not None
                lane.commit(again, lane.perform(again, Spy()))
        assert conductor.verdict().reasons == []
    assert contents(world.target) == contents(world.source)


def test_a_lost_lane_leaves_nothing_half_done_and_another_takes_its_task(world: World) -> None:
    with world.conductor() as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            lost = steps(lane, is_copy)
            lane.perform(lost, Spy())
        assert world.target.rows("select count(*) from person") == [(0,)]
        with conductor.lane() as lane:
            assert steps(lane, is_copy).id == lost.id
        work(conductor)
        assert conductor.verdict().reasons == []
    assert contents(world.target) == contents(world.source)


def test_a_stop_is_heard_within_a_task_and_leaves_nothing_of_it(world: World) -> None:
    def stop() -> None:
        raise Stopped("enough")

    for times in (1, 2, 4):  # about 4 MB, for a small copy is over before anybody looks
        world.source.run(f"insert into person select id + {times * 100_000}, town, name, note from person")
    plan = world.plan()
    with world.conductor(plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            task = steps(lane, is_copy)
            with pytest.raises(Stopped):
                lane.perform(task, Spy(stop=stop, moved=lambda _: stop()))
            lane.rollback(task)
            assert world.target.rows("select count(*) from person") == [(0,)]
    assert world.run(plan=plan).reasons == []
    assert contents(world.target) == contents(world.source)


def test_a_password_is_in_no_error(world: World) -> None:
    asked, plan = world.with_password("wrong but s3cret"), world.plan()
    with pytest.raises(FerrybotError) as caught, world.engine.conductor(asked, plan):
        raise AssertionError
    assert caught.value.remedy
    said = repr(caught.value.problem()) + str(caught.value) + repr(caught.value.__cause__)
    assert "s3cret" not in said + repr(asked)
