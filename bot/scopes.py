"""The permissions that Ferrybot asks of Slack (a test holds them against manifest.yaml)."""

from __future__ import annotations

REQUIRED = {
    "commands": "/migrate and the shortcuts",
    "chat:write": "cards and threads",
    "files:write": "the log file",
    "usergroups:read": "who is in an approvers' group",
    "users:read": "people's names, and whether somebody is a guest",
}
"""Scope: what does not work without it."""

OPTIONAL = {
    "channels:history": "finding out after a crash whether a line in doubt was posted, in public channels",
    "groups:history": "the same in private channels",
    "im:write": "finding out after a crash whether a direct message in doubt was sent",
    "im:history": "the same: reading the bot's own conversation with that person",
}
"""Scope: what gets worse without it."""
