"""What the workers need from the environment, and one readable line for everything that is wrong with it."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis import Redis

from jobs.core.errors import Permanent
from jobs.core.model import Dialect
from jobs.core.urls import parse_url

KEY_CHARACTERS = 32
"""The least length of FERRYBOT_SECRET_KEY: 32 random characters hold more than the 128 bits AES needs."""

MAKE_A_KEY = 'python -c "import secrets; print(secrets.token_urlsafe(48))"'

Kind = TypeVar("Kind", bound="JobSettings")


class SettingsError(Exception):
    """The environment does not fit; one line per variable, each with its remedy and without its value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The environment is not complete:\n" + "\n".join(f"  {p}" for p in problems))
        self.problems = tuple(problems)


class JobSettings(BaseSettings):
    """Environment of a worker. A field's description is the remedy that a person reads when it is wrong."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        # An .env file that says `NAME=` means "not set".
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    redis_url: SecretStr = Field(
        validation_alias="REDIS_URL",
        description="Set it to Redis' address, for example redis://127.0.0.1:6379/0 (rediss:// with TLS).",
    )
    ledger_url: SecretStr | None = Field(
        default=None,
        validation_alias="LEDGER_URL",
        description="Leave it unset to keep the ledger in Redis, or set it to "
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
    )
    host: str = Field(
        default="127.0.0.1",
        validation_alias="HOST",
        description="Set it to the address to listen on, for example 0.0.0.0 in a container.",
    )
    health_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        validation_alias="FERRYBOT_HEALTH_PORT",
        description="Set it to the port on which this process answers /healthz and /metrics, another one for each.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        validation_alias="FERRYBOT_SECRET_KEY",
        description=f"Set it to at least {KEY_CHARACTERS} random characters, the same in every process: {MAKE_A_KEY}",
    )
    workers: int = Field(
        default=2,
        ge=1,
        le=64,
        validation_alias="FERRYBOT_WORKERS",
        description="Set it to the number of worker processes on this machine, 1 to 64.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO",
        validation_alias="FERRYBOT_LOG_LEVEL",
        description="Set it to DEBUG, INFO, WARNING or ERROR.",
    )
    log_format: Literal["json", "console"] = Field(
        default="json",
        validation_alias="FERRYBOT_LOG_FORMAT",
        description="Set it to json or console.",
    )
    pg_bin: str | None = Field(
        default=None,
        validation_alias="FERRYBOT_PG_BIN",
        description="Set it to the folder that holds pg_dump and pg_restore (several: like PATH).",
    )
    mysql_bin: str | None = Field(
        default=None,
        validation_alias="FERRYBOT_MYSQL_BIN",
        description="Set it to the folder that holds mariadb-dump and mariadb, or mysqldump and mysql (several: like"
        " PATH).",
    )

    restore_points: str | None = Field(
        default=None,
        validation_alias="FERRYBOT_RESTORE_POINTS",
        description="Set it to the absolute path of a folder that every worker shares and may write to.",
    )

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().split("://")[0] not in ("redis", "rediss", "unix"):
            raise ValueError("is not a redis://, rediss:// or unix:// address")
        problem = _unusable(value)
        if problem:
            raise ValueError(problem)
        return value

    @field_validator("ledger_url")
    @classmethod
    def _ledger_address(cls, value: SecretStr | None) -> SecretStr | None:
        problem = ""
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("is not a postgresql:// address")
        try:
            if value is not None:
                parse_url(value, label="LEDGER_URL", engine=Dialect.postgresql)
        except Permanent as error:
            problem = f"{error.what.partition(': ')[2].rstrip('.')}. {error.remedy}"
        if problem:
            # Outside the handler, and in words that hold nothing of the address.
            raise ValueError(problem.removesuffix("."))
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < KEY_CHARACTERS:
            raise ValueError(f"is shorter than {KEY_CHARACTERS} characters")
        return value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _any_case(cls, value: Any, info: Any) -> Any:
        if not isinstance(value, str):
            return value
        return value.upper() if info.field_name == "log_level" else value.lower()

    @field_validator("restore_points")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value and not Path(value).is_absolute():
            raise ValueError("is not an absolute path")
        return value

    @field_validator("pg_bin", "mysql_bin")
    @classmethod
    def _folders(cls, value: str | None) -> str | None:
        if value and not all(Path(part).is_dir() for part in value.split(os.pathsep) if part):
            raise ValueError("names a folder that is not here")
        return value


def _unusable(url: SecretStr) -> str:
    """What redis-py would stumble over at the first connection, in words that hold nothing of the address."""
    try:
        made = Redis.from_url(url.get_secret_value()).connection_pool
        made.make_connection()  # connects to nobody
    except (TypeError, ValueError):
        return "holds a port, a number or a parameter after the ? that is not known"
    files = {name: made.connection_kwargs.get(name) for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")}
    unread = [name for name, path in files.items() if path and not os.access(path, os.R_OK)]
    return f"names files that cannot be read here: {', '.join(unread)}" if unread else ""


def load_job_settings() -> JobSettings:
    """The environment's settings; raises `SettingsError` that names everything wrong at once."""
    return load(JobSettings)


def load(kind: type[Kind]) -> Kind:
    """An instance of `kind` from the environment; raises `SettingsError`."""
    try:
        return kind()
    except ValidationError as error:
        problems = explain(kind, error)
    # Raised outside the handler: the original error must not hang on ours as its context.
    raise SettingsError(problems)


def explain(kind: type[JobSettings], error: ValidationError) -> list[str]:
    """One line per problem: variable, what is wrong, remedy. Never a value."""
    fields = {str(f.validation_alias): f for f in kind.model_fields.values()}
    lines = []
    for detail in error.errors(include_input=False, include_url=False, include_context=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        said = "is not set" if detail["type"] == "missing" else _said(detail["msg"])
        remedy = fields[name].description if name in fields else ""
        lines.append(f"{name}: {said}. {remedy or ''}".strip() if name else said)
    return lines


def _said(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text if text != message else f"{text[0].lower()}{text[1:]}".replace("input should", "it should")


def is_loopback(host: str | None) -> bool:
    """The host is this machine itself: what is sent there crosses no network."""
    if not host:
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def guarded_url(value: str, *, what: str = "address") -> str:
    """An http(s) URL without its last slash; plain HTTP only to this machine. Raises ValueError without the value."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"is not an https:// {what}")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("would send secrets over plain HTTP; use https://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("may hold only scheme, host, port and path")
    return value.rstrip("/")
