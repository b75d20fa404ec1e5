"""Whatever stands in a database or in a person's words, Slack takes what we show of it, and it can do no harm."""

from __future__ import annotations

import html
import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.slack.blocks import check_message_blocks, check_view
from bot.sandbox.slack.messages import elements_of
from bot.ui import (
    approval,
    canonical,
    card,
    configure,
    direct,
    findings,
    home,
    log_view,
    logs,
    progress,
    proof,
    services,
    throttle,
    when,
)
from bot.ui import plan as plan_view
from bot.ui import text as t
from bot.ui.log_view import Look
from jobs.core import commands as c
from jobs.core import events as e
from jobs.core import voices
from jobs.core.bidi import FSI, PDI, isolated
from jobs.core.model import (
    Approval,
    CheckResult,
    Dialect,
    Environment,
    Finding,
    Options,
    Person,
    Problem,
    Scope,
    Service,
    Severity,
    TypedSource,
    Wish,
)
from jobs.core.plan import Measures
from jobs.core.policy import Policy
from jobs.core.progress import RunProgress, TaskProgress
from jobs.core.state import State, Status
from jobs.core.throttle import Limit
from jobs.core.verdict import (
    BrokenKey,
    Difference,
    Receipt,
    Rehearsal,
    RestorePoint,
    RowDifference,
    TableWritten,
    Waiver,
    Written,
)
from tests.support.tales import (
    ALICE,
    BOB,
    CAROL,
    CHANNEL,
    LOST,
    MIGRATION,
    NOON,
    RECEIPT,
    Tale,
    approve,
    place,
    plan,
    tell,
)

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
    results = [
        CheckResult(
            check=f"check{n}", title=long, findings=found if n < HUGE else (), detail=long, skipped=long * (n % 2)
        )
        for n in range(HUGE + 20)
    ]
    made = plan(
        [f"{nasty}{n}" for n in range(tables)],
        measures=Measures(table_bytes=(10**15,) * tables, table_rows=(10**12,) * tables, have_bytes=10**15),
        source=place(long),
        target=place(long),
        options=Options(parallelism=32, include=(long, nasty) * 30, exclude=(nasty,) * 100),
        left_out=(long,) * 40,
    )
    approvers = tuple(f"S0GROUP{n}" if n % 2 else f"U0PERSON{n}" for n in range(60))
    tale = Tale()
    tale.obey(
        c.Draft(
            by=ALICE,
            channel=CHANNEL,
            target=Service(
                name=grown(nasty, 70),
                engine=Dialect.postgresql,
                environment=Environment.production,
                secret="env:X",
                description=long,
                windows=windows,
                windows_bind=bool(windows),
                time_zone="America/Argentina/ComodRivadavia",
            ),
            policy=policy or Policy(approvals=10, approvers=approvers),
        )
    )
    typed = TypedSource(host=grown(nasty, 253), port=65535, database=grown(nasty, 63), user=grown(nasty, 63))
    tale.obey(c.Configure(by=ALICE, source=typed, options=made.options))
    tale.obey(tell(e.ValidationStarted(attempt=1)))
    for one in results:
        tale.obey(tell(e.CheckFinished(attempt=1, result=one)))
    tale.obey(tell(e.Validated(attempt=1, plan=made)))
    return tale


def acknowledged(state: State) -> tuple[str, ...]:
    return tuple(f.key for r in state.results for f in r.findings)


def approvals(count: int) -> list[Approval]:
    return [Approval(by=Person(id=f"U0PERSON{n}"), digest="", at=NOON) for n in range(count)]


def lives(nasty: str) -> Iterator[Tale]:
    """The nasty story in every status that shows something of its own."""
    long = grown(nasty, 3000)
    problem = Problem(what=long, meaning=long, remedy=long, object=long)
    checking = tale_of(nasty)
    yield checking  # ready
    checking.obey(c.Request(by=ALICE, digest=checking.state.digest, acknowledged=acknowledged(checking.state)))
    checking.obey(approve(BOB, checking.state.digest))
    yield checking  # awaiting approval
    yield from gates(nasty)
    checking.obey(c.Decline(by=CAROL, digest=checking.state.digest, reason=long))
    yield checking  # declined
    broken = tale_of(nasty)
    broken.obey(c.Configure(by=ALICE, source=broken.state.source or plan_source(nasty)))
    yield broken  # configured
    broken.obey(tell(e.ValidationBroke(attempt=2, problem=problem)))
    yield broken  # blocked by a broken check
    run = tale_of(nasty, policy=Policy())
    run.obey(c.Request(by=ALICE, digest=run.state.digest, acknowledged=acknowledged(run.state)))
    run.obey(tell(e.PhaseReached(run=1, phase="copy", title=long)), tell(e.Noted(run=1, text=long, level="warning")))
    run.obey(tell(e.Troubled(run=1, problem=problem, attempt=7, retry_seconds=60)))
    yield run  # in trouble
    run.obey(c.Slow(by=BOB, limit=Limit(lanes=1, bytes_per_second=10**6)))
    run.obey(tell(e.Strained(run=1, reason=long, limit=Limit(lanes=1))))
    yield run  # slowed down
    run.obey(c.Halt(run=1, why=long))
    yield run  # pausing by itself
    run.obey(tell(e.Paused(run=1)), c.Resume(by=BOB))
    run.obey(tell(e.RunFailed(run=2, problem=problem, reasons=(long,) * 50)))
    yield run  # failed
    objects = tuple(Difference(kind="table", name=f"{n}{nasty}", what=long) for n in range(300))
    run.obey(c.Resume(by=BOB), tell(e.RunFailed(run=3, problem=problem, reasons=(long,) * 50, differences=objects)))
    yield run  # failed by its objects
    keys = tuple(difference.key for difference in objects)
    run.obey(c.Waive(by=BOB, keys=keys, reason=f"{long}."))
    rows = tuple(
        RowDifference(table=f"{n}{nasty}", missing=10**12, key=(nasty,) * 3, examples=(grown(nasty, 61),) * 10)
        for n in range(50)
    )
    run.obey(tell(e.RunFailed(run=4, problem=problem, reasons=(long,) * 50, differences=objects, rows=rows)))
    yield run  # failed by its rows
    run.obey(c.Cancel(by=BOB), tell(e.Cancelled(undone=long)))
    yield run  # cancelled
    done = tale_of(nasty, policy=Policy())
    done.obey(c.Request(by=ALICE, digest=done.state.digest, acknowledged=acknowledged(done.state)))
    receipt = RECEIPT.model_copy(
        update={
            "left_out": (long,) * 40,
            "approvals": tuple(approvals(40)),
            "requester": ALICE,
            "source_version": long,
            "target_version": long,
            "copy_seconds": 1e6,
            "rehearsal": Rehearsal(migration=MIGRATION, at=NOON, target=long, seconds=1e6, bytes=1, target_bytes=1),
            "target_bytes": 10**15,
            "transformed": tuple(Difference(kind="k", name=nasty, what=long, why=long) for _ in range(40)),
            "waived": tuple(Waiver(key=long, by=BOB, reason=long) for _ in range(40)),
            "broken_keys": tuple(
                BrokenKey(name=long, orphans=10**9, find=long, examples=(grown(nasty, 61),) * 10) for _ in range(40)
            ),
            "written": Written(since=NOON, tables=tuple(TableWritten(table=long, inserted=10**9) for _ in range(40))),
        }
    )
    point = RestorePoint(path=long, bytes=10**15, sha256="ab" * 32, objects=10**9, tool=long)
    done.obey(tell(e.RestorePointMade(run=1, point=point)), tell(e.HoldTaken(run=1)))
    yield done  # held
    done.obey(c.Release(by=BOB))
    yield done  # being released
    done.obey(tell(e.HoldEnded(run=1, why=long)))
    receipt = receipt.model_copy(update={"restore_point": point})
    done.obey(tell(e.Proven(run=1, receipt=receipt)), tell(e.Finished(run=1, receipt=receipt)))
    yield done
    done.obey(c.Refresh(by=BOB), tell(e.RunFailed(run=2, problem=problem)))
    yield done  # a refresh that failed
    done.obey(c.Resume(by=BOB), tell(e.Proven(run=3, receipt=receipt)), tell(e.Finished(run=3, receipt=receipt)))
    done.obey(c.RollBack(by=BOB), tell(e.Troubled(run=4, problem=problem, attempt=1, retry_seconds=1)))
    yield done  # rolling back
    done.obey(tell(e.RunFailed(run=4, problem=problem)))
    yield done  # not rolled back
    done.obey(c.RollBack(by=BOB), tell(e.RolledBack(run=5, undone=long)))
    yield done  # rolled back
    waits = tale_of(nasty, policy=Policy(rehearsal_days=7), windows=WINDOWS)
    rehearsed = Rehearsal(migration=MIGRATION, at=NOON, target=long, seconds=1e7, bytes=10**15, target_bytes=10**15)
    waits.state = waits.state.model_copy(update={"rehearsal": rehearsed})
    yield waits  # rehearsed, with windows
    asked = c.Request(by=ALICE, digest=waits.state.digest, acknowledged=acknowledged(waits.state), at=NOON)
    wish = Wish(start_at=NOON + timedelta(days=1), pause_at_close=True)
    waits.obey(asked.model_copy(update={"wish": wish}))
    yield waits  # scheduled
    waits.obey(c.Tick(at=NOON + timedelta(days=5, hours=14)), c.Tick(at=NOON + timedelta(days=6)))
    waits.obey(tell(e.Paused(run=1)))
    yield waits  # waiting for its next window
    full = tale_of(nasty)
    chosen = Options(hold_source=True)
    full.obey(c.Configure(by=ALICE, source=full.state.source or plan_source(nasty), options=chosen))
    for check in ("target_empty", "hold_source"):
        found = Finding(check=check, severity=Severity.block, message=long, remedy=long)
        result = CheckResult(check=check, title=long, findings=(found,))
        full.obey(tell(e.CheckFinished(attempt=2, result=result)))
    full.obey(tell(e.Validated(attempt=2, plan=None)))
    yield full  # with the ways out


def gates(nasty: str) -> Iterator[Tale]:
    """What may become of a request, with as many people as there can be."""
    long, people = grown(nasty, 3000), tuple(f"U0PERSON{n}" for n in range(300))
    gate = tale_of(nasty)
    rules = gate.state.policy.model_copy(update={"escalate_to": people[:60], "break_glass": people[:60]})
    command = c.Request(
        by=ALICE,
        digest=gate.state.digest,
        acknowledged=acknowledged(gate.state),
        pinned=people[:200],
        later=people[200:],
        policy=rules,
    )
    gate.obey(command)
    for number in range(40):
        to = Person(id=f"U0FRIEND{number}")
        gate.obey(c.Delegate(by=Person(id=people[number]), to=to, digest=gate.state.digest))
    for number in range(9):
        gate.obey(approve(Person(id=f"U0FRIEND{number}"), gate.state.digest))
    assert gate.state.asked_at is not None
    gate.obey(c.Tick(at=gate.state.asked_at + timedelta(hours=5)))
    gate.obey(c.Tick(at=gate.state.asked_at + timedelta(hours=5)))
    yield gate  # escalated, reminded, lent
    waited = c.Tick(at=gate.state.asked_at + timedelta(hours=100))
    gate.obey(waited)
    yield gate  # expired
    gate.obey(command, c.BreakGlass(by=BOB, digest=gate.state.digest, reason=f"{long} and so it goes"))
    yield gate  # the glass is broken
    changed = gate.state.plan.model_copy(update={"schema_fingerprint": "f2"}) if gate.state.plan else None
    gate.obey(tell(e.Drifted(run=1, changes=(long,) * 30, plan=changed, results=gate.state.results)))
    yield gate  # not what was approved


def plan_source(nasty: str) -> TypedSource:
    return TypedSource(host=grown(nasty, 253), port=1, database="d", user="u")


@pytest.fixture(scope="module", params=sorted(NASTY))
def told(request: pytest.FixtureRequest) -> list[tuple[State, list[e.Recorded]]]:
    """Snapshots of the nasty lives: each tale goes on after it was yielded."""
    return [(tale.state, list(tale.story)) for tale in lives(NASTY[request.param])]


# --- what every view and message must keep --------------------------------------------------------------

OURS = re.compile(
    r"<@U0[A-Z0-9]+>|<!subteam\^S0GROUP\d+>|<#C0MIGRATIONS>"
    r"|<!date\^\d+\^\{date_short_pretty\} \{time(?:_secs)?\}\|[0-9: -]+UTC>"
)
"""The tokens that we write ourselves; the nasty texts hold others, and some that look the same."""


def mrkdwn_of(node: Any) -> Iterator[str]:
    """Every text that Slack would read marks and mentions in."""
    if isinstance(node, list):
        for item in node:
            yield from mrkdwn_of(item)
    elif isinstance(node, dict):
        if node.get("type") == "mrkdwn":
            yield node["text"]
        for value in node.values():
            yield from mrkdwn_of(value)


def texts_of(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from texts_of(item)
    elif isinstance(node, dict):
        if node.get("type") in ("mrkdwn", "plain_text"):
            yield node["text"]
        for value in node.values():
            yield from texts_of(value)


def harmless(text: str) -> None:
    """Nothing but our own tokens is between angles, and no entity was cut."""
    rest = OURS.sub("", text)
    assert "<" not in rest and ">" not in rest, rest[:200]
    assert not re.search(r"&(?!(amp|lt|gt);)", rest), rest[-200:]


def usable(blocks: list[t.Block]) -> None:
    for text in texts_of(blocks):
        assert text.strip(" \u200b\n"), "an empty text is refused or says nothing"
    for text in mrkdwn_of(blocks):
        harmless(text)
    for block, element in elements_of(blocks):
        assert re.fullmatch(r"[a-z_]+", element["action_id"]), "fixed, so that what was entered survives an update"
        if block["type"] == "input":
            assert re.fullmatch(r"[a-z_]+", block["block_id"])
        if element["type"] == "button":
            assert element["text"]["text"].strip()
            assert len(element.get("accessibility_label", "")) <= 75
            assert len(element["value"]) <= 2000


def good_view(view: t.View) -> None:
    check_view(view, ("modal", "home"), len(json.dumps(view, ensure_ascii=False).encode()))
    usable(view["blocks"])


def good_message(text: str, blocks: list[t.Block]) -> None:
    check_message_blocks(blocks)
    assert text.strip() and len(text) <= 4000
    harmless(text)
    usable(blocks)


# --- every surface --------------------------------------------------------------------------------------


def busy(nasty: str) -> RunProgress:
    lanes = [TaskProgress(task=str(n), title=grown(nasty, 300), rows=10**12, lane=str(n)) for n in range(32)]
    return RunProgress(tasks_total=10**7, tables_total=10**6, rows_done=10**13, bytes_total=1, now=tuple(lanes))


def test_cards(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state, story in told:
        nasty = story[0].event.target.description if isinstance(story[0].event, e.Drafted) else ""
        for now in (None, busy(nasty)):
            good_message(card.text(state), card.blocks(state, now))


def test_the_plan_to_the_letter(told: list[tuple[State, list[e.Recorded]]]) -> None:
    state = told[0][0]
    pages = [canonical.view(state, page) for page in (0, 1, 10_000)]
    for view in pages:
        good_view(view)
    good_message("Plan", canonical.message(state))


def test_direct_messages_and_what_waits(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state in [state for state, _ in told if state.requests][:9]:
        for person in (*voices.everybody(state)[:1], *voices.everybody(state)[-1:], "U0NOBODY"):
            good_message(*direct.message(state, person))
            good_message(*direct.message(state, person, reminder=True))
        good_message(*direct.superseded(state))
        good_message(*direct.reminded(state))
        waits = [state.model_copy(update={"id": f"m00000000{n:02}"}) for n in range(15)]
        good_view(home.view([], waits, waits))


def test_modals(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state, _ in told:
        good_view(findings.view(state))
        good_view(plan_view.view(state, note="why not"))
        good_view(proof.modal(state))
        good_view(when.modal(state))
        good_view(throttle.modal(state))
        good_view(approval.decline(state, state.digest or "0" * 64))
        good_view(approval.delegate(state, state.digest or "0" * 64))
        good_view(approval.break_glass(state, state.digest or "0" * 64))
        good_view(configure.view(configure.draft_of(state, ask_channel=True)))
        others = [state.model_copy(update={"id": f"m000000000{n}"}) for n in range(3)]
        good_view(configure.view(configure.Draft(channel=CHANNEL, unfinished=others)))


def test_the_buttons_are_never_what_falls_off(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state, _ in told:
        assert findings.view(state)["blocks"][-1]["block_id"] == "validation_actions"
        if state.status is Status.ready and state.plan is not None:
            inputs = [b["block_id"] for b in plan_view.view(state)["blocks"] if b["type"] == "input"]
            assert "acknowledge" in inputs and "parallelism" in inputs


def test_the_form_with_nasty_words_in_it(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state, _ in told:
        typed = {**findings.form_of(state).typed, "secret_ref": "file:/" + "x" * 400, "tls": ""}
        form = findings.Form(kind=findings.TYPED, typed=typed, password_link="https://ferry.example.com/once/abc")
        good_view(findings.view(state, form))


def test_lists_and_home(told: list[tuple[State, list[e.Recorded]]]) -> None:
    states = [state.model_copy(update={"public": True}) for state, _ in told for _ in range(4)]
    good_message(*home.listing(states, "Latest migrations"))
    targets = [state.target for state in states if state.target]
    good_view(home.view(services.home_blocks(targets * 5, {}, NOON), states))
    for service in targets:
        harmless(home.unknown(service.name))
        check = configure.service_option(service)
        assert len(check["text"]["text"]) <= 75 and len(check["value"]) <= 150


def test_every_line_and_every_batch_of_the_thread(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state, story in told:
        lines = [line for r in story if (line := logs.line(r.event, state))]
        for line in lines:
            good_message(*logs.reply([line], repeat=True))
        batches = logs.batches(lines)
        assert [t.clip(line, t.SECTION) for line in lines] == [line for batch in batches for line in batch]
        for batch in batches:
            good_message(*logs.reply(batch, repeat=True))


def test_the_log_on_pages_and_as_a_file(told: list[tuple[State, list[e.Recorded]]]) -> None:
    for state, story in told:
        seen = 0
        for page in (0, 1, 99):
            view = log_view.view(state, story, Look(page=page))
            good_view(view)
            seen += len(view["blocks"])
        assert seen
        assert "env:X" not in logs.full(state, story, None)


def test_the_whole_plan_of_five_thousand_tables() -> None:
    for kind in ("mention", "emoji", "ampersands"):
        state = tale_of(NASTY[kind], tables=5000).state
        assert state.plan is not None
        good_view(plan_view.view(state))
        for page in (0, 1, 30, 62, 999):
            good_view(plan_view.whole(state, page))
    names = [f"table_{n:04}" for n in range(5000)]
    whole = Tale().checked(plan(names)).state
    shown = "\n".join("\n".join(mrkdwn_of(plan_view.whole(whole, page)["blocks"])) for page in range(63))
    assert all(f"public.{name}`" in shown for name in names), "every table stands on some page"


def test_two_hundred_findings_of_one_check() -> None:
    for nasty in NASTY.values():
        found = tuple(
            Finding(check="a", severity=Severity.block, message=grown(nasty, 3000), object=f"o{n}", remedy=nasty)
            for n in range(200)
        )
        tale = Tale().checked(None, CheckResult(check="a", title="A", findings=found))
        good_view(findings.view(tale.state))
        good_message(card.text(tale.state), card.blocks(tale.state))
        line = logs.line(e.CheckFinished(attempt=1, result=tale.state.results[0]), tale.state)
        assert len(line) <= t.SECTION and "195 findings more" in line and "`o4`" in line
        good_message(*logs.reply([line]))
        assert logs.full(tale.state, tale.story, None).count(" -> ") == 200, "the file has them all"


def test_the_remedy_is_never_what_falls_off() -> None:
    problem = Problem(what="&" * 3000, meaning="&" * 3000, remedy="press this", object="")
    line = logs.line(e.RunFailed(run=1, problem=problem, reasons=("&" * 3000,) * 50), State(id=MIGRATION))
    assert t.clip(line, t.SECTION).endswith("*Next:* press this")
    failed = Tale().failed(problem).state.model_copy(update={"reasons": ("&" * 3000,) * 50})
    (told,) = [b for b in card.blocks(failed) if b.get("block_id") == "card_failure"]
    assert told["text"]["text"].endswith("*Next:* press this")


def test_the_confirmation_says_what_will_happen_whatever_the_names() -> None:
    state = tale_of("x" * 63).state
    asked = approval.buttons(state)[0]["confirm"]["text"]["text"]
    assert "write data in" in asked and asked.endswith("it starts at once.")


def test_a_log_line_says_what_was_true_then() -> None:
    tale = Tale().checked(None, CheckResult(check="a", title="A", findings=(_blocker("x"), _blocker("y"))))
    tale.checked(plan())
    shown = "\n".join(mrkdwn_of(log_view.view(tale.state, tale.story)["blocks"]))
    assert "found 2 blockers" in shown and "1 check ran, nothing blocks" in shown


def _blocker(name: str) -> Finding:
    return Finding(check="a", severity=Severity.block, message=f"{name} is in the way", object=name)


# --- formatting -----------------------------------------------------------------------------------------

ANY_TEXT = st.text(max_size=200) | st.text(alphabet="<>&;ampltg*_~`a b\n", max_size=200)


@given(ANY_TEXT)
def test_plain_is_harmless_and_says_the_same(text: str) -> None:
    shown = t.plain(text)
    harmless(shown)
    said = isolated(" ".join(text.replace("\u200b", "").split()))
    assert html.unescape(shown.replace("\u200b", "")) == said or "&" in text
    for found in re.finditer(r"[*_~`]", shown):
        before, after = shown[: found.start()][-1:], shown[found.end() :][:1]
        inside_a_word = before.isascii() and before.isalnum() and after.isascii() and after.isalnum()
        assert inside_a_word or (before, after) == ("\u200b", "\u200b"), "a mark at a word's edge would format"


@given(ANY_TEXT)
def test_code_stays_one_span_on_one_line(text: str) -> None:
    shown = t.code(text)
    harmless(shown)
    assert shown.count("`") == 2 and "\n" not in shown


@given(ANY_TEXT, st.integers(1, 60))
def test_clip_fits_and_cuts_no_entity(text: str, limit: int) -> None:
    escaped = t.escape(text)
    cut = t.clip(escaped, limit)
    assert len(cut) <= limit
    harmless(cut)
    if len(escaped) <= limit:
        assert cut == escaped
    else:
        assert cut.endswith("…") and escaped.startswith(cut[:-1].rstrip(PDI))


RIGHT_TO_LEFT = st.text(alphabet="abאבعر\u202e\u2066\u2068\u2069\u200f 12→:x&<", max_size=60)


@given(RIGHT_TO_LEFT, RIGHT_TO_LEFT, st.integers(4, 90))
def test_no_name_reorders_what_stands_around_it(one: str, other: str, limit: int) -> None:
    for shown in (t.plain(one), t.code(one), isolated(one), t.clip(t.plain(f"{isolated(one)} → {other}"), limit)):
        depth = 0
        for sign in shown:
            assert sign not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u200e\u200f", "reorders its neighbours"
            depth += {FSI: 1, PDI: -1}.get(sign, 0)
            assert depth >= 0
            outside = depth == 0 and unicodedata.bidirectional(sign) in ("R", "AL", "AN")
            assert not outside, "from right to left, and not isolated"
        assert depth == 0


def test_every_sign_from_right_to_left_is_isolated() -> None:
    signs = [chr(code) for code in range(sys.maxunicode + 1)]
    strong = [sign for sign in signs if unicodedata.bidirectional(sign) in ("R", "AL", "AN")]
    assert len(strong) > 2000 and all(isolated(sign) != sign for sign in strong)


def test_source_and_target_keep_their_order_in_any_script() -> None:
    named = {"source": service_named("עברית"), "target": service_named("العربية")}
    state = Tale().done().state.model_copy(update=named)
    assert state.title == "\u2068עברית\u2069 → \u2068العربية\u2069"
    assert t.plain(state.title).strip(FSI + PDI).startswith("עברית\u2069 → \u2068")


def service_named(name: str) -> Service:
    return Service(name=name, engine=Dialect.postgresql, environment=Environment.staging, secret="env:X")


@given(st.from_regex(r"[a-z:_ +0-9]{0,40}", fullmatch=True))
def test_no_name_becomes_an_emoji(text: str) -> None:
    for shown in (t.plain(text), t.header(text)["text"]["text"]):
        assert not re.search(r"(?<![0-9]):[a-z0-9_+'-]+:", shown)


@given(st.integers(1, 400))
def test_clip_cuts_no_mention_and_no_date(limit: int) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    text = ", ".join(f"{t.mention(f'U0PERSON{n}')} {t.when(moment + timedelta(days=n))}" for n in range(4))
    harmless(t.clip(text, limit))


@given(st.integers(0, 10**18))
def test_size_has_three_figures_and_one_unit(value: int) -> None:
    number, unit = t.size(value).split(" ")
    factor = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    shown = float(number.replace(",", ""))
    assert shown < 1000 or unit == "TB"
    assert abs(shown * factor - value) <= max(
        0.51 * factor if unit in ("B", "kB") or shown >= 100 else 0.051 * factor, 1
    )


@given(st.floats(0, 10**7))
def test_span_is_near_and_never_counts_to_sixty(seconds: float) -> None:
    shown = t.span(seconds)
    units = {"s": 1, "min": 60, "h": 3600}
    parts = re.findall(r"([0-9.]+) (s|min|h)\b", shown)
    total = sum(float(n) * units[unit] for n, unit in parts)
    assert abs(total - seconds) <= (0.06 if seconds < 9.9 else 0.51 if seconds < 3599 else 60)
    assert all(float(n) < 60 for n, unit in parts if unit != "h")


@given(st.floats(-100, 10**6), st.floats(-100, 10**6))
def test_between_is_a_range_or_says_about(low: float, high: float) -> None:
    shown = t.between(low, high)
    least, _, most = shown.partition(" to ")
    assert shown.startswith("about ") if not most else least != most
    assert "-" not in shown
    assert t.between(None, high) == t.between(low, None) == "not known yet"


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (t.size(None), "unknown"),
        (t.size(0), "0 B"),
        (t.size(999_999), "1.0 MB"),
        (t.size(1_340_000_000), "1.3 GB"),
        (t.size(999_960_000), "1.0 GB"),
        (t.size(5e15), "5,000 TB"),
        (t.span(0.04), "0.0 s"),
        (t.span(9.97), "10 s"),
        (t.span(59.7), "1 min"),
        (t.span(200), "3 min 20 s"),
        (t.span(7500), "2 h 5 min"),
        (t.between(50, 20), "about 50 s"),
        (t.between(7201, 7230), "about 2 h"),
        (t.between(10, 100), "10 s to 1 min 40 s"),
        (t.count(1, "table"), "1 table"),
        (t.count(2000, "person", "people"), "2,000 people"),
        (progress.bar(2.0), f"`{'█' * 20}` 100 %"),
    ],
)
def test_as_people_say_it(shown: str, said: str) -> None:
    assert shown == said


def test_within_says_what_is_missing() -> None:
    blocks = t.within([t.divider()] * 120, 100)
    assert len(blocks) == 100 and "21 more parts" in str(blocks[-1])


def test_a_receipt_without_anything_optional() -> None:
    harmless(logs.receipt(Receipt(tables=1, rows=1, bytes=1, seconds=1)))


# --- what may be done ----------------------------------------------------------------------------------------


def offered(state: State) -> set[str]:
    return {element["action_id"] for _, element in elements_of(card.blocks(state))}


def test_the_buttons_of_hold_and_rollback() -> None:
    tale = Tale().running()
    assert "release" not in offered(tale.state)
    tale.obey(tell(e.HoldTaken(run=1)))
    assert "release" in offered(tale.state)
    tale.obey(c.Release(by=BOB))
    assert "release" not in offered(tale.state) and "being released" in str(card.blocks(tale.state))
    tale = Tale().done()
    assert {"roll_back", "show_logs"} <= offered(tale.state)
    tale.obey(c.RollBack(by=BOB))
    assert not {"roll_back", "cancel", "pause"} & offered(tale.state)
    tale.obey(tell(e.RunFailed(run=2, problem=LOST)))
    assert {"roll_back", "give_up"} <= offered(tale.state) and not {"retry", "cancel"} & offered(tale.state)
    tale.obey(c.RollBack(by=BOB), tell(e.RolledBack(run=3, undone="All is back.")))
    assert "roll_back" not in offered(tale.state) and "All is back." in str(card.blocks(tale.state))


def test_no_dialog_is_cut_in_the_middle_of_its_warning() -> None:
    def dialogs(blocks: list[t.Block]) -> list[str]:
        return [e["confirm"]["text"]["text"] for _, e in elements_of(blocks) if "confirm" in e]

    tale = Tale().done()
    point = RestorePoint(path="/srv/x.dump", bytes=1, sha256="ab" * 32)
    receipt = RECEIPT.model_copy(update={"tables": 10**6})
    many = tale.state.model_copy(update={"receipt": receipt})
    data = plan(options=Options(scope=Scope.data_only))
    for state in (many, many.model_copy(update={"restore_point": point}), many.model_copy(update={"plan": data})):
        shown = dialogs(card.blocks(state))
        assert any("1,000,000 tables" in text for text in shown)
        assert all(text.endswith((".", "?")) for text in shown), shown
    for status in (Status.blocked,):
        found = Finding(check="target_empty", severity=Severity.block, message="full", remedy="empty it")
        result = CheckResult(check="target_empty", title="x", findings=(found,))
        blocked = Tale().checked(None, result).state
        assert blocked.status is status
        shown = dialogs(findings.view(blocked)["blocks"])
        assert shown and all(text.endswith(".") for text in shown)
