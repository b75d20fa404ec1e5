"""Where the tests' servers keep their files: in memory where there is plenty of it, else where TMPDIR says.

The suite makes and drops hundreds of databases of a thousand files each. ext4 passes by each inode that was freed
within minutes before taking one, so that whoever comes last is slowest (32 tests of runs: 66 to 86 s, in memory 62 to
67).
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
FREE_BYTES = 10 << 30
"""Three workers' servers held at most 4 GB at a time."""
AVAILABLE_BYTES = 14 << 30
"""The same, and room for servers, Chromium and tests themselves."""


def choose() -> None:
    """Sets TMPDIR for this process and those that it starts, unless somebody set it."""
    if "TMPDIR" in os.environ or not _plenty():
        return
    folder = tempfile.mkdtemp(prefix="ferrybot-tests-", dir=MEMORY)
    # As root the servers run as another user.
    Path(folder).chmod(0o755)
    os.environ["TMPDIR"], tempfile.tempdir = folder, None
    atexit.register(_remove, folder, os.getpid())


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _plenty() -> bool:
    try:
        room, memory = os.statvfs(MEMORY), Path("/proc/meminfo").read_text()
    except OSError:
        return False
    if not os.access(MEMORY, os.W_OK):
        return False
    available = int(memory.partition("MemAvailable:")[2].split()[0]) << 10
    return room.f_bavail * room.f_frsize >= FREE_BYTES and available >= AVAILABLE_BYTES
