"""Small words that plan, checks and verdict share. Pure."""

from __future__ import annotations

import hashlib
import json

from jobs.engines.mysql_postgres.ddl import Ddl, Left


def definitions(ddl: Ddl) -> dict[str, str]:
    """A short hash of everything that is made, by its name: the same while schema and answers stay."""
    found: dict[str, str] = {}
    for made in (*ddl.pre, *ddl.indexes, *ddl.foreign_keys, *ddl.post, *ddl.views):
        name = f"{made.kind} {made.name}"
        found[name] = hashlib.sha256(f"{found.get(name, '')}{made.sql}".encode()).hexdigest()[:16]
    for left in ddl.left:
        found[f"{left.kind} {left.name} (left)"] = hashlib.sha256(left.why.encode()).hexdigest()[:16]
    return found


def fingerprint(ddl: Ddl) -> str:
    """64 hex digits over all of it."""
    return hashlib.sha256(json.dumps(sorted(definitions(ddl).items())).encode()).hexdigest()


def sentence(left: Left) -> str:
    """As the plan says it; never longer than a line of a thread bears."""
    text = str(left)
    return text if len(text) <= 400 else text[:397] + "…"
