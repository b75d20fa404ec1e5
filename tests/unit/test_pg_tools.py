"""Which of several installations of pg_dump is taken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.engines.postgres import tools


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for installations; those in `FERRYBOT_PG_BIN` are looked at before all others."""
    folders = [tmp_path / name for name in ("wrapped", "old", "itself", "again")]
    monkeypatch.setenv(tools.BIN_VARIABLE, os.pathsep.join(map(str, folders)))
    tools.found.cache_clear()
    yield tmp_path
    tools.found.cache_clear()


def install(folder: Path, version: str, program: str = "") -> None:
    """Two programs that know their version; `program`: only links to one of that name, as Debian's are."""
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        written = folder / (program or name)
        written.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
        written.chmod(0o755)
        if program:
            (folder / name).symlink_to(program)


def test_the_newest_and_of_equals_the_program_itself_before_what_starts_it(installed: Path) -> None:
    install(installed / "wrapped", "99.2", program="pg_wrapper")
    install(installed / "old", "99.1")
    install(installed / "itself", "99.2")
    install(installed / "again", "99.2")
    folders = [tool.path_dump.parent.name for tool in tools.found() if tool.version[0] == 99]
    assert folders == ["itself", "again", "wrapped", "old"]


def test_what_only_starts_it_is_taken_where_nothing_else_is(installed: Path) -> None:
    install(installed / "wrapped", "99.2", program="pg_wrapper")
    assert tools.fitting(99, tls=False).path_restore == installed / "wrapped" / "pg_restore"
