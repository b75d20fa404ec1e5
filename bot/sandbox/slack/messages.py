"""Messages, files and channels as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.slack.records import Json


@dataclass(eq=False)
class StoredFile:
    """An uploaded file and where it has been shared."""

    id: str
    name: str
    length: int
    user: str
    title: str = ""
    content: bytes | None = None
    snippet_type: str | None = None
    alt_text: str = ""
    upload_key: str = ""
    shares: list[tuple[str, str, str | None]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The content read as UTF-8."""
        return (self.content or b"").decode("utf-8", errors="replace")

    def to_slack(self, base_url: str) -> Json:
        """The file object of Slack's answers."""
        url = f"{base_url}files/{self.id}/{self.name}"
        extension = self.name.rpartition(".")[2].lower() if "." in self.name else "text"
        shared = [{"ts": ts, "thread_ts": thread, "channel_id": channel} for channel, ts, thread in self.shares]
        by_channel: dict[str, list[Json]] = {}
        for one in shared:
            by_channel.setdefault(str(one["channel_id"]), []).append({k: v for k, v in one.items() if v})
        return {
            "id": self.id, "name": self.name, "title": self.title or self.name, "size": self.length,
            "filetype": extension, "mimetype": "image/png" if extension == "png" else "text/plain",
            "mode": "hosted", "user": self.user, **({"alt_txt": self.alt_text} if self.alt_text else {}),
            "url_private": url, "url_private_download": url, "permalink": url,
            "shares": {"public": by_channel},
        }  # fmt: skip


@dataclass(eq=False)
class Message:
    """One message; it changes in place when it is edited."""

    channel: str
    ts: str
    user: str
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    broadcast: bool = False
    metadata: Json | None = None
    edited_ts: str | None = None
    bot_id: str | None = None
    app_id: str | None = None
    subtype: str | None = None
    files: list[StoredFile] = field(default_factory=list)
    visible_to: str | None = None
    state: dict[str, dict[str, dict[str, Json]]] = field(default_factory=dict)

    @property
    def is_ephemeral(self) -> bool:
        """Only one person sees it."""
        return self.visible_to is not None

    @property
    def is_reply(self) -> bool:
        """It lives in a thread and is not its first message."""
        return self.thread_ts is not None and self.thread_ts != self.ts

    @property
    def edited(self) -> bool:
        """It was changed after it was posted."""
        return self.edited_ts is not None

    def elements(self) -> Iterator[tuple[Json, Json]]:
        """Every (block, interactive element) in order."""
        return elements_of(self.blocks)

    def action_ids(self) -> list[str]:
        """The action ids that a person could use here."""
        return [str(element.get("action_id", "")) for _, element in self.elements()]

    @property
    def plain(self) -> str:
        """All the words a person would read: of the blocks when there are any, else the text."""
        words = block_words(self.blocks)
        return "\n".join(words) if words else self.text


@dataclass(eq=False)
class Channel:
    """A conversation: who is in it and what was said."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)
    is_private: bool = False
    is_archived: bool = False
    is_im: bool = False
    user: str | None = None
    topic: str = ""
    all_messages: list[Message] = field(default_factory=list)

    @property
    def messages(self) -> list[Message]:
        """The timeline: no thread replies (unless broadcast), no ephemeral messages."""
        return [m for m in self.all_messages if (not m.is_reply or m.broadcast) and not m.is_ephemeral]

    def thread(self, ts: str) -> list[Message]:
        """The first message of a thread and its replies in order."""
        return [m for m in self.all_messages if (m.ts == ts or m.thread_ts == ts) and not m.is_ephemeral]

    def replies(self, ts: str) -> list[Message]:
        """A thread without its first message."""
        return [m for m in self.thread(ts) if m.ts != ts]

    def find(self, ts: str) -> Message | None:
        """The public message with this ts."""
        return next((m for m in self.all_messages if m.ts == ts and not m.is_ephemeral), None)

    def to_slack(self, me: str) -> Json:
        """The conversation object of Slack's answers."""
        base: Json = {"id": self.id, "is_archived": self.is_archived, "is_im": self.is_im}
        base["is_channel"] = not self.is_im
        if self.is_im:
            return base | {"user": self.user, "is_user_deleted": False}
        return base | {
            "name": self.name, "name_normalized": self.name, "is_private": self.is_private, "is_mpim": False,
            "is_member": me in self.members, "is_general": False, "num_members": len(self.members),
            "topic": {"value": self.topic}, "purpose": {"value": ""},
        }  # fmt: skip


def elements_of(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every (block, interactive element) of a list of blocks, in order."""
    for block in blocks:
        kind = block.get("type")
        if kind == "section" and (accessory := block.get("accessory")) and accessory.get("type") != "image":
            yield block, accessory
        elif kind == "actions":
            yield from ((block, element) for element in block["elements"])
        elif kind == "input":
            yield block, block["element"]


def block_words(node: Any) -> list[str]:
    """The readable texts of blocks, depth first."""
    if isinstance(node, list):
        return [word for item in node for word in block_words(item)]
    if not isinstance(node, dict):
        return []
    if isinstance(node.get("text"), str):
        return [node["text"]]
    if str(node.get("type", "")).startswith("rich_text_") and node.get("type") != "rich_text_list":
        return ["".join(_inline(item) for item in node.get("elements", []))]
    keys = (
        "text",
        "title",
        "fields",
        "label",
        "elements",
        "accessory",
        "element",
        "rows",
        "hint",
        "alt_text",
    )
    words = [word for key in keys for word in block_words(node.get(key))]
    return words + ([str(node["alt_text"])] if "alt_text" in node else [])


def _inline(item: Json) -> str:
    kind = item.get("type")
    if kind in ("text", "link"):
        return str(item.get("text") or item.get("url", ""))
    return _MENTIONS.get(str(kind), "{fallback}").format_map({"fallback": "", **item})


_MENTIONS = {
    "user": "<@{user_id}>",
    "channel": "<#{channel_id}>",
    "usergroup": "<!subteam^{usergroup_id}>",
    "emoji": ":{name}:",
}
