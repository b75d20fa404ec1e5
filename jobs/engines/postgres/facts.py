"""Facts of one side, as values: what a catalog said, or why it could not be asked. Holds no secret."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pydantic import Field

from jobs.core.model import Frozen
from jobs.engines.shared.checks import SideName as SideName
from jobs.engines.shared.checks import Unreached as Unreached
from jobs.engines.shared.checks import Unread as Unread

T = TypeVar("T")


class Fact(Frozen, Generic[T]):
    """A value that was read, or the reason why it was not: an unread fact cannot be mistaken for an empty one."""

    value: T | None = None
    reason: str = "it was not asked for"

    def get(self) -> T:
        """The value. Raises `Unread`."""
        if self.value is None:
            raise Unread(self.reason)
        return self.value


class Unreachable(Frozen):
    """A side that gave no facts; `field` is the form's field at fault, if one is.

    `pooled`: it answers, through a transaction pooler, in whose sessions we must not set anything."""

    kind: Literal["permanent", "transient"]
    message: str
    remedy: str
    field: str = ""
    pooled: bool = False


class Server(Frozen):
    """The server, the database and the session's role, as the server describes them."""

    version_num: int
    version: str
    database: str
    role: str
    superuser: bool
    managed_admin: bool = Field(description="member of a cloud's substitute for a superuser")
    bypass_rls: bool
    in_recovery: bool
    read_only: bool
    can_create_role: bool
    owns_database: bool
    can_create_schema: bool
    can_use_public: bool = Field(description="may create in schema public, or there is none")
    owns_public: bool = Field(description="may comment on schema public and grant on it, or there is none")
    public_exists: bool
    encoding: str
    collate: str
    ctype: str
    provider: str = Field(description="c = libc, i = ICU, b = builtin")
    locale: str
    collation_version: str
    locks_per_session: int
    lock_room: int = Field(description="locks that the settings promise")
    lc_monetary: str
    wal_level: str
    archiving: bool
    max_wal_bytes: int
    freeze_age: int
    freeze_limit: int
    address: str
    started: str
    tls: bool

    @property
    def major(self) -> int:
        return self.version_num // 10000


class Connections(Frozen):
    """Limits and use; a limit of -1 is none."""

    server_limit: int
    reserved: int
    server_used: int
    database_limit: int
    database_used: int
    role_limit: int
    role_used: int

    @property
    def free(self) -> int:
        """How many more this role can open in this database now."""
        pairs = [(self.server_limit - self.reserved, self.server_used)]
        pairs += [(self.database_limit, self.database_used), (self.role_limit, self.role_used)]
        return max(0, min(limit - used for limit, used in pairs if limit >= 0))


class Table(Frozen):
    """A table, partitioned table or foreign table; sizes in bytes, `rows` is an estimate, -1 is unknown."""

    schema_name: str
    name: str
    kind: Literal["r", "p", "f"]
    persistence: Literal["p", "u", "t"]
    owner: str
    partition: bool
    parent_schema: str | None
    parent_name: str | None
    of_extension: bool
    table_bytes: int
    index_bytes: int
    largest_index_bytes: int
    rows: int
    has_primary_key: bool
    row_security: bool
    row_security_forced: bool
    owns: bool
    readable: bool
    writable: bool = Field(description="may insert, delete and truncate, and look whether there are rows")
    guarded: bool = Field(description="has triggers or rules that a load must silence")

    @property
    def label(self) -> str:
        return f"{self.schema_name}.{self.name}"

    @property
    def key(self) -> tuple[str, str]:
        return self.schema_name, self.name

    @property
    def parent(self) -> tuple[str, str] | None:
        """The partitioned table of a partition."""
        return (self.parent_schema or "", self.parent_name or "") if self.partition else None

    @property
    def bytes(self) -> int:
        return self.table_bytes + self.index_bytes


class Column(Frozen):
    """A column; `base` is its type below domains, `element` that of a built-in array, as built-in OIDs or 0.

    `enum`: below domains it is one. `names`: its values name relations or routines (regclass and the like)."""

    schema_name: str
    table_name: str
    name: str
    type: str
    base: int
    element: int
    enum: bool = False
    names: bool = False
    generated: bool


class Object(Frozen):
    """Anything else that a person made: `kind` is a person's word for it."""

    kind: str
    schema_name: str
    name: str
    table_name: str = ""
    bytes: int = 0

    @property
    def label(self) -> str:
        return f"{self.schema_name}.{self.name}" if self.schema_name else self.name


class Oddity(Frozen):
    """An object with a property that a check warns of; `kind` names the property, `note` completes it."""

    kind: str
    schema_name: str
    table_name: str = ""
    name: str
    note: str = ""

    @property
    def label(self) -> str:
        return f"{self.schema_name}.{self.name}" if self.schema_name else self.name


class Definition(Frozen):
    """A line of the schema fingerprint."""

    kind: str
    schema_name: str
    table_name: str
    name: str
    text: str


class Extension(Frozen):
    name: str
    version: str
    schema_name: str
    configuration: bool
    owns_schema: bool = Field(description="the user speaks for the schema's owner")
    creates_in_schema: bool


class AvailableExtension(Frozen):
    name: str
    default_version: str
    versions: tuple[str, ...]
    superuser: bool
    trusted: bool


class Language(Frozen):
    name: str
    trusted: bool
    usable: bool
    of_extension: bool
    used: bool = Field(description="a function of people is written in it")
    with_handler: bool = Field(description="its handler is a function of people: both travel")


class Wrapper(Frozen):
    """A foreign-data wrapper."""

    name: str
    of_extension: bool
    usable: bool
    users: tuple[str, ...] = Field(description="roles that may make servers of it")


class Routine(Frozen):
    """A function that not every role can create: its language is C, internal or untrusted."""

    schema_name: str
    name: str
    language: str
    library: str


class Collation(Frozen):
    schema_name: str
    name: str
    provider: str
    locale: str


class CollationUse(Frozen):
    """A collation that a column, index or domain of the source names."""

    schema_name: str
    name: str
    provider: str
    locale: str
    used_by: str
    recorded_version: str
    actual_version: str


class PathFunction(Frozen):
    """A function that something stored depends on, whose text names `word` without its schema."""

    schema_name: str
    name: str
    used_schema: str
    used_table: str
    used_by: str
    word: str
    word_schema: str


class Bloat(Frozen):
    """A table's main file, and how much of it its rows do not need, by the statistics."""

    schema_name: str
    name: str
    bytes: int
    wasted: int


class ForeignKey(Frozen):
    """An enforced foreign key. `operators` compare the other table's columns with ours, as SQL.

    Of one over a `period` the last column is the period: the other table's rows together must cover it."""

    name: str
    schema_name: str
    table_name: str
    to_schema: str
    to_table: str
    columns: tuple[str, ...]
    to_columns: tuple[str, ...]
    operators: tuple[str, ...]
    only: bool = Field(description="our table is not partitioned: its heirs are not meant")
    to_only: bool
    validated: bool
    period: bool = False

    @property
    def label(self) -> str:
        return f"{self.schema_name}.{self.table_name}.{self.name}"


class Orphans(Frozen):
    """What a look at one foreign key found; `rows` None: not counted, for `reason`. `query` finds the rows."""

    key: ForeignKey
    query: str
    rows: int | None
    capped: bool = Field(default=False, description="there are more: counting ended there")
    reason: str = ""


class Reference(Frozen):
    """`kind` from one relation to another: a foreign key, a view's use, an inheritance."""

    kind: str
    name: str
    schema_name: str
    table_name: str
    to_schema: str
    to_table: str


class Replica(Frozen):
    """`lag_bytes` None: this role may not see it. `standby`: it could become the primary."""

    name: str
    state: str | None
    lag_bytes: int | None
    standby: bool = True


class Slot(Frozen):
    """`lost`: the server gave it up, and keeps nothing for it any more."""

    name: str
    active: bool
    retained_bytes: int | None
    lost: bool = False


class Standby(Frozen):
    """A server in recovery; `delay_ms` -1 is for ever, `lag_seconds` None: it has replayed nothing so far."""

    feedback: bool
    delay_ms: int
    upstream: str
    receiving: bool
    paused: bool
    lag_seconds: float | None


class Replication(Frozen):
    replicas: tuple[Replica, ...]
    slots: tuple[Slot, ...]


class LeftoverShape(Frozen):
    """Whether schema `ferrybot` and its run table are there."""

    present: bool
    run: bool


class Leftover(Frozen):
    """Schema `ferrybot` of the target: whose run it holds; empty when there is no such schema."""

    present: bool
    migrations: tuple[str, ...] = ()


class Pooling(Frozen):
    """`changes`: two transactions of one session ran in different backends; `proxied`: something sits between."""

    changes: bool
    proxied: bool


class Speed(Frozen):
    """Measured from this worker: the median round trip, and bytes per second of a stream that touches no table."""

    round_trip_seconds: float
    bytes_per_second: float
