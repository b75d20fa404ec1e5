"""A conductor and lane in a process of its own that kills itself at its n-th event, as a lost machine would.

Reads a JSON document from standard input: the two addresses, the options, the plan, and the event.
"""

from __future__ import annotations

import json
import sys

from jobs.core import chunks
from jobs.core.model import Options
from jobs.core.plan import MigrationPlan
from jobs.engines.mysql_postgres import locks
from jobs.engines.mysql_postgres.conductor import conduct
from jobs.ports.engine import Asked
from tests.servers.doomed import Doom, drain, endpoint


def main() -> None:
    order = json.load(sys.stdin)
    plan = MigrationPlan.model_validate_json(order["plan"])
    options = Options.model_validate(order["options"])
    chunks.LEAST_BYTES = locks.CUT_BYTES = order["chunk_bytes"]
    asked = Asked(plan.migration, endpoint(order["source"]), endpoint(order["target"]), options)
    doom = Doom(order["at"])
    with conduct(asked, plan) as conductor:
        conductor.prepare(doom)
        with conductor.lane() as lane:
            drain(lane, doom)
        doom.event()
        conductor.verdict()


if __name__ == "__main__":
    main()
