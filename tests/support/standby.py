"""A second PostgreSQL server that follows a test server."""

from __future__ import annotations

import shutil

from bot.sandbox.servers import PostgresServer


class Standby(PostgresServer):
    """Follows a server, from a base backup of it."""

    def __init__(self, primary: PostgresServer) -> None:
        super().__init__(primary.binaries)
        self.primary, self.password = primary, primary.password

    def _prepare(self) -> None:
        super()._prepare()  # the folder's owner and the binaries
        shutil.rmtree(self.data)
        backup = ["-D", self.data, "-d", self.primary.dsn(), "-R", "-c", "fast", "--no-sync"]
        self._run([self._bin / "pg_basebackup", *map(str, backup)])
