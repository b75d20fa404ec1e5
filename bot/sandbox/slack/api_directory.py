"""auth.*, users.*, usergroups.* and conversations.*: who is who and what was said."""

from __future__ import annotations

from bot.sandbox.slack.api_chat import existing
from bot.sandbox.slack.arguments import Args
from bot.sandbox.slack.messages import Channel
from bot.sandbox.slack.records import ApiError, Json
from bot.sandbox.slack.render import message_object
from bot.sandbox.slack.state import State

PAGE_LIMIT = 1000


def api_test(state: State, args: Args) -> Json:
    """api.test"""
    if error := args.text("error"):
        raise ApiError(error)
    return {"args": args.values}


def auth_test(state: State, args: Args) -> Json:
    """auth.test"""
    w = state.workspace
    bot = w.users[w.bot_user_id]
    return {
        "url": state.url, "team": w.name, "user": bot.name, "team_id": w.team_id, "user_id": bot.id,
        "bot_id": w.bot_id, "is_enterprise_install": False,
    }  # fmt: skip


def users_info(state: State, args: Args) -> Json:
    """users.info"""
    user = state.workspace.users.get(args.required("user"))
    if user is None:
        raise ApiError("user_not_found")
    return {"user": user.to_slack()}


def usergroups_list(state: State, args: Args) -> Json:
    """usergroups.list"""
    groups = [g for g in state.workspace.groups.values() if args.flag("include_disabled") or not g.disabled]
    shown = [group.to_slack() for group in groups]
    if args.flag("include_users"):
        shown = [one | {"users": group.users} for one, group in zip(shown, groups, strict=True)]
    return {"usergroups": shown}


def usergroups_users_list(state: State, args: Args) -> Json:
    """usergroups.users.list"""
    group = state.workspace.groups.get(args.required("usergroup"))
    if group is None or (group.disabled and not args.flag("include_disabled")):
        raise ApiError("no_such_subteam")
    return {"users": list(group.users)}


def conversations_info(state: State, args: Args) -> Json:
    """conversations.info"""
    return {"channel": existing(state, args.required("channel")).to_slack(state.workspace.bot_user_id)}


def conversations_list(state: State, args: Args) -> Json:
    """conversations.list"""
    wanted = (args.text("types") or "public_channel").split(",")
    me = state.workspace.bot_user_id
    known = [c for c in state.workspace.channels.values() if me in c.members or not c.is_private]
    shown = [c for c in known if _kind(c) in wanted]
    if args.flag("exclude_archived"):
        shown = [c for c in shown if not c.is_archived]
    return {"channels": [c.to_slack(me) for c in shown], "response_metadata": {"next_cursor": ""}}


def conversations_members(state: State, args: Args) -> Json:
    """conversations.members"""
    channel = existing(state, args.required("channel"))
    return {"members": sorted(channel.members), "response_metadata": {"next_cursor": ""}}


def conversations_open(state: State, args: Args) -> Json:
    """conversations.open"""
    users = [user for user in args.text("users").split(",") if user]
    if len(users) != 1:
        raise ApiError("users_list_not_supplied" if not users else "method_not_supported_for_channel_type")
    if users[0] not in state.workspace.users:
        raise ApiError("user_not_found")
    # .../methods/conversations.open
    if state.workspace.users[users[0]].deleted:
        raise ApiError("user_disabled")
    if state.workspace.users[users[0]].is_bot:
        raise ApiError("cannot_dm_bot")
    with state.mutate():
        channel = state.workspace.direct_channel(users[0])
    return {"channel": {"id": channel.id} if not args.flag("return_im") else channel.to_slack("")}


def conversations_history(state: State, args: Args) -> Json:
    """conversations.history: newest first"""
    channel = _readable(state, args)
    return _page(state, channel, args, [m.ts for m in reversed(channel.messages)])


def conversations_replies(state: State, args: Args) -> Json:
    """conversations.replies: oldest first, the parent included"""
    channel = _readable(state, args)
    parent = channel.find(args.required("ts"))
    if parent is None:
        raise ApiError("thread_not_found")
    return _page(state, channel, args, [m.ts for m in channel.thread(parent.thread_ts or parent.ts)])


def _kind(channel: Channel) -> str:
    if channel.is_im:
        return "im"
    return "private_channel" if channel.is_private else "public_channel"


def _readable(state: State, args: Args) -> Channel:
    channel = existing(state, args.required("channel"))
    needed = {"im": "im:history", "private_channel": "groups:history"}.get(_kind(channel), "channels:history")
    if needed not in state.scopes:
        raise ApiError("missing_scope", needed=needed, provided=",".join(sorted(state.scopes)))
    if state.workspace.bot_user_id not in channel.members:
        raise ApiError("not_in_channel")
    return channel


def _page(state: State, channel: Channel, args: Args, stamps: list[str]) -> Json:
    oldest, latest = args.text("oldest") or "0", args.text("latest") or "9" * 12
    inclusive = args.flag("inclusive")
    inside = [ts for ts in stamps if _within(ts, oldest, latest, inclusive)]
    start = stamps.index(args.text("cursor")) if args.text("cursor") in stamps else 0
    inside = [ts for ts in inside if stamps.index(ts) >= start]
    limit = min(args.number("limit", 100), PAGE_LIMIT)
    found = (channel.find(ts) for ts in inside[:limit])
    with_metadata = args.flag("include_all_metadata")
    more = len(inside) > limit
    return {
        "messages": [message_object(state, channel, m, metadata=with_metadata) for m in found if m is not None],
        "has_more": more,
        "response_metadata": {"next_cursor": inside[limit] if more else ""},
    }


def _within(ts: str, oldest: str, latest: str, inclusive: bool) -> bool:
    at, low, high = float(ts), float(oldest), float(latest)
    return low <= at <= high if inclusive else low < at < high
