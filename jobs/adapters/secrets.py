"""Secrets behind references: environment, files, and deposited ones, encrypted at rest in Redis.

A deposited secret is sealed with AES-256-GCM under a key derived from FERRYBOT_SECRET_KEY; its reference is bound
as associated data, so a value moved under another reference does not open. Who reads Redis learns nothing but
that a secret exists and about how long it is.
"""

from __future__ import annotations

import base64
import os
import secrets as random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from jobs.adapters.resolve import pinned
from jobs.core.errors import Permanent, Transient
from jobs.core.model import Endpoint, Origin, Service
from jobs.core.urls import parse_url
from jobs.logs import remember_secret
from jobs.ports.secrets import Secrets
from jobs.settings import KEY_CHARACTERS, MAKE_A_KEY

PREFIX = "ferrybot:once:"
_NONCE_BYTES = 12
"""The size AES-GCM is specified for (NIST SP 800-38D); random nonces are safe below 2^32 seals per key."""
_MAX_BYTES = 64 * 1024
"""No connection URL is longer; a larger file is a mistake, such as a database dump."""
_UNTOUCHED = "Nothing was connected to."


class SecretStore:
    """`jobs.ports.secrets.Secrets` over this process's environment, its files and Redis."""

    def __init__(
        self, redis: redis.Redis, key: SecretStr | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self._redis = redis
        self._cipher = AESGCM(_derive(key)) if key else None
        self._environ = os.environ if environ is None else environ

    def resolve(self, reference: str) -> SecretStr:
        """The secret behind `env:NAME`, `file:/path` or `once:ID`; raises `Permanent` or `Transient`."""
        kind, _, name = reference.partition(":")
        match kind:
            case "env":
                value = self._from_environment(name)
            case "file":
                value = _from_file(Path(name))
            case "once":
                value = self._from_redis(name)
            case _:
                raise Permanent(
                    "This is not a secret reference.", meaning=_UNTOUCHED, remedy="Write env:NAME or file:/path."
                )
        secret = SecretStr(value)
        remember_secret(secret)
        return secret

    def deposit(self, secret: SecretStr, seconds: int) -> str:
        """Keeps `secret` encrypted for `seconds`; returns its `once:` reference."""
        remember_secret(secret)
        identity = random.token_urlsafe(24)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._needed_cipher().encrypt(nonce, secret.get_secret_value().encode(), _bound(identity))
        _asking(self._redis.set, PREFIX + identity, base64.b64encode(sealed).decode(), ex=seconds)
        return f"once:{identity}"

    def forget(self, reference: str) -> None:
        """Deletes a deposited secret; other references are left alone."""
        kind, _, identity = reference.partition(":")
        if kind == "once":
            _asking(self._redis.delete, PREFIX + identity)

    def _from_environment(self, name: str) -> str:
        value = self._environ.get(name, "").strip()
        if not value:
            raise Permanent(
                f"The environment variable {name} is not set.",
                meaning=_UNTOUCHED,
                remedy=f"Set {name} for every worker process and restart them.",
            )
        return value

    def _from_redis(self, identity: str) -> str:
        cipher = self._needed_cipher()
        kept = _asking(self._redis.get, PREFIX + identity)
        if kept is None:
            raise Permanent(
                "The password that was entered is no longer kept.", meaning=_UNTOUCHED, remedy="Enter it again."
            )
        sealed = base64.b64decode(kept)
        try:
            plain = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(identity))
        except InvalidTag:
            raise Permanent(
                "The password that was entered cannot be read: FERRYBOT_SECRET_KEY changed since.",
                meaning=_UNTOUCHED,
                remedy="Give every process the same FERRYBOT_SECRET_KEY, then enter the password again.",
            ) from None
        return plain.decode()

    def _needed_cipher(self) -> AESGCM:
        if self._cipher is None:
            raise Permanent(
                "Passwords cannot be kept: FERRYBOT_SECRET_KEY is not set.",
                meaning=_UNTOUCHED,
                remedy=f"Set it for every process to at least {KEY_CHARACTERS} random characters: {MAKE_A_KEY}",
            )
        return self._cipher


def endpoint_of(origin: Origin, secrets: Secrets) -> Endpoint:
    """The resolved address of a service or of a typed source; raises `Permanent` or `Transient`."""
    if isinstance(origin, Service):
        endpoint = parse_url(
            secrets.resolve(origin.secret),
            label=origin.label,
            engine=origin.engine,
            measure_disk=origin.measure_disk,
        )
    else:
        endpoint = Endpoint(
            label=origin.label,
            dialect=origin.engine,
            host=origin.host,
            port=origin.port,
            database=origin.database,
            user=origin.user,
            password=secrets.resolve(origin.password) if origin.password else SecretStr(""),
            tls=origin.tls,
            addresses=pinned(origin),
        )
    remember_secret(endpoint.password)
    return endpoint


def _derive(key: SecretStr) -> bytes:
    """HKDF suffices: the key is random and long (`JobSettings` demands it), not a word that must be stretched."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"ferrybot deposited secrets 1").derive(
        key.get_secret_value().encode()
    )


def _bound(identity: str) -> bytes:
    return f"once:{identity}".encode()


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise Permanent(
            f"The secret file {path} cannot be read: {error.strerror}.",
            meaning=_UNTOUCHED,
            remedy="Make it readable for every worker process.",
        ) from None
    text = content.decode("utf-8", errors="replace").strip()
    if not text or len(content) > _MAX_BYTES or "�" in text:
        raise Permanent(
            f"The secret file {path} does not hold one connection URL or password as text.",
            meaning=_UNTOUCHED,
            remedy="Write only the URL into it.",
        )
    return text


def _asking(command: Any, *arguments: Any, **options: Any) -> Any:
    """Redis' answer; its absence is a passing fault. The error's text may hold the address: it is dropped."""
    try:
        return command(*arguments, **options)
    except redis.RedisError as error:
        raise Transient(
            f"Redis did not answer ({type(error).__name__}).", remedy="It is tried again by itself."
        ) from None
