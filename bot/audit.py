"""`ferrybot audit verify`: is this the log that was written, from its first line to its last?"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import RedisError

from jobs.core.chain import Broken, Chain, plain, verified
from jobs.ports.ledger import Ledger

INTACT, CHANGED, UNREADABLE, ALONE = 0, 1, 2, 3
"""Exit codes. `ALONE`: the chain is whole, and nothing was there to compare its head with."""
# As `bot.ui.logs.first_line` writes it.
_FIRST = re.compile(r"Ferrybot migration (m[0-9a-z]{10}), run (\d+), ([a-z_]+)")


@dataclass(frozen=True)
class Finding:
    """What to say, and the exit code."""

    code: int
    said: str


def head_name(run: int, status: str) -> str:
    """Under which name the ledger keeps the head of the log of this end."""
    return f"log head {run} {status}"


def examine(path: Path, head: str, ledger: Callable[[], Ledger | None]) -> Finding:
    """Looks at every line; compares the head with `head` (from the thread), else with the ledger's."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return Finding(UNREADABLE, f"{path} cannot be read ({error.strerror}).")
    try:
        chain = verified(data)
    except Broken as broken:
        return Finding(CHANGED, f"CHANGED: {broken}.")
    whole = f"{chain.lines} lines, head {chain.head}"
    if head:
        return _compared(whole, chain.head, head.strip().lower(), "the head that you gave")
    known, why = _known(chain, ledger)
    if not known:
        return Finding(
            ALONE,
            f"WHOLE, NOT COMPARED: {whole}. {why} Compare the head with the one in the migration's thread, or give "
            "that one with --head: who writes a whole log anew gets another head.",
        )
    return _compared(whole, chain.head, known, "the ledger's head")


def _compared(whole: str, found: str, wanted: str, what: str) -> Finding:
    if found == wanted:
        return Finding(INTACT, f"INTACT: {whole}. It is {what}.")
    return Finding(CHANGED, f"CHANGED: {whole}, but {what} is {wanted}: the file was written anew.")


def _known(chain: Chain, ledger: Callable[[], Ledger | None]) -> tuple[str, str]:
    """The ledger's head, or why there is none."""
    named = _FIRST.fullmatch((plain(chain) or [""])[0])
    if named is None:
        return "", "The first line does not say which migration this is."
    migration, run, status = named.groups()
    try:
        book = ledger()
        kept = book.attachment(migration, head_name(int(run), status)) if book else None
    except RedisError as error:
        return "", f"The ledger could not be reached ({type(error).__name__})."
    if book is None:
        return "", "The ledger could not be reached (REDIS_URL is not set)."
    return kept or "", f"The ledger knows no log of run {run} of {migration}."
