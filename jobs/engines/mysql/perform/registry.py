"""Which function performs which kind of task."""

from __future__ import annotations

from jobs.engines.mysql.perform.copy import copy, look_at_parts, verify
from jobs.engines.mysql.perform.counters import set_counters
from jobs.engines.mysql.perform.hands import Performer
from jobs.engines.mysql.perform.objects import (
    add_foreign_keys,
    analyze,
    build_indexes,
    create,
    create_programs,
    find_orphans,
    set_up_database,
)

PERFORMERS: dict[str, Performer] = {
    "database": set_up_database,
    "tables": create,
    "parts": look_at_parts,
    "copy": copy,
    "index": build_indexes,
    "foreign keys": add_foreign_keys,
    "counters": set_counters,
    "orphans": find_orphans,
    "programs": create_programs,
    "triggers": create_programs,
    "analyze": analyze,
    "verify": verify,
}
