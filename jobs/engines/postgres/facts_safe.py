"""Facts that only a hold or an overwriting asks for."""

from __future__ import annotations

from pydantic import Field

from jobs.core.model import Frozen
from jobs.engines.shared.room import Room as Room


class Holding(Frozen):
    """Whether the source's tables can be held: `shut` lists those that this role may not lock."""

    shut: tuple[tuple[str, str], ...] = ()
    writers: tuple[str, ...] = Field(default=(), description="transactions that write to moved tables right now")
    locks: int = Field(default=0, description="how many locks the server has room for")


class Replacement(Frozen):
    """What overwriting the target needs to know of it."""

    room: Room
    bytes: int = Field(description="of the whole database")
    sessions: tuple[str, ...] = Field(default=(), description="who else is connected to it")
    tool: str = ""
    tool_problem: str = ""
    tool_remedy: str = ""
    not_ours: tuple[str, ...] = Field(default=(), description="objects that this role can neither drop nor give back")
    superuser_only: tuple[str, ...] = Field(default=(), description="objects that only a superuser can make again")
    going: tuple[str, ...] = Field(default=(), description="extensions that are dropped")
