"""A migration in every status, and everything that is ever shown of one."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import strategies as st

from bot.sandbox.slack.blocks import check_message_blocks, check_view
from bot.ui import card, findings, log_view, logs
from bot.ui import plan as plan_view
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.model import Options, Wish
from jobs.core.policy import Policy
from jobs.core.state import State, Status
from jobs.core.verdict import BrokenKey, Difference, RestorePoint, RowDifference
from tests.support.tales import (
    ALICE,
    BLOCKER,
    BOB,
    CAROL,
    NOON,
    TARGET,
    Tale,
    configure,
    draft,
    plan,
    result,
    tell,
)

PLANS = (plan(), plan(("orders",)), plan(options=Options(parallelism=8)))
PEOPLE = (ALICE, BOB, CAROL)
PINNED = (ALICE.id, BOB.id)
# What Slack's limits on a view are counted in does not matter here: states are small, their shape is what is tried.
VIEW_BYTES = 1000
NIGHTLY = TARGET.model_copy(update={"windows": ("22:00-04:00",), "windows_bind": True})
MIDNIGHT, MORNING = NOON + timedelta(hours=12), NOON + timedelta(hours=18)
MOMENTS = st.sampled_from([None, NOON, MIDNIGHT, MORNING])


def is_night(at: datetime) -> bool:
    """Within the windows of NIGHTLY."""
    return at.hour >= 22 or at.hour < 4


DIFFERENCE = Difference(kind="index", name="public.a_idx", what="missing on the target")
ROWS = RowDifference(table="public.a", missing=2, key=("id",), examples=("1", "2"))
POINT = RestorePoint(path="/restore/m.dump", bytes=10, sha256="0" * 64)
BROKEN = BrokenKey(name="a_fk of public.a", orphans=3, find="select 1")


def renders(state: State, story: list[e.Recorded]) -> None:
    """Everything that is ever shown of a state, as strictly as Slack takes it."""
    check_message_blocks(card.blocks(state))
    assert card.text(state).strip()
    views = [findings.view(state), plan_view.view(state), log_view.view(state, story)]
    if state.plan is not None:
        views.append(plan_view.whole(state))
    for view in views:
        check_view(view, ("modal",), VIEW_BYTES)
    assert isinstance(logs.full(state, story, None), str)


def in_status(status: Status) -> Tale:
    """A tale that has come to this status."""
    tale = Tale()
    match status:
        case Status.new:
            pass
        case Status.draft:
            tale.obey(draft())
        case Status.configured:
            tale.obey(draft(), configure())
        case Status.validating:
            tale.obey(draft(), configure(), tell(e.ValidationStarted(attempt=1)))
        case Status.blocked:
            tale.checked(None, result(BLOCKER))
        case Status.ready:
            tale.checked(plan())
        case Status.awaiting_approval:
            tale.requested()
        case Status.scheduled:
            tale.checked(plan(), policy=Policy())
            tale.obey(c.Request(by=ALICE, digest=tale.state.digest, at=NOON, wish=Wish(start_at=MIDNIGHT)))
        case Status.migrating:
            tale.running()
        case Status.verifying:
            tale.running().obey(tell(e.PhaseReached(run=1, phase="verify", title="Verifying")))
        case Status.pausing:
            tale.running().obey(c.Pause(by=ALICE))
        case Status.paused:
            tale.running().obey(c.Pause(by=ALICE), tell(e.Paused(run=1)))
        case Status.cancelling:
            tale.running().obey(c.Cancel(by=ALICE))
        case Status.cancelled:
            tale.checked(plan()).obey(c.Cancel(by=ALICE))
        case Status.failed:
            tale.failed()
        case Status.done:
            tale.done()
        case Status.rolling_back:
            tale.done().obey(c.RollBack(by=ALICE))
        case Status.rolled_back:
            tale.done().obey(c.RollBack(by=ALICE), tell(e.RolledBack(run=2, undone="2 tables were removed.")))
    assert tale.state.status is status
    return tale
