"""More moments to die in: before each statement of pymysql or psycopg, and around the life of a child process."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import psycopg
from pymysql.cursors import Cursor


def count_statements(event: Callable[[], None]) -> None:
    """Every statement that a driver is asked for is an event, too."""
    execute, asked = Cursor.execute, psycopg.Cursor.execute

    def counted(self: Cursor, query: str, args: Any = None) -> int:
        event()
        return execute(self, query, args)

    def counted_there(self: psycopg.Cursor[Any], *args: Any, **more: Any) -> psycopg.Cursor[Any]:
        event()
        return asked(self, *args, **more)

    Cursor.execute = counted  # type: ignore[method-assign]  # only in this process, which is about to die
    psycopg.Cursor.execute = counted_there  # type: ignore[assignment, method-assign]  # here, too


def count_children(event: Callable[[], None]) -> None:
    """The start of a dump program or client is an event, and the moment in which it has all that it will get."""

    class Child(subprocess.Popen[bytes]):
        def __init__(self, command: Any, **more: Any) -> None:
            super().__init__(command, **more)
            if "--version" not in command:
                event()

        def wait(self, timeout: float | None = None) -> int:
            if self.poll() is None and "--version" not in self.args:  # type: ignore[operator]
                event()
            return super().wait(timeout)

    subprocess.Popen = Child  # type: ignore[misc, assignment]  # only in this process, which is about to die
