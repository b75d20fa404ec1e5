"""The modal that a person has open follows the story, and never overwrites what the person does."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bot.modals import Open
from bot.sandbox.slack.views import View
from bot.screens import CONFLICT_SECONDS
from bot.ui import findings
from jobs.core import commands as c
from jobs.core import events as e
from tests.bot.post import Post
from tests.support.tales import ALICE, MIGRATION, WARNING, configure, draft, plan, result, tell


def opened(post: Post, step: str = "validation") -> View:
    """Alice has the modal of step 2 open, and the bot knows its hash."""
    definition = findings.view(post.state)
    view = post.sandbox.state.views.open(ALICE.id, definition, time.time())
    shown = Open(view_id=view.id, hash=view.hash, step=step, user=ALICE.id, version=post.state.version)
    post.modals.remember(MIGRATION, shown)
    return view


def checking(post: Post) -> View:
    for command in (draft(), configure()):
        post.desk.obey(MIGRATION, command)
    return opened(post)


def finish_checks(post: Post) -> None:
    post.desk.obey(MIGRATION, tell(e.ValidationStarted(attempt=1)))
    post.desk.obey(MIGRATION, tell(e.CheckFinished(attempt=1, result=result(WARNING))))
    post.desk.obey(MIGRATION, tell(e.Validated(attempt=1, plan=plan())))


def test_the_open_modal_follows_the_checks(post: Post) -> None:
    view = checking(post)
    post.desk.obey(MIGRATION, tell(e.ValidationStarted(attempt=1)))
    post.deliver()
    assert "Checking" in view.plain
    finish_checks(post)
    post.deliver()
    assert "nothing blocks" in view.plain and view.submit_text == "Continue"
    known = post.modals.open(MIGRATION)
    assert known is not None and (known.hash, known.version) == (view.hash, post.state.version)
    hashes = [call.args.get("hash") for call in post.sandbox.calls if call.method == "views.update"]
    assert all(hashes), "never without the hash while it is known"
    assert post.cards == [], "what the person sees in the modal is not told to the channel"
    post.no_problems()


def test_what_is_half_typed_survives_the_news(post: Post) -> None:
    view = checking(post)
    typed = {"host": "db-9.example.com", "port": "5433", "database": "shop", "user": "ferry", "tls": "require"}
    post.modals.keep_form(MIGRATION, findings.Form(kind=findings.TYPED, typed=typed))
    finish_checks(post)
    post.deliver()
    assert view.value("host") == "db-9.example.com"
    post.no_problems()


def test_a_gesture_that_was_faster_is_not_overwritten(post: Post) -> None:
    """Between our reading the hash and Slack's answer the person pressed a button, and its answer was remembered."""
    view = checking(post)
    finish_checks(post)
    post.sandbox.faults.refuse("views.update", "hash_conflict", times=1)

    def gesture(call: Any) -> None:
        view.redefine(findings.view(post.state) | {"private_metadata": "by the gesture"}, time.time())
        shown = Open(view_id=view.id, hash=view.hash, step="validation", user=ALICE.id, version=post.state.version)
        post.modals.remember(MIGRATION, shown)

    post.sandbox.faults.before_answer("views.update", gesture)
    post.deliver()
    assert view.private_metadata == "by the gesture"
    post.no_problems()


def test_a_lost_answer_does_not_freeze_the_modal(post: Post) -> None:
    view = checking(post)
    post.desk.obey(MIGRATION, tell(e.ValidationStarted(attempt=1)))
    post.sandbox.faults.apply_then_fail("views.update")
    post.deliver()
    finish_checks(post)
    post.deliver()  # the hash that we know is not the view's any more
    assert post.board.delivered(MIGRATION) < post.state.version, "the sweep will ring"
    before = post.calls("views.update")
    post.deliver()
    assert post.calls("views.update") == before, "a gesture has some seconds to say what it has shown"
    doubted = post.modals.open(MIGRATION)
    assert doubted is not None and doubted.conflict_at
    passed = doubted.model_copy(update={"conflict_at": doubted.conflict_at - CONFLICT_SECONDS})
    post.modals.remember(MIGRATION, passed)
    post.deliver()
    assert "nothing blocks" in view.plain
    assert post.board.delivered(MIGRATION) == post.state.version
    post.no_problems("views.update: hash_conflict")


def test_a_modal_drawn_over_after_all_was_told_is_tried_again(post: Post) -> None:
    view = checking(post)
    finish_checks(post)
    post.deliver()
    assert post.board.delivered(MIGRATION) == post.state.version
    stale = Open(view_id=view.id, hash="1.another", step="validation", user=ALICE.id, version=post.state.version - 1)
    post.modals.remember(MIGRATION, stale)
    post.deliver()
    assert post.board.delivered(MIGRATION) < post.state.version, "the sweep will ring"
    post.no_problems("views.update: hash_conflict")


@pytest.mark.parametrize("finished", [True, False])
def test_a_modal_that_is_gone_makes_the_thread_tell(post: Post, finished: bool) -> None:
    view = checking(post)
    post.sandbox.state.views.pop(view)
    post.desk.obey(MIGRATION, tell(e.ValidationStarted(attempt=1)))
    if finished:
        post.desk.obey(MIGRATION, tell(e.Validated(attempt=1, plan=plan())))
    post.deliver()
    assert post.state.public and post.modals.open(MIGRATION) is None
    post.deliver()
    assert post.thread() == post.expected()
    post.no_problems("views.update: not_found")


@pytest.mark.parametrize("fault", ["server_error", "ratelimit"])
def test_a_modal_that_cannot_be_reached_does_not_keep_the_thread_waiting(post: Post, fault: str) -> None:
    checking(post)
    post.desk.obey(MIGRATION, c.Detach(by=ALICE))
    finish_checks(post)
    misfortune = {"times": None} | ({"retry_after": 30} if fault == "ratelimit" else {})
    getattr(post.sandbox.faults, fault)("views.update", **misfortune)
    post.deliver()
    assert post.thread() == post.expected()
    assert post.board.delivered(MIGRATION) < post.state.version, "and the modal is not forgotten"
    post.sandbox.faults.clear()
    post.deliver()
    assert post.board.delivered(MIGRATION) == post.state.version
    post.no_problems()
