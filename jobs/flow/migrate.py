"""The conductor: holds the fence, prepares the run, is itself a lane, and proves the result."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from jobs.away import AWAY
from jobs.core import events as e
from jobs.core import protection
from jobs.core.commands import Tell
from jobs.core.disk import Disk
from jobs.core.errors import FerrybotError, LedgerAway, Permanent, Refused, Stopped, Transient, Unreadable
from jobs.core.lifecycle import Ring
from jobs.core.pairs import NAMES
from jobs.core.plan import MigrationPlan
from jobs.core.state import RUNNING, State, Status
from jobs.core.verdict import Receipt, Verdict, overall_checksum
from jobs.desk import Desk
from jobs.flow import care, drift, proof, rehearse, safety
from jobs.flow.failover import FailoverWatch
from jobs.flow.heart import Heart
from jobs.flow.holding import Holding
from jobs.flow.lane import TRIES, delay_before
from jobs.flow.overseer import Overseer
from jobs.flow.own_lanes import run_lanes
from jobs.flow.peak import PeakWatch
from jobs.flow.room import DiskWatch
from jobs.flow.watch import StoryWatch
from jobs.flow.wiring import Asking
from jobs.ports.board import Board
from jobs.ports.engine import Asked, Conductor, Engine, FenceHeld
from jobs.ports.rehearsals import Rehearsals

log = structlog.get_logger(__name__)

REDIS_WAIT = 2.0
"""Seconds between tries to tell the ledger while Redis is away."""


@dataclass
class Run:
    """One conductor's attempt at one migration."""

    desk: Desk
    board: Board
    engine: Engine
    asked: Asked
    plan: MigrationPlan
    watch: StoryWatch
    rehearsals: Rehearsals | None = None
    tries: int = 1
    standing: FailoverWatch = field(init=False)

    def __post_init__(self) -> None:
        self.standing = FailoverWatch(self.desk, self.engine, self.asked, self.watch.state)

    @property
    def id(self) -> str:
        return self.watch.state.id

    @property
    def number(self) -> int:
        return self.watch.state.run

    def tell(self, event: e.Report) -> State | None:
        """Writes a report, waiting while Redis is away; None when the story no longer takes it."""
        while True:
            try:
                return self.desk.obey(self.id, Tell(event=event))
            except Refused:
                return None
            except AWAY:
                if self.watch.terminate.wait(REDIS_WAIT):
                    raise Stopped("This process was asked to end while Redis was away.") from None

    def trouble(self, error: Transient, attempt: int, delay: float) -> None:
        self.tell(e.Troubled(run=self.number, problem=error.problem(), attempt=attempt, retry_seconds=delay))

    def rest(self, seconds: float) -> None:
        """Waits before another try. What is being undone is not stopped by the story; only the platform stops it."""
        if self.desk.state(self.id).status not in (Status.cancelling, Status.rolling_back):
            self.watch.wait(seconds)
        elif self.watch.terminate.wait(seconds):
            raise Stopped("This process was asked to end; the undo continues elsewhere.")

    def conduct(self) -> None:
        """From the fence to the end of the run, or to the moment at which somebody asked it to stop."""
        if self.plan.options.overwrite:
            # An earlier try of this very job may have made it.
            self.asked = replace(self.asked, restore_point=self.desk.state(self.id).restore_point)
        # The heart beats only behind the fence: one that is refused there must not speak for the one that holds it.
        with self.engine.conductor(self.asked, self.plan) as conductor, Heart(self.board, self.id, "migrate"):
            try:
                # Behind the fence: no other migration of ours can write to the target after the comparison.
                if self.watch.state.begun or self._may_begin():
                    self._run(conductor)
            except Stopped:
                self._report_so_far(conductor)
                self._look_who_answers()
                self._stopped(conductor)
            except Permanent:
                self._report_so_far(conductor)
                raise

    def _look_who_answers(self) -> None:
        """Nobody wanted the stop: lanes also stop where the snapshot is gone, as it is at another server."""
        unasked = self.desk.state(self.id).status in (Status.migrating, Status.verifying)
        if unasked and not self.watch.terminate.is_set():
            self.standing.explains()

    def _may_begin(self) -> bool:
        """An earlier try of this very job may have begun, or somebody may have called the run off meanwhile."""
        now = self.desk.state(self.id)
        if now.run != self.number or now.status not in RUNNING:
            return False
        patient = self.tries < TRIES
        return drift.may_begin(self.desk, self.engine, self.asked, now, self.tell, patient=patient)

    def _run(self, conductor: Conductor) -> None:
        self.watch.check()
        if self.watch.state.mode == "keys":
            return self._validate_keys(conductor)
        if self.watch.state.receipt is not None:
            return self._end(conductor, self.watch.state.receipt)
        if self.asked.restore_point is None and self.watch.state.mode == "move":
            safety.secure(conductor, self.watch, self.tell)
        with Holding(conductor, self.watch, self.tell) as holding:
            holding.take()
            self._move(conductor)
        return None

    def _move(self, conductor: Conductor) -> None:
        if self.standing.explains():
            # An earlier try broke off, and its successor must not take its snapshot from another server.
            raise Stopped("Another server answers than at the first try.")
        self.tell(e.PhaseReached(run=self.number, phase="prepare", title="Taking the snapshot, reading the schema"))
        takeover = conductor.prepare(self.watch, refresh=self.watch.state.mode == "refresh")
        self.tell(e.RunStarted(run=self.number, takeover=takeover))
        self._ring_lanes(conductor.own_lanes)
        began = time.monotonic()
        watched = care.sides(self.engine, self.asked, self.watch.state)
        lanes = self.plan.options.parallelism
        with (
            Overseer(self.desk, self.board, self.watch, conductor.tally, lanes),
            DiskWatch(self.desk, self.board, self.asked, self.watch, conductor.room, self._note_once),
            care.Caretaker(watched, self.number, lanes, self.tell),
            PeakWatch(self.board, self.engine, self.asked, self.id),
            self.standing,
        ):
            run_lanes(conductor.lane, conductor.own_lanes, self.watch, self.trouble)
        # Only now, when nobody else looks: the overseer's thread uses the same two connections.
        verdict = conductor.verdict(proof.waivers(self.watch.state))
        self._report(conductor)
        self._conclude(conductor, verdict, time.monotonic() - began)

    def _ring_lanes(self, own: int) -> None:
        """Further lanes are a help, not a condition: a lane that nobody rings for is only slower."""
        now = int(time.time())
        for number in range(own, self.plan.options.parallelism):
            try:
                self.desk.queue.ring(Ring(kind="lane", migration=self.id, token=f"r{self.number}-{number}-{now}"))
            except AWAY:
                return

    def _report(self, conductor: Conductor) -> None:
        lines = "\n".join(json.dumps(row, ensure_ascii=False, default=str) for row in conductor.report())
        if not lines:
            return
        try:
            self.desk.ledger.attach(self.id, "tables", lines)
        except AWAY:
            # The receipt does not need it; the full log then tells phases only.
            return

    def _report_so_far(self, conductor: Conductor) -> None:
        """A run that did not reach its verdict tells what became of each table, as far as the target can say."""
        with suppress(FerrybotError):
            self._report(conductor)

    def _conclude(self, conductor: Conductor, verdict: Verdict, seconds: float) -> None:
        if not verdict.green:
            few = len(verdict.differences) <= proof.MOST_DIFFERENCES
            self.tell(
                e.RunFailed(
                    run=self.number,
                    problem=proof.problem(verdict),
                    reasons=tuple(verdict.reasons[: proof.SHOWN]),
                    differences=verdict.differences if few else (),
                    rows=verdict.rows,
                )
            )
            return
        receipt = self._receipt(verdict, seconds)
        if self.tell(e.Proven(run=self.number, receipt=receipt)) is None:
            raise Stopped("A pause or a cancel came first.")
        self._end(conductor, receipt)

    def _end(self, conductor: Conductor, receipt: Receipt) -> None:
        safety.keep(conductor, self.watch, self.desk.ledger)
        conductor.finish()
        rehearse.note(self.rehearsals, self.desk.state(self.id))
        self.tell(e.Finished(run=self.number, receipt=receipt))

    def _validate_keys(self, conductor: Conductor) -> None:
        """After the end: only the keys that stayed NOT VALID; the proof of everything else stands."""
        receipt = self.watch.state.receipt
        assert receipt is not None
        self.tell(e.PhaseReached(run=self.number, phase="keys", title="Validating foreign keys"))
        left = conductor.revalidate(receipt.broken_keys, self.watch)
        self._note_once(proof.validated(receipt.broken_keys, left))
        self.tell(e.Finished(run=self.number, receipt=receipt.model_copy(update={"broken_keys": left})))

    def _note_once(self, text: str, *, warning: bool = False) -> None:
        """A run that was killed between this line and its end does not say it twice."""
        _, story = self.desk.story(self.id)
        note = e.Noted(run=self.number, text=text, level="warning" if warning else "info")
        if all(recorded.event != note for recorded in story):
            self.tell(note)

    def _receipt(self, verdict: Verdict, seconds: float) -> Receipt:
        state = self.watch.state
        started = state.started or datetime.now(UTC)
        return Receipt(
            tables=len(verdict.proofs),
            rows=sum(p.target_rows for p in verdict.proofs),
            bytes=sum(p.bytes for p in verdict.proofs),
            seconds=max(seconds, (datetime.now(UTC) - started).total_seconds()),
            copy_seconds=verdict.move_seconds,
            verify_seconds=sum(p.seconds for p in verdict.proofs),
            objects=sum(count for _, count in verdict.objects),
            checksum=overall_checksum(verdict.proofs),
            digest=self.plan.digest,
            source_version=self.plan.source.server_version,
            target_version=self.plan.target.server_version,
            source_engine=NAMES[self.plan.source.dialect],
            target_engine=NAMES[self.plan.target.dialect],
            runs=self.number,
            requester=state.requester,
            approvals=state.approvals,
            glass=state.glass,
            restore_point=self.desk.state(self.id).restore_point,
            left_out=self.plan.left_out,
            transformed=verdict.transformed,
            waived=proof.used(verdict, proof.waivers(state)),
            broken_keys=verdict.broken_keys,
            written=verdict.written,
            snapshot=verdict.written.since.isoformat() if verdict.written.since else "",
            target_bytes=care.size_of(self.engine, self.asked),
            peak=self._fullest(),
            rehearsal=state.rehearsal,
        )

    def _fullest(self) -> Disk | None:
        """Kept while the run went on; without it a receipt is no less true."""
        with suppress(*AWAY):
            return self.board.fullest(self.id)
        return None

    def _stopped(self, conductor: Conductor) -> None:
        """Why was it stopped? A pause and a cancel end the run here; a platform's stop leaves it to be resumed."""
        state = self.desk.state(self.id)
        if state.status is Status.pausing:
            self.tell(e.Paused(run=self.number))
        elif state.status is Status.cancelling:
            self.tell(e.Cancelled(undone=conductor.undo(self.watch)))
        elif state.status is Status.rolling_back:
            safety.roll_back(conductor, self.watch, self.desk.ledger, self.tell)


def migrate(
    migration: str,
    desk: Desk,
    asking: Asking,
    board: Board,
    terminate: threading.Event,
    rehearsals: Rehearsals | None = None,
) -> None:
    """Conducts the current run; returns at once when it is over or another conductor holds the fence."""
    state = desk.state(migration)
    if state.status not in RUNNING or state.plan is None:
        return
    run: Run | None = None
    try:
        run = _open(state, desk, asking, board, terminate)
        run.rehearsals = rehearsals
        _conduct_patiently(run)
    except FenceHeld:
        return
    except Stopped:
        return
    except LedgerAway:
        # As without Redis: nothing can be told now, and the sweep rings again when the ledger is back.
        raise
    except Unreadable as error:
        log.error("left to a worker of the newer version", migration=migration, what=error.what)
    except FerrybotError as error:
        if run is not None and run.standing.explains():
            run.tell(e.Paused(run=state.run))
        else:
            _fail(desk, run, state, error)


def _open(state: State, desk: Desk, asking: Asking, board: Board, terminate: threading.Event) -> Run:
    assert state.plan is not None
    engine, asked = asking.engine(state), asking.asked(state)
    protection.demand(state, asked.protected)

    def note(text: str, warning: bool) -> None:
        run.tell(e.Noted(run=state.run, text=text, level="warning" if warning else "info"))

    watch = StoryWatch(desk.ledger, board, state, "conductor", terminate, note)
    run = Run(desk, board, engine, asked, state.plan, watch)
    return run


def _conduct_patiently(run: Run) -> None:
    """Passing faults of the fence's or the snapshot's connection are tried again with a new one."""
    for attempt in range(1, TRIES + 1):
        run.tries = attempt
        try:
            return run.conduct()
        except LedgerAway:
            raise
        except Transient as error:
            if attempt == TRIES:
                raise
            run.watch.failure = None
            delay = delay_before(attempt)
            run.trouble(error, attempt, delay)
            run.rest(delay)
    return None


def _fail(desk: Desk, run: Run | None, state: State, error: FerrybotError) -> None:
    event = e.RunFailed(run=state.run, problem=error.problem())
    if run is not None:
        run.tell(event)
    else:
        with suppress(Refused):
            desk.obey(state.id, Tell(event=event))


def unexpected(desk: Desk, before: State, error: Exception) -> None:
    """A defect of ours ends the run or check that was under way visibly, instead of being resumed for ever.

    `before` is the state with which the work began: a newer attempt or run is not to blame."""
    problem = Permanent(
        f"An unexpected error stopped this ({type(error).__name__}).",
        remedy="Look at the worker's log, then try again; what is done is not done again.",
    ).problem()
    event: e.Report = e.RunFailed(run=before.run, problem=problem)
    if before.status not in RUNNING:
        event = e.ValidationBroke(attempt=before.attempt, problem=problem)
    with suppress(Refused):
        desk.obey(before.id, Tell(event=event))
