"""What a job asks an engine for: the options, and what ferrybot.yaml says of the source's columns."""

from __future__ import annotations

import redis
from pydantic import SecretStr

from jobs.adapters.board_redis import RedisBoard
from jobs.adapters.history_redis import RedisHistory
from jobs.adapters.ledger_redis import RedisLedger
from jobs.adapters.queue_rq import RqDoorbell
from jobs.adapters.rehearsals_redis import RedisRehearsals
from jobs.adapters.secrets import SecretStore
from jobs.adapters.services_redis import RedisServices
from jobs.core.model import TypedSource
from jobs.core.state import State
from jobs.desk import Desk
from jobs.tasks import Wired
from tests.support.tales import MIGRATION, SOURCE, TARGET

RULES = (("enums", "type"), ("column:orders.flag", "smallint"))


def wired_to(client: redis.Redis, secrets: SecretStore) -> Wired:
    desk, services = Desk(RedisLedger(client), RqDoorbell(client)), RedisServices(client)
    return Wired(desk, RedisBoard(client), secrets, RedisHistory(client), RedisRehearsals(client), services=services)


def test_a_services_rules_reach_the_engine_and_a_typed_source_has_none(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        secrets = SecretStore(client, SecretStr("k" * 32), {"SHOP_URL": "postgresql://u:p@h/d"})
        wired = wired_to(client, secrets)
        ruled = SOURCE.model_copy(update={"rules": RULES})
        assert wired.asked(State(id=MIGRATION, source=ruled, target=TARGET)).rules == RULES
        # A target's rules are about its own columns, when it is a source.
        typed = TypedSource(host="h", port=3306, database="d", user="u")
        target = TARGET.model_copy(update={"rules": RULES})
        assert wired.asked(State(id=MIGRATION, source=typed, target=target)).rules == ()


def test_whether_the_target_is_protected_is_asked_of_todays_configuration(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        secrets = SecretStore(client, SecretStr("k" * 32), {"SHOP_URL": "postgresql://u:p@h/d"})
        wired, services = wired_to(client, secrets), RedisServices(client)
        state, shut = State(id=MIGRATION, source=SOURCE, target=TARGET), {"protected": True}
        then = state.model_copy(update={"target": TARGET.model_copy(update=shut)})
        assert (wired.asked(state).protected, wired.asked(then).protected) == (False, True), "by the story alone"
        services.publish([TARGET.model_copy(update=shut)])
        assert wired.asked(state).protected
        services.publish([TARGET])
        assert not wired.asked(then).protected, "what was protected then is not any more"
