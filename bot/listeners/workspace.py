"""What Slack tells of the workspace itself: groups that change, tokens that end, the app that is removed."""

from __future__ import annotations

from slack_bolt import App

from bot import lapse, severed
from bot.deps import Deps
from bot.gestures import Body, log


def register(app: App, deps: Deps) -> None:
    """Hangs the workspace's events into `app`."""

    @app.event("subteam_members_changed")
    def members_changed(event: Body) -> None:
        _changed(deps, str(event.get("subteam_id") or ""))

    @app.event("subteam_updated")
    def group_changed(event: Body) -> None:
        _changed(deps, str((event.get("subteam") or {}).get("id") or ""))

    @app.event("app_uninstalled")
    def uninstalled() -> None:
        log.error("the app was uninstalled from its workspace; migrations go on, their threads cannot be written")
        severed.note(deps.redis, "the app was uninstalled")

    @app.event("tokens_revoked")
    def revoked(event: Body) -> None:
        if (event.get("tokens") or {}).get("bot"):
            log.error("a token was revoked; install the app again and set SLACK_BOT_TOKEN")
            severed.note(deps.redis, "the bot's token was revoked")


def _changed(deps: Deps, group: str) -> None:
    """Only who is in the group now counts: for what is asked next, and for what was given before."""
    deps.people.forget(group)
    lapse.strike_all(deps)
