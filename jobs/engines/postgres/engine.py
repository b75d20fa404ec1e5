"""PostgreSQL to PostgreSQL, as the flow sees it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from jobs.core.errors import Permanent
from jobs.core.model import CheckResult
from jobs.core.plan import MigrationPlan
from jobs.engines.postgres.checks.all import CHECKS
from jobs.engines.postgres.checks.base import PgCheck, look
from jobs.engines.postgres.conductor import conduct
from jobs.engines.postgres.facts import Unreached, Unread
from jobs.engines.postgres.gauge import PostgresGauge
from jobs.engines.postgres.inspect import inspect
from jobs.engines.postgres.inventory import Inventory
from jobs.engines.postgres.lane import open_lane
from jobs.engines.postgres.plan import plan
from jobs.ports.engine import Asked, Check, Conductor, Gauge, Lane, Side


class PostgresEngine:
    """`jobs.ports.engine.Engine` for two PostgreSQL servers."""

    @property
    def checks(self) -> Sequence[Check]:
        return CHECKS

    def inspect(self, asked: Asked) -> Inventory:
        return inspect(asked)

    def look(self, check: Check, inventory: Any) -> CheckResult:
        assert isinstance(check, PgCheck) and isinstance(inventory, Inventory)
        return look(check, inventory)

    def plan(self, asked: Asked, inventory: Any) -> MigrationPlan:
        """Raises `Permanent` when a fact without which there is no plan could not be read."""
        assert isinstance(inventory, Inventory)
        try:
            return plan(inventory)
        except (Unread, Unreached) as error:
            raise Permanent(
                f"There is no plan without a full look at both databases: {error}",
                meaning="Nothing was changed.",
                remedy="Mend what the checks say and run them again.",
            ) from None

    def conductor(self, asked: Asked, plan: MigrationPlan) -> AbstractContextManager[Conductor]:
        return conduct(asked, plan)

    def lane(self, asked: Asked, plan: MigrationPlan) -> AbstractContextManager[Lane]:
        return open_lane(asked, plan)

    def gauge(self, asked: Asked, side: Side) -> Gauge:
        return PostgresGauge(asked.source if side == "source" else asked.target)
