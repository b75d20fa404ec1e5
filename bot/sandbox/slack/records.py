"""What the sandbox remembers of what happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """Something that a careful app would not have let happen."""

    kind: str
    what: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class ApiCall:
    """One call of the Web API: tokens removed, monotonic time, the fault that hit it if any."""

    method: str
    args: Json
    ok: bool
    error: str | None
    status: int
    at: float
    response: Json = field(default_factory=dict)
    fault: str | None = None


@dataclass(frozen=True)
class GestureResult:
    """How one gesture ended: acknowledged in time or not, with what body, and what the person was shown."""

    acked: bool
    body: Json | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Acknowledged, and nothing went wrong in front of the person."""
        return self.acked and self.error is None


@dataclass(frozen=True)
class SubmitResult(GestureResult):
    """How a submission ended; `errors` are the ones now shown beside the fields."""

    errors: dict[str, str] = field(default_factory=dict)
    delivered: bool = True


class ApiError(Exception):
    """A refusal of the Web API, named as Slack names it."""

    def __init__(self, error: str, *messages: str, **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.messages = list(messages)
        self.extra = extra
