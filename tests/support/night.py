"""A target that takes runs at night only, and a request to move into it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobs.core import commands as c
from jobs.core.model import Wish
from tests.support.tales import ALICE, NOON, TARGET, Tale

# NOON is Sunday, 1 March 2026, 12:00 UTC.
NIGHT = TARGET.model_copy(update={"windows": ("22:00-04:00",), "time_zone": "UTC", "windows_bind": True})


def request(tale: Tale, at: datetime | None = NOON, **wish: Any) -> c.Request:
    return c.Request(by=ALICE, digest=tale.state.digest, at=at, wish=Wish(**wish))
