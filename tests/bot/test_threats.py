"""Every threat that this bot must stand, each with its test: here, or where this table points.

Forged requests: `test_threats_requests.py::test_only_slack_signs`;
    `test_sandbox_story.py::test_http_mode_proves_its_url_and_is_signed`.
Replayed requests: `test_threats_requests.py::test_only_slack_signs` (older than five minutes),
    `test_threats_requests.py::test_a_request_played_again_changes_nothing`.
No signing secret in HTTP mode: `test_threats_requests.py::test_without_a_secret_it_does_not_start`.
Tampered values and private_metadata: `test_threats_values.py::test_a_tampered_button_reaches_nothing`,
    `test_threats_values.py::test_a_tampered_sheet_reaches_nothing`,
    `test_threats_values.py::test_a_digest_of_another_plan_starts_nothing`.
Somebody else's modal: `test_threats_values.py::test_somebody_elses_form_stays_as_it_was`;
    `story/test_bad_input.py::test_somebody_elses_modal`.
A stolen one-time link: `test_threats_values.py::test_a_link_of_one_person_does_not_serve_another`;
    `test_pages.py` (once; used and unknown links look the same);
    `unit/test_secrets.py::test_of_many_takers_one_wins`.
mrkdwn from table names and error texts: `test_ui_limits.py` (every view); `test_ui_text.py` (each helper);
    `test_sandbox_page.py` (never HTML).
SSRF through a typed host: `unit/test_config.py::test_hosts`;
    `story/test_bad_input.py::test_an_unknown_host_and_a_forbidden_one`.
A name that is pointed elsewhere later: `test_threats_hosts.py::test_a_name_that_moved_inside_is_not_connected_to`,
    `test_threats_hosts.py::test_what_was_judged_is_what_is_connected_to`,
    `test_threats_hosts.py::test_a_pinned_address_is_used_and_dns_is_not`.
Huge inputs: `test_ten_thousand_letters_after_the_command`; `test_ui_limits.py`; `test_pages.py` (bodies).
Secrets in error texts of drivers: `test_no_driver_tells_a_password`; `unit/test_logs.py`.
A forged click in Redis: `test_recall.py::test_a_note_that_nobody_of_ours_wrote_presses_nothing`.
Pickle in Redis: `test_a_pickle_in_a_queue_is_not_opened`; `contract/test_queue.py::test_no_pickle_anywhere`.
An approver removed between click and start: `test_threats_voices.py::test_who_was_removed_has_not_approved`
    and the two after it.
A user group that changed: `test_threats_voices.py::test_a_changed_group_takes_back_what_its_members_gave`.
A revoked token, a removed app: `test_a_removed_app_is_told_of_and_the_thread_goes_on_later`.
"""

from __future__ import annotations

import pickle
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from pydantic import SecretStr
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from bot import severed
from bot.doctor_house import house
from jobs.adapters.queue_rq import MIGRATIONS, RqDoorbell
from jobs.core.lifecycle import Ring
from jobs.core.model import Dialect, Endpoint, TlsMode
from jobs.core.state import Status
from jobs.engines.mysql import connect as mysql
from jobs.engines.postgres import connect as postgres
from tests.bot.office import Office
from tests.bot.post import Post
from tests.bot.threatened import CANARY
from tests.support.tales import MIGRATION, Tale, plan
from tests.support.waiting import until


def test_every_threat_has_its_test() -> None:
    """No file and no test of the table above has moved away or been renamed."""
    here = Path(__file__)
    named = re.findall(r"`(?:([\w/]+\.py)(?:::)?)?(test_\w+)?`", __doc__ or "")
    assert len(named) > 25
    for file, test in named:
        found = [folder / file for folder in (here.parent, here.parents[1]) if (folder / file).is_file()]
        text = (found[0] if file and found else here).read_text()
        assert (found or not file) and (not test or f"def {test}(" in text), f"{file}::{test} is gone"


# --- too much, and too loud -----------------------------------------------------------------------------


def test_ten_thousand_letters_after_the_command(desk: Office) -> None:
    """A refusal or an error at the field; never a defect, never an answer that Slack refuses."""
    desk.write(MIGRATION, [r.event for r in Tale().checked(plan()).story])
    for words in ("x" * 10_000, "<!channel> *_~`" * 700, "history " + "y:" * 5000, "logs " + "z" * 9000):
        desk.command("alice", words)
    desk.answer("alice", "help")
    assert [str(p) for p in desk.slack.problems] == []


@pytest.mark.parametrize("dialect", [Dialect.postgresql, Dialect.mysql])
def test_no_driver_tells_a_password(dialect: Dialect) -> None:
    endpoint = Endpoint("x", dialect, "h", 1, "d", "u", SecretStr(CANARY), TlsMode.prefer)
    said = f'connection to "postgresql://u:{CANARY}@h/d" failed: FATAL: no {CANARY} here'
    errors = (
        [postgres.explain_connect(endpoint, psycopg.OperationalError(said))]
        if dialect is Dialect.postgresql
        else [mysql.explain_connect(endpoint, pymysql.OperationalError(1045, said))]
    )
    for error in errors:
        assert CANARY not in f"{error} {error.what} {error.meaning} {error.remedy} {error.problem()!r}"
    assert CANARY not in repr(endpoint)


@dataclass
class Bomb:
    """What a pickle runs when it is opened: it writes this file."""

    crater: Path

    def __reduce__(self) -> tuple[Any, tuple[Path, str]]:
        return (Path.write_text, (self.crater, "boom"))


def burst(queue: Queue, crater: Path) -> None:
    """A pickled job is put in the place of ours, and a worker takes what waits in the queue."""
    redis = queue.connection
    ring = Ring(kind="migrate", migration=MIGRATION, token="r1")
    RqDoorbell(redis).ring(ring)
    redis.hset(f"rq:job:{ring.job_id}", "data", zlib.compress(pickle.dumps(Bomb(crater))))
    worker = SimpleWorker([queue], connection=redis, serializer=queue.serializer)
    worker.work(burst=True, logging_level="CRITICAL")
    assert queue.count == 0, "it was taken"


def test_a_pickle_in_a_queue_is_not_opened(redis_url: str, tmp_path: Path) -> None:
    """Who can write to Redis can ask for our own doors, no more: a pickled job is not understood, and not run."""
    with Redis.from_url(redis_url) as redis:
        burst(Queue(MIGRATIONS, connection=redis, serializer=JSONSerializer), tmp_path / "crater")
        assert not (tmp_path / "crater").exists()
        redis.flushdb()
        burst(Queue(MIGRATIONS, connection=redis), tmp_path / "crater")
        assert (tmp_path / "crater").exists(), "a worker that reads pickles opens this very one"


# --- Slack is gone --------------------------------------------------------------------------------------


def test_a_removed_app_is_told_of_and_the_thread_goes_on_later(desk: Office, redis_url: str) -> None:
    """The story is told from where it stood, each line once, when the token works again."""
    with Redis.from_url(redis_url) as redis:
        post = Post(redis, desk.slack)
        whole = Tale().done()
        post.write(*[r.event for r in whole.story[:-2]])
        post.deliver()
        told = len(post.replies())
        desk.slack.uninstall()
        until(lambda: severed.severed(redis) or None, "the farewell", 20)
        post.write_tale(whole)
        post.deliver()
        assert post.state.status is Status.done, "the migration went on"
        said = [d for d in house(desk.deps.settings, redis) if d.name == "Slack"]
        assert [d.verdict for d in said] == ["bad"]
        assert severed.said(redis).startswith("away: ")
        desk.slack._tokens.revoked = False
        post.deliver()
        assert len(post.replies()) > told and post.thread() == post.expected()
        assert severed.said(redis) == "ok"
