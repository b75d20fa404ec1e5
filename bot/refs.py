"""Typed, opaque values of buttons and modals. Ids and a digest: nothing else of ours travels through Slack."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Ref(BaseModel):
    """What a button acts on. `d` is the digest of the plan that was shown with it, `r` the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    m: str = Field(pattern=r"^m[0-9a-z]{10}$")
    d: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    r: int = Field(default=0, ge=0)

    def pack(self) -> str:
        return self.model_dump_json(exclude_defaults=True)


class Named(BaseModel):
    """What a button of a service acts on: the key of its name (`jobs.core.services.key_of`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    s: str = Field(pattern=r"^[0-9a-f]{16}$")

    def pack(self) -> str:
        return self.model_dump_json()


Step = (
    Literal["configure", "validation", "migration", "decline", "delegate", "glass", "accept"]
    | Literal["logs", "plan", "canonical", "history", "when", "slow", "services", "service"]
)


class Sheet(BaseModel):
    """A modal's private metadata: which migration, which step, whose channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    m: str = Field(default="", pattern=r"^(m[0-9a-z]{10})?$")
    step: Step = "configure"
    channel: str = Field(default="", pattern=r"^[A-Z0-9]*$")
    d: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    page: int = Field(default=0, ge=0, le=10_000)
    s: str = Field(default="", pattern=r"^([0-9a-f]{16})?$")

    def pack(self) -> str:
        return self.model_dump_json(exclude_defaults=True)


def ref(text: str | None) -> Ref | None:
    """The reference in a button's value; None when it is not one of ours."""
    try:
        return Ref.model_validate_json(text or "")
    except ValidationError:
        return None


def sheet(text: str | None) -> Sheet | None:
    """The sheet in a modal's metadata; None when it is not one of ours."""
    try:
        return Sheet.model_validate_json(text or "{}")
    except ValidationError:
        return None


def named(text: str | None) -> str:
    """The key of the service in a button's value; empty when it is not one of ours."""
    try:
        return Named.model_validate_json(text or "").s
    except ValidationError:
        return ""
