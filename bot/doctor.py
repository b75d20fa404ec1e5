"""What is missing in this installation, and the remedy: `ferrybot doctor`."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, TextIO

import redis
from pydantic import BaseModel, SecretStr
from slack_sdk import WebClient  # noqa: TID251  # the doctor asks with the very client that the bot uses
from slack_sdk.errors import SlackApiError, SlackClientError

from bot import scopes
from bot.config import Config, ConfigError, load_config
from bot.diagnosis import Diagnosis, Verdict
from bot.doctor_house import channels, house
from bot.settings import Settings
from jobs.adapters.redis_url import connect
from jobs.logs import redact
from jobs.settings import MAKE_A_KEY

__all__ = ["Diagnosis", "Verdict", "examine", "show"]

MAX_SKEW_SECONDS = 60
"""Slack's signatures hold for five minutes; a minute of drift is already a clock that nobody sets."""
SLACK_SECONDS = 10
REDIS_SECONDS = 5
SELFCHECK_SECONDS = 120
"""A hundred silent servers, eight at once, ten seconds each."""
LEAST_REDIS = (6, 2)
"""GETDEL, which makes one-time links single-use, came with Redis 6.2."""

_AOF = ("aof_last_write_status", "aof_last_bgrewrite_status")

_REINSTALL = "Apply manifest.yaml to the app (App Manifest), then reinstall it (OAuth & Permissions)."


def examine(settings: Settings, *, now: Callable[[], float] = time.time) -> Sequence[Diagnosis]:
    """Looks at everything, whatever is broken; takes seconds, at most about two minutes."""
    slack, reachable = _slack(settings, now)
    own, client = _redis(settings.redis_url)
    found = [*slack, *own, *_passwords(settings)]
    if client is not None:
        found += house(settings, client)
    try:
        config = load_config(settings.config_path)
    except ConfigError as error:
        return [*found, *(Diagnosis("configuration", "bad", problem) for problem in error.problems)]
    found.append(Diagnosis("configuration", "ok", f"{settings.config_path}: {len(config.services)} services"))
    if reachable:
        found += _groups(settings, config)
        found += channels(settings, config, client, _client(settings, settings.bot_token))
    return [*found, *_services(config)]


def show(diagnoses: Sequence[Diagnosis], stream: TextIO) -> bool:
    """Prints the report; True when nothing is bad."""
    signs: Mapping[Verdict, str] = {"ok": "✓", "warn": "!", "bad": "✗"}
    for d in diagnoses:
        stream.write(f"{signs[d.verdict]} {d.name}: {d.said}\n")
        if d.remedy:
            stream.write(f"    {d.remedy}\n")
    bad, warned = (sum(d.verdict == v for d in diagnoses) for v in ("bad", "warn"))
    stream.write(f"\n{bad} to mend, {warned} to know, {len(diagnoses) - bad - warned} in order.\n")
    return bad == 0


# --- Slack ----------------------------------------------------------------------------------------------


def _slack(settings: Settings, now: Callable[[], float]) -> tuple[list[Diagnosis], bool]:
    """What Slack says of the tokens; and whether it could be asked at all."""
    try:
        answer = _client(settings, settings.bot_token).auth_test()
    except (SlackClientError, OSError) as error:
        return [_refused("Slack bot token", error, "SLACK_BOT_TOKEN")], False
    headers = {str(k).lower(): _first(v) for k, v in answer.headers.items()}
    found = [
        Diagnosis("Slack bot token", "ok", f"{answer.get('user')} in {answer.get('team')}"),
        *_scopes(headers.get("x-oauth-scopes")),
        _clock(headers.get("date"), now()),
        _transport(settings),
    ]
    return found, True


def _client(settings: Settings, token: SecretStr) -> WebClient:
    return WebClient(token=token.get_secret_value(), base_url=settings.slack_api_url, timeout=SLACK_SECONDS)


def _first(value: Any) -> str:
    return str(value[0]) if isinstance(value, list) else str(value)


def _refused(name: str, error: Exception, variable: str) -> Diagnosis:
    if not isinstance(error, SlackApiError):
        remedy = "Check this machine's way to Slack: DNS, firewall, proxy."
        return Diagnosis(name, "bad", f"Slack cannot be reached ({type(error).__name__})", remedy)
    code = str(error.response.get("error", "unknown"))
    remedies = {
        "missing_scope": _REINSTALL,
        "ratelimited": "Try again in a minute.",
        "not_allowed_token_type": f"{variable} holds another kind of token.",
    }
    return Diagnosis(
        name, "bad", f"Slack says {code}", remedies.get(code, f"Copy the token from Slack into {variable} again.")
    )


def _scopes(header: str | None) -> Iterator[Diagnosis]:
    if header is None:
        yield Diagnosis("Slack scopes", "warn", "unknown: Slack did not name them", _REINSTALL)
        return
    granted = {scope.strip() for scope in header.split(",")}
    missing = [f"{scope} ({use})" for scope, use in scopes.REQUIRED.items() if scope not in granted]
    if missing:
        yield Diagnosis("Slack scopes", "bad", f"missing: {', '.join(missing)}", _REINSTALL)
    else:
        yield Diagnosis("Slack scopes", "ok", f"{len(scopes.REQUIRED)} of {len(scopes.REQUIRED)}")
    worse = [f"{scope} ({use})" for scope, use in scopes.OPTIONAL.items() if scope not in granted]
    if worse:
        yield Diagnosis("Slack optional scopes", "warn", f"not granted: {', '.join(worse)}", _REINSTALL)


def _clock(date: str | None, now: float) -> Diagnosis:
    try:
        skew = now - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return Diagnosis("clock", "warn", "unknown: Slack did not say its time")
    if abs(skew) <= MAX_SKEW_SECONDS:
        return Diagnosis("clock", "ok", f"within {max(1, round(abs(skew)))} s of Slack's")
    side = "ahead of" if skew > 0 else "behind"
    remedy = "Set the clock, for example by enabling NTP: timedatectl set-ntp true. Slack's signatures expire."
    return Diagnosis("clock", "bad", f"{abs(skew):.0f} s {side} Slack's", remedy)


def _transport(settings: Settings) -> Diagnosis:
    if settings.app_token is None:
        said = f"Slack sends requests to {settings.public_url or 'an unknown address'}/slack/events"
        missing = "" if settings.public_url else "Set PUBLIC_URL, and the same address in the app's settings."
        return Diagnosis("HTTP mode", "ok" if settings.public_url else "warn", said, missing)
    try:
        _client(settings, settings.app_token).apps_connections_open(app_token=settings.app_token.get_secret_value())
    except (SlackClientError, OSError) as error:
        return _refused("Socket Mode", error, "SLACK_APP_TOKEN")
    return Diagnosis("Socket Mode", "ok", "the app token opens connections")


def _groups(settings: Settings, config: Config) -> Iterator[Diagnosis]:
    named: dict[str, str] = {}
    for environment, policy in config.environments.items():
        named |= dict.fromkeys(policy.named, f"environments.{environment.value}")
    for name, service in config.services.items():
        named |= dict.fromkeys(service.owners, f"services.{name}.owners")
        if service.policy is not None:
            named |= dict.fromkeys(service.policy.named, f"services.{name}.policy")
    groups = {i: where for i, where in named.items() if i.startswith("S")}
    if not groups:
        return
    try:
        answer = _client(settings, settings.bot_token).usergroups_list()
    except (SlackClientError, OSError) as error:
        yield _refused("user groups", error, "SLACK_BOT_TOKEN")
        return
    there = {str(group["id"]) for group in answer.get("usergroups") or ()}
    for group, where in groups.items():
        if group not in there:
            remedy = f"Correct {where} in {settings.config_path}, or enable the group in Slack."
            yield Diagnosis("user groups", "bad", f"{group} does not exist or is disabled", remedy)
    if groups.keys() <= there:
        yield Diagnosis("user groups", "ok", f"{len(groups)} of {len(groups)} exist")


# --- Redis ----------------------------------------------------------------------------------------------


def _redis(url: SecretStr) -> tuple[list[Diagnosis], redis.Redis | None]:
    """What is known of Redis; and a client where it answers."""
    try:
        client = connect(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
        facts: Any = client.info()
    except redis.AuthenticationError:
        return [Diagnosis("Redis", "bad", "it refuses the password", "Correct user and password in REDIS_URL.")], None
    except (redis.RedisError, ValueError, OSError) as error:
        remedy = "Check REDIS_URL, and that Redis runs and admits this machine."
        if url.get_secret_value().startswith("rediss:"):
            remedy += " With TLS its certificate must be known here: add ?ssl_ca_certs=/path of the CA's file."
        return [Diagnosis("Redis", "bad", f"it cannot be reached ({_cause(error)})", remedy)], None
    version = str(facts.get("redis_version", "0"))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    old = numbers < LEAST_REDIS
    tls = "with TLS" if url.get_secret_value().startswith("rediss:") else "without TLS"
    said = f"version {version} answers, {tls}"
    found = [Diagnosis("Redis", "bad" if old else "ok", said, "Use 6.2 or newer." if old else "")]
    lost = "what was approved and done could be lost when Redis restarts"
    full = "a full Redis would throw migrations away"
    written = {0: "no", 1: "yes"}.get(facts.get("aof_enabled", -1))
    found.append(_redis_setting(client, "appendonly", "yes", lost, written))
    found.append(_redis_setting(client, "maxmemory-policy", "noeviction", full, facts.get("maxmemory_policy")))
    failing = [name for name in _AOF if facts.get(name, "ok") != "ok"]
    if written == "yes" and failing:
        said = f"Redis cannot write its append-only file ({', '.join(failing)})"
        found.append(Diagnosis("Redis persistence", "bad", said, "See Redis' log: usually its disk is full."))
    return found, client


def _cause(error: Exception) -> str:
    """TLS or network? The error's own text may hold the address."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return f"TLS: {seen.reason or type(seen).__name__}"
        seen = seen.__cause__ or seen.__context__
    return type(error).__name__


def _redis_setting(client: redis.Redis, name: str, wanted: str, because: str, told: str | None) -> Diagnosis:
    """`told` is what INFO says; providers that hide their settings show it all the same."""
    try:
        settings: Any = client.config_get(name)
        value = {_text(k): _text(v) for k, v in settings.items()}.get(name, told)
    except redis.RedisError:
        value = told
    if value == wanted:
        return Diagnosis(f"Redis {name}", "ok", wanted)
    if value is None:
        said = "unknown: this Redis does not let its settings be read"
        return Diagnosis(
            f"Redis {name}", "warn", said, f"See to it at the provider that {name} is {wanted}: {because}."
        )
    remedy = f"redis-cli CONFIG SET {name} {wanted} && redis-cli CONFIG REWRITE"
    return Diagnosis(f"Redis {name}", "bad", f"is {value}, so {because}", remedy)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _passwords(settings: Settings) -> Iterator[Diagnosis]:
    """What people need to type a source's password; an installation with services only can do without."""
    if settings.secret_key is None:
        said = "FERRYBOT_SECRET_KEY is not set, so nobody can enter a password"
        yield Diagnosis("one-time page", "warn", said, f"Set it for every process: {MAKE_A_KEY}")
    elif settings.public_url is None:
        said = "PUBLIC_URL is not set, so there is no page on which to enter a password"
        yield Diagnosis("one-time page", "warn", said, "Set it to the https:// address of this process.")
    else:
        yield Diagnosis("one-time page", "ok", f"{settings.public_url}/secret/…")


# --- services -------------------------------------------------------------------------------------------


class _Answer(BaseModel):
    """A line of jobs.selfcheck. Read by its shape: that module imports drivers, the bot must not."""

    name: str
    verdict: Verdict
    said: str
    remedy: str = ""


class _Answers(BaseModel):
    answers: tuple[_Answer, ...]


class _Question(BaseModel):
    services: tuple[Any, ...]


def _services(config: Config) -> Iterator[Diagnosis]:
    """What a worker on this machine would find; asked of a process of its own."""
    question = _Question(services=tuple(config.all_services())).model_dump_json()
    failed = "This is a fault of the installation: reinstall Ferrybot in this environment."
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "jobs.selfcheck"],
            input=question,
            capture_output=True,
            text=True,
            timeout=SELFCHECK_SECONDS,
            env=dict(os.environ),
            check=False,
        )
        answers = _Answers.model_validate_json(ran.stdout).answers
    except subprocess.TimeoutExpired:
        yield Diagnosis("services", "bad", f"the check took more than {SELFCHECK_SECONDS} s", "Check the addresses.")
        return
    except ValueError:
        last = redact(ran.stderr).strip().splitlines()[-1:] or ["no message"]
        yield Diagnosis("services", "bad", f"the check broke: {last[0][:300]}", failed)
        return
    services = set(config.services)
    for a in answers:
        yield Diagnosis(f"service {a.name}" if a.name in services else a.name, a.verdict, a.said, a.remedy)
