"""The doorbell: names work to be done. It may ring twice or be lost; the ledger is the truth."""

from __future__ import annotations

from typing import Protocol

from jobs.core.lifecycle import Ring


class Queue(Protocol):
    def ring(self, ring: Ring) -> bool:
        """Enqueues the job; False when a job with this id is waiting or at work."""

    def waiting(self, ring: Ring) -> bool:
        """A job of this kind is in its queue, or was claimed so lately that its heartbeat may not be there yet."""
