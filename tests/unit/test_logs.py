"""A canary goes through every way into the log, and none lets it out."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import structlog
from pydantic import SecretStr

from jobs import logs
from jobs.logs import redact, remember_secret, setup_logs

CANARY = "c4n&ry/p@ss%w\"o'rd"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    kept = (root.handlers[:], root.level, sys.excepthook, threading.excepthook)
    yield
    root.handlers[:], level, sys.excepthook, threading.excepthook = kept
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture(params=["json", "console"])
def out(request: pytest.FixtureRequest) -> io.StringIO:
    stream = io.StringIO()
    setup_logs("DEBUG", request.param, stream=stream)
    return stream


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token xoxb-12-ab-CD.", "token ***"),
        ("xapp-1-A0-9-ff and xoxe.xoxp-1-Mi0", "*** and ***"),
        ("at postgresql://u:p/w@d@h:5/d now", "at postgresql://u:***@h:5/d now"),
        ("redis://:pw@h", "redis://:***@h"),
        ("https://h:1/x is fine", "https://h:1/x is fine"),
        ("password=abc host=h", "password=*** host=h"),
        ("password='a b\\'c' host=h", "password=*** host=h"),
        ('{"password": "a b", "port": 1}', '{"password": ***, "port": 1}'),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("sent Bearer abc.def", "sent Bearer ***"),
        ("ALTER ROLE r PASSWORD 'x''y' LOGIN", "ALTER ROLE r PASSWORD '***' LOGIN"),
        ("CREATE USER u IDENTIFIED BY 'x'", "CREATE USER u IDENTIFIED BY '***'"),
        ("GET /secret/abcdefghijklmnop-_123 200", "GET /secret/*** 200"),
        ("https://hooks.slack.com/commands/T1/2/abc now", "https://hooks.slack.com/*** now"),
        ("wss://wss-primary.slack.com/link/?ticket=ab-c&app_id=1", "wss://wss-primary.slack.com/link/?ticket=***&app_id=1"),
        ("secret: env:ORDERS", "secret: env:ORDERS"),
        ("passed 3 of 3, 5 tables", "passed 3 of 3, 5 tables"),
        ("password authentication failed", "password authentication failed"),
    ],
)  # fmt: skip
def test_shapes(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_known_values_in_every_spelling() -> None:
    remember_secret(SecretStr(CANARY))
    for spelling in (CANARY, quote(CANARY, safe=""), quote_plus(CANARY), repr(CANARY), json.dumps(CANARY)):
        assert "c4n" not in redact(f"said {spelling}!"), spelling
    remember_secret(SecretStr("abc"))  # too short: hiding it would hide words
    assert redact("abcdef") == "abcdef"


class Holder:
    def __repr__(self) -> str:
        return f"Holder(password={CANARY!r})"


def _fail() -> None:
    password = CANARY  # a local variable: tracebacks must not show it
    raise ValueError(f"cannot log in with {password}")


def _ways() -> list[Any]:
    plain, structured = logging.getLogger("some.library"), structlog.get_logger("ours")
    return [
        lambda: plain.warning("with %s", CANARY),
        lambda: plain.debug("dict %s", {"token": CANARY}),
        lambda: plain.error("holder %r", Holder()),
        lambda: plain.info("url postgresql://u:%s@h/d", CANARY),
        lambda: structured.info("event", password="anything at all", nested=[{"secret_key": "anything at all"}]),
        lambda: structured.info("event", said=f"it is {CANARY}", holder=Holder(), pair=(CANARY, {CANARY: 1})),
        lambda: structured.warning(f"inline {CANARY}"),
        lambda: warnings.warn(f"old {CANARY}", stacklevel=1),
    ]


@pytest.mark.parametrize("way", range(8))
def test_nothing_gets_out(out: io.StringIO, way: int) -> None:
    remember_secret(SecretStr(CANARY))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        _ways()[way]()
    said = out.getvalue()
    assert "***" in said
    assert "c4n" not in said
    assert "anything at all" not in said


@pytest.mark.parametrize("kind", ["plain", "structlog", "uncaught", "thread"])
def test_tracebacks(out: io.StringIO, kind: str) -> None:
    remember_secret(SecretStr(CANARY))
    try:
        _fail()
    except ValueError as error:
        match kind:
            case "plain":
                logging.getLogger("x").exception("broke")
            case "structlog":
                structlog.get_logger("x").exception("broke")
            case "uncaught":
                sys.excepthook(ValueError, error, error.__traceback__)
            case _:
                arguments = (ValueError, error, error.__traceback__, None)
                threading.excepthook(threading.ExceptHookArgs(arguments))
    said = out.getvalue()
    assert "cannot log in with ***" in said
    assert "_fail" in said
    assert "c4n" not in said


def test_a_record_that_cannot_be_rendered_does_not_print_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    setup_logs(stream=stream)  # here, not in a fixture: it also takes pytest's own handlers off
    logging.getLogger("x").warning("one %s", CANARY, CANARY)
    assert "could not be written" in stream.getvalue()
    assert "c4n" not in stream.getvalue() + "".join(capsys.readouterr())


def test_json_lines_are_json() -> None:
    stream = io.StringIO()
    setup_logs("INFO", "json", stream=stream)
    structlog.get_logger("ours").info("moved", rows=3, ok=True, at=None, token="x", tokens=7)
    logging.getLogger("theirs").debug("below the level")
    line = json.loads(stream.getvalue())
    assert line["event"] == "moved"
    assert (line["rows"], line["ok"], line["at"], line["token"], line["tokens"]) == (3, True, None, "***", 7)
    assert (line["logger"], line["level"]) == ("ours", "info")
    assert line["timestamp"].endswith("Z")


def test_every_line_names_its_migration_whichever_thread_writes_it() -> None:
    stream = io.StringIO()
    setup_logs("DEBUG", "json", stream=stream)
    with logs.about("m0000000001"):
        thread = threading.Thread(target=lambda: logging.getLogger("psycopg").warning("of a library"))
        thread.start()
        thread.join()
        structlog.get_logger("ours").info("of ours", migration="m0000000002")
    logging.getLogger("psycopg").warning("afterwards")
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line.get("migration") for line in told] == ["m0000000001", "m0000000002", None]


def test_rendered_keys_are_redacted_too() -> None:
    assert logs.redacted({"xoxb-1-a": 1, "n": 2.5}) == {"***": 1, "n": 2.5}
