"""The SQL of inspection: one named file per fact in `sql/`, the same text for PostgreSQL 10 to 18."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> bytes:
    """The text of `sql/<name>.sql`; bytes, since psycopg takes text only from literals."""
    return files("jobs.engines.postgres").joinpath("sql", f"{name}.sql").read_bytes()
