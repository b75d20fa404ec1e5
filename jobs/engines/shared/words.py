"""The few words that all checks use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def listed(names: Iterable[str], limit: int = 8) -> str:
    """`a, b, c and 5 more`."""
    every = list(dict.fromkeys(names))
    shown = ", ".join(every[:limit])
    return f"{shown} and {len(every) - limit} more" if len(every) > limit else shown


def counted(number: int, noun: str, nouns: str = "") -> str:
    """`1 table`, `2 tables`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def human(size: float) -> str:
    """Bytes as people say them: 1.2 GB."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def lines(statements: Sequence[str]) -> str:
    """SQL statements, one a line."""
    return "\n".join(statements)


_STEPS = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1200, 1800, 2700, 3600)
_HALF_HOUR = 1800


def rounded(low: float, high: float) -> tuple[int, int]:
    """The range between round figures that holds both: at least 1 s, and never from a figure to itself."""
    least = max((step for step in _steps(low) if step <= low), default=1)
    return least, next(step for step in _steps(high) if step >= high and step > least)


def _steps(size: float) -> list[int]:
    """Figures as people say them, up to beyond `size`: above an hour, half hours."""
    return [*_STEPS, *range(_STEPS[-1] + _HALF_HOUR, int(size) + 3 * _HALF_HOUR, _HALF_HOUR)]
