"""Which function performs which kind of task."""

from __future__ import annotations

from jobs.engines.mysql_postgres.perform.copy import copy, look_at_parts
from jobs.engines.mysql_postgres.perform.counters import set_counters
from jobs.engines.mysql_postgres.perform.hands import Performer
from jobs.engines.mysql_postgres.perform.statements import build, make_views, run_texts, validate
from jobs.engines.mysql_postgres.perform.verify import verify

PERFORMERS: dict[str, Performer] = {
    "schema": run_texts,
    "parts": look_at_parts,
    "copy": copy,
    "index": build,
    "foreign keys": run_texts,
    "validate": validate,
    "sequences": set_counters,
    "post": run_texts,
    "views": make_views,
    "analyze": run_texts,
    "verify": verify,
}
