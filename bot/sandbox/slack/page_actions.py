"""What the page asks for, turned into what a `Person` does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.people import NotPossible, Person
from bot.sandbox.slack.records import GestureResult, Json
from bot.sandbox.slack.views import View

if TYPE_CHECKING:
    from bot.sandbox.slack.server import SlackSandbox

Act = Callable[["SlackSandbox", Person, Json], Json]


def act(sandbox: SlackSandbox, request: Json) -> Json:
    """Do one thing; what was not possible comes back as an error text."""
    person = sandbox.person(str(request["as"]))
    try:
        return ACTS[str(request["do"])](sandbox, person, request)
    except NotPossible as refusal:
        return {"ok": False, "error": str(refusal)}


def change_fault(sandbox: SlackSandbox, request: Json) -> Json:
    """Switch one misfortune on or off."""
    faults, method = sandbox.faults, str(request.get("method") or "*")
    times = int(request.get("times") or 1)
    name = request["do"]
    if name in ("outage", "duplicate_gestures", "swallow_gestures"):
        setattr(faults, name, bool(request.get("on")))
    elif name == "ratelimit":
        faults.ratelimit(method, times=times, retry_after=int(request.get("retry_after") or 5))
    elif name in ("server_error", "time_out", "drop"):
        getattr(faults, name)(method, times=times)
    elif name == "apply_then_fail":
        faults.apply_then_fail(method, how=request.get("how", "500"), times=times)
    elif name == "refuse":
        faults.refuse(method, str(request.get("error") or "missing_scope"), times=times)
    elif name == "disconnect":
        faults.disconnect_sockets(str(request.get("reason") or "refresh_requested"))
    elif name == "advance":
        sandbox.state.clock.advance(float(request["seconds"]))
    elif name == "clear":
        faults.clear()
    else:
        return {"ok": False, "error": f"no such fault: {name}"}
    sandbox.state.touch()
    return {"ok": True}


def _shown(result: GestureResult) -> Json:
    return {"ok": result.ok, "acked": result.acked, "error": result.error}


def _say(sandbox: SlackSandbox, person: Person, r: Json) -> Json:
    """A message, or a command if it begins like one."""
    text, thread = str(r["text"]), r.get("thread_ts")
    if text.startswith("/"):
        command, _, rest = text.partition(" ")
        return _shown(person.command(command, rest.strip(), r["channel"], thread_ts=thread))
    person.say(r["channel"], text, thread)
    return {"ok": True}


def _click(sandbox: SlackSandbox, person: Person, r: Json) -> Json:
    where, block_id = _where(sandbox, person, r), r.get("block_id")
    return _shown(
        person.click(where, r["action_id"], block_id=block_id, value=r.get("value"), index=r.get("index", 0))
    )


def _fill(sandbox: SlackSandbox, person: Person, r: Json) -> Json:
    if r.get("surface") != "modal":
        return _click(sandbox, person, r)
    try:
        return _shown(person.fill(r["block_id"], r.get("value"), r["action_id"], dispatch=r.get("dispatch")))
    except NotPossible as refusal:
        return _mark(sandbox, person, r["block_id"], str(refusal))


def _submit(sandbox: SlackSandbox, person: Person, r: Json) -> Json:
    """Take over what was typed, then send off."""
    for one in r.get("values", []):
        try:
            person.fill(one["block_id"], one["value"], one["action_id"], dispatch=False)
        except NotPossible as refusal:
            return _mark(sandbox, person, one["block_id"], str(refusal))
    result = person.submit()
    return {"ok": result.error is None, "acked": result.acked, "error": result.error, "errors": result.errors}


def _mark(sandbox: SlackSandbox, person: Person, block_id: str, text: str) -> Json:
    """What the client itself refuses to take is shown beside the field."""
    modal = person.modal()
    if modal is not None:
        with sandbox.state.mutate():
            modal.errors = modal.errors | {block_id: text.partition(": ")[2] or text}
    return {"ok": True}


def _suggest(sandbox: SlackSandbox, person: Person, r: Json) -> Json:
    options = person.suggest(r["action_id"], str(r.get("query", "")), where=_where(sandbox, person, r))
    return {"ok": True, "options": options}


def _close(sandbox: SlackSandbox, person: Person, r: Json) -> Json:
    if person.modal() is not None:
        person.close(everything=bool(r.get("everything")))
    return {"ok": True}


def _home(sandbox: SlackSandbox, person: Person, r: Json) -> Json:
    person.open_home()
    return {"ok": True}


def _shortcut(sandbox: SlackSandbox, person: Person, r: Json) -> Json:
    return _shown(person.shortcut(r["callback_id"]))


def _message_shortcut(sandbox: SlackSandbox, person: Person, r: Json) -> Json:
    return _shown(person.message_shortcut(r["callback_id"], r["channel"], r["ts"]))


def _where(sandbox: SlackSandbox, person: Person, r: Json) -> Message | View:
    """The thing on the page that was touched."""
    where: Any = None
    if r["surface"] == "message":
        channel = sandbox.channel(r["channel"])
        where = next((m for m in channel.all_messages if m.ts == r["ts"]), None)
    elif r["surface"] == "home":
        where = person.home()
    else:
        where = person.modal()
    if not isinstance(where, Message | View):
        raise NotPossible("it is no longer there")
    return where


ACTS: dict[str, Act] = {
    "say": _say, "click": _click, "fill": _fill, "submit": _submit, "suggest": _suggest, "close": _close,
    "open_home": _home, "shortcut": _shortcut, "message_shortcut": _message_shortcut,
}  # fmt: skip
