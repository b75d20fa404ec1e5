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


def peak(migration: str) -> str:
    return f"{PREFIX}:peak:{migration}"


def samples(migration: str) -> str:
    return f"{PREFIX}:samples:{migration}"


def toll(migration: str) -> str:
    return f"{PREFIX}:toll:{migration}"


def thread(migration: str) -> str:
    return f"{PREFIX}:thread:{migration}"


def card(channel: str, ts: str) -> str:
    """Whose card this message is."""
    return f"{PREFIX}:card:{channel}:{ts}"


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


def crowd(bucket: str) -> str:
    """Who shares the turns of a bucket, and when they asked last."""
    return f"{PREFIX}:crowd:{bucket}"


def last_ring(migration: str, kind: str) -> str:
    return f"{PREFIX}:rung:{migration}:{kind}"


def history(version: int, part: str) -> str:
    """The index of past migrations in the form `version`: `all`, `order`, `seen`."""
    return f"{PREFIX}:history:{version}:{part}"


def rehearsals(source: str) -> str:
    return f"{PREFIX}:rehearsals:{source}"


SERVICES = f"{PREFIX}:services"
"""The services of ferrybot.yaml as the web process last read them: by name, and never a secret."""
FACTS = f"{PREFIX}:facts"
"""What was last read of each service, by name."""
FACTS_ASKED = f"{PREFIX}:facts:asked"
"""Services by when somebody last went to read them."""
HOMES = f"{PREFIX}:homes"
"""People by when they last opened App Home."""
STALE_HOMES = f"{PREFIX}:stale:homes"
"""People whose App Home is open and no longer true."""
STALE_PAGES = f"{PREFIX}:stale:pages"
"""Services' pages that wait for a look, by their view."""
OPEN = f"{PREFIX}:open"
ALL = f"{PREFIX}:all"
