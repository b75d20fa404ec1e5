"""Runs one contender as a process of its own: wall time, CPU time and peak memory of the clients, never servers'."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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


# Run by a small Python of its own: a process begins with the peak memory of the one that started it, and the
# bench itself is larger than any of these tools.
_LAUNCHER = """
import json, resource, subprocess, sys, time
began = time.monotonic()
ran = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
wall, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([ran.returncode, wall, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


def clock(command: Sequence[str | Path], environment: Mapping[str, str]) -> Cost:
    """Children of children count too, once their parents have collected them, as shells do."""
    launched = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command]
    ran = subprocess.run(launched, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    code, wall, cpu, rss = json.loads(ran.stdout)
    if code:
        raise RunFailed(f"{Path(command[0]).name} failed ({code}): {ran.stderr[-1500:]}")
    return Cost(wall, cpu, rss / (1 << 20 if sys.platform == "darwin" else 1 << 10))


def shell(script: str, environment: Mapping[str, str]) -> Cost:
    """A pipe's every part must end well, and every part is counted."""
    return clock(["bash", "-c", f"set -euo pipefail\n{script}"], environment)
