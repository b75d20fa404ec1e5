"""What listeners work with: built once per process, handed to each of them, never global."""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from redis import Redis
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import WebClient

from bot import access
from bot.config import Config, ConfigFile
from bot.modals import Modals
from bot.settings import Settings
from jobs.adapters.links import OneTimeLinks
from jobs.adapters.secrets import SecretStore
from jobs.desk import Desk
from jobs.ports.board import Board


@dataclass(frozen=True)
class Deps:
    """The dependencies of every listener."""

    settings: Settings
    config_file: ConfigFile
    redis: Redis
    desk: Desk
    board: Board
    modals: Modals
    links: OneTimeLinks
    secrets: SecretStore
    people: People

    @property
    def config(self) -> Config:
        return self.config_file.current()


MEMBERS_SECONDS = 60.0
"""How long members of a group are believed for showing and pausing; an approval always asks anew
(usergroups.users.list allows 20 calls a minute)."""


@dataclass
class People:
    """Who somebody is and who belongs to a group, as Slack says it."""

    client: WebClient
    home: str = ""
    _members: dict[str, tuple[float, frozenset[str]]] = field(default_factory=dict)

    def groups(self, ids: Set[str], *, live: bool = False) -> Mapping[str, Set[str]] | None:
        """Members of each group; None when Slack cannot be asked, which callers must treat as "nobody"."""
        try:
            return {group: self._group(group, live) for group in ids}
        except (SlackApiError, SlackClientError, OSError):
            return None

    def _group(self, group: str, live: bool) -> frozenset[str]:
        known = self._members.get(group)
        if known and not live and time.monotonic() - known[0] < MEMBERS_SECONDS:
            return known[1]
        answer = self.client.usergroups_users_list(usergroup=group)
        members = frozenset(answer.get("users") or ())
        self._members[group] = (time.monotonic(), members)
        return members

    def forget(self, group: str) -> None:
        """Slack told that this group changed."""
        self._members.pop(group, None)

    def who(self, user: str) -> access.Who | None:
        """The person; None when Slack cannot be asked."""
        try:
            if not self.home:
                self.home = str(self.client.auth_test()["team_id"])
            answer = self.client.users_info(user=user)
        except (SlackApiError, SlackClientError, OSError):
            return None
        found: Mapping[str, object] = answer.get("user") or {}
        return access.who(found, self.home)
