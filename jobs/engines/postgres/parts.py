"""SQL files of several statements, each under a line `-- name: ...`."""

from __future__ import annotations

import re
from functools import cache

from jobs.engines.postgres.queries import query


@cache
def parts(file: str) -> dict[str, str]:
    """Name -> statement, in the order of `sql/<file>.sql`."""
    pieces = re.split(r"^-- name: (.+)$", query(file).decode(), flags=re.M)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))
