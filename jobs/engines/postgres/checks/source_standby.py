"""A standby as the source may cancel a long copy: what it replays can need what the copy's snapshot still sees."""

from __future__ import annotations

from jobs.core.model import Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, found
from jobs.engines.postgres.inventory import Inventory

_SET = """ALTER SYSTEM SET hot_standby_feedback = on;
ALTER SYSTEM SET max_standby_streaming_delay = -1;
SELECT pg_reload_conf();
-- run by a superuser on the standby, for the time of the move; or use the primary"""


def find(inventory: Inventory) -> Findings:
    server = inventory.source.server
    if not server.in_recovery:
        return
    standby = inventory.source.standby.get()
    if standby.delay_ms < 0:
        yield found(
            Severity.inform,
            "The source is a standby that cancels no read (max_standby_streaming_delay = -1): while the run reads,"
            " its replay may wait, and it falls behind its primary.",
            object=server.database,
            remedy="Nothing, unless others need it up to date. The wait ends with the run.",
            side="source",
            field="host",
        )
        return
    after = f"after {standby.delay_ms / 1000:g} s (max_standby_streaming_delay)"
    if standby.feedback:
        what = f"a lock that the primary's DDL or VACUUM took cancels a long copy {after}"
    else:
        what = f"rows that the primary's VACUUM removes, and its locks, cancel a long copy {after}"
    yield found(
        Severity.warn,
        f"The source is a standby: {what}. The run then takes a new snapshot and proves what it had copied.",
        object=server.database,
        remedy=_SET,
        side="source",
        field="host",
    )


CHECK = PgCheck("source_standby", "Source does not cancel long reads", find, lambda _: "a primary")
