"""Which tables move: as every engine selects them."""

from __future__ import annotations

from jobs.engines.shared.select import Key, idle, matches, named, selected

__all__ = ["Key", "idle", "matches", "named", "selected"]
