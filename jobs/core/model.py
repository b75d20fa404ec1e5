"""Values shared by everything: who, from where, to where, and what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

MigrationId = Annotated[str, Field(pattern=r"^m[0-9a-z]{10}$")]
"""`m` and ten base-36 letters: valid in RQ job ids, Redis keys and SQL identifiers alike."""


class Frozen(BaseModel):
    """A value: immutable, and an unknown field is an error instead of a silent loss."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Dialect(StrEnum):
    postgresql = "postgresql"
    mysql = "mysql"
    mariadb = "mariadb"


class Environment(StrEnum):
    production = "production"
    staging = "staging"
    development = "development"


class TlsMode(StrEnum):
    """libpq's sslmode words, without `allow` and `verify-ca`, which nobody should choose."""

    disable = "disable"
    prefer = "prefer"
    require = "require"
    verify_full = "verify-full"


_SECRET_REF = re.compile(r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/[^\x00-\x1f]+|once:[A-Za-z0-9_-]{16,64})$")


def _secret_ref(text: str) -> str:
    if not _SECRET_REF.match(text):
        raise ValueError("a secret reference is env:NAME or file:/ABSOLUTE/PATH")
    return text


SecretRef = Annotated[str, AfterValidator(_secret_ref)]
"""Where a secret is, never the secret: `env:NAME`, `file:/path` or `once:ID` (entered on the one-time page)."""


class Person(Frozen):
    """A Slack user as the ledger remembers one; `name` is for people, `id` decides."""

    id: str
    name: str = ""


class LoadBounds(Frozen):
    """Beyond these a run slows itself down; what is None is not looked at."""

    active_sessions: int | None = Field(default=None, ge=1, description="of others, at work at one moment")
    replica_lag: int | None = Field(default=None, ge=1, description="seconds that the slowest replica is behind")


class Service(Frozen):
    """A database that the installation knows by name; its URL stays behind `secret`."""

    kind: Literal["service"] = "service"
    name: str
    engine: Dialect
    environment: Environment
    secret: SecretRef
    description: str = ""
    free_bytes: int | None = Field(default=None, ge=0, description="stated free disk, bytes")
    measure_disk: bool = Field(default=False, description="may run `df` on the server through COPY FROM PROGRAM")
    channels: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    protected: bool = Field(default=False, description="can never be a target")
    rules: tuple[tuple[str, str], ...] = Field(default=(), description="its columns in another kind of database")
    windows: tuple[str, ...] = Field(default=(), description="maintenance windows as `jobs.core.windows` reads them")
    time_zone: str = Field(default="UTC", description="IANA's name of the zone in which `windows` are written")
    windows_bind: bool = Field(default=False, description="a run outside of `windows` waits for the next one")
    bounds: LoadBounds = LoadBounds()

    @property
    def label(self) -> str:
        return self.name


class TypedSource(Frozen):
    """Connection details that a person typed; the password is somewhere else."""

    kind: Literal["typed"] = "typed"
    engine: Dialect = Dialect.postgresql
    host: str
    port: int = Field(ge=1, le=65535)
    database: str
    user: str
    tls: TlsMode = TlsMode.prefer
    password: SecretRef | None = None
    allowed_hosts: tuple[str, ...] | None = Field(
        default=None, description="the list its host was judged by; workers judge again where they connect"
    )

    @property
    def label(self) -> str:
        return f"{self.database} on {self.host}:{self.port}"


Origin = Annotated[Service | TypedSource, Field(discriminator="kind")]


@dataclass(frozen=True)
class Endpoint:
    """A resolved address with its password: lives inside one worker, is never serialised, prints no secret."""

    label: str
    dialect: Dialect
    host: str
    port: int
    database: str
    user: str
    password: SecretStr
    tls: TlsMode
    tls_root: str | None = None
    measure_disk: bool = False
    addresses: tuple[str, ...] = ()
    """Where they are given, what to connect to instead of asking DNS; TLS goes on verifying `host`."""


class Scope(StrEnum):
    everything = "everything"
    schema_only = "schema"
    data_only = "data"


class Choice(Frozen):
    """One answer to a question."""

    value: str
    text: str


class Question(Frozen):
    """Something about the data that only a person can decide; until then `default` holds.

    An empty `default` holds nothing: the plan is not started before it is answered."""

    key: str = Field(description="stable, as `zero dates:shop.orders.paid_at`")
    title: str
    choices: tuple[Choice, ...]
    default: str
    detail: str = Field(default="", description="what was found, and what each choice means")


class Wish(Frozen):
    """When a person wants the run to be: no part of the plan, nor of what is approved."""

    start_at: AwareDatetime | None = Field(default=None, description="the earliest start")
    pause_at_close: bool = Field(default=False, description="pauses when its windows close, resumes when they open")


class Options(Frozen):
    """What a person chose in step 3. Tables are written `schema.table`, patterns may hold `*`."""

    parallelism: int = Field(default=2, ge=1, le=32)
    scope: Scope = Scope.everything
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    exclude_data: tuple[str, ...] = Field(default=(), description="tables that move without their rows")
    keep_owners: bool = True
    keep_grants: bool = True
    create_roles: bool = Field(default=False, description="create missing roles on the target, without passwords")
    hold_source: bool = Field(default=False, description="nobody else writes to the moved tables during the run")
    decisions: tuple[tuple[str, str], ...] = Field(default=(), description="answers that differ from the default")
    overwrite: bool = Field(default=False, description="replace what the target holds, behind a restore point")


class Severity(StrEnum):
    block = "block"
    unknown = "unknown"
    warn = "warn"
    inform = "inform"


class Finding(Frozen):
    """One thing a check found: what is wrong with which object, and the exact remedy."""

    check: str
    severity: Severity
    message: str
    object: str = ""
    remedy: str = ""
    side: Literal["source", "target", "both"] = "both"
    field: str = Field(default="", description="the form's field at which this stands, if one is at fault")

    @property
    def key(self) -> str:
        """Names this finding in an acknowledgement."""
        return f"{self.check}:{self.object}"


class CheckResult(Frozen):
    """A check that ran; no finding means passed, `skipped` says why it could not look."""

    check: str
    title: str
    findings: tuple[Finding, ...] = ()
    skipped: str = ""
    detail: str = Field(default="", description="what was measured, for a check that passed")

    @property
    def severity(self) -> Severity | None:
        found = {f.severity for f in self.findings}
        return next((s for s in Severity if s in found), Severity.unknown if self.skipped else None)


def blockers(results: Sequence[CheckResult]) -> list[Finding]:
    """Findings that forbid the migration."""
    return [f for r in results for f in r.findings if f.severity is Severity.block]


def warnings(results: Sequence[CheckResult]) -> list[Finding]:
    """Findings that a person must acknowledge: warnings, and what could not be measured."""
    return [f for r in results for f in r.findings if f.severity in (Severity.warn, Severity.unknown)]


class Approval(Frozen):
    """A person's consent to exactly the plan with this digest."""

    by: Person
    digest: str
    at: AwareDatetime
    instead_of: str = Field(default="", description="id of the approver who named this person")

    @property
    def voice(self) -> str:
        """Whose voice this is: one approver has one, whoever speaks."""
        return self.instead_of or self.by.id


class Delegation(Frozen):
    """An approver gave their voice to a person; whichever of the two speaks first has spoken."""

    by: Person
    to: Person


class Glass(Frozen):
    """A run begun without the approvals that it needed: by whom, and why."""

    by: Person
    reason: str
    at: AwareDatetime


class Problem(Frozen):
    """An error as a person reads it: what happened, what it means for the data, what to do next."""

    what: str
    meaning: str
    remedy: str
    resumable: bool = True
    object: str = ""
