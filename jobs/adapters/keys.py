"""Every Redis key of ours, named in one place."""

from __future__ import annotations

PREFIX = "ferrybot"


def story(migration: str) -> str:
    return f"{PREFIX}:story:{migration}"


def attachments(migration: str) -> str:
    return f"{PREFIX}:papers:{migration}"


def beat(migration: str, kind: str) -> str:
    return f"{PREFIX}:beat:{migration}:{kind}"


def lanes(migration: str) -> str:
    return f"{PREFIX}:lanes:{migration}"


def run(migration: str) -> str:
    return f"{PREFIX}:run:{migration}"


def toll(migration: str) -> str:
    return f"{PREFIX}:toll:{migration}"


def thread(migration: str) -> str:
    return f"{PREFIX}:thread:{migration}"


def modal(migration: str) -> str:
    return f"{PREFIX}:modal:{migration}"


def form(migration: str) -> str:
    return f"{PREFIX}:form:{migration}"


def options(migration: str) -> str:
    return f"{PREFIX}:options:{migration}"


def courier(migration: str) -> str:
    return f"{PREFIX}:courier:{migration}"


def wanted(migration: str) -> str:
    return f"{PREFIX}:wanted:{migration}"


def pace(bucket: str) -> str:
    return f"{PREFIX}:pace:{bucket}"


def last_ring(migration: str, kind: str) -> str:
    return f"{PREFIX}:rung:{migration}:{kind}"


def rehearsals(source: str) -> str:
    return f"{PREFIX}:rehearsals:{source}"


OPEN = f"{PREFIX}:open"
ALL = f"{PREFIX}:all"
