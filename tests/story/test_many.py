"""Many people at once: what they did is what one desk would have made of it, one press after the other."""

from __future__ import annotations

import pytest

from jobs.core import events as e
from jobs.core.evolve import replay
from tests.support.crowd import MIGRATIONS, PRESSES, crowd, replayed
from tests.support.tales import ALICE

pytestmark = pytest.mark.story


def test_two_hundred_presses_of_twenty_people() -> None:
    """Each is acknowledged, and either stands in the ledger or was answered to its person, once, never both."""
    with crowd() as made:
        presses = made.press()
        printed = made.finish()
        assert len(presses) == 20 * PRESSES and all(press.acked for press in presses)
        caused: dict[str, int] = {}
        for migration in MIGRATIONS:
            state, story = made.desk.story(migration)
            before = made.before[migration]
            assert replayed(story, migration, before) == state == replay(migration, story)
            for recorded in story[before:]:
                event = recorded.event
                by = event.approval.by if isinstance(event, e.Approved) else getattr(event, "by", None)
                if by is not None:
                    caused[by.id] = caused.get(by.id, 0) + 1
        for person in {press.person for press in presses}:
            told = len(made.slack.person(person).ephemerals()) + len(made.slack.person(person).direct_messages())
            assert caused.get(person, 0) + told == PRESSES, person
        assert sum(caused.values()) > 20, "people got something done"
        assert ALICE.id in {press.person for press in presses}
        assert "Traceback" not in printed, printed[-3000:]
        assert [str(problem) for problem in made.slack.problems] == []
