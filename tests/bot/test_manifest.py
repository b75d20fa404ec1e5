"""manifest.yaml declares exactly what the code uses."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import scopes
from tools.check_manifest import main, problems

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT.parent / "shared" / "slack-manifest.schema.json"
MANIFEST: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yaml").read_text())

SCOPE_OF = {
    "chat_postMessage": "chat:write",
    "chat_update": "chat:write",
    "chat_delete": "chat:write",
    "chat_postEphemeral": "chat:write",
    "files_upload_v2": "files:write",
    "files_getUploadURLExternal": "files:write",
    "files_completeUploadExternal": "files:write",
    "usergroups_list": "usergroups:read",
    "usergroups_users_list": "usergroups:read",
    "users_info": "users:read",
    "users_list": "users:read",
    "conversations_history": "channels:history",
    "conversations_replies": "channels:history",
    "views_open": "",
    "views_push": "",
    "views_update": "",
    "views_publish": "",
    "auth_test": "",
    "apps_connections_open": "",
}
"""Web API methods and the scope each needs (docs.slack.dev/reference/methods); '' needs none."""
METHOD = re.compile(
    r"\.((?:chat|files|usergroups|users|conversations|views|auth|apps|reactions|pins|team)_[A-Za-z_0-9]+)\("
)


def sources() -> Iterator[Path]:
    for path in (ROOT / "bot").rglob("*.py"):
        if "sandbox" not in path.parts:
            yield path


def registered(decorator: str) -> set[str]:
    """The first argument of every `app.<decorator>("…")` in the listeners."""
    found = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == decorator:
                found |= {a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return found


def test_scopes_are_the_codes_scopes() -> None:
    declared = MANIFEST["oauth_config"]["scopes"]
    assert set(declared["bot"]) == {*scopes.REQUIRED, *scopes.OPTIONAL}
    assert set(declared["bot_optional"]) == set(scopes.OPTIONAL)
    assert set(declared) == {"bot", "bot_optional"}


def test_every_method_that_is_called_has_its_scope() -> None:
    called = {m for path in sources() for m in METHOD.findall(path.read_text())}
    assert called <= set(SCOPE_OF), "add the method and its scope above"
    assert {SCOPE_OF[m] for m in called} - {""} <= {*scopes.REQUIRED, *scopes.OPTIONAL}


@pytest.mark.parametrize(
    ("decorator", "declared"),
    [
        ("command", {c["command"] for c in MANIFEST["features"]["slash_commands"]}),
        ("global_shortcut", {s["callback_id"] for s in MANIFEST["features"]["shortcuts"] if s["type"] == "global"}),
        ("message_shortcut", {s["callback_id"] for s in MANIFEST["features"]["shortcuts"] if s["type"] == "message"}),
        ("event", set(MANIFEST["settings"]["event_subscriptions"]["bot_events"])),
    ],
)
def test_what_listeners_register_is_declared(decorator: str, declared: set[str]) -> None:
    found = registered(decorator)
    if decorator.endswith("shortcut"):
        found |= registered("shortcut") & declared
    assert found <= declared


def test_the_modes_it_stands_for() -> None:
    settings, features = MANIFEST["settings"], MANIFEST["features"]
    assert settings["socket_mode_enabled"]
    assert settings["interactivity"]["is_enabled"]
    assert features["app_home"]["home_tab_enabled"]
    assert 175 <= len(MANIFEST["display_information"]["long_description"]) <= 4000
    assert [c["command"] for c in features["slash_commands"]] == ["/migrate"]
    assert features["slash_commands"][0]["usage_hint"]


def schema() -> Path:
    if not SCHEMA.exists():
        pytest.skip("Slack's schema is not beside this repository")
    return SCHEMA


def test_it_is_valid_by_slacks_schema() -> None:
    assert problems(json.loads(schema().read_text()), MANIFEST) == []


def test_the_tool_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "m.yaml"
    wrong.write_text("display_information: {name: F, long_description: short}\nfeature: {}\n")
    # The first level of Slack's schema is open: a misspelt section is this project's own test's business.
    assert main([str(schema()), str(wrong)]) == 1
    assert "m.yaml: display_information.long_description: " in capsys.readouterr().err
    assert main([]) == 2


def test_the_tool_runs_by_itself() -> None:
    ran = subprocess.run([sys.executable, "tools/check_manifest.py", str(schema())], cwd=ROOT, check=False)
    assert ran.returncode == 0
