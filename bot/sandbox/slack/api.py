"""The Web API's door: who calls, may they, how often, and what misfortune awaits the answer."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from bot.sandbox.slack import api_chat, api_directory, api_files, api_views
from bot.sandbox.slack.arguments import Args
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.rates import POSTING, READING_HISTORY, TIER_2, TIER_3, TIER_4, Limit
from bot.sandbox.slack.records import ApiCall, ApiError, Json
from bot.sandbox.slack.state import State

SHARE_DELAY = 0.05  # seconds between the answer of completeUploadExternal and the message it announces
SECRET_ARGUMENTS = {"token", "client_secret", "app_token"}


@dataclass(frozen=True)
class Method:
    """What a method does, which scopes open it (any of them), how often it may be called."""

    run: Callable[[State, Args], Json]
    limit: Limit | None
    scopes: tuple[str, ...] = ()


# Scopes and tiers: https://docs.slack.dev/reference/methods, one page per method
METHODS: dict[str, Method] = {
    "api.test": Method(api_directory.api_test, TIER_4),
    "auth.test": Method(api_directory.auth_test, TIER_4),
    "chat.postMessage": Method(api_chat.post_message, POSTING, ("chat:write",)),
    "chat.postEphemeral": Method(api_chat.post_ephemeral, TIER_4, ("chat:write",)),
    "chat.update": Method(api_chat.update, TIER_3, ("chat:write",)),
    "chat.delete": Method(api_chat.delete, TIER_3, ("chat:write",)),
    "chat.getPermalink": Method(api_chat.get_permalink, TIER_4),
    "views.open": Method(api_views.open_view, TIER_4),
    "views.push": Method(api_views.push, TIER_4),
    "views.update": Method(api_views.update, TIER_4),
    "views.publish": Method(api_views.publish, TIER_4),
    "users.info": Method(api_directory.users_info, TIER_4, ("users:read",)),
    "usergroups.list": Method(api_directory.usergroups_list, TIER_2, ("usergroups:read",)),
    "usergroups.users.list": Method(api_directory.usergroups_users_list, TIER_2, ("usergroups:read",)),
    "conversations.info": Method(api_directory.conversations_info, TIER_3, ("channels:read", "groups:read")),
    "conversations.list": Method(api_directory.conversations_list, TIER_2, ("channels:read", "groups:read")),
    "conversations.members": Method(api_directory.conversations_members, TIER_4, ("channels:read", "groups:read")),
    "conversations.open": Method(api_directory.conversations_open, TIER_3, ("im:write", "mpim:write")),
    "conversations.history": Method(
        api_directory.conversations_history,
        READING_HISTORY,
        ("channels:history", "groups:history", "im:history"),
    ),
    "conversations.replies": Method(
        api_directory.conversations_replies,
        READING_HISTORY,
        ("channels:history", "groups:history", "im:history"),
    ),
    "files.getUploadURLExternal": Method(api_files.get_upload_url, TIER_4, ("files:write",)),
    "files.completeUploadExternal": Method(api_files.complete_upload, TIER_4, ("files:write",)),
    "files.info": Method(api_files.files_info, TIER_4, ("files:read",)),
}
CONNECT = "apps.connections.open"
# Tier 1 by its page, yet ten connections at once are allowed by another: the more lenient reading.
CONNECTING = Limit(10, 10 / 60)


class HttpFailure(Exception):
    """An answer that is no answer of the API: 429, 5xx."""

    def __init__(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(status))
        self.status, self.body, self.headers = status, body, headers or {}


class Silence(Exception):
    """No answer at all: the connection is held until the client gives up, or dropped."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class WebApi:
    """Answers /api/<method>."""

    def __init__(self, state: State, tokens: Tokens, connect: Callable[[], str]) -> None:
        self._state = state
        self._tokens = tokens
        self._connect = connect

    async def serve(self, request: Request) -> Response:
        """One call, from bytes to bytes."""
        method = request.path_params["method"]
        try:
            values, token = await _read(request)
            return await self._answer(method, values, token)
        except Silence as silence:
            await hold_or_drop(request, silence.kind)
            return PlainTextResponse("", 500)  # nobody is there to read it

    async def _answer(self, method: str, values: Json, token: str | None) -> Response:
        fault = self._state.faults.take(method, values, applied=False)
        status = 200
        body: Json = {}
        headers: dict[str, str] = {}
        try:
            if self._state.faults.outage:
                raise HttpFailure(503, {"ok": False, "error": "service_unavailable"})
            if fault:
                _strike(fault)
            body = {"ok": True} | self._run(method, values, token)
        except ApiError as refusal:
            status, body, headers = _refused(refusal)
        except HttpFailure as failure:
            status, body, headers = failure.status, failure.body, failure.headers
        except Silence:
            self._record(method, values, {"ok": False, "error": "no answer"}, 0, fault)
            raise
        late = self._state.faults.take(method, values, applied=True) if body.get("ok") else None
        call = self._record(method, values, body, status, late or fault)
        await self._before_answer(method, call)
        self._after_answer(method, values, body)
        if late:
            return _fail_late(late)
        return JSONResponse(body, status, self._headers(method) | headers)

    def _run(self, method: str, values: Json, token: str | None) -> Json:
        """Check the caller, then do it."""
        if method != CONNECT and method not in METHODS:
            raise ApiError("unknown_method", req_method=method)
        self._tokens.check(token, app=method == CONNECT, optional=method == "api.test")
        if method == CONNECT:
            self._state.rates.take(method, CONNECTING, "")
            return {"url": self._connect()}
        entry, args = METHODS[method], Args(values)
        if entry.scopes and not self._state.scopes & set(entry.scopes):
            provided = ",".join(sorted(self._state.scopes))
            raise ApiError("missing_scope", needed=entry.scopes[0], provided=provided)
        self._state.rates.take(method, entry.limit, args.text("channel"))
        with self._state.changed:
            return entry.run(self._state, args)

    def _record(self, method: str, values: Json, body: Json, status: int, fault: Fault | None) -> ApiCall:
        args = {name: value for name, value in values.items() if name not in SECRET_ARGUMENTS}
        ok, error = bool(body.get("ok")), body.get("error")
        name = fault.name if fault else ("outage" if self._state.faults.outage else None)
        call = ApiCall(method, args, ok, error, status, self._state.clock.monotonic(), body, name)
        with self._state.mutate():
            self._state.calls.append(call)
        doubled = self._state.faults.duplicate_gestures and error == "exchanged_trigger_id"
        if not ok and name is None and not doubled:
            messages = body.get("response_metadata", {}).get("messages", [])
            self._state.problem("API error", f"{method}: {error}", "; ".join(messages))
        return call

    async def _before_answer(self, method: str, call: ApiCall) -> None:
        for run in self._state.faults.hooks(method):
            await asyncio.to_thread(run, call)  # it may block, or kill somebody: not on this loop

    def _after_answer(self, method: str, values: Json, body: Json) -> None:
        if method == "files.completeUploadExternal" and body.get("ok"):
            asyncio.get_running_loop().call_later(SHARE_DELAY, api_files.share, self._state, Args(values))

    def _headers(self, method: str) -> dict[str, str]:
        accepted = METHODS[method].scopes if method in METHODS else ()
        return {
            "x-oauth-scopes": ",".join(sorted(self._state.scopes)),
            "x-accepted-oauth-scopes": ",".join(accepted),
            "x-slack-req-id": secrets.token_hex(16),
        }


class Tokens:
    """The two tokens of the app and whether they still hold."""

    def __init__(self) -> None:
        self.bot = f"xoxb-{secrets.randbelow(10**12)}-{secrets.token_hex(12)}"
        self.app = f"xapp-1-A0FERRYBOT-{secrets.token_hex(16)}"
        self.signing_secret = secrets.token_hex(16)
        self.revoked = False

    def check(self, token: str | None, *, app: bool, optional: bool = False) -> None:
        """Refuse as Slack does: none, unknown, revoked, or of the wrong kind."""
        if not token:
            if optional:
                return
            raise ApiError("not_authed")
        if token not in (self.bot, self.app):
            raise ApiError("invalid_auth")
        if self.revoked:
            raise ApiError("token_revoked")
        if (token == self.app) is not app and not optional:
            raise ApiError("not_allowed_token_type")


async def hold_or_drop(request: Request, kind: str) -> None:
    """Never answer: wait until the client gives up, or close its connection under it."""
    if kind == "drop":
        request.scope["sandbox.transport"]().close()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return


async def _read(request: Request) -> tuple[Json, str | None]:
    """Arguments and token. A token in a JSON body does not count, as at Slack."""
    values: Json = dict(request.query_params)
    body = await request.body()
    kind = request.headers.get("content-type", "")
    token = None
    if kind.startswith("application/json") and body:
        parsed: Any = json.loads(body)
        values |= parsed if isinstance(parsed, dict) else {}
    elif kind.startswith("multipart/form-data"):
        values |= {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        token = values.get("token")
    else:
        values |= dict(parse_qsl(body.decode(), keep_blank_values=True))
        token = values.get("token")
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        token = bearer.strip()
    values.pop("token", None)
    return values, token


def _strike(fault: Fault) -> None:
    """The misfortune that comes before anything is applied."""
    if fault.kind == "ratelimited":
        raise ApiError("ratelimited", retry_after=fault.retry_after)
    if fault.kind == "refuse":
        extra = {"needed": "unknown", "provided": ""} if fault.error == "missing_scope" else {}
        raise ApiError(fault.error, **extra)
    if fault.kind == "500":
        raise HttpFailure(500, {"ok": False, "error": "internal_error"})
    raise Silence(fault.kind)


def _fail_late(fault: Fault) -> Response:
    if fault.kind == "500":
        return JSONResponse({"ok": False, "error": "internal_error"}, 500)
    raise Silence(fault.kind)


def _refused(refusal: ApiError) -> tuple[int, Json, dict[str, str]]:
    body: Json = {"ok": False, "error": refusal.error}
    if refusal.error == "ratelimited":
        return 429, body, {"Retry-After": str(refusal.extra["retry_after"])}
    body |= refusal.extra
    if refusal.messages:
        if refusal.error == "invalid_blocks":
            body["errors"] = refusal.messages
        body["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in refusal.messages]}
    return 200, body, {}
