"""pydantic's errors as sentences about ferrybot.yaml: line, path, what is wrong, remedy. Never a value."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.yamlmarks import Document, Fault, Path
from jobs.core.model import Dialect, Environment

_POLICY = (
    "approvals",
    "approvers",
    "self_approval",
    "requesters",
    "expires_hours",
    "remind_minutes",
    "escalate_to",
    "escalate_minutes",
    "break_glass",
    "rehearsal_days",
)
_KEYS: dict[tuple[str, ...], tuple[str, ...]] = {
    (): ("services", "environments", "typed_sources"),
    ("services", "*"): (
        "engine",
        "environment",
        "secret",
        "description",
        "free_disk",
        "measure_disk",
        "channels",
        "owners",
        "protected",
        "to_postgresql",
        "policy",
        "windows",
        "time_zone",
        "windows_bind",
        "slow_down_at",
    ),
    ("environments", "*"): _POLICY,
    ("services", "*", "policy"): _POLICY,
    ("typed_sources",): ("allowed_hosts", "allowed_secrets"),
    ("services", "*", "to_postgresql"): (
        *("names", "enums", "json", "collations", "partitions", "fulltext", "columns", "values"),
    ),
    ("services", "*", "to_postgresql", "values", "*"): (
        *("zero dates", "nul bytes", "nul escapes", "invalid text", "blank enum", "out of range"),
    ),
    ("services", "*", "slow_down_at"): ("active_sessions", "replica_lag_seconds"),
}
"""The keys of each place (a test holds them against the models)."""

_SAID = {
    "missing": "is missing",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "tuple_type": "must be a list",
    "dict_type": "must hold keys",
    "model_type": "must hold keys",
    "model_attributes_type": "must hold keys",
}
_REMEDIES = {
    "tuple_type": "Write [A, B], or one entry per line after a dash.",
    "string_type": "Put it in quotes.",
    "int_type": "Write it without quotes or a unit.",
}


def explain(error: ValidationError, document: Document) -> list[Fault]:
    """Every problem pydantic found, with its line."""
    details = error.errors(include_input=False, include_url=False)
    return [_fault(detail, document) for detail in details]


def _fault(detail: ErrorDetails, document: Document) -> Fault:
    # pydantic marks an error in a mapping's key with [key].
    path: Path = tuple(p for p in detail["loc"] if p != "[key]")
    said, remedy = _unknown_word(path, document) if detail["type"] == "enum" else _words(detail, path)
    return Fault(document.line(path), path, said, remedy)


def _words(detail: ErrorDetails, path: Path) -> tuple[str, str]:
    kind = detail["type"]
    last = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        return "unknown key", _did_you_mean(last, _known(path[:-1]))
    if kind == "value_error":
        message = detail["msg"].removeprefix("Value error, ")
        return message, ""
    if kind in ("too_short", "too_long") and path == ("services",):
        return ("there is no service", "Name one.") if kind == "too_short" else (detail["msg"], "Remove some.")
    message = detail["msg"]
    return _SAID.get(kind, f"{message[:1].lower()}{message[1:]}"), _REMEDIES.get(kind, "")


def _unknown_word(path: Path, document: Document) -> tuple[str, str]:
    """An environment or engine that does not exist; `path` ends in the key, or is the key itself."""
    what, words = ("engine", list[str](Dialect)) if path[-1] == "engine" else ("environment", list[str](Environment))
    written = path[-1] if path[0] == "environments" else document.value(path)
    return f"unknown {what}", _did_you_mean(str(written), words)


def _known(path: Path) -> Sequence[str]:
    shape = tuple("*" if i == 1 or (i == 4 and path[3] == "values") else str(p) for i, p in enumerate(path))
    return _KEYS.get(shape, ())


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    word = word.lower().replace("-", "_")
    near = [k for k in known if len(word) >= 3 and k.startswith(word)] or get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]}?" if near else _one_of(known)


def _one_of(words: Sequence[str]) -> str:
    return f"Use one of: {', '.join(words)}." if words else "Remove it."
