"""A migration in a few fields, for lists of thousands, and what a person looks for among them. Pure."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from jobs.core.model import Environment, Frozen, MigrationId, Origin, Person, Service
from jobs.core.state import State, Status
from jobs.core.verdict import RestorePoint

SUMMARY_VERSION = 2
"""Of the fields and of what they are made from: another version is an index of its own, made anew from the ledger."""


class Summary(Frozen):
    """What a list shows of a migration, what it is searched by, and who may see it, as of `version`."""

    id: MigrationId
    version: int
    status: Status
    created: datetime
    changed: datetime
    requester: Person | None = None
    channel: str = ""
    public: bool = False
    source: Origin | None = None
    target: Service | None = None
    runs: int = 0
    opens: datetime | None = Field(default=None, description="when what is scheduled begins")
    digest: str = ""
    approvers: tuple[Person, ...] = ()
    tables: int | None = Field(default=None, description="of the receipt: nothing is proven without one")
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    waived: int = 0
    problem: str = ""
    restore_point: RestorePoint | None = Field(
        default=None, description="what the target held before it was replaced"
    )

    @property
    def state(self) -> State:
        """As much of the state as a line of a list and the question who may see it need."""
        return State(
            id=self.id,
            version=self.version,
            status=self.status,
            created=self.created,
            changed=self.changed,
            requester=self.requester,
            channel=self.channel,
            public=self.public,
            source=self.source,
            target=self.target,
            run=self.runs,
            opens=self.opens,
        )


def summary_of(state: State) -> Summary:
    """The summary of a story that has begun."""
    assert state.created is not None and state.changed is not None
    receipt = state.receipt
    return Summary(
        id=state.id,
        version=state.version,
        status=state.status,
        created=state.created,
        changed=state.changed,
        requester=state.requester,
        channel=state.channel,
        public=state.public,
        source=state.source,
        target=state.target,
        runs=state.run,
        opens=state.opens,
        digest=state.digest,
        approvers=tuple(approval.by for approval in state.approvals),
        tables=receipt.tables if receipt else None,
        rows=receipt.rows if receipt else None,
        bytes=receipt.bytes if receipt else None,
        seconds=receipt.seconds if receipt else None,
        waived=len(receipt.waived) if receipt else 0,
        problem=state.problem.what[:500] if state.problem else "",
        restore_point=state.restore_point,
    )


class Wanted(Frozen):
    """A search; what is empty asks for nothing."""

    service: str = Field(default="", description="part of the name of either side")
    person: str = Field(default="", description="id, or part of a name: who asked, or who approved")
    status: Status | None = None
    environment: Environment | None = Field(default=None, description="of the target")
    since: datetime | None = Field(default=None, description="begun then or later")
    until: datetime | None = Field(default=None, description="begun before")
    words: tuple[str, ...] = Field(default=(), description="each must occur somewhere")

    def fits(self, summary: Summary) -> bool:
        """Whether this is one of those that are looked for."""
        return (
            (self.status is None or summary.status is self.status)
            and (self.environment is None or _environment(summary) is self.environment)
            and (self.since is None or summary.created >= self.since)
            and (self.until is None or summary.created < self.until)
            and (not self.service or _holds(self.service, _sides(summary)))
            and (not self.person or _names(self.person, summary))
            and all(_holds(word, _text(summary)) for word in self.words)
        )


def _environment(summary: Summary) -> Environment | None:
    return summary.target.environment if summary.target else None


def _holds(part: str, text: str) -> bool:
    return part.lower() in text.lower()


def _sides(summary: Summary) -> str:
    return "\n".join(side.label for side in (summary.source, summary.target) if side is not None)


def _names(person: str, summary: Summary) -> bool:
    people = [*([summary.requester] if summary.requester else []), *summary.approvers]
    wanted = person.removeprefix("@")
    return any(wanted == one.id or _holds(wanted, one.name) for one in people)


def _text(summary: Summary) -> str:
    people = [*([summary.requester] if summary.requester else []), *summary.approvers]
    named = [f"{one.id} {one.name}" for one in people]
    environment = _environment(summary)
    status = summary.status.value
    plain = [summary.id, status, status.replace("_", " "), environment or "", summary.digest, summary.problem]
    return "\n".join([*plain, _sides(summary), *named])
