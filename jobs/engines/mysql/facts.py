"""Facts of one side, as values: what a server said, or why it could not be asked. Holds no secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from jobs.engines.mysql.catalog import ForeignKey
from jobs.engines.mysql.flavour import Flavour
from jobs.engines.shared.checks import SideName as SideName
from jobs.engines.shared.checks import Unreached as Unreached
from jobs.engines.shared.checks import Unread as Unread

T = TypeVar("T")


@dataclass(frozen=True)
class Fact(Generic[T]):
    """A value that was read, or the reason why it was not: an unread fact cannot be mistaken for an empty one."""

    value: T | None = None
    reason: str = "it was not asked for"

    def get(self) -> T:
        """The value. Raises `Unread`."""
        if self.value is None:
            raise Unread(self.reason)
        return self.value


@dataclass(frozen=True)
class Unreachable:
    """A side that gave no facts; `field` is the form's field at fault, if one is."""

    kind: Literal["permanent", "transient"]
    message: str
    remedy: str
    field: str = ""


@dataclass(frozen=True)
class Server:
    """The server and the session's account. `settings` are global variables by name, in lower case.

    `account` is the one that the server matched (`user@host`), which grants are given to."""

    flavour: Flavour
    settings: Mapping[str, str]
    account: str
    database: str
    tls: bool
    steady: bool = True
    """every statement of a session ran in the same session of the server"""
    proxied: bool = False
    """something between us and the server greeted us"""

    def on(self, setting: str) -> bool:
        return self.settings.get(setting, "OFF").upper() in ("ON", "1", "YES", "TRUE")

    def number(self, setting: str, default: int = 0) -> int:
        text = self.settings.get(setting, "")
        return int(text) if text.lstrip("-").isdigit() else default

    @property
    def identity(self) -> str:
        """MySQL's own identity; MariaDB has none, so what tells one server from another is put together."""
        uuid = self.settings.get("server_uuid", "")
        names = ("hostname", "port", "server_id", "datadir")
        return uuid or " ".join(self.settings.get(name, "?") for name in names)

    @property
    def lower_case(self) -> bool:
        """Names of tables are compared without case."""
        return self.number("lower_case_table_names") != 0


@dataclass(frozen=True)
class Connections:
    """Limits and use; a limit of 0 is none. `used` None: the account may not see it."""

    server_limit: int
    server_used: int | None
    user_limit: int
    user_used: int

    @property
    def free(self) -> int:
        """How many more this account can open now, as far as it may see."""
        free = [self.server_limit - (self.server_used or 0)]
        if self.user_limit:
            free.append(self.user_limit - self.user_used)
        return max(0, min(free))


@dataclass(frozen=True)
class Speed:
    """Measured from this worker: the median round trip, and bytes per second of a stream that touches no table."""

    round_trip_seconds: float
    bytes_per_second: float


@dataclass(frozen=True)
class Replication:
    """`upstream` is where this server replicates from, if it does; `behind` in seconds, None: it does not say."""

    upstream: str = ""
    running: bool = False
    behind: float | None = None


@dataclass(frozen=True)
class Transaction:
    """An open transaction of somebody else."""

    thread: int
    seconds: int


@dataclass(frozen=True)
class Leftover:
    """Tables `_ferrybot_*` of the target: whose run they hold."""

    present: bool
    migrations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Orphans:
    """What a look at one foreign key found; `rows` None: not counted, for `reason`. `query` finds the rows."""

    table: str
    key: ForeignKey
    query: str
    rows: int | None
    capped: bool = False
    reason: str = ""

    @property
    def label(self) -> str:
        return f"{self.table}.{self.key.name}"


@dataclass(frozen=True)
class Zeros:
    """Zero dates of one column; `some` None: not looked at, for `reason`."""

    table: str
    column: str
    some: bool | None
    reason: str = ""

    @property
    def label(self) -> str:
        return f"{self.table}.{self.column}"


Consistency = Literal["binlog", "gtid", "lock", "single"]
"""How several sessions of the source come to see one instant: all at one place in the binary log (MariaDB), no
transaction in between (MySQL with GTIDs), a moment without writers (LOCK TABLES), or there is only one session."""
