"""Runs one contender as a process of its own: wall time, CPU time and peak memory of the clients, never servers'."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """What a run took: seconds, CPU seconds of all client processes, MB of the largest of them."""

    wall: float
    cpu: float
    rss: float


class RunFailed(RuntimeError):
    """A contender ended with an error."""


def clock(command: Sequence[str | Path], environment: Mapping[str, str]) -> Cost:
    """Children of children count too, once their parents have collected them: a shell with `wait` does."""
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise RunFailed(
            f"{Path(command[0]).name} failed ({process.returncode}): {said.decode(errors='replace')[-1500:]}"
        )
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def shell(script: str, environment: Mapping[str, str]) -> Cost:
    """A pipe's every part must end well, and every part is counted."""
    return clock(["bash", "-c", f"set -euo pipefail\n{script}"], environment)
