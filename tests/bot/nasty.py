"""Texts that do harm where they are not escaped or cut, and a story that is made of them."""

from __future__ import annotations

from jobs.core import commands as c
from jobs.core import events as e
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
    TypedSource,
)
from jobs.core.plan import Measures, MigrationPlan
from jobs.core.policy import Policy
from jobs.core.state import State
from tests.support.tales import ALICE, CHANNEL, NOON, Tale, place, plan, tell

NASTY = {
    "mention": "<!channel> <@U0ALICE> <!here|here> <#C0MIGRATIONS> <!subteam^S0DBA>",
    "link": "<https://evil.example.com|free money> & <mailto:a@b.c>",
    "marks": "*bold* _it_ ~no~ `code` ```block``` > quote",
    "lines": 'a"quoted"\nname\r\nwith\ttabs  and   spaces',
    "right to left": "\u202eevil\u202c עברית العربية",
    "emoji": "👩‍👩‍👧‍👦🚢" * 12,
    "entities": "&lt;!channel&gt; &amp;amp; &&&&" * 3,
    "angles": "<" * 63,
    "ampersands": "&" * 63,
    "ticks": "`" * 63,
    "blank": " \n ",
    "long": "x" * 63,
}
HUGE = 8


def grown(text: str, length: int) -> str:
    return (text * (length // max(1, len(text)) + 1))[:length]


WINDOWS = ("22:00-06:00", *("0 22 1-20,23,24,25,26,27,28 1,2,3,4,5,6,7,8,9,10,11,12 1,2,3,4,5 for 6h",) * 19)


def tale_of(nasty: str, tables: int = 200, policy: Policy | None = None, windows: tuple[str, ...] = ()) -> Tale:
    """A story in which every free text is nasty and long."""
    made = plan_of(nasty, tables)
    approvers = tuple(f"S0GROUP{n}" if n % 2 else f"U0PERSON{n}" for n in range(60))
    rules = policy or Policy(approvals=10, approvers=approvers)
    typed = TypedSource(host=grown(nasty, 253), port=65535, database=grown(nasty, 63), user=grown(nasty, 63))
    tale = Tale()
    tale.obey(c.Draft(by=ALICE, channel=CHANNEL, target=target_of(nasty, windows), policy=rules))
    tale.obey(c.Configure(by=ALICE, source=typed, options=made.options))
    tale.obey(tell(e.ValidationStarted(attempt=1)))
    for one in results_of(nasty):
        tale.obey(tell(e.CheckFinished(attempt=1, result=one)))
    tale.obey(tell(e.Validated(attempt=1, plan=made)))
    return tale


def plan_of(nasty: str, tables: int) -> MigrationPlan:
    long = grown(nasty, 3000)
    return plan(
        [f"{nasty}{n}" for n in range(tables)],
        measures=Measures(table_bytes=(10**15,) * tables, table_rows=(10**12,) * tables, have_bytes=10**15),
        source=place(long),
        target=place(long),
        options=Options(parallelism=32, include=(long, nasty) * 30, exclude=(nasty,) * 100),
        left_out=(long,) * 40,
    )


def target_of(nasty: str, windows: tuple[str, ...]) -> Service:
    return Service(
        name=grown(nasty, 70),
        engine=Dialect.postgresql,
        environment=Environment.production,
        secret="env:X",
        description=grown(nasty, 3000),
        windows=windows,
        windows_bind=bool(windows),
        time_zone="America/Argentina/ComodRivadavia",
    )


def results_of(nasty: str) -> list[CheckResult]:
    """More checks than one screen holds; the first of them have findings."""
    long = grown(nasty, 3000)
    found = tuple(
        Finding(
            check=f"check{n}",
            severity=list(Severity)[1 + n % 3],
            message=long,
            object=grown(nasty, 130),
            remedy=long,
        )
        for n in range(5)
    )
    return [
        CheckResult(
            check=f"check{n}", title=long, findings=found if n < HUGE else (), detail=long, skipped=long * (n % 2)
        )
        for n in range(HUGE + 20)
    ]


def problem_of(nasty: str) -> Problem:
    long = grown(nasty, 3000)
    return Problem(what=long, meaning=long, remedy=long, object=long)


def acknowledged(state: State) -> tuple[str, ...]:
    return tuple(f.key for r in state.results for f in r.findings)


def approvals(count: int) -> list[Approval]:
    return [Approval(by=Person(id=f"U0PERSON{n}"), digest="", at=NOON) for n in range(count)]


def plan_source(nasty: str) -> TypedSource:
    return TypedSource(host=grown(nasty, 253), port=1, database="d", user="u")
