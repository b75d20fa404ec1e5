"""What is known of a service: facts of its server, read now and then, and never a secret."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import AwareDatetime, Field

from jobs.core.model import Frozen


class Replica(Frozen):
    """A server that follows the service's; what the user may not see is None."""

    name: str
    state: str | None = None
    lag_seconds: float | None = None
    lag_bytes: int | None = None


class Slot(Frozen):
    """A replication slot: inactive, it keeps `retained_bytes` of log for nobody."""

    name: str
    active: bool
    retained_bytes: int | None = None


class ServiceFacts(Frozen):
    """One look at a service's server. With `trouble` it could not be reached, and nothing else is known."""

    name: str
    at: AwareDatetime
    trouble: str = Field(default="", description="why the server could not be asked; empty when it answered")
    version: str = ""
    role: Literal["primary", "replica", ""] = ""
    read_only: bool = Field(default=False, description="takes no writes, whatever its role")
    upstream: str = Field(default="", description="of a replica: where it replicates from, if it says so")
    lag_seconds: float | None = Field(default=None, description="of a replica: how far it is behind")
    replicas: tuple[Replica, ...] = ()
    replicas_unknown: str = Field(default="", description="why its replicas cannot be told, if they cannot")
    slots: tuple[Slot, ...] = ()
    size: int | None = Field(default=None, description="bytes of the database")
    free: int | None = Field(default=None, description="bytes free on the server's disk, as it measured them")
    free_unknown: str = Field(default="", description="why the free disk cannot be told")


def key_of(name: str) -> str:
    """Names a service where its name must not stand: in a button, in a job's id."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]
