"""Who may no longer approve has not approved, whenever the group changed."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.ui import logs
from jobs.adapters import keys
from jobs.core.model import Person
from jobs.core.state import State, Status
from tests.bot.office import Office
from tests.bot.threatened import asked, press, remove
from tests.support import waiting
from tests.support.tales import BOB, CAROL, MIGRATION


def until(desk: Office, predicate: Callable[[State], bool], what: str) -> State:
    """The state as soon as it is so, woken by each new event of the story."""
    deadline = time.monotonic() + 20
    while not predicate(state := desk.deps.desk.state(MIGRATION)):
        assert time.monotonic() < deadline, f"{what}: still {state.status}, {state.approvals}"
        desk.deps.redis.xread({keys.story(MIGRATION): f"{state.version}-0"}, block=300)
    return state


def by(*people: Person) -> Callable[[State], bool]:
    """Exactly these have approved."""
    return lambda state: [a.by.id for a in state.approvals] == [person.id for person in people]


def test_who_was_removed_has_not_approved(desk: Office) -> None:
    """Bob approves and leaves the group; with Carol's approval there is one, and nothing starts."""
    desk.write(MIGRATION, [r.event for r in asked().story])
    press(desk, BOB.id, "approve")
    until(desk, by(BOB), "Bob's approval")
    remove(desk, BOB.id)
    press(desk, CAROL.id, "approve")
    state = until(desk, by(CAROL), "Carol's approval alone")
    assert state.status is Status.awaiting_approval and state.run == 0
    (struck,) = [r.event for r in desk.deps.desk.story(MIGRATION)[1] if r.event.type == "revoked"]
    assert struck.lapsed and "may not approve any more" in logs.line(struck, state)


def test_nothing_starts_while_slack_cannot_say_who_approved(desk: Office) -> None:
    desk.write(MIGRATION, [r.event for r in asked().story])
    press(desk, BOB.id, "approve")
    until(desk, by(BOB), "Bob's approval")
    desk.slack.faults.refuse("usergroups.users.list", "fatal_error")
    press(desk, CAROL.id, "approve")
    desk.answer(CAROL.id, "could not be asked")
    assert desk.deps.desk.state(MIGRATION).status is Status.awaiting_approval


def test_a_changed_group_takes_back_what_its_members_gave(desk: Office) -> None:
    """Also after the last approval, while the run waits for a worker: it is called off, and the thread says why."""
    desk.write(MIGRATION, [r.event for r in asked().story])
    press(desk, BOB.id, "approve")
    until(desk, by(BOB), "Bob's approval")
    press(desk, CAROL.id, "approve")
    until(desk, lambda state: state.run == 1, "the run is queued")
    remove(desk, BOB.id)
    desk.slack.send_event({"type": "subteam_members_changed", "subteam_id": "S0DBA", "team_id": "T0SANDBOX"})
    state = until(desk, by(CAROL), "Bob's approval is struck")
    assert state.status is Status.awaiting_approval


def test_a_changed_group_is_asked_for_anew(desk: Office) -> None:
    assert BOB.id in (desk.deps.people.groups({"S0DBA"}) or {})["S0DBA"]
    remove(desk, BOB.id)
    assert BOB.id in (desk.deps.people.groups({"S0DBA"}) or {})["S0DBA"], "believed for a minute"
    desk.slack.send_event({"type": "subteam_updated", "subteam": {"id": "S0DBA"}})

    groups = desk.deps.people.groups
    waiting.until(lambda: BOB.id not in (groups({"S0DBA"}) or {})["S0DBA"] or None, "the group as it is now", 20)
