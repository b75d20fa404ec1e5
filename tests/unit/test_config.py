"""ferrybot.yaml: the example loads, mistakes are told with line and remedy, changes are picked up."""

import itertools
import os
import re
import traceback
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
from pydantic import BaseModel

from bot import config_faults
from bot.config import (
    BoundsEntry,
    Config,
    ConfigError,
    ConfigFile,
    PolicyEntry,
    ServiceEntry,
    TypedSources,
    load_config,
    parse_config,
)
from bot.config_rules import ReplacementsEntry, RulesEntry
from jobs.adapters.resolve import resolve_host
from jobs.core.hosts import check_pattern, host_allowed
from jobs.core.model import Environment, LoadBounds
from jobs.core.policy import Policy

EXAMPLE = Path(__file__).parents[2] / "ferrybot.example.yaml"
CANARY = "Tr0ub4dor"
SMALL = """\
services:
  orders:
    engine: postgresql
    environment: staging
    secret: env:ORDERS
"""


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "f.yaml")
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    return caught.value.problems


def test_the_example_loads() -> None:
    config = load_config(EXAMPLE)
    orders = config.service("orders-production")
    assert orders.free_bytes == 200 * 10**9
    assert orders.environment is Environment.production
    assert config.policy(Environment.production).approvals == 2
    assert [s.name for s in config.targets_for("C0123456789")] == list(config.services)
    assert "orders-production" not in [s.name for s in config.targets_for("C99")]
    assert config.service("orders-staging").measure_disk
    with pytest.raises(KeyError):
        config.service("nowhere")


def test_windows_bind_in_production_unless_the_file_says_otherwise() -> None:
    config = load_config(EXAMPLE)
    orders = config.service("orders-production")
    assert orders.windows == ("Sat 22:00-Sun 06:00", "0 1 * * 2 for 4h") and orders.time_zone == "Europe/Berlin"
    assert orders.windows_bind and not config.service("crm-production").windows_bind, "there are none to bind"
    assert orders.bounds == LoadBounds(active_sessions=60, replica_lag=30)
    assert config.service("orders-staging").bounds == LoadBounds()
    assert config.policy(Environment.production).rehearsal_days == 14
    text = f"{SMALL}    windows: [22:00-06:00]\n"
    assert not parse_config(text).service("orders").windows_bind
    assert parse_config(f"{text}    windows_bind: true\n").service("orders").windows_bind


def test_what_is_not_listed() -> None:
    config = parse_config(SMALL)
    assert config.policy(Environment.staging) == Policy()
    assert config.policy(Environment.production).approvals == 1
    assert config.typed_sources.allowed_hosts == ()


@pytest.mark.parametrize(
    ("text", "bytes"),
    [("40GB", 40 * 10**9), ("40 GiB", 40 * 2**30), ("1.5t", 15 * 10**11), ("7", 7), ("'7'", 7), ("500mb", 5 * 10**8)],
)
def test_sizes(text: str, bytes: int) -> None:
    assert parse_config(f"{SMALL}    free_disk: {text}\n").service("orders").free_bytes == bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "f.yaml:1: the file is empty. Copy"),
        ("- a", "f.yaml:1: the file must hold keys. Begin"),
        ("services: {}", "f.yaml:1: services: there is no service."),
        ("services:\n  a: [", "f.yaml:2: this is not YAML"),
        ("x: &a {}\ny: *a", "f.yaml:2: this is not YAML: aliases"),
        ("services: {a: !!python/object:os.system {}}", "f.yaml:1: services.a.engine: is missing"),
        (f"{SMALL}  orders: {{}}\n", "f.yaml:6: services.orders: this key is there twice (first in line 2)"),
        (f"{SMALL}    enviroment: x\n", "f.yaml:6: services.orders.enviroment: unknown key. Did you mean env"),
        (f"{SMALL}service: x\n", "f.yaml:6: service: unknown key. Did you mean services?"),
        (f"{SMALL}    free_disk: many\n", "f.yaml:6: services.orders.free_disk: write a size"),
        (f"{SMALL}    measure_disk: perhaps\n", "f.yaml:6: services.orders.measure_disk: must be true or false"),
        (f"{SMALL}    channels: ['#ops']\n", "f.yaml:6: services.orders.channels.0: write a channel's ID"),
        (f"{SMALL}    owners: '@ada'\n", "f.yaml:6: services.orders.owners: must be a list"),
        (SMALL.replace("env:ORDERS", f"postgresql://u:{CANARY}@h/d"), "f.yaml:5: services.orders.secret: write env:"),
        (SMALL.replace("env:ORDERS", "once:abcdefghijklmnopqrst"), "f.yaml:5: services.orders.secret: write env:"),
        (SMALL.replace("staging", "stagin"), "orders.environment: unknown environment. Did you mean staging?"),
        (SMALL.replace("postgresql", "oracle"), "services.orders.engine: unknown engine. Use one of: postgresql"),
        (SMALL.replace("  orders:", "  'a/b':"), "f.yaml:2: services.a/b: this is not a usable name"),
        (SMALL.replace("staging", "production"), "f.yaml:2: environments.production: nobody may approve, but orders"),
        (
            f"{SMALL.replace('staging', 'production')}environments:\n  production: {{approvals: 0}}\n",
            "f.yaml:7: environments.production: nobody may approve",
        ),
        (f"{SMALL}environments:\n  prod: {{}}\n", "7: environments.prod: unknown environment. Did you mean"),
        (
            f"{SMALL}environments:\n  staging: {{approvals: 2, approvers: [U123]}}\n",
            "f.yaml:7: environments.staging.approvers: 2 approvals are needed, but only 1",
        ),
        (f"{SMALL}    policy: {{approvals: 2, approvers: [U123]}}\n",
         "f.yaml:6: services.orders.policy: 2 approvals are needed, but only 1 people"),
        (f"{SMALL}    policy: {{expires_hour: 2}}\n", "services.orders.policy.expires_hour: unknown key. Did"),
        (f"{SMALL}    policy: {{escalate_to: ['@ops']}}\n", "services.orders.policy.escalate_to.0: write a person"),
        (f"{SMALL}environments:\n  staging: {{approvals: 11}}\n", "environments.staging.approvals: "),
        (f"{SMALL}environments:\n  staging: {{approvers: [ada]}}\n", "staging.approvers.0: write a person"),
        (f"{SMALL}typed_sources:\n  allowed_hosts: [10.1.0.1/16]\n", "allowed_hosts.0: this is not a network"),
        (f"{SMALL}typed_sources:\n  allowed_hosts: ['https://h']\n", "typed_sources.allowed_hosts.0: write a name"),
    ],
)  # fmt: skip
def test_a_mistake_has_a_place_and_a_remedy(text: str, expected: str) -> None:
    found = problems(text)
    assert all(part in "\n".join(found) for part in expected.split("|"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("windows: [Sat 22:00-Sun 04:00, weekends]", "windows.1: write Sat 22:00-Sun 04:00, "),
        ("windows: [25:00-26:00]", "windows.0: a day has 24 hours"),
        ("windows: Sat 22:00-Sun 04:00", "windows: must be a list"),
        ("time_zone: Europe/Berln", "time_zone: unknown time zone. Did you mean Europe/Berlin?"),
        ("windows_bind: perhaps", "windows_bind: must be true or false"),
        ("slow_down_at: {sessions: 5}", "slow_down_at.sessions: unknown key. Did you mean active_sessions?"),
        ("slow_down_at: {active_sessions: 0}", "slow_down_at.active_sessions: "),
    ],
)
def test_mistakes_in_the_care_of_a_service(line: str, expected: str) -> None:
    (found,) = problems(f"{SMALL}    {line}\n")
    assert found.startswith(f"f.yaml:6: services.orders.{expected}")


def test_all_mistakes_at_once_in_the_order_of_the_file() -> None:
    text = SMALL.replace("postgresql", "oracle").replace("staging", "live") + "typed: {}\n"
    assert [line.split(":")[1] for line in problems(text)] == ["3", "4", "6"]


def test_one_approver_group_is_enough_for_any_number() -> None:
    text = f"{SMALL}environments:\n  staging: {{approvals: 3, approvers: [S123]}}\n"
    assert parse_config(text).policy(Environment.staging).approvals == 3


def test_rules_of_a_service_travel_with_it() -> None:
    rules = load_config(EXAMPLE).service("crm-production").rules
    assert rules == (
        ("enums", "type"),
        ("collations", "citext keys"),
        ("column:orders.is_gift", "smallint"),
        ("column:*.uuid", "uuid"),
        ("value:zero dates:orders.shipped_at", "1970-01-01"),
    )


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("{enums: typ}", "write one of: text, type"),
        ("{enum: type}", "Did you mean enums?"),
        ("{columns: {flag: boolean}}", "write TABLE.COLUMN"),
        ("{columns: {t.flag: bool}}", "write one of: boolean, smallint"),
        ("{json: [jsonb]}", "must be text"),
        ("{values: {orders.at: {zero dates: 1970-02-30}}}", "values.orders.at.zero dates: this value is not text"),
        ("{values: {orders.at: {zero dates: '1970-02-30'}}}", "values.orders.at.zero dates: write a date"),
        ("{values: {orders.at: {zero date: '1970-02-28'}}}", "Did you mean zero dates?"),
        ("{values: {at: {zero dates: '1970-02-28'}}}", "write TABLE.COLUMN"),
        ("{values: {t.v: {nul bytes: ab}}}", "write one letter"),
        ('{values: {t.v: {nul bytes: "\\0"}}}', "write letters that can be seen"),
        ("{values: {t.j: {nul escapes: '{'}}}", "write a JSON document"),
        ("{values: {t.n: {out of range: most}}}", "write a whole number"),
    ],
)
def test_a_wrong_rule_is_told_with_its_remedy(rules: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse_config(f"{SMALL.rstrip()}\n    to_postgresql: {rules}\n")


def test_a_service_overrides_its_environment_key_by_key() -> None:
    config = parse_config("""\
services:
  plain: {engine: postgresql, environment: production, secret: env:A}
  vault:
    engine: postgresql
    environment: production
    secret: env:B
    policy: {approvals: 3, escalate_to: [S777], break_glass: [U9FIRE]}
environments:
  production: {approvals: 2, approvers: [S123], expires_hours: 24, remind_minutes: 0}
""")
    plain, vault = (config.policy_of(config.service(name)) for name in ("plain", "vault"))
    assert plain == Policy(approvals=2, approvers=("S123",), expires_hours=24, remind_minutes=0)
    changed = {"approvals": 3, "escalate_to": ("S777",), "break_glass": ("U9FIRE",)}
    assert vault == plain.model_copy(update=changed)
    gone = config.service("vault").model_copy(update={"name": "removed"})
    assert config.policy_of(gone) == plain, "what is not configured any more has its environment's rules"


def test_a_service_may_bring_its_own_approvers() -> None:
    text = SMALL.replace("staging", "production") + "    policy: {approvals: 1, approvers: [U123]}\n"
    assert parse_config(text).policy_of(parse_config(text).service("orders")).approvers == ("U123",)


def test_the_known_keys_are_the_models_keys() -> None:
    models: list[type[BaseModel]] = [
        Config,
        ServiceEntry,
        PolicyEntry,
        PolicyEntry,
        TypedSources,
        RulesEntry,
        ReplacementsEntry,
        BoundsEntry,
    ]
    for keys, model in zip(config_faults._KEYS.values(), models, strict=True):
        assert set(keys) == {field.alias or name for name, field in model.model_fields.items()}


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ferrybot\.example\.yaml"):
        load_config(tmp_path / "none.yaml")


class Edited:
    """A file whose every writing has a time of its own, however fast the test is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ticks = itertools.count(1_700_000_000)

    def write(self, text: str) -> None:
        self.path.write_text(text)
        second = next(self._ticks)
        os.utime(self.path, (second, second))


def test_a_change_is_read_and_a_wrong_one_keeps_the_last(tmp_path: Path) -> None:
    edited = Edited(tmp_path / "f.yaml")
    file = ConfigFile(edited.path)
    with pytest.raises(ConfigError):
        file.current()
    edited.write(SMALL)
    first = file.current()
    assert file.current() is first
    edited.write(SMALL.replace("orders", "shop"))
    assert list(file.current().services) == ["shop"]
    edited.write("services: [")
    assert list(file.current().services) == ["shop"]
    assert file.error is not None
    edited.path.unlink()
    assert list(file.current().services) == ["shop"]
    assert "cannot be read" in str(file.error)
    edited.write(SMALL)
    assert list(file.current().services) == ["orders"]
    assert file.error is None


@pytest.mark.parametrize(
    ("allowed", "host", "resolved", "reason"),
    [
        ([], "db.example.com", ["10.1.2.3"], "switched off"),
        (["db-*.example.com"], "db-1.example.com", ["203.0.113.9"], None),
        (["db-*.example.com"], "DB-1.example.com.", ["203.0.113.9"], None),
        (["db-*.example.com"], "db-1.evil.example.com", ["203.0.113.9"], "not on the list"),
        (["db-*.example.com"], "db-1.example.com.evil.org", ["203.0.113.9"], "not on the list"),
        (["db-*.example.com"], "db-1xexample.com", ["203.0.113.9"], "not on the list"),
        (["*"], "203.0.113.9", ["203.0.113.9"], "not on the list"),
        (["10.1.0.0/16"], "10.1.2.3", ["10.1.2.3"], None),
        (["10.1.0.0/16"], "10.2.0.1", ["10.2.0.1"], "not on the list"),
        (["10.1.0.0/16"], "db", ["10.1.2.3"], None),
        (["10.1.0.0/16"], "db", ["10.1.2.3", "10.9.0.1"], r"db \(10.9.0.1\) is not on the list"),
        (["2001:db8::/32"], "2001:db8::5", ["2001:db8::5"], None),
        (["10.1.0.0/16"], "x", ["::ffff:10.1.2.3"], None),
        (["db.example.com"], "db.example.com", [], "unknown here"),
        (["db.example.com"], "a,b", ["10.1.2.3"], "not one host"),
        (["db.example.com"], "/var/run", ["10.1.2.3"], "not one host"),
        (["db.example.com"], "", ["10.1.2.3"], "not one host"),
        # an allowed name that points inwards
        (["db.example.com"], "db.example.com", ["127.0.0.1"], "loopback"),
        (["db.example.com"], "db.example.com", ["203.0.113.9", "169.254.169.254"], "link-local"),
        (["0.0.0.0/0", "::/0"], "127.0.0.1", ["127.0.0.1"], "loopback"),
        (["0.0.0.0/0", "::/0"], "x", ["169.254.169.254"], "link-local"),
        (["0.0.0.0/0", "::/0"], "x", ["::ffff:169.254.169.254"], "link-local"),
        (["0.0.0.0/0", "::/0"], "x", ["fd00:ec2::254"], "metadata"),
        (["0.0.0.0/0", "::/0"], "x", ["0.0.0.0"], "this machine"),
        (["0.0.0.0/0", "::/0"], "x", ["::"], "this machine"),
        (["0.0.0.0/0"], "x", ["8.8.8.8"], None),
        # listed by itself
        (["127.0.0.1"], "127.0.0.1", ["127.0.0.1"], None),
        (["127.0.0.1"], "127.0.0.2", ["127.0.0.2"], "loopback"),
        (["localhost"], "localhost", ["127.0.0.1", "::1"], None),
        (["localhost"], "127.0.0.1", ["127.0.0.1"], "loopback"),
        (["169.254.10.0/24"], "169.254.10.5", ["169.254.10.5"], None),
        (["100.100.100.200"], "100.100.100.200", ["100.100.100.200"], None),
    ],
)
def test_hosts(allowed: Sequence[str], host: str, resolved: Sequence[str], reason: str | None) -> None:
    entries = [check_pattern(a) for a in allowed]
    found = host_allowed(entries, host, [ip_address(r) for r in resolved])
    assert found is None if reason is None else re.search(reason, found or "")


def test_resolving_knows_the_odd_spellings_of_loopback() -> None:
    assert [str(a) for a in resolve_host("127.1", 5432)] == ["127.0.0.1"]
    assert resolve_host("no such host", 5432) == ()
    assert resolve_host("x" * 300, 5432) == ()
