"""How much of the servers a run may take: said by a person, or found by itself. Pure."""

from __future__ import annotations

from pydantic import Field

from jobs.core.model import Frozen

LEAST_BYTES = 1_000_000
"""A second. At less, even one lane would wait for longer than `jobs.flow.pace` lets a session be silent."""


class Limit(Frozen):
    """What is None is not limited."""

    lanes: int | None = Field(default=None, ge=1, le=32)
    bytes_per_second: int | None = Field(default=None, ge=LEAST_BYTES, description="of rows, all lanes together")

    def __bool__(self) -> bool:
        return self.lanes is not None or self.bytes_per_second is not None


def least(one: Limit, other: Limit) -> Limit:
    """Both hold: the tighter of each."""
    return Limit(
        lanes=_least(one.lanes, other.lanes), bytes_per_second=_least(one.bytes_per_second, other.bytes_per_second)
    )


def _least(one: int | None, other: int | None) -> int | None:
    return min((value for value in (one, other) if value is not None), default=None)
