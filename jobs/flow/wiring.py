"""How the flow gets an engine and its endpoints for a migration."""

from __future__ import annotations

from typing import Protocol

from jobs.core.state import State
from jobs.ports.engine import Asked, Engine


class Asking(Protocol):
    """Turns a state into what an engine needs; the only step at which secrets are resolved."""

    def engine(self, state: State) -> Engine:
        """The engine of the state's pair; raises `Permanent` when there is none."""

    def asked(self, state: State) -> Asked:
        """Both endpoints with their passwords; raises `Permanent` when a secret cannot be had."""
