"""Waits for its parent to die, however it dies, then kills the parent's servers and deletes their folder.

Run as a script: `python -I -S watchdog.py PARENT_PID FOLDER`. It imports only the standard library.

Why not `prctl(PR_SET_PDEATHSIG)`: that signal comes when the *thread* that started the child ends, so a
server started from a thread pool would die with its thread; and nobody would delete the folder.
"""

import contextlib
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

_POLL = 0.2  # seconds between two looks at the parent where the kernel has no pidfd (macOS, Linux before 5.3)
_PATIENCE = 5.0  # PostgreSQL took under 0.1 s for an immediate shutdown (SIGQUIT); then SIGKILL


def wait_for_death(parent: int) -> None:
    """Return as soon as `parent`, which started this process, is gone."""
    with contextlib.suppress(AttributeError, OSError):
        descriptor = os.pidfd_open(parent)
        # Asked after opening: had the number been given to another process, the parent would be another too.
        if os.getppid() == parent:
            select.select([descriptor], [], [])
        return
    while os.getppid() == parent:
        time.sleep(_POLL)


def is_server(pid: int, folder: Path) -> bool:
    """Whether `pid` still runs out of `folder`, since numbers are given again; without /proc, trust it."""
    if not Path("/proc/self").exists():
        return True
    with contextlib.suppress(OSError):
        return os.fsencode(folder) in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def end(pid: int, folder: Path) -> None:
    """Ask with SIGQUIT, which makes PostgreSQL end its children, and insist with SIGKILL."""
    deadline = time.monotonic() + _PATIENCE
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT)
        while is_server(pid, folder) and time.monotonic() < deadline:
            time.sleep(0.02)
            os.kill(pid, 0)
        if is_server(pid, folder):
            os.kill(pid, signal.SIGKILL)


def clean(folder: Path) -> None:
    """End every server whose pid file lies in `folder`, then delete the folder."""
    for file in folder.glob("*/server.pid"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(file.read_text())
            if is_server(pid, folder):
                end(pid, folder)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    wait_for_death(int(sys.argv[1]))
    clean(Path(sys.argv[2]))
