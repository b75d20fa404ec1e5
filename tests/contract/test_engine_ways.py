"""What every engine promises of a world that goes on while it works, and of the way back (see `test_engine.py`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pymysql
import pytest
from pymysql.constants.ER import LOCK_DEADLOCK as DEADLOCK

from jobs.core.errors import Permanent
from jobs.core.model import Options, Person
from jobs.core.verdict import Waiver
from jobs.ports.engine import Conductor, Lane, Tally, Task
from tests.contract.sides import PEOPLE, Side
from tests.contract.worlds import World, contents, is_copy, is_proof
from tests.support.driver import Spy, drain, steps, work


def test_the_copy_shows_one_instant_of_a_source_that_is_written_to(world: World) -> None:
    """Each cent that is paid is owed: in every instant both tables together hold nothing."""
    world.options = Options(parallelism=3)
    plan, stop = world.plan(), threading.Event()
    writer = threading.Thread(target=write, args=[world.source, stop])
    writer.start()
    try:
        with world.conductor(plan) as conductor:
            conductor.prepare(Spy())
            assert conductor.own_lanes in (1, 3)  # 1 where lanes of other processes can join
            world.source.run("update person set name = 'after' where id = 1", "delete from log")
            work(conductor)
            verdict = conductor.verdict()
            assert verdict.reasons == []
            assert not verdict.written.nothing
    finally:
        stop.set()
        writer.join()
    total = (
        "select sum(p.cents), sum(p.cents + o.cents), max(p.cents + o.cents) from paid p join owed o on o.id = p.id"
    )
    paid, together, most = world.target.rows(total)[0]
    assert (together, most) == (0, 0)
    assert 0 <= paid < world.source.rows("select sum(cents) from paid")[0][0]
    assert world.target.rows("select name from person where id = 1") == [("p1",)]
    assert world.target.rows("select count(*) from log") == [(4,)]


def write(source: Side, stop: threading.Event) -> None:
    """As an application does: a transaction that the server ends, for it stands in the way of LOCK TABLES with one
    table in its hands and one yet to come, is given up."""
    with closing(source.connect()) as connection, connection.cursor() as cursor:
        number = 0
        while not stop.is_set():
            number = number % 50 + 1
            try:
                for statement in (
                    "begin",
                    f"update paid set cents = cents + 1 where id = {number}",
                    f"update owed set cents = cents - 1 where id = {number}",
                    "commit",
                ):
                    cursor.execute(statement)
            except pymysql.OperationalError as error:
                if error.args[0] != DEADLOCK:
                    raise
                cursor.execute("rollback")


def test_a_row_that_changed_on_the_target_is_found_named_and_repaired(world: World) -> None:
    plan = world.plan()
    with world.conductor(plan) as conductor:
        assert conductor.prepare(Spy()) is False
        with conductor.lane() as lane:
            lane.rollback(steps(lane, is_proof))
        world.target.run("update person set name = 'spoiled' where id = 7", "delete from paid where id = 3")
        work(conductor)
        verdict = conductor.verdict()
    assert not verdict.green
    assert {proof.table.partition(".")[2] for proof in verdict.unequal} == {"person", "paid"}
    found = {rows.table.partition(".")[2]: (rows.missing, rows.changed, rows.examples) for rows in verdict.rows}
    assert found == {"person": (0, 1, ("7",)), "paid": (1, 0, ("3",))}
    assert "spoiled" not in repr(verdict)
    with world.conductor(plan) as conductor:
        assert conductor.prepare(Spy()) is True
        work(conductor)
        assert conductor.verdict().reasons == []
        copied = {line["table"].partition(".")[2]: line["method"] for line in conductor.report()}
    assert [table for table, method in sorted(copied.items()) if method != "proven equal"] == ["paid", "person"]
    assert contents(world.target) == contents(world.source)


def test_what_changed_between_two_snapshots_is_followed(world: World) -> None:
    plan = world.plan()
    with world.conductor(plan) as conductor:
        conductor.prepare(Spy())
        work(conductor)
    world.source.run(
        "delete from person where id = 5",
        "insert into town values (7, 'late')",
        "update person set town = 7, id = 90000 where id = 6",
        "delete from log where line = 'one'",
    )
    with world.conductor(plan) as conductor:
        assert conductor.prepare(Spy()) is True
        work(conductor)
        assert conductor.verdict().reasons == []
    assert contents(world.target) == contents(world.source)


def test_an_object_that_is_missing_is_found_and_stays_only_by_a_persons_word(world: World) -> None:
    with world.conductor() as conductor:
        conductor.prepare(Spy())
        work(conductor)
        world.target.run("drop view crowd", "create table extra (a int)")
        verdict = conductor.verdict()
        assert not verdict.green
        found = {(d.kind, d.name.rpartition(".")[2], d.what) for d in verdict.differences}
        assert {("view", "crowd", "missing on the target"), ("table", "extra", "unexpected on the target")} <= found
        waivers = [Waiver(key=d.key, by=Person(id="U1")) for d in verdict.differences]
        assert not conductor.verdict(waivers[:1]).green
        accepted = conductor.verdict(waivers)
        assert accepted.green and {d.key for d in accepted.waived} == {waiver.key for waiver in waivers}


def test_a_run_that_began_goes_on_only_as_it_began(world: World) -> None:
    plan = world.plan()
    with world.conductor(plan) as conductor:
        conductor.prepare(Spy())
    here = world.target.picture()
    refused(world, "another migration", migration="m0000000099")
    refused(world, "plan changed", options=Options(exclude=("*.log",)))
    with world.conductor(plan) as conductor:
        world.source.run("alter table town add column more int")
        with pytest.raises(Permanent, match="schema changed"):
            conductor.prepare(Spy())
    assert world.target.picture() == here


def refused(world: World, why: str, **changed: Any) -> None:
    """A conductor of a world that differs in this is refused."""
    before = {name: getattr(world, name) for name in changed}
    for name, value in changed.items():
        setattr(world, name, value)
    try:
        with world.conductor() as conductor, pytest.raises(Permanent, match=why):
            conductor.prepare(Spy())
    finally:
        for name, value in before.items():
            setattr(world, name, value)


def test_a_table_that_came_since_the_plan_is_not_left_behind(world: World) -> None:
    plan, before = world.plan(), world.target.picture()
    world.source.run("create table late (a int)")
    with world.conductor(plan) as conductor, pytest.raises(Permanent, match="late"):
        conductor.prepare(Spy())
    assert world.target.picture() == before


def test_nobody_writes_to_a_source_that_is_held(world: World) -> None:
    world.options = Options(hold_source=True)
    with world.conductor() as conductor:
        assert not conductor.holds() and not conductor.release()
        conductor.hold(Spy())
        assert conductor.holds()
        conductor.prepare(Spy())
        with pytest.raises(Exception, match="timeout"):
            world.source.run(world.source.hurry, "insert into log values ('late')")
        work(conductor)
        verdict = conductor.verdict()
        assert verdict.green and verdict.written.held
        assert conductor.release() and not conductor.release() and not conductor.holds()
        world.source.run("insert into log values ('late')")
    assert world.target.rows("select count(*) from log") == [(4,)]


# --- the way back -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("until", [is_copy, is_proof, None], ids=["from the copy", "from the proof", "from the end"])
def test_undone_from_anywhere_the_target_is_as_it_was_found(world: World, until: Callable[[Task], bool]) -> None:
    plan, before = world.plan(), world.target.picture()
    with world.conductor(plan) as conductor:
        conductor.prepare(Spy())
        with conductor.lane() as lane:
            begin(lane, until)
    with world.conductor(plan) as conductor:
        assert conductor.undo(Spy())
        assert world.target.picture() == before
        assert conductor.undo(Spy())
        assert conductor.tally() == Tally()
    assert world.nothing_of_ours()


def begin(lane: Lane, until: Callable[[Task], bool] | None) -> None:
    """Works up to a task and begins it, or to the end."""
    if until is None:
        drain(lane, Spy())
    else:
        lane.perform(steps(lane, until), Spy())


def ended(conductor: Conductor) -> str:
    """The whole way to the end; the keepsake."""
    conductor.prepare(Spy())
    work(conductor)
    assert conductor.verdict().reasons == []
    kept = conductor.keepsake()
    assert kept and conductor.keepsake() == kept
    conductor.finish()
    conductor.finish()
    assert conductor.keepsake() == ""
    return kept


def test_rolled_back_after_the_end_the_target_is_as_it_was_found(world: World) -> None:
    plan, before = world.plan(), world.target.picture()
    with world.conductor(plan) as conductor:
        kept = ended(conductor)
    with world.conductor(plan) as conductor:
        assert conductor.roll_back(kept, Spy())
        assert world.target.picture() == before
        assert conductor.roll_back(kept, Spy())
    assert world.target.picture() == before
    assert world.nothing_of_ours()


def test_what_somebody_else_made_is_not_rolled_back(world: World) -> None:
    with world.conductor() as conductor:
        kept = ended(conductor)
        world.target.run("drop table log", "create table log (mine int)", "insert into log values (42)")
        with pytest.raises(Permanent, match="log"):
            conductor.roll_back(kept, Spy())
        assert world.target.rows("select mine from log") == [(42,)]
        assert world.target.rows("select count(*) from person") == [(PEOPLE,)]
