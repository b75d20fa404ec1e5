"""What a run does before its lanes: the database's own character set.

MySQL 8 lets ALTER DATABASE wait for every open transaction that has touched one of its tables (MariaDB does not), and
a lane's claim is such a transaction: done in a lane it would wait for itself.
"""

from __future__ import annotations

import json

from jobs.engines.mysql import worktable
from jobs.engines.mysql.connect import Connection, one, rows, run


def set_up_database(target: Connection) -> None:
    """Does the task, if it is there and open; doing it twice is harmless."""
    for number, payload in rows(
        target, "select id, payload from _ferrybot_task where kind = 'database' and done = 0"
    ):
        run(target, json.loads(payload)["sql"])
        epoch = int(one(target, "select epoch from _ferrybot_run")[0])
        worktable.mark(target, number, epoch, 0, 0, 0.0, None)
