"""The demo as a newcomer runs it: it plays, stays up, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from bot.sandbox.stage import descendants

pytestmark = pytest.mark.story


def test_the_demo_plays_stays_up_and_leaves_nothing_behind() -> None:
    # In /tmp, and not in pytest's long folder: sockets' paths are limited, and PostgreSQL's own user must reach it.
    with tempfile.TemporaryDirectory(prefix="demo-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        demo = subprocess.Popen(
            [sys.executable, "-m", "bot", "demo", "--scale", "0.01"],
            env={**os.environ, "TMPDIR": folder, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            told = _until(demo, "Everything stays up")
            assert "finds source and target equal" in told
            assert "Receipt" in told
            address = next(word for word in told.split() if word.startswith("http://127.0.0.1:"))
            assert httpx.get(address).status_code == 200
            started = descendants(demo.pid)
            assert len(started) > 5, "servers and processes were running"
            demo.send_signal(signal.SIGINT)
            assert demo.wait(60) == 0
        finally:
            demo.kill()
        assert not [pid for pid in started if _ours(pid)]
        assert list(Path(folder).iterdir()) == []


def _until(demo: subprocess.Popen[str], words: str) -> str:
    told = ""
    assert demo.stdout is not None
    for line in demo.stdout:
        told += line
        if words in line:
            return told
    raise AssertionError(f"the demo ended without saying {words!r}:\n{told}")


def _ours(pid: int) -> bool:
    """The process still runs; a zombie that waits for its parent does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
