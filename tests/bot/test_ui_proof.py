"""What a person reads of a verdict, and which buttons they get."""

from __future__ import annotations

import pytest

from bot.ui import card, direct, logs, plan, proof, when
from bot.ui import text as t
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core.disk import Disk
from jobs.core.model import TypedSource
from jobs.core.progress import RunProgress, TaskProgress
from jobs.core.state import State
from jobs.core.verdict import BrokenKey, Difference, Receipt, Rehearsal, RowDifference, TableWritten, Waiver, Written
from tests.support import tales
from tests.support.tales import ALICE, BOB, LOST, NOON, RECEIPT, WARNING, Tale, tell

KEY = BrokenKey(name="public.b.fk", orphans=88, find="select t.* from b t", examples=("1", "2"))
OBJECT = Difference(kind="table", name="s.more", what="unexpected on the target")
ROWS = RowDifference(table="s.t", missing=2, changed=1, key=("id",), examples=("7", "8", "9"))


def pressed(state: State) -> list[str]:
    return [button["text"]["text"] for button in card.buttons(state)]


def shown(state: State) -> str:
    return str(card.blocks(state))


def finished(**changes: object) -> State:
    tale = Tale().running()
    receipt = RECEIPT.model_copy(update=changes)
    tale.obey(tell(e.Proven(run=1, receipt=receipt)), tell(e.Finished(run=1, receipt=receipt)))
    return tale.state


def failed(**more: object) -> Tale:
    tale = Tale().running()
    tale.obey(tell(e.RunFailed.model_validate({"run": 1, "problem": LOST, **more})))
    return tale


def test_rows_are_repaired_and_never_accepted() -> None:
    state = failed(rows=(ROWS,), differences=(OBJECT,), reasons=("s.t: 3 rows in the source, 1 in the target",)).state
    assert pressed(state)[:2] == ["Repair", "Cancel"]
    assert "s.t: 2 missing, 1 different; id: 7, 8, 9" in shown(state)


def test_objects_are_accepted_with_a_reason() -> None:
    tale = failed(differences=(OBJECT,), reasons=(str(OBJECT),))
    assert pressed(tale.state)[:2] == ["Retry", "Accept differences…"]
    modal = proof.modal(tale.state)
    assert "table s.more: unexpected on the target" in str(modal["blocks"])
    waived, _ = tale.obey(c.Waive(by=BOB, keys=(OBJECT.key,), reason="made by the *DBA*"))
    said = logs.line(waived, tale.state)
    assert said.startswith(":pencil: <@U0BOB> accepted 1 difference: table:s.more. Reason: made by the")
    assert proof.digest((OBJECT,)) != proof.digest((OBJECT, OBJECT))


def test_a_finished_migration_says_of_when_it_is_and_offers_what_helps() -> None:
    assert pressed(finished()) == ["Show logs", "Show plan"]
    written = Written(
        since=NOON, tables=(TableWritten(table="s.a", inserted=1200), TableWritten(table="s.b", deleted=4))
    )
    state = finished(written=written, broken_keys=(KEY,))
    assert pressed(state) == ["Copy changed tables again", "Validate keys again", "Show logs", "Show plan"]
    assert "1,204 rows were written in 2 tables" in shown(state)
    assert "1 foreign key is NOT VALID: 88 orphans." in shown(state)
    typed = TypedSource(host="h", port=1, database="d", user="u", password="once:" + "x" * 20)
    assert pressed(state.model_copy(update={"source": typed})) == ["Show logs", "Show plan"]


def test_nothing_is_said_for_sure_that_is_not_known() -> None:
    proven, quiet, lost = (
        proof.since(Written(since=NOON, **more))[0]
        for more in ({"nothing": True}, {}, {"unknown": "the source is a standby"})
    )
    assert "nothing was written to the source's server" in proven
    assert "may lag" in quiet and "nothing was written" not in quiet
    assert "is not known: the source is a standby" in lost
    assert proof.since(Written()) == []


def test_the_receipt_says_who_accepted_what_and_what_changed_on_its_way() -> None:
    receipt = Receipt(
        **{
            **RECEIPT.model_dump(),
            "copy_seconds": 100.0,
            "verify_seconds": 20.0,
            "waived": (Waiver(key=OBJECT.key, by=ALICE, reason="ours"),),
            "transformed": (Difference(kind="extension", name="x", what="source: 1; target: 2", why="its own"),),
            "broken_keys": (KEY,),
        }
    )
    said = t.clip(logs.receipt(receipt), t.SECTION)
    for words in (
        "Moved in 1 min 40 s, proven in 20 s",
        "*Proven:* every table has the same count and checksum on both sides, and 9 objects agree.",
        "*Accepted by a person:* 1 difference that no proof covers.",
        "Accepted by <@U0ALICE>: table:s.more: ours",
        "Changed on its way: extension x: source: 1; target: 2; its own",
        "Foreign key public.b.fk is NOT VALID: 88 rows without a parent; keys 1, 2",
    ):
        assert words in said
    state = finished(**{name: getattr(receipt, name) for name in ("waived", "transformed", "broken_keys")})
    parted = KEY.model_copy(update={"parted": True})
    assert "stands NOT VALID on each partition: 88 rows" in "\n".join(
        proof.receipt_lines(receipt.model_copy(update={"broken_keys": (parted,)}))
    )
    full = logs.full(state, [], None)
    assert "select t.* from b t" in full and "extension x: source: 1; target: 2; its own" in full


def test_a_receipt_says_too_when_nobody_had_to_answer_for_anything() -> None:
    assert "*Accepted by a person:* nothing; no difference was waived." in logs.receipt(RECEIPT)


def test_the_card_of_a_finished_run_is_shorter_than_that_of_a_running_one() -> None:
    running = Tale().running().state
    progress = RunProgress(tasks_total=9, tasks_done=3, now=(TaskProgress(task="1", title="public.orders"),))
    texts = [str(b.get("text") or b.get("fields")) for b in card.blocks(finished()) if b["type"] == "section"]
    busy = [b for b in card.blocks(running, progress) if b["type"] == "section"]
    assert len(texts) == 2 < len(busy)
    assert "2 tables, 30 rows, 4 kB in 12 s; proven by count and checksum, 9 objects compared" in texts[1]
    assert "Done and verified" in texts[0], "in words, not by the check mark alone"


def test_a_run_that_brings_up_to_date_cannot_be_cancelled() -> None:
    tale = Tale().done()
    tale.obey(c.Refresh(by=BOB))
    assert "Cancel" not in pressed(tale.state) and "Pause" in pressed(tale.state)
    assert "asked to copy again what changed" in logs.line(tale.story[-1].event, tale.state)
    tale.obey(tell(e.RunFailed(run=2, problem=LOST)))
    assert pressed(tale.state) == ["Retry", "Show logs", "Show plan"]


def test_what_no_counter_says_is_told_as_such() -> None:
    """MySQL and MariaDB: by the time of a last write, or not at all; copying again is offered in both cases."""
    at = NOON
    named = Written(since=at, tables=(TableWritten(table="shop.<!channel>"),), counted=False)
    (line,) = proof.since(named)
    assert "by the time of its last write, 1 table" in line and "<!channel>" not in line and "others may" in line
    (line,) = proof.since(Written(since=at, counted=False))
    assert "no moved table says" in line
    (line,) = proof.since(Written(since=at, counted=False, unknown="it keeps no log"))
    assert "not known: it keeps no log" in line
    assert named.some and Written(since=at, counted=False, unknown="x").some
    assert not Written(since=at, nothing=True).some and not Written(since=at, unknown="x").some


def test_a_key_that_stands_is_not_called_invalid() -> None:
    key = BrokenKey(name="child.of_parent", orphans=2, find="select 1", examples=("7", "8"), stands=True)
    lines = proof.receipt_lines(RECEIPT.model_copy(update={"broken_keys": (key,)}))
    assert any("is there, as in the source, and rows break it: 2 rows without a parent" in line for line in lines)
    assert not any("NOT VALID" in line for line in lines)


def test_two_disks_are_compared_as_far_as_both_were_seen() -> None:
    whole, dark = Disk(database=700_000_000, temporary=0, log=300_000_000), Disk(database=600_000_000)
    before = Rehearsal(migration="m0000000009", at=NOON, target="staged", seconds=20.0, peak=dark, source_bytes=3000)
    receipt = RECEIPT.model_copy(update={"peak": whole, "rehearsal": before})
    assert "; database at its fullest 600 MB, now 700 MB" in when.compared(receipt)[0]
    seen = before.model_copy(update={"peak": whole.model_copy(update={"log": 100_000_000})})
    told = when.compared(receipt.model_copy(update={"rehearsal": seen}))[0]
    assert "; disk at its fullest 800 MB, now 1.0 GB" in told
    assert "at its fullest: 1.0 GB (database 700 MB, log 300 MB)" in logs.receipt(receipt)
    assert when.rehearsed(before).count("not shown to us: temporary files and the server's log") == 1


@pytest.mark.parametrize(
    ("need", "peak", "shown"),
    [
        (5000, Disk(database=4000), "5 kB / not measured"),
        (5000, Disk(database=6000), "6 kB, as rehearsed, / not measured"),
        (5000, Disk(database=4000, temporary=0, log=0), "4 kB, as rehearsed, / not measured"),
        (5000, None, "5 kB / not measured"),
    ],
)
def test_the_need_is_as_rehearsed_where_all_of_it_was_seen(need: int, peak: Disk | None, shown: str) -> None:
    before = Rehearsal(migration="m0000000009", at=NOON, target="staged", seconds=20.0, peak=peak, source_bytes=3000)
    made = plan.summary(tales.plan(), before)
    assert tales.plan().measures.need_bytes == need and shown in str(made)


def test_whoever_approves_sees_what_was_acknowledged() -> None:
    found = [WARNING.model_copy(update={"object": f"o{n}"}) for n in range(5)]
    tale = Tale().checked(tales.plan(), tales.result(*found))
    assert "acknowledged" not in shown(tale.state)
    tale.obey(c.Request(by=ALICE, digest=tale.state.digest, acknowledged=tuple(f.key for f in found)))
    for told in (shown(tale.state), str(direct.message(tale.state, BOB.id)[1])):
        assert f"5 findings acknowledged by <@{ALICE.id}>" in told and "and 2 more, all told in the thread" in told
        assert "`o2`: The time zones differ" in told and "`o3`" not in told
    assert "`o4`: The time zones differ" in str(plan.whole(tale.state))
