"""What several threats to the bot need: a plan that waits for two, a button that anybody may forge."""

from __future__ import annotations

import json

from jobs.core.commands import Request
from jobs.core.policy import Policy
from tests.bot.office import Office
from tests.bot.sandbox_support import button
from tests.support.tales import ALICE, BOB, CAROL, CHANNEL, MIGRATION, Tale, plan

CANARY = "c4n&ry/p@ss%w\"o'rd"
TWO = Policy(approvals=2, approvers=("S0DBA",))


def asked(policy: Policy = TWO) -> Tale:
    tale = Tale().checked(plan(), policy=policy)
    tale.obey(Request(by=ALICE, digest=tale.state.digest, pinned=(BOB.id, CAROL.id), policy=policy))
    return tale


def press(desk: Office, person: str, action: str, *, digest: str = "") -> None:
    """A button as the card has it."""
    state = desk.deps.desk.state(MIGRATION)
    value = json.dumps({"m": MIGRATION, "d": digest or state.digest, "r": state.run})
    blocks = [{"type": "actions", "elements": [button(action, value=value)]}]
    sent = desk.deps.people.client.chat_postMessage(channel=CHANNEL, text="card", blocks=blocks)
    message = desk.slack.channel(CHANNEL).find(sent["ts"])
    assert message is not None
    assert desk.person(person).click(message, action).acked


def remove(desk: Office, person: str) -> None:
    desk.slack.workspace.groups["S0DBA"].users.remove(person)
