"""The doctor's look at a service that is MySQL or MariaDB."""

from __future__ import annotations

import pytest
import redis

from bot.sandbox.servers import MariaDbServer
from jobs.adapters.secrets import SecretStore
from jobs.core.model import Dialect, Environment, Service
from jobs.selfcheck import Question, answer


@pytest.mark.parametrize("engine", [Dialect.mysql, Dialect.mariadb])
def test_a_service_says_what_it_is(
    mariadb_server: MariaDbServer, engine: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(name="crm", engine=engine, environment=Environment.staging, secret="env:CRM_URL")
    wrong = mariadb_server.url(password="wrong")
    for url, verdict, says in ((mariadb_server.url(), "ok", "MariaDB 10.11"), (wrong, "bad", "Access denied")):
        monkeypatch.setenv("CRM_URL", url)
        # What is in the environment needs no Redis: this one is never connected to.
        found = {a.name: a for a in answer(Question(services=(service,)), SecretStore(redis.Redis())).answers}
        assert found["crm"].verdict == verdict and says in found["crm"].said
