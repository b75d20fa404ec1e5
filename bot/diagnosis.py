"""One thing that the doctor looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    said: str
    remedy: str = ""
