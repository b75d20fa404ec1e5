"""Values for tests that tell a migration's story: people, services, plans, and a state without a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.evolve import evolve
from jobs.core.lifecycle import decide
from jobs.core.model import (
    Approval,
    CheckResult,
    Dialect,
    Environment,
    Finding,
    Options,
    Person,
    Problem,
    Service,
    Severity,
)
from jobs.core.plan import Measures, MigrationPlan, Place, PlannedStep, PlannedTable
from jobs.core.policy import Policy
from jobs.core.state import State
from jobs.core.verdict import Receipt

MIGRATION = "m0000000001"
CHANNEL = "C0MIGRATIONS"
ALICE, BOB, CAROL = (Person(id=f"U0{name.upper()}", name=name) for name in ("alice", "bob", "carol"))
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ONE_APPROVAL = Policy(approvals=1, approvers=("S0DBA",))
RECEIPT = Receipt(tables=2, rows=30, bytes=4000, seconds=12.5, objects=9, checksum="ab" * 32, digest="cd" * 32)
LOST = Problem(what="The connection to the target was lost.", meaning="Nothing was lost.", remedy="Press Retry.")
WARNING = Finding(check="settings", severity=Severity.warn, message="The time zones differ", object="TimeZone")
BLOCKER = Finding(check="empty", severity=Severity.block, message="The target is not empty", remedy="Empty it.")


def service(name: str, environment: Environment = Environment.production) -> Service:
    return Service(name=name, engine=Dialect.postgresql, environment=environment, secret="env:SHOP_URL")


SOURCE, TARGET = service("shop-old", Environment.staging), service("shop-new")


def place(label: str, host: str = "db.example.com") -> Place:
    return Place(
        label=label,
        dialect=Dialect.postgresql,
        host=host,
        port=5432,
        database="shop",
        user="ferry",
        server_version="16.4 (Debian 16.4-1)",
        environment="production",
    )


def plan(tables: Sequence[str] = ("orders", "people"), **more: Any) -> MigrationPlan:
    values: dict[str, Any] = {
        "migration": MIGRATION,
        "source": place("shop-old"),
        "target": place("shop-new", "new.example.com"),
        "options": Options(),
        "tables": tuple(PlannedTable(schema_name="public", name=name) for name in tables),
        "steps": (
            PlannedStep(name="copy", title="Copy rows", count=len(tables)),
            PlannedStep(name="verify", title="Verify"),
        ),
        "schema_fingerprint": "f1",
        "measures": Measures(
            table_bytes=tuple(1000 * n for n, _ in enumerate(tables, 1)),
            table_rows=tuple(10 * n for n, _ in enumerate(tables, 1)),
            need_bytes=5000,
            seconds_low=10,
            seconds_high=30,
        ),
    }
    return MigrationPlan(**{**values, **more})


def result(*findings: Finding, check: str = "settings", **more: Any) -> CheckResult:
    return CheckResult(check=check, title=f"About {check}", findings=findings, **more)


def draft(policy: Policy = ONE_APPROVAL, by: Person = ALICE) -> c.Draft:
    return c.Draft(by=by, channel=CHANNEL, target=TARGET, policy=policy)


def configure(by: Person = ALICE, **more: Any) -> c.Configure:
    return c.Configure(by=by, source=more.pop("source", SOURCE), **more)


def approve(by: Person, digest: str) -> c.Approve:
    return c.Approve(approval=Approval(by=by, digest=digest, at=NOON))


def tell(event: e.Report) -> c.Tell:
    return c.Tell(event=event)


class Tale:
    """A migration without a ledger: commands in, events and states out."""

    def __init__(self) -> None:
        self.state = State(id=MIGRATION)
        self.story: list[e.Recorded] = []

    def obey(self, *commands: c.Command) -> list[e.Event]:
        """Carries the commands out in order; returns what the last one caused."""
        events: list[e.Event] = []
        for command in commands:
            events = list(decide(self.state, command))
            for event in events:
                at = NOON + timedelta(seconds=len(self.story))
                self.story.append(e.Recorded(version=self.state.version + 1, at=at, event=event))
                self.state = evolve(self.state, self.story[-1])
        return events

    # --- to a place in the story, by the way that people and workers take -------------------------------

    def checked(
        self, made: MigrationPlan | None = None, *results: CheckResult, policy: Policy = ONE_APPROVAL
    ) -> Tale:
        """Drafted, configured, validated with this plan (none: blocked)."""
        if not self.story:
            self.obey(draft(policy))
        self.obey(configure())
        attempt = self.state.attempt
        self.obey(tell(e.ValidationStarted(attempt=attempt)))
        for one in results or (result(),):
            self.obey(tell(e.CheckFinished(attempt=attempt, result=one)))
        self.obey(tell(e.Validated(attempt=attempt, plan=made)))
        return self

    def requested(self, made: MigrationPlan | None = None, policy: Policy = ONE_APPROVAL) -> Tale:
        self.checked(made or plan(), policy=policy)
        self.obey(c.Request(by=ALICE, digest=self.state.digest))
        return self

    def running(self) -> Tale:
        self.requested()
        self.obey(approve(BOB, self.state.digest), tell(e.RunStarted(run=1)))
        return self

    def failed(self, problem: Problem = LOST) -> Tale:
        self.running()
        self.obey(tell(e.RunFailed(run=1, problem=problem)))
        return self

    def done(self) -> Tale:
        self.running()
        self.obey(tell(e.Proven(run=1, receipt=RECEIPT)), tell(e.Finished(run=1, receipt=RECEIPT)))
        return self
