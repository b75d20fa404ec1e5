"""One conductor at a time in each target: what the fences of all engines have in common."""

from __future__ import annotations

FENCE_SECONDS = 3
"""A closed connection ends its session, and gives its locks back, a moment later: under 10 ms on an idle server, over
a second seen where all processors were taken. Who finds the fence held for longer leaves the run to its holder."""
