"""The workspace: its people, groups and channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.sandbox.slack.messages import Channel
from bot.sandbox.slack.records import Json

TEAM_ID = "T0HARBOUR"
BOT_USER_ID = "U0FERRYBOT"


@dataclass(eq=False)
class User:
    """A person (or the bot) as `users.info` tells of them."""

    id: str
    name: str
    real_name: str
    title: str = ""
    tz: str = "Europe/Amsterdam"
    tz_label: str = "Central European Time"
    tz_offset: int = 3600
    is_bot: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False
    team_id: str = TEAM_ID

    def to_slack(self) -> Json:
        """The user object of Slack's answers."""
        profile = {
            "real_name": self.real_name,
            "display_name": self.name,
            "title": self.title,
            "team": self.team_id,
        }
        user: Json = {
            "id": self.id, "team_id": self.team_id, "name": self.name, "real_name": self.real_name,
            "deleted": self.deleted, "is_bot": self.is_bot, "is_app_user": False, "profile": profile,
            "updated": 0,
        }  # fmt: skip
        if self.deleted:
            return user
        user |= {"tz": self.tz, "tz_label": self.tz_label, "tz_offset": self.tz_offset}
        user |= {"is_admin": self.is_admin, "is_owner": False, "is_primary_owner": False}
        user |= {"is_restricted": self.is_restricted, "is_ultra_restricted": self.is_ultra_restricted}
        return user | ({"is_stranger": True} if self.is_stranger else {})


@dataclass(eq=False)
class UserGroup:
    """A user group; a disabled one is refused by `usergroups.users.list`."""

    id: str
    handle: str
    name: str
    users: list[str] = field(default_factory=list)
    disabled: bool = False

    def to_slack(self) -> Json:
        """The user group object of Slack's answers."""
        return {
            "id": self.id, "team_id": TEAM_ID, "is_usergroup": True, "name": self.name, "handle": self.handle,
            "description": "", "date_delete": 1 if self.disabled else 0, "user_count": len(self.users),
        }  # fmt: skip


class Workspace:
    """What exists before the app does anything; build one by hand or take `Workspace.default()`."""

    def __init__(self, name: str = "Harbour Works", domain: str = "harbour") -> None:
        self.team_id = TEAM_ID
        self.name = name
        self.domain = domain
        self.app_id = "A0FERRYBOT"
        self.bot_id = "B0FERRYBOT"
        self.bot_user_id = BOT_USER_ID
        self.users: dict[str, User] = {}
        self.groups: dict[str, UserGroup] = {}
        self.channels: dict[str, Channel] = {}
        self.on_change: Callable[[], None] = lambda: None
        self.add_user(User(BOT_USER_ID, "ferrybot", "Ferrybot", is_bot=True))

    @classmethod
    def default(cls) -> Workspace:
        """A requester, two approvers, an outsider, a guest, one group and two channels."""
        workspace = cls()
        for user in (
            User("U0ALICE", "alice", "Alice Requester", "Backend engineer"),
            User("U0BOB", "bob", "Bob Approver", "Database lead"),
            User(
                "U0CAROL",
                "carol",
                "Carol Keeper",
                "Database engineer",
                "America/New_York",
                "Eastern Time",
                -18000,
            ),
            User("U0MALLORY", "mallory", "Mallory Outsider", "Sales"),
            User("U0GUEST", "guest", "Gwen Guest", "Contractor", is_restricted=True),
        ):
            workspace.add_user(user)
        workspace.groups["S0DBA"] = UserGroup("S0DBA", "dba", "Database administrators", ["U0BOB", "U0CAROL"])
        workspace.add_channel("C0MIGRATIONS", "migrations", topic="Databases on the move")
        workspace.add_channel("C0RANDOM", "random", bot=False, topic="Everything else")
        return workspace

    def add_user(self, user: User) -> User:
        """Let a person (or bot) into the workspace."""
        self.users[user.id] = user
        return user

    def add_channel(self, id: str, name: str, *, bot: bool = True, private: bool = False, topic: str = "") -> Channel:
        """Create a channel with every person in it, and the bot if wanted."""
        members = {u.id for u in self.users.values() if not u.is_bot} | ({self.bot_user_id} if bot else set())
        self.channels[id] = Channel(id, name, members, private, topic=topic)
        return self.channels[id]

    def channel(self, name_or_id: str) -> Channel | None:
        """A channel by id, by name or by #name."""
        if name_or_id in self.channels:
            return self.channels[name_or_id]
        wanted = name_or_id.removeprefix("#")
        return next((c for c in self.channels.values() if c.name == wanted and not c.is_im), None)

    def direct_channel(self, user_id: str) -> Channel:
        """The bot's direct conversation with a person, made when first needed."""
        id = "D" + user_id[1:]
        if id not in self.channels:
            both = {user_id, self.bot_user_id}
            self.channels[id] = Channel(id, "", both, is_private=True, is_im=True, user=user_id)
        return self.channels[id]

    def archive(self, channel: str) -> None:
        """Archive a channel: posting there answers `is_archived`."""
        self._known(channel).is_archived = True
        self.on_change()

    def unarchive(self, channel: str) -> None:
        """Undo `archive`."""
        self._known(channel).is_archived = False
        self.on_change()

    def invite(self, channel: str, user_id: str = BOT_USER_ID) -> None:
        """Let somebody (the bot, if nobody is named) into a channel."""
        self._known(channel).members.add(user_id)
        self.on_change()

    def kick(self, channel: str, user_id: str = BOT_USER_ID) -> None:
        """Remove somebody (the bot, if nobody is named) from a channel."""
        self._known(channel).members.discard(user_id)
        self.on_change()

    def _known(self, name_or_id: str) -> Channel:
        channel = self.channel(name_or_id)
        if channel is None:
            raise KeyError(f"no channel {name_or_id!r} in this workspace")
        return channel
