"""What an engine (a pair of dialects) must be able to do. The flow knows nothing else of databases.

The target database is the ledger of the run: an engine keeps its tasks in a small table there, and a lane's
copied rows and the mark "done" commit together. A lane that dies leaves nothing half done and releases its
claim by dying; the conductor's fence is a session lock in the target, released in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from jobs.core.disk import Disk
from jobs.core.model import CheckResult, Endpoint, Options
from jobs.core.plan import MigrationPlan
from jobs.core.progress import Work
from jobs.core.verdict import BrokenKey, RestorePoint, Verdict, Waiver

Side = Literal["source", "target"]


@dataclass(frozen=True)
class Asked:
    """One migration as an engine sees it: two resolved endpoints and what a person chose."""

    migration: str
    source: Endpoint
    target: Endpoint
    options: Options = field(default_factory=Options)
    source_environment: str = ""
    target_environment: str = ""
    stated_free_bytes: int | None = None
    rules: tuple[tuple[str, str], ...] = ()
    """what the configuration says of the source's columns: an engine's defaults give way to it"""
    restore_folder: str = ""
    """where restore points are written and read; every worker's, and empty when none is configured"""
    restore_point: RestorePoint | None = None
    """what the target held before, once it is safe"""
    protected: bool = False
    """today's configuration says that the target can never be one"""


class Watch(Protocol):
    """All that a task sees of the world outside: how it says what it does and hears that it must stop."""

    def report(self, task: str, title: str, rows: int, bytes: int) -> None:
        """Live progress of one task so far; cheap, may be called every megabyte.

        Where the run is slowed down it waits for some seconds, and may raise `Stopped` then."""

    def check(self) -> None:
        """Raises `Stopped` when a person or the platform asked the run to stop; cheap."""

    def note(self, text: str, *, warning: bool = False) -> None:
        """A line for the thread."""


@dataclass(frozen=True)
class Task:
    """A claimed row of the task table. `kind` is the engine's word, `title` a person's."""

    id: int
    kind: str
    phase: str
    title: str
    size: int = 0
    payload: Any = None
    attempts: int = 0


@dataclass(frozen=True)
class Done:
    """What a performed task did: rows and bytes moved, and whatever the engine keeps with the mark."""

    rows: int = 0
    bytes: int = 0
    result: Any = None
    note: str = ""


@dataclass(frozen=True)
class Tally:
    """The task table in one look."""

    phase: str = ""
    phase_title: str = ""
    tasks_done: int = 0
    tasks_total: int = 0
    tables_done: int = 0
    tables_total: int = 0
    rows_done: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    lanes: int = 0
    failed: str = ""
    failed_object: str = ""
    work: Sequence[Work] = ()
    """what is done and left of each kind of task"""
    finished_tables: Sequence[tuple[str, int, int, float]] = ()
    """(table, rows, bytes, seconds) of the largest tables copied so far"""


@dataclass(frozen=True)
class Room:
    """Free disk of the target in bytes, as its server measured it just now; else why nobody can say.

    `ever` is False where asking again during this run is of no use."""

    free: int | None = None
    unknown: str = ""
    ever: bool = True


class Lane(Protocol):
    """One worker's hands: its connections and the task it holds."""

    def claim(self) -> Task | None:
        """Begins a transaction and locks the next ready task; None when none is ready now.

        Raises `Stopped` when the run's snapshot is gone (its conductor died)."""

    def finished(self) -> bool:
        """No task is left to do."""

    def wait(self, seconds: float) -> None:
        """Sleeps until another lane finishes a task, at most `seconds`."""

    def perform(self, task: Task, watch: Watch) -> Done:
        """Does the work inside the transaction of the claim. Raises `Permanent`, `Transient` or `Stopped`."""

    def commit(self, task: Task, done: Done) -> None:
        """Marks the task and commits rows and mark together."""

    def rollback(self, task: Task, error: str = "", *, fatal: bool = False) -> None:
        """Gives the task back; `error` is remembered in its row, `fatal` tells the conductor to end the run."""


class Conductor(Protocol):
    """The one that holds the fence in the target and the snapshot in the source."""

    def secure(self, watch: Watch) -> RestorePoint | None:
        """Makes the restore point of a plan that overwrites, whole on disk; None where nothing is overwritten.

        Called only while the story knows of none; may be repeated after a crash: the target is still untouched."""

    def hold(self, watch: Watch) -> None:
        """Keeps everybody else from writing to the moved tables of the source, before the snapshot is taken.

        Ends with the conductor, however that ends. Raises `Transient` when writers do not make room."""

    def release(self) -> bool:
        """Ends the hold while the run goes on; False when there is none (any more). Safe from another thread."""

    def holds(self) -> bool:
        """Whether the hold stands; asks the server. Safe from another thread."""

    def prepare(self, watch: Watch, *, refresh: bool = False) -> bool:
        """Takes the snapshot and writes the task rows, or finds them and reopens what must be proven again.

        An overwriting plan's target is cleared first, behind `asked.restore_point`. With `refresh` the target was
        done before: every table is proven against the new snapshot, and copied again where it differs.
        True when an earlier conductor's work was found. Idempotent after any crash."""

    @property
    def own_lanes(self) -> int:
        """How many lanes must run in this process: 1 where others can join the snapshot from anywhere."""

    def lane(self) -> AbstractContextManager[Lane]:
        """A lane in this process; safe to call from several threads after `prepare`."""

    def tally(self) -> Tally:
        """The state of the task table; raises `Transient` when the fence's connection is gone."""

    def room(self) -> Room:
        """What is free on the disks that the run writes to; never raises. Safe from another thread."""

    def verdict(self, waivers: Sequence[Waiver] = ()) -> Verdict:
        """What the finished tasks and the census prove; what a waiver names stands under `waived`."""

    def report(self) -> Sequence[dict[str, Any]]:
        """Per table: name, rows, bytes, seconds, checksums, method. For the full log."""

    def keepsake(self) -> str:
        """All that `roll_back` needs once the task table is gone; empty when the task table is gone already."""

    def finish(self) -> None:
        """Removes the task table from the target after a green verdict."""

    def undo(self, watch: Watch) -> str:
        """Back to the target as it was found; says what was done. Idempotent.

        What the run made is removed, nothing else; what it had overwritten comes from `asked.restore_point`."""

    def roll_back(self, keepsake: str, watch: Watch) -> str:
        """`undo` after `finish`. Raises `Permanent` where an object is not the one that the run made. Idempotent."""

    def revalidate(self, keys: Sequence[BrokenKey], watch: Watch) -> tuple[BrokenKey, ...]:
        """Validates foreign keys that stayed NOT VALID; those that still cannot be, with today's orphans."""


@dataclass(frozen=True)
class Load:
    """What else a server has to do; `hidden` names a right without which not all of it is seen."""

    sessions: int
    """of others, at work at this moment"""
    lag_seconds: float = 0.0
    """how far the slowest replica, or the server itself as one, is behind"""
    hidden: str = ""


@dataclass(frozen=True)
class Standing:
    """Which server answers, and whether it takes writes: what changes when another one takes its place."""

    identity: str
    """of the server's data and history; another one after a promotion where the server can say so"""
    primary: bool


class Gauge(Protocol):
    """Reads one server's load through a session of its own, opened at the first reading."""

    def standing(self) -> Standing:
        """Which server answers now, asked in a new session. Raises `Transient` or `Permanent`."""

    def read(self) -> Load:
        """The load at this moment. Raises `Transient` or `Permanent`."""

    def size(self) -> int:
        """Bytes of the database on disk. Raises `Transient` or `Permanent`."""

    def disk(self) -> Disk:
        """What the server says that the run takes of its disk now. Raises `Transient` or `Permanent`."""

    def close(self) -> None:
        """Ends the session; harmless when repeated."""


class Check(Protocol):
    """One validation check. `title` is its line in the list: "Target is empty"."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...


class FenceHeld(Exception):
    """Another conductor is at work in this target database."""


class Engine(Protocol):
    """A pair of dialects."""

    @property
    def checks(self) -> Sequence[Check]:
        """Every check in the order in which it is shown."""

    def inspect(self, asked: Asked) -> Any:
        """Reads every fact of both sides once, without writing anything.

        Never raises for what a check reports: a side that cannot be reached is a fact of the inventory."""

    def look(self, check: Check, inventory: Any) -> CheckResult:
        """Pure: what `check` says of `inventory`."""

    def plan(self, asked: Asked, inventory: Any) -> MigrationPlan:
        """Pure: the plan for an inventory without blockers. Deterministic: same facts, same digest."""

    def conductor(self, asked: Asked, plan: MigrationPlan) -> AbstractContextManager[Conductor]:
        """Takes the fence; raises `FenceHeld`, `Transient`, `Permanent`."""

    def lane(self, asked: Asked, plan: MigrationPlan) -> AbstractContextManager[Lane]:
        """Opens a lane of a prepared run. Raises `Stopped` when no run is prepared."""

    def gauge(self, asked: Asked, side: Side) -> Gauge:
        """Reads the load of one side; connects only when it is read."""
