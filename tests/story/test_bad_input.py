"""Bad input: a clear message at the right place, nothing started, nothing lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial

import httpx
import psycopg
import pytest
from psycopg import sql

from bot.sandbox.play import ALICE, BOB, CAROL, CHANNEL, Play, texts
from bot.sandbox.servers import PostgresServer
from bot.sandbox.shop import create_shop
from jobs.core.state import Status
from tests.story.support import CANARY, World, broken_rules, hears, reader, world
from tests.support.servers import FreshDatabase, PostgresPool, ShopDatabase, fresh_databases

pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def installation(pg_server: PostgresPool) -> Iterator[World]:
    """One for all who only look: `new` stays empty, and what was configured is put back (`w`)."""
    pg16, pg18 = pg_server.server(16), pg_server.server(18)
    with fresh_databases(pg_server) as fresh_db:
        source = fresh_db(pg16, pg_server.template(pg16, "shop_0.01", lambda dsn: create_shop(dsn, 0.01)))
        reader(source, "ferry_reader", CANARY)
        targets = {"new": fresh_db(pg18), "once": fresh_db(pg18)}
        with world(source, targets, env={"SOURCE_RIGHT": CANARY, "SOURCE_WRONG": "not it"}) as made:
            yield made


@pytest.fixture
def w(installation: World) -> Iterator[World]:
    document = deepcopy(installation.stage.document)
    for person in (ALICE, BOB):
        while installation.slack.person(person).modal():
            installation.slack.person(person).close()
    yield installation
    installation.stage.document = document
    installation.stage.write_config()


def typed(w: World, **changes: str) -> dict[str, str]:
    server = w.source.server
    fields = {
        "host": "127.0.0.1",
        "port": str(server.port),
        "database": w.source.name,
        "user": "ferry_reader",
        "secret_ref": "env:SOURCE_RIGHT",
        "tls": "prefer",
    }
    return {**fields, **changes}


def at_field(play: Play, block_id: str) -> str:
    """What stands directly under a field of the open modal."""
    modal = play.alice.modal()
    assert modal is not None
    found = [b for b in modal.blocks if b.get("block_id") == f"fault_{block_id}"]
    return texts(found)


def under(play: Play, block_id: str, _: object) -> str | None:
    return at_field(play, block_id) or None


def test_what_is_wrong_with_a_typed_source_stands_at_its_field(w: World) -> None:
    """One modal, one fault after the other, and what was typed before is kept throughout."""
    play = w.play()
    play.configure("new")
    play.typed_source(**typed(w, host="db.internal.example"))
    errors = play.alice.modal().errors  # type: ignore[union-attr]  # a modal is open, or this test fails here
    assert "host" in errors, errors
    assert w.newest().status is Status.draft, "nothing was started"

    def again(**changes: str) -> None:
        for name, value in changes.items():
            play.alice.fill(name, value)
        play.alice.submit()

    again(host="127.0.0.1", port="70000")
    assert "65535" in play.alice.modal().errors["port"]  # type: ignore[union-attr]
    again(port=str(w.source.server.port), secret_ref="hunter2-my-password")
    assert "never the password itself" in play.alice.modal().errors["secret_ref"]  # type: ignore[union-attr]
    again(secret_ref="env:SLACK_BOT_TOKEN")
    assert "allowed_secrets" in play.alice.modal().errors["secret_ref"]  # type: ignore[union-attr]

    cases: list[tuple[dict[str, str], str, str]] = [
        ({"secret_ref": "env:SOURCE_WRONG"}, "secret_ref", "password"),
        ({"secret_ref": "env:SOURCE_RIGHT", "database": "no_such_db"}, "database", "does not exist"),
        ({"database": w.source.name, "port": "1"}, "port", "refused"),
        ({"port": str(w.source.server.port), "tls": "require"}, "tls", "SSL"),
    ]
    for changes, block, words in cases:
        again(**changes)
        w.until(lambda state: state.status is Status.blocked, f"blocked by {changes}")
        said = w.slack.wait_for(partial(under, play, block), 30, f"a message at {block}")
        assert words.lower() in said.lower(), said
        assert w.newest().plan is None
    again(tls="disable")
    assert "nothing blocks" in play.checked()
    assert broken_rules(w) == []


def test_an_unknown_host_and_a_forbidden_one(w: World) -> None:
    w.stage.document["typed_sources"] = {
        "allowed_hosts": ["*.invalid", "127.0.0.1"],
        "allowed_secrets": ["env:SOURCE_*"],
    }
    w.stage.write_config()
    play = w.play()
    play.configure("new")
    play.typed_source(**typed(w, host="db-1.invalid"))
    assert "unknown" in play.alice.modal().errors["host"].lower()  # type: ignore[union-attr]
    play.alice.fill("host", "169.254.169.254")
    play.alice.submit()
    assert play.alice.modal().errors["host"]  # type: ignore[union-attr]
    assert w.newest().status is Status.draft


def block_with(
    w: World, prepare: Callable[[], object], words: str, *, source: str = "shop", target: str = "new"
) -> str:
    prepare()
    play = w.play()
    play.configure("new")
    play.source(source)
    said = play.checked()
    assert "Not ready" in said
    assert words.lower() in said.lower(), said
    assert w.newest().plan is None
    assert w.newest().status is Status.blocked
    play.alice.close()
    return said


def test_targets_that_must_not_be_written(w: World) -> None:
    target = w.targets["new"]

    def not_empty() -> None:
        with target.connect() as connection:
            connection.execute("create table here_already (a int)")

    block_with(w, not_empty, "here_already")
    with target.connect() as connection:
        connection.execute("drop table here_already")

    def read_only() -> None:
        with psycopg.connect(target.server.dsn(), autocommit=True) as connection:
            name = sql.Identifier(target.name)
            connection.execute(sql.SQL("alter database {} set default_transaction_read_only = on").format(name))

    block_with(w, read_only, "read")
    with psycopg.connect(target.server.dsn(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("alter database {} reset default_transaction_read_only").format(sql.Identifier(target.name))
        )

    def small_disk() -> None:
        services = w.stage.document["services"]
        assert isinstance(services, dict)
        services["new"]["free_disk"] = "1MB"
        w.stage.write_config()

    block_with(w, small_disk, "disk")


def test_the_same_database_on_both_sides(w: World) -> None:
    """By its own name it is refused at the field; under another name the servers themselves tell."""
    play = w.play()
    play.configure("new")
    play.alice.fill("source_service", "new")
    play.alice.submit()
    assert "same" in play.alice.modal().errors["source_service"]  # type: ignore[union-attr]
    play.alice.close()
    services = w.stage.document["services"]
    assert isinstance(services, dict)
    services["other-name"] = {**services["new"], "environment": "development"}
    w.stage.write_config()
    block_with(w, lambda: None, "same database", source="other-name")


def test_a_password_typed_on_the_one_time_page(w: World) -> None:
    play = w.play()
    play.configure("once")
    play.typed_source(**typed(w, secret_ref=""))

    def link(_: object) -> str | None:
        modal = play.alice.modal()
        found = [b for b in modal.blocks if b.get("block_id") == "password_page"] if modal else []
        return str(found[0]["accessory"]["url"]) if found else None

    url = w.slack.wait_for(link, 10, "the link to the page")
    with httpx.Client() as browser:
        page = browser.get(url)
        assert page.status_code == 200
        assert CANARY not in page.text
        done = browser.post(url, data={"password": CANARY, "secret": CANARY}, headers={"Origin": w.stage.web_url})
        assert done.status_code == 200, done.text
        assert "nothing blocks" in play.checked()
        used = browser.get(url)
        unknown = browser.get(f"{w.stage.web_url}/secret/{'x' * 43}")
        assert used.status_code == unknown.status_code >= 400
    assert "entered on the one-time page" in play.text()
    play.request()
    play.ended()
    assert not any(CANARY.encode() in (w.redis.dump(key) or b"") for key in w.redis.scan_iter("*"))
    # The courier forgets it once the story is told to its end, so a moment after the thread says so.
    deadline = time.monotonic() + 10
    while list(w.redis.scan_iter("ferrybot:once:*")):
        assert time.monotonic() < deadline, "the password has served and is gone"
        time.sleep(0.05)


def test_clicks_that_come_twice_or_too_late(
    pg16: PostgresServer, pg18: PostgresServer, shop_db: ShopDatabase, fresh_db: FreshDatabase
) -> None:
    """Double deliveries, a second approver, and a button of a plan that is no more."""
    with world(shop_db(pg16), {"prod-new": fresh_db(pg18)}) as w:
        _twice_or_too_late(w)


def _twice_or_too_late(w: World) -> None:
    w.slack.faults.duplicate_gestures = True
    play = w.play()
    play.configure("prod-new")
    play.source("shop")
    play.checked()
    play.request()
    card = play.card("approval")
    stale = play.slack.person(CAROL)
    blocks = [dict(b) for b in card.blocks]
    digest = w.newest().digest

    # Declined; the requester changes an option and asks again: another plan, and the old button is void.
    w.slack.faults.duplicate_gestures = False
    w.slack.person(BOB).click(card, "decline")
    w.slack.wait_for(lambda _: w.slack.person(BOB).modal() or None, 10, "the form for a reason")
    w.slack.person(BOB).fill("reason", "three lanes, please")
    w.slack.person(BOB).submit()
    w.until(lambda state: state.status is Status.ready, "declined")
    card = w.slack.wait_for(
        lambda _: card if "three lanes" in texts(card.blocks) else None, 20, "the reason on the card"
    )
    play.alice.click(card, "open_migration")
    play.checked()
    play.alice.submit()
    play._modal("Migrate")
    play.alice.fill("parallelism", "3")
    play.alice.click(play.alice.modal(), "update_plan")  # type: ignore[arg-type]
    w.until(lambda state: state.plan is not None and state.digest != digest, "another plan")
    play._modal("Migrate")
    play.alice.fill("acknowledge", ["acknowledged"])
    play.alice.submit()
    w.until(lambda state: state.status is Status.awaiting_approval, "requested again")

    w.slack.wait_for(lambda _: w.newest().digest in str(card.blocks) or None, 20, "the new plan on the card")
    now = card.blocks
    card.blocks = blocks  # what Carol's screen still shows
    stale.click(card, "approve")
    card.blocks = now
    hears(w, CAROL, "plan changed since this button was shown")
    assert w.newest().run == 0

    w.slack.faults.duplicate_gestures = True
    play.card("approval")
    w.slack.person(BOB).click(card, "approve")
    w.until(lambda state: state.status is Status.done, "the end")
    story = w.desk.story(w.newest().id)[1]
    assert sum(r.event.type == "approved" for r in story) == 1
    assert sum(r.event.type == "run_queued" for r in story) == 1
    assert len([m for m in w.slack.channel(CHANNEL).messages if m.metadata]) == 1, "one migration, one card"


def test_somebody_elses_modal(w: World) -> None:
    play, before = w.play(), w.desk.ledger.recent(1)
    play.configure("new")
    w.slack.wait_for(lambda _: w.desk.ledger.recent(1) != before or None, 10, "a draft")
    state = w.newest()
    play.source("shop")
    play.checked()
    modal = play.alice.modal()
    assert modal is not None
    bob = Play(w.slack, requester=BOB)
    bob.alice.command("/migrate", "", CHANNEL)
    bob._modal("Get started")
    theirs = bob.alice.modal()
    assert theirs is not None
    theirs.definition["private_metadata"] = modal.private_metadata
    theirs.definition["callback_id"] = "ferrybot_migration"
    bob.alice.fill("target", "new")
    bob.alice.fill("disk_confirm", ["confirmed"])
    bob.alice.submit()
    assert w.desk.state(state.id).status is Status.ready
    assert w.desk.state(state.id).run == 0
    assert w.desk.state(state.id).requester.id == ALICE  # type: ignore[union-attr]
