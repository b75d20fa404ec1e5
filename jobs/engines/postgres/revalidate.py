"""After the end: foreign keys that stayed NOT VALID are looked at again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobs.core.verdict import BrokenKey
from jobs.engines.postgres import keys, parted_keys
from jobs.engines.postgres.connect import Connection


def revalidate(
    target: Connection, broken: Sequence[BrokenKey], check: Callable[[], None], note: Callable[..., None]
) -> tuple[BrokenKey, ...]:
    """Validates these keys; those that still cannot be, with the orphans of today. Idempotent."""
    left: list[BrokenKey] = []
    for known in broken:
        check()
        there, found = (parted_keys.again if known.parted else _again)(target, known, check)
        if not there:
            note(f"Foreign key {known.name} is not in the target any more.", warning=True)
        elif found is not None:
            left.append(found)
    return tuple(left)


def _again(target: Connection, known: BrokenKey, check: Callable[[], None]) -> tuple[bool, BrokenKey | None]:
    key = keys.foreign_key(target, known.name)
    if key is None:
        return False, None
    valid = key.validated or keys.try_to_validate(target, key, check)
    return True, None if valid else keys.broken(target, key, check)
