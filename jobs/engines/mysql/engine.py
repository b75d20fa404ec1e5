"""MySQL and MariaDB to the same, as the flow sees it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from jobs.core.errors import Permanent
from jobs.core.model import CheckResult
from jobs.core.plan import MigrationPlan
from jobs.engines.mysql.checks.all import CHECKS
from jobs.engines.mysql.checks.base import MyCheck, look
from jobs.engines.mysql.conductor import conduct
from jobs.engines.mysql.facts import Unreached, Unread
from jobs.engines.mysql.gauge import MysqlGauge
from jobs.engines.mysql.inspect import inspect
from jobs.engines.mysql.inventory import Inventory
from jobs.engines.mysql.lane import open_lane
from jobs.engines.mysql.plan import plan
from jobs.ports.engine import Asked, Check, Conductor, Gauge, Lane, Side


class MysqlEngine:
    """`jobs.ports.engine.Engine` for two servers of the MySQL family."""

    @property
    def checks(self) -> Sequence[Check]:
        return CHECKS

    def inspect(self, asked: Asked) -> Inventory:
        return inspect(asked)

    def look(self, check: Check, inventory: Any) -> CheckResult:
        assert isinstance(check, MyCheck) and isinstance(inventory, Inventory)
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
        """A lane that cannot read the source: its tasks are those that need the target alone."""
        return open_lane(asked, plan)

    def gauge(self, asked: Asked, side: Side) -> Gauge:
        return MysqlGauge(asked.source if side == "source" else asked.target)
