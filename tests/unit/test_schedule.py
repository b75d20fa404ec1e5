"""When a run begins, waits, pauses for its window and goes on: with a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.gestures import gesture
from bot.listeners.schedule import wish_of
from bot.sandbox.slack.blocks import check_message_blocks, check_view
from bot.ui import card, home, logs, throttle, when
from bot.ui import plan as plan_view
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core import schedule
from jobs.core.errors import Refused
from jobs.core.lifecycle import decide, react
from jobs.core.model import Approval, Environment, Options, Service, TypedSource, Wish
from jobs.core.plan import Measures
from jobs.core.policy import Policy
from jobs.core.state import Status
from jobs.core.throttle import Limit, least
from tests.support.night import NIGHT, request
from tests.support.tales import (
    ALICE,
    BOB,
    CHANNEL,
    LOST,
    NOON,
    ONE_APPROVAL,
    RECEIPT,
    SOURCE,
    TARGET,
    Tale,
    configure,
    plan,
    tell,
)

OPENS, CLOSES = datetime(2026, 3, 1, 22, tzinfo=UTC), datetime(2026, 3, 2, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ready(target: Service = NIGHT, policy: Policy = ONE_APPROVAL, source: object = SOURCE, **more: Any) -> Tale:
    tale = Tale()
    tale.obey(c.Draft(by=ALICE, channel=CHANNEL, target=target, policy=policy), configure(source=source))
    tale.obey(tell(e.ValidationStarted(attempt=1)), tell(e.Validated(attempt=1, plan=plan(**more))))
    return tale


def approve(tale: Tale, at: datetime) -> c.Approve:
    return c.Approve(approval=Approval(by=BOB, digest=tale.state.digest, at=at))


def running(**more: Any) -> Tale:
    tale = ready()
    tale.obey(request(tale, **more), approve(tale, OPENS + HOUR))
    assert tale.state.status is Status.migrating
    tale.obey(tell(e.RunStarted(run=1)))
    return tale


def kinds(events: list[e.Event]) -> list[str]:
    return [event.type for event in events]


def test_approved_outside_of_the_window_it_waits_and_begins_by_itself_once() -> None:
    tale = ready()
    tale.obey(request(tale))
    assert kinds(tale.obey(approve(tale, NOON + HOUR))) == ["approved", "scheduled"]
    assert (tale.state.status, tale.state.opens, tale.state.run) == (Status.scheduled, OPENS, 0)
    assert react(tale.state) == []
    assert tale.obey(c.Tick(at=OPENS - timedelta(seconds=1))) == []
    assert tale.obey(c.Tick(at=OPENS)) == [e.RunQueued(run=1, digest=tale.state.digest)]
    assert tale.obey(c.Tick(at=OPENS + HOUR)) == [], "a second clock begins nothing"
    assert len(tale.state.approvals) == 1


def test_within_the_window_it_begins_at_once() -> None:
    tale = ready(policy=Policy())
    assert kinds(tale.obey(request(tale, at=OPENS))) == ["requested", "run_queued"]


def test_windows_that_do_not_bind_keep_nobody_waiting_and_are_shown() -> None:
    tale = ready(NIGHT.model_copy(update={"windows_bind": False}), Policy())
    assert "they do not bind" in str(when.blocks(tale.state))
    assert kinds(tale.obey(request(tale))) == ["requested", "run_queued"]


def test_a_source_with_windows_is_waited_for_too() -> None:
    source = SOURCE.model_copy(update={"windows": ("Mon 02:00-03:00",), "windows_bind": True})
    tale = ready(policy=Policy(), source=source)
    tale.obey(request(tale))
    assert tale.state.opens == datetime(2026, 3, 2, 2, tzinfo=UTC)
    never = ready(policy=Policy(), source=source.model_copy(update={"windows": ("Mon 12:00-13:00",)}))
    with pytest.raises(Refused, match="never open together"):
        never.obey(request(never))
    with pytest.raises(Refused, match="never open together"):
        never = ready(source=source.model_copy(update={"windows": ("Mon 12:00-13:00",)}))
        never.obey(request(never))


def test_a_window_that_went_by_while_no_clock_ran_is_missed_and_the_next_one_counts() -> None:
    tale = ready()
    tale.obey(request(tale), approve(tale, NOON))
    assert tale.obey(c.Tick(at=CLOSES)) == [e.Scheduled(until=OPENS + 24 * HOUR)]
    assert tale.obey(c.Tick(at=CLOSES)) == []


def test_a_chosen_start_with_and_without_windows() -> None:
    tale = ready(TARGET, Policy())
    assert kinds(tale.obey(request(tale, start_at=NOON + 3 * HOUR))) == ["requested", "scheduled"]
    assert tale.obey(c.Tick(at=NOON + 2 * HOUR)) == []
    assert kinds(tale.obey(c.Tick(at=NOON + 3 * HOUR))) == ["run_queued"]
    past = ready(TARGET, Policy())
    assert kinds(past.obey(request(past, start_at=NOON - HOUR))) == ["requested", "run_queued"]
    assert past.state.start_at is None
    late = ready(policy=Policy())
    late.obey(request(late, start_at=CLOSES + HOUR))
    assert late.state.opens == OPENS + 24 * HOUR


def test_without_a_clock_nothing_that_has_a_time_begins() -> None:
    tale = ready(policy=Policy())
    assert kinds(tale.obey(request(tale, at=None))) == ["requested", "scheduled"]
    assert tale.obey(c.Tick(at=NOON)) == [e.Scheduled(until=OPENS)]


def test_another_time_voids_no_approval_and_only_waiting_runs_are_moved() -> None:
    tale = ready()
    tale.obey(request(tale))
    tale.obey(c.Reschedule(by=ALICE, at=NOON, start_at=CLOSES + HOUR))
    assert tale.state.status is Status.awaiting_approval
    tale.obey(approve(tale, NOON))
    assert tale.state.opens == OPENS + 24 * HOUR
    assert kinds(tale.obey(c.Reschedule(by=ALICE, at=NOON))) == ["rescheduled", "scheduled"]
    assert tale.state.opens == OPENS and len(tale.state.approvals) == 1
    assert tale.obey(c.Reschedule(by=ALICE, at=NOON)) == []
    moved = tale.obey(c.Reschedule(by=ALICE, at=OPENS, start_at=OPENS + HOUR))
    assert kinds(moved) == ["rescheduled", "scheduled"]
    assert kinds(tale.obey(c.Reschedule(by=ALICE, at=OPENS))) == ["rescheduled", "run_queued"]
    with pytest.raises(Refused, match="cannot be moved"):
        tale.obey(c.Reschedule(by=ALICE, at=OPENS))


def test_start_now_only_within_the_window() -> None:
    tale = ready()
    tale.obey(request(tale, start_at=OPENS + 2 * HOUR), approve(tale, NOON))
    with pytest.raises(Refused, match="window is closed; it opens at 2026-03-01 22:00 UTC"):
        tale.obey(c.StartNow(by=BOB, at=NOON))
    assert kinds(tale.obey(c.StartNow(by=BOB, at=OPENS))) == ["rescheduled", "run_queued"]
    with pytest.raises(Refused, match="cannot be started now"):
        tale.obey(c.StartNow(by=BOB, at=OPENS))


def test_what_waits_is_cancelled_and_not_asked_for_or_approved_again() -> None:
    tale = ready()
    asked = request(tale)
    tale.obey(asked, approve(tale, NOON))
    assert decide(tale.state, asked) == []
    with pytest.raises(Refused, match="waits for its time"):
        tale.obey(c.Decline(by=BOB, digest=tale.state.digest, reason="no"))
    with pytest.raises(Refused, match="waiting for its time"):
        tale.obey(c.Pause(by=ALICE))
    tale.obey(c.Cancel(by=ALICE))
    assert tale.state.status is Status.cancelled


def test_at_the_windows_end_it_pauses_and_resumes_by_itself() -> None:
    tale = running(pause_at_close=True)
    assert tale.obey(c.Tick(at=CLOSES - timedelta(seconds=1))) == []
    assert tale.obey(c.Tick(at=CLOSES)) == [e.WindowClosed(run=1, until=OPENS + 24 * HOUR)]
    assert tale.state.status == "pausing" and [r.token for r in react(tale.state)] == ["r1"]
    assert tale.obey(c.Tick(at=CLOSES + HOUR)) == []
    tale.obey(tell(e.Paused(run=1)))
    assert (tale.state.status, tale.state.opens, tale.state.run) == (Status.scheduled, OPENS + 24 * HOUR, 1)
    assert "Paused until its window opens" in str(card.blocks(tale.state))
    assert "goes on <!date^" in logs.line(tale.story[-1].event, tale.state)
    assert tale.obey(c.Tick(at=OPENS + 24 * HOUR)) == [e.Resumed(run=2)]
    assert tale.state.status is Status.migrating and not tale.state.resuming


def test_without_that_choice_it_runs_past_the_windows_end() -> None:
    tale = running()
    assert tale.obey(c.Tick(at=CLOSES + HOUR)) == []


def test_a_proven_run_is_not_paused_for_its_tidying() -> None:
    tale = running(pause_at_close=True)
    tale.obey(tell(e.Proven(run=1, receipt=RECEIPT)))
    assert tale.obey(c.Tick(at=CLOSES)) == []


def test_what_would_resume_by_itself_may_stay_paused_or_be_cancelled() -> None:
    tale = running(pause_at_close=True)
    tale.obey(c.Tick(at=CLOSES), tell(e.Paused(run=1)), c.Pause(by=BOB))
    assert tale.state.status == "paused" and tale.obey(c.Tick(at=OPENS + 24 * HOUR)) == []
    tale.obey(c.Resume(by=BOB, at=CLOSES))
    assert (tale.state.status, tale.state.resuming) == (Status.scheduled, True)
    tale.obey(c.Cancel(by=ALICE))
    assert tale.state.status is Status.cancelling, "what it made must be undone"


def test_resume_and_retry_wait_for_the_window_and_tidying_does_not() -> None:
    tale = running()
    tale.obey(tell(e.RunFailed(run=1, problem=LOST)))
    assert tale.obey(c.Resume(by=BOB, at=CLOSES)) == [e.Scheduled(until=OPENS + 24 * HOUR, by=BOB, resumes=True)]
    assert tale.obey(c.Tick(at=OPENS + 24 * HOUR)) == [e.Resumed(by=BOB, run=2)]
    tale.obey(tell(e.Proven(run=2, receipt=RECEIPT)), tell(e.RunFailed(run=2, problem=LOST)))
    assert kinds(tale.obey(c.Resume(by=BOB, at=CLOSES))) == ["resumed"]
    tale.obey(tell(e.Finished(run=3, receipt=RECEIPT)))
    with pytest.raises(Refused, match="window is closed"):
        tale.obey(c.Refresh(by=BOB, at=CLOSES))
    assert kinds(tale.obey(c.Refresh(by=BOB, at=OPENS))) == ["resumed"]


def test_a_pause_that_failed_for_its_window_is_not_taken_for_one_later() -> None:
    tale = running(pause_at_close=True)
    tale.obey(c.Tick(at=CLOSES), tell(e.RunFailed(run=1, problem=LOST)), c.Resume(by=BOB, at=OPENS), c.Pause(by=BOB))
    tale.obey(tell(e.Paused(run=2)))
    assert tale.state.status is Status.paused


def test_a_password_that_will_be_forgotten_before_the_start() -> None:
    typed = TypedSource(host="h", port=1, database="d", user="u", password="once:" + "x" * 20)
    tale = ready(TARGET, Policy(), typed)
    with pytest.raises(Refused, match="forgotten before"):
        tale.obey(request(tale, start_at=NOON + timedelta(days=8)))
    assert kinds(tale.obey(request(tale, start_at=NOON + timedelta(days=6)))) == ["requested", "scheduled"]
    with pytest.raises(Refused, match="forgotten before"):
        tale.obey(c.Reschedule(by=ALICE, at=NOON, start_at=NOON + timedelta(days=9)))


def test_what_was_wished_survives_a_new_check_and_is_shown_in_the_form() -> None:
    tale = ready()
    wish = Wish(start_at=OPENS, pause_at_close=True)
    tale.obey(configure(wish=wish))
    assert (tale.state.start_at, tale.state.pause_at_close) == (OPENS, True)
    tale.obey(configure())
    tale.obey(tell(e.ValidationStarted(attempt=3)), tell(e.Validated(attempt=3, plan=plan())))
    assert (tale.state.start_at, tale.state.pause_at_close) == (OPENS, True), "a check from step 2 asks for nothing"
    shown = plan_view.view(tale.state)
    check_view(shown, ("modal",), 10_000)
    values: dict[str, Any] = {}
    for block in shown["blocks"]:
        if block.get("block_id") in ("start_at", when.PAUSE):
            element = block["element"]
            said = {"selected_date_time": element.get("initial_date_time")}
            values[block["block_id"]] = {
                element["action_id"]: {**said, "selected_options": element.get("initial_options")}
            }
    body = {"user": {"id": "U1"}, "view": {"type": "modal", "id": "V1", "state": {"values": values}}}
    assert wish_of(gesture(body)) == wish
    empty = {"user": {"id": "U1"}, "view": {"type": "modal", "id": "V1", "state": {"values": {}}}}
    assert wish_of(gesture(empty)) == Wish()


# --- what people read ------------------------------------------------------------------------------------


def long_plan(low: int, high: int) -> Measures:
    return Measures(table_bytes=(1, 1), table_rows=(1, 1), seconds_low=low, seconds_high=high)


@pytest.mark.parametrize(
    ("hours", "said"), [((1, 2), ""), ((5, 7), "may not end within"), ((7, 9), "would not end within")]
)
def test_the_estimate_beside_the_window(hours: tuple[int, int], said: str) -> None:
    tale = ready(measures=long_plan(hours[0] * 3600, hours[1] * 3600))
    tale.obey(request(tale))
    told = str(card.blocks(tale.state))
    assert ("end within the window" in told) is bool(said) and said in told
    if said:
        assert "6 h until" in told and "past the window's end" in told
        assert f"<!date^{int(OPENS.timestamp())}^" in told and f"<!date^{int(CLOSES.timestamp())}^" in told
        paused = ready(measures=long_plan(hours[0] * 3600, hours[1] * 3600))
        paused.obey(request(paused, pause_at_close=True))
        assert "resumes at the next opening" in str(card.blocks(paused.state))


def test_every_surface_of_a_run_that_waits() -> None:
    long = "0 22 * * 6 for 6h"
    target = NIGHT.model_copy(update={"name": "x" * 70, "windows": (long,) * 20, "time_zone": "Pacific/Auckland"})
    tale = ready(target)
    tale.obey(request(tale, pause_at_close=True, start_at=NOON + HOUR), approve(tale, NOON))
    state = tale.state
    check_message_blocks(card.blocks(state))
    for view in (when.modal(state), throttle.modal(state)):
        check_view(view, ("modal",), 10_000)
    assert f"<!date^{int(state.opens.timestamp())}^" in str(card.blocks(state)) if state.opens else False
    assert "starts <!date^" in home.row(state) and "starts <!date^" in str(home.view([], [state]))
    assert "voids no approval" in str(card.blocks(state))
    lines = [logs.line(r.event, state) for r in tale.story]
    assert any("by itself <!date^" in line for line in lines)
    ids = [b["action_id"] for b in card.buttons(state)]
    assert ids == ["start_now", "change_time", "cancel", "show_logs", "show_plan"]


def test_windows_are_those_of_services_that_have_some() -> None:
    tale = ready(TARGET.model_copy(update={"environment": Environment.staging}))
    assert schedule.calendars(tale.state) == () and schedule.fit(tale.state, NOON) is None


# --- how much it takes ------------------------------------------------------------------------------------


def test_slowed_down_by_a_person_and_by_itself_the_tighter_holds() -> None:
    tale = running()
    tale.obey(c.Slow(by=BOB, limit=Limit(lanes=2, bytes_per_second=10_000_000)))
    assert tale.obey(c.Slow(by=BOB, limit=tale.state.limit)) == []
    strain = e.Strained(run=1, reason="active sessions on x: 70, the bound is 60", limit=Limit(lanes=1))
    tale.obey(tell(strain))
    assert tale.obey(tell(strain)) == []
    assert least(tale.state.limit, tale.state.strained) == Limit(lanes=1, bytes_per_second=10_000_000)
    told = str(card.blocks(tale.state))
    assert "by a person to 2 lanes, 10.0 MB/s" in told and "70, the bound is 60), now 1 lane, 10.0 MB/s" in told
    tale.obey(tell(e.Strained(run=1)), c.Slow(by=BOB, limit=Limit()))
    assert "Slowed" not in str(card.blocks(tale.state))
    lines = [logs.line(r.event, tale.state) for r in tale.story[-4:]]
    assert all(line.startswith(":snail:") for line in lines)


def test_nothing_that_does_not_run_is_slowed_down() -> None:
    with pytest.raises(Refused, match="nothing to slow down"):
        ready().obey(c.Slow(by=BOB, limit=Limit(lanes=1)))
    tale = running()
    tale.obey(c.Cancel(by=BOB))
    with pytest.raises(Refused, match="nothing to slow down"):
        tale.obey(c.Slow(by=BOB, limit=Limit(lanes=1)))


def test_a_strain_ends_with_its_run() -> None:
    tale = running()
    tale.obey(tell(e.Strained(run=1, reason="x", limit=Limit(lanes=1))), c.Pause(by=BOB), tell(e.Paused(run=1)))
    tale.obey(c.Resume(by=BOB, at=OPENS))
    assert (tale.state.strain, tale.state.strained) == ("", Limit())


@pytest.mark.parametrize("parallelism", [1, 2, 5, 32])
def test_the_form_gives_back_what_was_chosen(parallelism: int) -> None:
    tale = running()
    state = tale.state.model_copy(update={"plan": plan(options=Options(parallelism=parallelism))})
    check_view(throttle.modal(state), ("modal",), 10_000)
    assert throttle.limit_of("all", "all") == Limit() and throttle.limit_of("", "") == Limit()
    assert throttle.limit_of("1", "20") == Limit(lanes=1, bytes_per_second=20_000_000)
