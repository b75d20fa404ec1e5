"""Logs that hold no secret: one stream for structlog and the standard library, redacted before it is written.

Three nets, since each has holes: keys that name a secret, shapes that look like one (Slack tokens, URLs with
passwords, `password=…`), and the very values that this process resolved (`remember_secret`). They run over texts,
exception messages and tracebacks alike; tracebacks never show local variables.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, TextIO
from urllib.parse import quote, quote_plus

import structlog
from pydantic import SecretStr

STARS = "***"

_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase)?$|pwd$|secret|(^|_|-)token$|api_?key|authorization|cookie|credential|private_?key", re.I
)
_NAMED = r"(?:pass(?:word|wd|phrase)|pwd|\w*secret\w*|\w*token|api_?key|authorization|cookie|ticket)"
_VALUE = r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:bearer\s+)?[^\s,;&)}\]]+)"""
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    # xoxb-, xoxp-, xoxe.xoxp-, xapp-, xwfp-: Slack documents the prefixes, not the rest.
    (re.compile(r"\bx(?:ox[a-z]|app|wfp)[.-][A-Za-z0-9._-]+"), STARS),
    # Greedy to the last @: a bare @, / or ? in a password must not save its tail.
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s:@/]{0,200}):\S{0,2000}@", re.I), rf"\1:{STARS}@"),
    # Whoever knows a response_url, a one-time page or an unclaimed socket's address may use it.
    (re.compile(r"(hooks\.slack\.com/)[^\s\"'<>]+", re.I), rf"\1{STARS}"),
    (re.compile(r"(/secret/)[A-Za-z0-9_-]{16,}"), rf"\1{STARS}"),
    (re.compile(rf"(\b{_NAMED}[\"']?\s*[=:]\s*)(?!env:|file:/|once:){_VALUE}", re.I), rf"\1{STARS}"),
    (re.compile(r"(\bbearer\s+)[^\s\"',;]+", re.I), rf"\1{STARS}"),
    (re.compile(r"(\b(?:password|identified\s+by)\s+)'(?:''|\\.|[^'\\])*'", re.I), rf"\1'{STARS}'"),
)

_SHORTEST = 4
"""Hiding every "a" because a password is "a" would hide the log and tell the password."""


class _Known:
    """The secret values of this process, in every spelling in which a library may print them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        if len(value) < _SHORTEST:
            return
        spellings = {value, quote(value, safe=""), quote(value), quote_plus(value), repr(value)[1:-1]}
        spellings |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
        spellings |= {value.replace("'", "''"), value.replace("\\", "\\\\").replace("'", "\\'")}
        with self._lock:
            if spellings <= self._spellings:
                return
            self._spellings |= spellings
            longest_first = sorted(self._spellings, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(s) for s in longest_first))

    def hide(self, text: str) -> str:
        pattern = self._pattern
        return pattern.sub(STARS, text) if pattern else text


_known = _Known()


def remember_secret(secret: SecretStr) -> None:
    """From now on this value is hidden wherever it turns up in this process's logs."""
    _known.add(secret.get_secret_value())


def redact(text: str) -> str:
    """`text` without known secrets and without what looks like one."""
    text = _known.hide(text)
    for pattern, replacement in _SHAPES:
        text = pattern.sub(replacement, text)
    return text


def redacted(value: Any) -> Any:
    """`value` as it may be logged; what is neither a number, a text nor a container becomes its redacted repr."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redact(value)
        case Mapping():
            return {redact(str(k)): _entry(str(k), v) for k, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redacted(v) for v in value]
        case _:
            return redact(repr(value))


def _entry(key: str, value: Any) -> Any:
    plain = value is None or isinstance(value, bool | int | float)
    return STARS if _SECRET_KEY.search(key) and not plain else redacted(value)


def _redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog's processor: the whole event, tracebacks included (they are text by now)."""
    # What ProcessorFormatter keeps for itself stays; it is removed before rendering.
    return {k: v if k.startswith("_") else _entry(k, v) for k, v in event.items()}


_subject = ""


@contextmanager
def about(migration: str) -> Iterator[None]:
    """Until its end every line of this process names the migration, whichever thread or library writes it.

    For processes that work at one migration at a time: workers and couriers."""
    global _subject
    before, _subject = _subject, migration
    try:
        yield
    finally:
        _subject = before


def _name_subject(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog's processor: whose line this is, unless it says so itself."""
    if _subject:
        event.setdefault("migration", _subject)
    return event


class _Handler(logging.StreamHandler[TextIO]):
    """Writes redacted lines; a record that cannot be rendered is announced without its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:
        self.stream.write(
            f"A log record of {record.name} ({record.filename}:{record.lineno}) could not be written.\n"
        )


def setup_logs(
    level: str = "INFO", style: Literal["json", "console"] = "json", *, stream: TextIO | None = None
) -> None:
    """Routes structlog, the standard library, warnings and uncaught exceptions through one redacted stream."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _name_subject,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.processors.format_exc_info,  # plain text, without locals
                _redact_event,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(style),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _renderer(style: Literal["json", "console"]) -> Any:
    if style == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("ferrybot").critical("uncaught exception", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
