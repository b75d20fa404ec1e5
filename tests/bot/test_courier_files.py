"""The log of each run hangs under the card once, and a refused file ends nothing."""

from __future__ import annotations

import pytest

from jobs.core import events as e
from tests.bot.post import Post
from tests.support.tales import ALICE, CHANNEL, MIGRATION, RECEIPT, Tale


def test_refused_files_are_told_once_and_end_nothing(post: Post) -> None:
    post.sandbox.scopes.discard("files:write")
    post.write_tale(Tale().failed())
    post.deliver()
    post.write(e.Resumed(by=ALICE, run=2), e.RunStarted(run=2))
    post.write(e.Proven(run=2, receipt=RECEIPT), e.Finished(run=2, receipt=RECEIPT))
    post.deliver()
    assert post.thread().count("could not be attached (missing_scope files:write)") == 1
    assert "Done and verified" in post.card.plain and list(post.desk.ledger.open()) == []
    assert post.calls("files.getUploadURLExternal") == 1, "not asked again"
    post.no_problems("files.getUploadURLExternal: missing_scope")


def test_each_run_that_ends_hangs_its_log_once(post: Post) -> None:
    post.write_tale(Tale().failed())
    post.deliver()
    post.deliver()
    post.write(e.Resumed(by=ALICE, run=2), e.RunStarted(run=2))
    post.write(e.Proven(run=2, receipt=RECEIPT), e.Finished(run=2, receipt=RECEIPT))
    post.deliver()
    found = post.sandbox.wait_for(
        lambda s: [m for m in s.channel(CHANNEL).all_messages if m.files][1:] and post.files(), 5, "two files"
    )
    assert [m.files[0].name for m in found] == [f"ferrybot-{MIGRATION}-run{n}.log" for n in (1, 2)]
    post.no_problems()


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
def test_a_file_is_never_attached_twice(post: Post, method: str) -> None:
    post.write_tale(Tale().done())
    post.sandbox.faults.apply_then_fail(method, how="500")
    for _ in range(3):
        post.deliver()
    assert len(post.files()) == 1
    assert list(post.desk.ledger.open()) == []
    post.no_problems()


def test_an_archived_channel_does_not_cost_the_log(post: Post) -> None:
    post.write_tale(Tale().done())
    post.sandbox.faults.refuse("files.completeUploadExternal", "is_archived", times=1)
    post.deliver()
    assert list(post.desk.ledger.open()) == [MIGRATION]
    post.deliver()
    assert len(post.files()) == 1 and "could not be attached" not in post.thread()
    post.no_problems()
