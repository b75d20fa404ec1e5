"""What every engine's checks say of a failover that may come during a run; the run's own watch is in `jobs.flow`."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.engines.shared.checks import SideName

_THEN = "Plan no switchover for that time. If it pauses, look where both databases are, then press Resume:"

REMEDY: Mapping[SideName, str] = {
    "source": f"{_THEN} the snapshot is lost then, and what was copied is proven against a new one.",
    "target": f"{_THEN} the new primary keeps what it had received of the run, and the rest is done again.",
}
