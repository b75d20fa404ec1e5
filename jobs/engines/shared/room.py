"""The folder for restore points by this worker's own eyes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from jobs.core.model import Frozen


class Room(Frozen):
    """`problem` says why the folder cannot be used."""

    folder: str = ""
    problem: str = ""
    free_bytes: int = 0


def room(folder: str) -> Room:
    """What this worker sees of it."""
    if not folder:
        return Room(problem="no folder for restore points is configured (FERRYBOT_RESTORE_POINTS)")
    path = Path(folder)
    if not path.is_dir():
        return Room(folder=folder, problem=f"{folder} is not a folder on the worker that checked")
    if not os.access(path, os.W_OK | os.X_OK):
        return Room(folder=folder, problem=f"the worker that checked may not write to {folder}")
    return Room(folder=folder, free_bytes=shutil.disk_usage(path).free)
