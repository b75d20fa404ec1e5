"""The benchmark itself, at a hundredth of its size: it must not rot between the hours at which somebody measures."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.sandbox.servers import PostgresServer

KEYS = {"pair", "dataset", "peer", "peer_version", "metric", "ours", "theirs", "ratio"}


@pytest.mark.slow
def test_every_line_names_pair_peer_and_figures(pg15: PostgresServer, tmp_path: Path) -> None:
    out, path = tmp_path / "bench.json", tmp_path / "bin"
    path.mkdir()
    (path / "bash").symlink_to(str(shutil.which("bash")))
    asked = ["--pair", "15-15", "--dataset", "small", "--scale", "0.01", "--runs", "1", "--out", str(out)]
    command = [sys.executable, "-m", "tests.bench", *asked]
    ran = subprocess.run(command, env={**os.environ, "PATH": str(path)}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    lines = json.loads(out.read_text())
    assert {frozenset(line) for line in lines} == {frozenset(KEYS)}
    assert {(line["pair"], line["dataset"]) for line in lines} == {("15 → 15", "small")}
    assert {"pg_dump|psql", "pg_dump|pg_restore"} <= {line["peer"] for line in lines if line["peer_version"]}
    for line in lines:
        assert line["ours"] >= 0 and line["theirs"] > 0 and line["ratio"] >= 0
        if line["metric"] == "wall":
            assert line["ratio"] == pytest.approx(line["ours"] / line["theirs"], rel=0.1)
        assert f"{line['peer']:24} {line['metric']:24}" in ran.stdout
    assert "absent: pgcopydb" in ran.stdout, "who is not there is named"
