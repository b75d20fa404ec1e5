"""Secrets behind references. The only door through which a password enters a process."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr


class Secrets(Protocol):
    def resolve(self, reference: str) -> SecretStr:
        """The secret behind `env:NAME`, `file:/path` or `once:ID`.

        Raises `Permanent` with a remedy when it is not there; the message never holds the secret."""

    def deposit(self, secret: SecretStr, seconds: int) -> str:
        """Keeps a secret encrypted at rest for `seconds`; returns its `once:` reference."""

    def forget(self, reference: str) -> None:
        """Deletes a deposited secret; other references are left alone."""
