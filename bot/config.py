"""ferrybot.yaml: the databases that are known by name, who must agree, and which hosts may be typed.

A wrong file is refused as a whole, with every mistake at once: file and line, the key's path, and the remedy.
"""

from __future__ import annotations

import fnmatch
import re
import threading
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from bot import policy_faults
from bot.config_faults import explain
from bot.config_rules import RulesEntry
from bot.yamlmarks import Document, Fault, read_yaml
from jobs.core import hosts, windows
from jobs.core.model import Dialect, Environment, Frozen, LoadBounds, Service
from jobs.core.policy import Policy

MAX_SERVICES = 2000
"""Menus ask for what fits the words typed so far, so that Slack's 100 options are no bound; each entry of the file is
some 300 bytes that every process reads when it changes."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,69}")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTP]?)(i?)B?", re.I)


class ConfigError(Exception):
    """ferrybot.yaml cannot be used; `problems` holds one `file:line: path: what. remedy` each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def _ids(letters: str, what: str) -> AfterValidator:
    pattern = re.compile(rf"[{letters}][A-Z0-9]{{2,20}}")

    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"{what}, in capital letters and digits; names such as @ada or #ops do not work")
        return value

    return AfterValidator(check)


People = Annotated[
    str,
    _ids("UWS", "write a person's member ID (U…, in the profile's menu) or a user group's ID (S…)"),
]
Channel = Annotated[str, _ids("CG", "write a channel's ID (C…, at the end of the channel's details)")]


def human_bytes(value: Any) -> Any:
    """40GB is 40·10⁹ bytes, 40GiB is 40·2³⁰; a plain number counts bytes."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if not match:
        raise ValueError("write a size such as 40GB, 500MiB or 1.5TB")
    number, letter, binary = match.groups()
    power = " KMGTP".index(letter.upper() or " ")
    return int(float(number) * (1024 if binary else 1000) ** power)


Size = Annotated[int, BeforeValidator(human_bytes), Field(ge=0, strict=True)]


def _config_secret(value: str) -> str:
    # The message must not repeat the value: here people write the URL itself by mistake.
    if not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/[^\x00-\x1f]+", value):
        raise ValueError("write env:NAME or file:/ABSOLUTE/PATH, where the connection URL is; never the URL itself")
    return value


def _secret_pattern(value: str) -> str:
    if not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*\*?|file:/[^\x00-\x1f*?\[]+\*?", value):
        raise ValueError("write env:NAME or file:/ABSOLUTE/PATH, with at most one * at the end")
    return value


def _window(value: str) -> str:
    windows.parse(value)
    return value


def _time_zone(value: str) -> str:
    try:
        windows.calendar((), value)
    except ValueError:
        near = get_close_matches(value, sorted(available_timezones()), n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}?" if near else "Use IANA's name, such as Europe/Berlin."
        raise ValueError(f"unknown time zone. {hint}") from None
    return value


class BoundsEntry(Frozen):
    """Beyond these a run slows itself down."""

    active_sessions: int | None = Field(default=None, ge=1)
    replica_lag_seconds: int | None = Field(default=None, ge=1)


class ServiceEntry(Frozen):
    """A database as the file describes it."""

    model_config = ConfigDict(hide_input_in_errors=True)

    engine: Dialect
    environment: Environment
    secret: Annotated[str, AfterValidator(_config_secret)]
    description: str = Field(default="", max_length=150)
    free_disk: Size | None = None
    measure_disk: bool = False
    channels: tuple[Channel, ...] = ()
    owners: tuple[People, ...] = ()
    protected: bool = False
    to_postgresql: RulesEntry = RulesEntry()
    policy: PolicyEntry | None = Field(default=None, description="what differs from the environment's rules")
    windows: tuple[Annotated[str, AfterValidator(_window)], ...] = Field(default=(), max_length=20)
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    windows_bind: bool | None = None
    slow_down_at: BoundsEntry = BoundsEntry()


class PolicyEntry(Frozen):
    """An environment's rules, or a service's; `approvals` left out means 1 in production and 0 elsewhere."""

    approvals: int | None = Field(default=None, ge=0, le=10)
    approvers: tuple[People, ...] = ()
    self_approval: bool = False
    requesters: tuple[People, ...] = ()
    expires_hours: int = Field(default=Policy().expires_hours, ge=1, le=720)
    remind_minutes: int = Field(default=Policy().remind_minutes, ge=0, le=43_200)
    escalate_to: tuple[People, ...] = ()
    escalate_minutes: int = Field(default=Policy().escalate_minutes, ge=1, le=43_200)
    break_glass: tuple[People, ...] = ()
    rehearsal_days: int | None = Field(default=None, ge=1, le=365)

    @property
    def named(self) -> tuple[str, ...]:
        """Everybody and every group that these rules name."""
        return (*self.approvers, *self.requesters, *self.escalate_to, *self.break_glass)


class TypedSources(Frozen):
    """Which hosts a person may type instead of choosing a configured database. None, unless listed."""

    allowed_hosts: tuple[Annotated[str, AfterValidator(hosts.check_pattern)], ...] = ()
    allowed_secrets: tuple[Annotated[str, AfterValidator(_secret_pattern)], ...] = ()

    def secret_allowed(self, reference: str) -> bool:
        """A typed source may name this secret: whoever types a host must not have any secret of ours sent there."""
        return any(fnmatch.fnmatchcase(reference, pattern) for pattern in self.allowed_secrets)


class Config(Frozen):
    """The whole file."""

    model_config = ConfigDict(hide_input_in_errors=True)

    services: Mapping[str, ServiceEntry] = Field(min_length=1, max_length=MAX_SERVICES)
    environments: Mapping[Environment, PolicyEntry] = Field(default_factory=dict)
    typed_sources: TypedSources = TypedSources()

    def service(self, name: str) -> Service:
        """The service of this name; raises KeyError."""
        entry = self.services[name]
        return Service(
            name=name,
            engine=entry.engine,
            environment=entry.environment,
            secret=entry.secret,
            description=entry.description,
            free_bytes=entry.free_disk,
            measure_disk=entry.measure_disk,
            channels=entry.channels,
            owners=entry.owners,
            protected=entry.protected,
            rules=tuple(entry.to_postgresql.pairs()),
            windows=entry.windows,
            time_zone=entry.time_zone,
            windows_bind=_binds(entry),
            bounds=LoadBounds(
                active_sessions=entry.slow_down_at.active_sessions,
                replica_lag=entry.slow_down_at.replica_lag_seconds,
            ),
        )

    def all_services(self) -> list[Service]:
        """Every service in the file's order."""
        return [self.service(name) for name in self.services]

    def policy(self, environment: Environment) -> Policy:
        """The environment's rules; production needs one approval unless the file says otherwise."""
        return _rules(environment, self.environments.get(environment, PolicyEntry()))

    def policy_of(self, service: Service) -> Policy:
        """The rules of today for this database: its environment's, overridden key by key by its own."""
        entry = self.services.get(service.name)
        if entry is None or entry.policy is None:
            return self.policy(service.environment)
        general = self.environments.get(service.environment, PolicyEntry())
        written = {**_written(general), **_written(entry.policy)}
        return _rules(service.environment, PolicyEntry.model_validate(written))

    def targets_for(self, channel: str) -> list[Service]:
        """The services that may be chosen in this channel, in the file's order."""
        return [s for s in self.all_services() if not s.channels or channel in s.channels]

    def host_allowed(self, host: str, resolved: Sequence[hosts.Address]) -> str | None:
        """None when a typed source may have this host, otherwise why not. Pure."""
        return hosts.host_allowed(self.typed_sources.allowed_hosts, host, resolved)


def _written(entry: PolicyEntry) -> dict[str, Any]:
    """Only what the file says, so that a default never overrides."""
    return entry.model_dump(exclude_unset=True)


def _rules(environment: Environment, entry: PolicyEntry) -> Policy:
    values = entry.model_dump()
    if entry.approvals is None:
        values["approvals"] = 1 if environment is Environment.production else 0
    return Policy.model_validate(values)


def _binds(entry: ServiceEntry) -> bool:
    """Windows of production bind unless the file says otherwise."""
    wanted = entry.environment is Environment.production if entry.windows_bind is None else entry.windows_bind
    return wanted and bool(entry.windows)


def load_config(path: Path) -> Config:
    """The configuration in `path`; raises `ConfigError` with every mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        remedy = "Copy ferrybot.example.yaml to it, or set FERRYBOT_CONFIG to the file's path."
        raise ConfigError([f"{path}: cannot be read ({error.strerror}). {remedy}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: is not UTF-8 text. Save it as UTF-8."]) from None
    return parse_config(text, str(path))


def parse_config(text: str, name: str = "ferrybot.yaml") -> Config:
    """The configuration in `text`; raises `ConfigError` with every mistake. Pure."""
    document = read_yaml(text)
    faults = list(document.faults)
    config: Config | None = None
    if document.data is None and not faults:
        faults.append(Fault(1, (), "the file is empty", "Copy ferrybot.example.yaml and adapt it."))
    elif isinstance(document.data, Mapping):
        try:
            config = Config.model_validate(document.data)
        except ValidationError as error:
            faults += explain(error, document)
        faults += _contradictions(document)
    elif document.data is not None:
        faults.append(Fault(1, (), "the file must hold keys", "Begin with `services:`."))
    if config is None or faults:
        unique = {(f.line, f.path, f.said): f for f in faults}.values()
        raise ConfigError([_line(name, f) for f in sorted(unique, key=lambda f: f.line)])
    return config


def _line(name: str, fault: Fault) -> str:
    # A key that is a URL is a slip of the indentation; what it holds must not be repeated.
    where = ".".join("…" if "://" in str(p) else str(p) for p in fault.path)
    said = f"{where}: {fault.said}" if where else fault.said
    return f"{name}:{fault.line}: {said}" + (f". {fault.remedy}" if fault.remedy else "")


def _contradictions(document: Document) -> list[Fault]:
    """What is wrong between keys; looks at the raw data, so that it is said together with everything else."""
    services, environments = (_section(document.data, key) for key in ("services", "environments"))
    faults = [
        Fault(document.line(("services", name)), ("services", name), "this is not a usable name", "Use letters, "
              "digits, spaces, dots, dashes and underscores, at most 70 characters.")
        for name in services
        if not _NAME.fullmatch(name)
    ]  # fmt: skip
    for environment in Environment:
        users = policy_faults.followers(services, environment)
        if users or environment in environments:
            faults += _policy_faults(environment, environments.get(environment), users, document)
    return faults + policy_faults.of_services(services, environments, document)


def _section(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = data.get(key)
    return section if isinstance(section, Mapping) else {}


def _policy_faults(environment: Environment, entry: Any, users: Sequence[str], document: Document) -> list[Fault]:
    rules = entry if isinstance(entry, Mapping) else {}
    approvers = rules.get("approvers") or ()
    production = environment is Environment.production
    needed = rules.get("approvals", 1 if production else 0)
    path = ("environments", environment.value)
    line = document.line(path if rules or not users else ("services", users[0]))
    if not approvers and production and users:
        said = f"nobody may approve, but {', '.join(users[:3])} {'is' if len(users) == 1 else 'are'} in production"
        return [Fault(line, path, said, f"Add environments.production with approvals and approvers, {_WHO}.")]
    if not isinstance(needed, int) or not isinstance(approvers, list | tuple):
        return []
    people = {a for a in approvers if isinstance(a, str)}
    if needed > len(people) and not any(a.startswith("S") for a in people):
        said = f"{needed} approvals are needed, but only {len(people)} people may give one"
        return [Fault(line, (*path, "approvers"), said, f"Name more of them, {_WHO}.")]
    return []


_WHO = "as member IDs (U…) or user group IDs (S…)"


class ConfigFile:
    """The file as it is now: read again when it changed; a wrong change keeps the last good one and `error`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: ConfigError | None = None
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._good: Config | None = None

    def current(self) -> Config:
        """The newest good configuration; raises `ConfigError` while there never was one."""
        with self._lock:
            stamp = self._look()
            if stamp != self._stamp or self._good is None:
                self._stamp = stamp
                self._read()
            if self._good is None:
                raise self.error or ConfigError([f"{self.path}: not read yet"])
            return self._good

    def _look(self) -> tuple[int, ...]:
        try:
            stat = self.path.stat()
        except OSError:
            return ()
        # The inode tells a file that was replaced within one tick of the clock, as editors and Kubernetes do.
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)

    def _read(self) -> None:
        try:
            self._good = load_config(self.path)
            self.error = None
        except ConfigError as error:
            self.error = error
