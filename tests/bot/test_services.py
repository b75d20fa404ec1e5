"""App Home and `/migrate services`: five hundred services, ten thousand migrations, and only what one may see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import directory
from bot.config import parse_config
from bot.refs import Named
from bot.ui import services as ui
from jobs.adapters.history_redis import RedisHistory
from jobs.adapters.services_redis import RedisServices
from jobs.core.services import Replica, ServiceFacts, Slot, key_of
from jobs.core.summary import summary_of
from jobs.core.verdict import RestorePoint
from tests.bot.nasty import NASTY, grown
from tests.bot.office import CONFIG, Office, office
from tests.bot.takes import good_view
from tests.support.tales import CHANNEL, NOON, Tale, service

MANY = [service(f"db-{n:03}") for n in range(500)]
DONE = summary_of(Tale().done().state)
POINT = RestorePoint(path="/restore/shop-new.dump", bytes=2_500_000_000, sha256="ab" * 32)


def look(name: str, **more: Any) -> ServiceFacts:
    return ServiceFacts(**{"name": name, "at": NOON, "version": "16.4", "role": "primary", **more})


def text_of(view: dict[str, Any]) -> str:
    return json.dumps(view, ensure_ascii=False)


def test_five_hundred_are_on_pages_and_each_is_found() -> None:
    for page in (0, 12, 24, 99):
        view = ui.listing(CHANNEL, "", MANY, {}, page, NOON)
        good_view(view)
        shown = min(page, 24)
        assert f"500 services, page {shown + 1} of 25" in text_of(view)
        assert f"*db-{shown * 20:03}*" in text_of(view) and f"*db-{shown * 20 + 19:03}*" in text_of(view)
    assert [one.name for one in ui.found(MANY, "DB-49 postgres production")] == [f"db-49{n}" for n in range(10)]
    assert ui.found([MANY[0].model_copy(update={"protected": True}), MANY[1]], "protected") != MANY[:2]
    good_view(ui.listing("", "nothing", [], {}, 3, NOON))


def test_a_page_says_everything_with_its_age() -> None:
    facts = look(
        "shop-new",
        at=NOON - timedelta(minutes=3),
        replicas=(Replica(name="far", state="streaming", lag_seconds=7.5, lag_bytes=4_000_000), Replica(name="dark")),
        slots=(Slot(name="forgotten", active=False, retained_bytes=9_000_000_000),),
        size=1_300_000_000,
        free=40_000_000_000,
    )
    past = [DONE, DONE.model_copy(update={"restore_point": POINT})]
    view = ui.page(CHANNEL, service("shop-new"), facts, past, NOON)
    good_view(view)
    said = text_of(view)
    for words in (
        *("PostgreSQL 16.4", "primary", "1.3 GB", "40.0 GB (measured)", "3 min ago", "7.5 s behind"),
        *("its state is hidden", "*inactive*, keeps 9.0 GB of log", "/restore/shop-new.dump", "2.5 GB"),
        *("is done", "may be a target", "service_migrate", "service_logs"),
    ):
        assert words in said, words
    shut = text_of(ui.page(CHANNEL, service("shop-new").model_copy(update={"protected": True}), facts, past, NOON))
    assert "can never be a target" in shut and "service_migrate" not in shut and "service_logs" in shut


def test_what_is_not_known_is_said_so() -> None:
    lost = ServiceFacts(name="shop-new", at=NOON - timedelta(hours=2), trouble="Cannot connect: refused")
    said = text_of(ui.page(CHANNEL, service("shop-new"), lost, (), NOON))
    assert "Could not be asked 2 h ago: Cannot connect: refused" in said and said.count("not known") >= 4
    assert "Could not be asked 2 h ago" in ui.brief(lost, NOON) and ui.brief(None, NOON) == "Not looked at yet."
    hidden = ui.brief(look("x", role="", replicas_unknown="no"), NOON)
    assert "role not known" in hidden
    behind = look("x", role="replica", upstream="h", lag_seconds=75.0, read_only=True)
    assert "replica of h, 1 min 15 s behind, read-only" in ui.brief(behind, NOON)


@pytest.mark.parametrize("kind", sorted(NASTY))
def test_nasty_names_and_answers(kind: str) -> None:
    nasty, long = NASTY[kind], grown(NASTY[kind], 3000)
    one = service(grown(nasty, 70)).model_copy(update={"description": grown(nasty, 150)})
    facts = look(
        one.name,
        version=long,
        upstream=long,
        role="replica",
        replicas=tuple(Replica(name=long, state=long) for _ in range(20)),
        replicas_unknown=long,
        slots=tuple(Slot(name=long, active=False) for _ in range(20)),
        free_unknown=long,
    )
    point = RestorePoint(path=long, bytes=1, sha256="")
    past = [DONE.model_copy(update={"restore_point": point, "target": one}) for _ in range(200)]
    for known in (facts, look(one.name, trouble=long), None):
        good_view(ui.listing(CHANNEL, long, [one] * 50, {one.name: known} if known else {}, 1, NOON))
        good_view(ui.page(CHANNEL, one, known, past, NOON))
    good_view(ui.looking("", long))


# --- pressed by people ------------------------------------------------------------------------------------


@pytest.fixture
def bureau(redis_url: str, tmp_path: Path) -> Iterator[Office]:
    with office(redis_url, tmp_path) as made:
        yield made


def configured(bureau: Office, extra: dict[str, dict[str, Any]]) -> None:
    """The file with further services."""
    plain = {"engine": "postgresql", "environment": "staging", "secret": "env:SHOP_URL"}
    known: dict[str, Any] = dict(CONFIG)["services"]  # type: ignore[assignment]  # a table of mixed values
    entries = {**known, **{name: {**plain, **more} for name, more in extra.items()}}
    path = bureau.deps.settings.config_path
    path.write_text(yaml.safe_dump({**CONFIG, "services": entries}))
    assert parse_config(path.read_text())
    assert directory.tell(bureau.deps)


def test_from_home_to_a_service_and_its_logs(bureau: Office) -> None:
    configured(bureau, {})
    done = [r.event for r in Tale().done().story]
    bureau.write("m0000000001", done)
    RedisServices(bureau.deps.redis).put(look("shop-new", at=datetime.now(UTC), size=1_300_000_000))
    alice = bureau.person("alice")
    alice.open_home()
    home = bureau.slack.wait_for(lambda _: alice.home(), 20, "App Home")
    assert "shop-new" in home.plain and "primary, 1.3 GB" in home.plain
    alice.click(home, "service_open", value=Named(s=key_of("shop-new")).pack())
    page = bureau.modal("alice", "Last migrations")
    alice.click(page, "service_logs")
    past = bureau.modal("alice", "Past migrations")
    assert past.value("history_search") == "service:shop-new"
    alice.click(past, "show_logs")
    bureau.modal("alice", "newest first")
    assert [str(p) for p in bureau.slack.problems] == []


def test_the_command_searches_five_hundred_among_ten_thousand_migrations(bureau: Office) -> None:
    configured(bureau, {f"db-{n:03}": {} for n in range(498)})
    history = RedisHistory(bureau.deps.redis)
    for number in range(10_000):
        there = MANY[number % 498]
        history.put(DONE.model_copy(update={"id": f"m{number:010}", "target": there}))
    bureau.command("alice", "services")
    alice = bureau.person("alice")
    first = bureau.modal("alice", "500 services, page 1 of 25")
    alice.click(first, "services_next")
    bureau.modal("alice", "page 2 of 25")
    alice.fill("services_search", "db-497")
    alice.click(bureau.modal("alice", "1 service, page 1 of 1"), "service_open")
    page = bureau.modal("alice", f"m{19 * 498 + 497:010}")
    assert page.plain.count("is done") == ui.LATEST
    alice.click(page, "service_refresh")
    bureau.modal("alice", "A worker looks at the server now")
    assert bureau.deps.redis.llen("rq:queue:migrations") == 1
    alice.click(bureau.modal("alice", "A worker looks"), "service_migrate")
    step = bureau.modal("alice", "Step 1 of 3")
    assert step.value("target")["value"] == "db-497"
    assert [str(p) for p in bureau.slack.problems] == []


def test_a_protected_service_is_neither_offered_nor_taken(bureau: Office) -> None:
    configured(bureau, {f"db-{n:03}": {} for n in range(200)} | {"vault": {"protected": True}})
    alice = bureau.person("alice")
    bureau.command("alice", "")
    bureau.modal("alice", "Step 1 of 3")
    offered = alice.suggest("target_select", "")
    assert len(offered) == 100, "Slack takes no more; words find the others"
    assert [one["value"] for one in alice.suggest("target_select", "db-19")] == [f"db-19{n}" for n in range(10)]
    assert alice.suggest("target_select", "vault") == []
    alice.close()
    bureau.command("alice", "services vault")
    listed = bureau.modal("alice", "1 service, page 1 of 1")
    assert "protected" in listed.plain
    alice.click(listed, "service_open")
    assert "service_migrate" not in [el["action_id"] for _, el in bureau.modal("alice", "Restore points").elements()]


def test_a_service_of_other_channels_is_for_its_owners(bureau: Office) -> None:
    configured(bureau, {"payroll": {"channels": ["C0ELSEWHERE"], "owners": ["U0ALICE"]}})
    bureau.command("bob", "services payroll")
    bureau.modal("bob", "No service that you may see here fits.")
    bureau.command("alice", "services payroll")
    bureau.modal("alice", "1 service, page 1 of 1")
