"""The nasty story in every status that shows something of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.model import CheckResult, Finding, Options, Person, Severity, Wish
from jobs.core.policy import Policy
from jobs.core.throttle import Limit
from jobs.core.verdict import (
    BrokenKey,
    Difference,
    Receipt,
    Rehearsal,
    RestorePoint,
    RowDifference,
    TableWritten,
    Waiver,
    Written,
)
from tests.bot.nasty import WINDOWS, acknowledged, approvals, grown, plan_source, problem_of, tale_of
from tests.support.tales import ALICE, BOB, CAROL, MIGRATION, NOON, RECEIPT, Tale, approve, tell


def lives(nasty: str) -> Iterator[Tale]:
    """The nasty story in every status that shows something of its own; each tale goes on after it was yielded."""
    yield from decided(nasty)
    yield from broken_checks(nasty)
    yield from runs(nasty)
    yield from proven(nasty)
    yield from windowed(nasty)
    yield ways_out(nasty)


def requested(nasty: str) -> Tale:
    """Asked for where nobody needs to approve, so that it runs at once."""
    tale = tale_of(nasty, policy=Policy())
    tale.obey(c.Request(by=ALICE, digest=tale.state.digest, acknowledged=acknowledged(tale.state)))
    return tale


def decided(nasty: str) -> Iterator[Tale]:
    """Up to the people's answer."""
    checking = tale_of(nasty)
    yield checking  # ready
    checking.obey(c.Request(by=ALICE, digest=checking.state.digest, acknowledged=acknowledged(checking.state)))
    checking.obey(approve(BOB, checking.state.digest))
    yield checking  # awaiting approval
    yield from gates(nasty)
    checking.obey(c.Decline(by=CAROL, digest=checking.state.digest, reason=grown(nasty, 3000)))
    yield checking  # declined


def broken_checks(nasty: str) -> Iterator[Tale]:
    broken = tale_of(nasty)
    broken.obey(c.Configure(by=ALICE, source=broken.state.source or plan_source(nasty)))
    yield broken  # configured
    broken.obey(tell(e.ValidationBroke(attempt=2, problem=problem_of(nasty))))
    yield broken  # blocked by a broken check


def runs(nasty: str) -> Iterator[Tale]:
    """A run in every kind of trouble, to its end without a proof."""
    long, problem = grown(nasty, 3000), problem_of(nasty)
    run = requested(nasty)
    run.obey(tell(e.PhaseReached(run=1, phase="copy", title=long)), tell(e.Noted(run=1, text=long, level="warning")))
    run.obey(tell(e.Troubled(run=1, problem=problem, attempt=7, retry_seconds=60)))
    yield run  # in trouble
    run.obey(c.Slow(by=BOB, limit=Limit(lanes=1, bytes_per_second=10**6)))
    run.obey(tell(e.Strained(run=1, reason=long, limit=Limit(lanes=1))))
    yield run  # slowed down
    run.obey(c.Halt(run=1, why=long))
    yield run  # pausing by itself
    run.obey(tell(e.Paused(run=1)), c.Resume(by=BOB))
    run.obey(tell(e.RunFailed(run=2, problem=problem, reasons=(long,) * 50)))
    yield run  # failed
    objects = tuple(Difference(kind="table", name=f"{n}{nasty}", what=long) for n in range(300))
    run.obey(c.Resume(by=BOB), tell(e.RunFailed(run=3, problem=problem, reasons=(long,) * 50, differences=objects)))
    yield run  # failed by its objects
    keys = tuple(difference.key for difference in objects)
    run.obey(c.Waive(by=BOB, keys=keys, reason=f"{long}."))
    rows = tuple(
        RowDifference(table=f"{n}{nasty}", missing=10**12, key=(nasty,) * 3, examples=(grown(nasty, 61),) * 10)
        for n in range(50)
    )
    run.obey(tell(e.RunFailed(run=4, problem=problem, reasons=(long,) * 50, differences=objects, rows=rows)))
    yield run  # failed by its rows
    run.obey(c.Cancel(by=BOB), tell(e.Cancelled(undone=long)))
    yield run  # cancelled


def receipt_of(nasty: str) -> Receipt:
    long = grown(nasty, 3000)
    return RECEIPT.model_copy(
        update={
            "left_out": (long,) * 40,
            "approvals": tuple(approvals(40)),
            "requester": ALICE,
            "source_version": long,
            "target_version": long,
            "copy_seconds": 1e6,
            "rehearsal": Rehearsal(migration=MIGRATION, at=NOON, target=long, seconds=1e6, bytes=1, target_bytes=1),
            "target_bytes": 10**15,
            "transformed": tuple(Difference(kind="k", name=nasty, what=long, why=long) for _ in range(40)),
            "waived": tuple(Waiver(key=long, by=BOB, reason=long) for _ in range(40)),
            "broken_keys": tuple(
                BrokenKey(name=long, orphans=10**9, find=long, examples=(grown(nasty, 61),) * 10) for _ in range(40)
            ),
            "written": Written(since=NOON, tables=tuple(TableWritten(table=long, inserted=10**9) for _ in range(40))),
        }
    )


def proven(nasty: str) -> Iterator[Tale]:
    """Held, released, done; refreshed and rolled back, in vain and well."""
    long, problem = grown(nasty, 3000), problem_of(nasty)
    done = requested(nasty)
    point = RestorePoint(path=long, bytes=10**15, sha256="ab" * 32, objects=10**9, tool=long)
    done.obey(tell(e.RestorePointMade(run=1, point=point)), tell(e.HoldTaken(run=1)))
    yield done  # held
    done.obey(c.Release(by=BOB))
    yield done  # being released
    done.obey(tell(e.HoldEnded(run=1, why=long)))
    receipt = receipt_of(nasty).model_copy(update={"restore_point": point})
    done.obey(tell(e.Proven(run=1, receipt=receipt)), tell(e.Finished(run=1, receipt=receipt)))
    yield done
    done.obey(c.Refresh(by=BOB), tell(e.RunFailed(run=2, problem=problem)))
    yield done  # a refresh that failed
    done.obey(c.Resume(by=BOB), tell(e.Proven(run=3, receipt=receipt)), tell(e.Finished(run=3, receipt=receipt)))
    done.obey(c.RollBack(by=BOB), tell(e.Troubled(run=4, problem=problem, attempt=1, retry_seconds=1)))
    yield done  # rolling back
    done.obey(tell(e.RunFailed(run=4, problem=problem)))
    yield done  # not rolled back
    done.obey(c.RollBack(by=BOB), tell(e.RolledBack(run=5, undone=long)))
    yield done  # rolled back


def windowed(nasty: str) -> Iterator[Tale]:
    waits = tale_of(nasty, policy=Policy(rehearsal_days=7), windows=WINDOWS)
    target = grown(nasty, 3000)
    rehearsed = Rehearsal(migration=MIGRATION, at=NOON, target=target, seconds=1e7, bytes=10**15, target_bytes=10**15)
    waits.state = waits.state.model_copy(update={"rehearsal": rehearsed})
    yield waits  # rehearsed, with windows
    asked = c.Request(by=ALICE, digest=waits.state.digest, acknowledged=acknowledged(waits.state), at=NOON)
    wish = Wish(start_at=NOON + timedelta(days=1), pause_at_close=True)
    waits.obey(asked.model_copy(update={"wish": wish}))
    yield waits  # scheduled
    waits.obey(c.Tick(at=NOON + timedelta(days=5, hours=14)), c.Tick(at=NOON + timedelta(days=6)))
    waits.obey(tell(e.Paused(run=1)))
    yield waits  # waiting for its next window


def ways_out(nasty: str) -> Tale:
    """Blocked by what people can get out of the way with a button."""
    long, full = grown(nasty, 3000), tale_of(nasty)
    chosen = Options(hold_source=True)
    full.obey(c.Configure(by=ALICE, source=full.state.source or plan_source(nasty), options=chosen))
    for check in ("target_empty", "hold_source"):
        found = Finding(check=check, severity=Severity.block, message=long, remedy=long)
        result = CheckResult(check=check, title=long, findings=(found,))
        full.obey(tell(e.CheckFinished(attempt=2, result=result)))
    full.obey(tell(e.Validated(attempt=2, plan=None)))
    return full


def gates(nasty: str) -> Iterator[Tale]:
    """What may become of a request, with as many people as there can be."""
    long, people = grown(nasty, 3000), tuple(f"U0PERSON{n}" for n in range(300))
    gate = tale_of(nasty)
    rules = gate.state.policy.model_copy(update={"escalate_to": people[:60], "break_glass": people[:60]})
    command = c.Request(
        by=ALICE,
        digest=gate.state.digest,
        acknowledged=acknowledged(gate.state),
        pinned=people[:200],
        later=people[200:],
        policy=rules,
    )
    gate.obey(command)
    for number in range(40):
        to = Person(id=f"U0FRIEND{number}")
        gate.obey(c.Delegate(by=Person(id=people[number]), to=to, digest=gate.state.digest))
    for number in range(9):
        gate.obey(approve(Person(id=f"U0FRIEND{number}"), gate.state.digest))
    assert gate.state.asked_at is not None
    gate.obey(c.Tick(at=gate.state.asked_at + timedelta(hours=5)))
    gate.obey(c.Tick(at=gate.state.asked_at + timedelta(hours=5)))
    yield gate  # escalated, reminded, lent
    waited = c.Tick(at=gate.state.asked_at + timedelta(hours=100))
    gate.obey(waited)
    yield gate  # expired
    gate.obey(command, c.BreakGlass(by=BOB, digest=gate.state.digest, reason=f"{long} and so it goes"))
    yield gate  # the glass is broken
    changed = gate.state.plan.model_copy(update={"schema_fingerprint": "f2"}) if gate.state.plan else None
    gate.obey(tell(e.Drifted(run=1, changes=(long,) * 30, plan=changed, results=gate.state.results)))
    yield gate  # not what was approved
