"""MySQL or MariaDB to PostgreSQL, as the flow sees it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from jobs.core.errors import Permanent, Stopped
from jobs.core.model import CheckResult
from jobs.core.plan import MigrationPlan
from jobs.engines.mysql.facts import Unreached as SourceUnreached
from jobs.engines.mysql.facts import Unread as SourceUnread
from jobs.engines.mysql.gauge import MysqlGauge
from jobs.engines.mysql_postgres.checks.all import CHECKS
from jobs.engines.mysql_postgres.checks.base import PairCheck, look
from jobs.engines.mysql_postgres.conductor import conduct
from jobs.engines.mysql_postgres.inspect import inspect
from jobs.engines.mysql_postgres.inventory import Inventory
from jobs.engines.mysql_postgres.plan import plan
from jobs.engines.postgres.facts import Unreached, Unread
from jobs.engines.postgres.gauge import PostgresGauge
from jobs.ports.engine import Asked, Check, Conductor, Gauge, Lane, Side


class MySqlPostgresEngine:
    """`jobs.ports.engine.Engine` from MySQL or MariaDB to PostgreSQL."""

    @property
    def checks(self) -> Sequence[Check]:
        return CHECKS

    def inspect(self, asked: Asked) -> Inventory:
        return inspect(asked)

    def look(self, check: Check, inventory: Any) -> CheckResult:
        assert isinstance(check, PairCheck) and isinstance(inventory, Inventory)
        return look(check, inventory)

    def plan(self, asked: Asked, inventory: Any) -> MigrationPlan:
        """Raises `Permanent` when a fact without which there is no plan could not be read."""
        assert isinstance(inventory, Inventory)
        try:
            return plan(inventory)
        except (Unread, Unreached, SourceUnread, SourceUnreached) as error:
            raise Permanent(
                f"There is no plan without a full look at both databases: {error}",
                meaning="Nothing was changed.",
                remedy="Mend what the checks say and run them again.",
            ) from None

    def conductor(self, asked: Asked, plan: MigrationPlan) -> AbstractContextManager[Conductor]:
        return conduct(asked, plan)

    def lane(self, asked: Asked, plan: MigrationPlan) -> AbstractContextManager[Lane]:
        """None from another process: the source's snapshot cannot leave the conductor's."""
        raise Stopped("Only the conductor's own process can read the source's snapshot")

    def gauge(self, asked: Asked, side: Side) -> Gauge:
        return MysqlGauge(asked.source) if side == "source" else PostgresGauge(asked.target)
