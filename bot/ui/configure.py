"""Step 1, Configure: the target, its engine's guide, and room on its disk. Pure: state -> view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.refs import Ref, Sheet
from bot.ui.text import (
    Block,
    View,
    button,
    context,
    divider,
    field,
    label,
    option,
    plain,
    section,
    size,
)
from jobs.core.model import Dialect, Environment, Service
from jobs.core.pairs import NAMES
from jobs.core.state import State

CALLBACK = "ferrybot_configure"
TITLE = "Migrate database"

_MYSQL = (
    "*How a MySQL or MariaDB migration goes*\n"
    "1. *Validation* reads both servers and changes nothing. You see every finding before anything moves.\n"
    "2. The tables are created on the target, then rows stream through the workers under *one snapshot* of the "
    "source. The source stays in use; what is written to it after the snapshot does not travel.\n"
    "3. Indexes, foreign keys, counters, routines, views and triggers follow; events arrive disabled. Then *every "
    "table is counted and checksummed on both sides*.\n"
    "You need: a user that may read everything on the source (SELECT, SHOW VIEW, TRIGGER, EVENT and the text of "
    "routines; neither SUPER nor RELOAD), and a user with all rights on an *empty database* on the target, of the "
    "same or a newer version."
)

GUIDE = {
    Dialect.postgresql: (
        "*How a PostgreSQL migration goes*\n"
        "1. *Validation* reads both servers and changes nothing. You see every finding before anything moves.\n"
        "2. The schema is created on the target, then rows stream through the workers under *one snapshot* of the "
        "source. The source stays in use; what is written to it after the snapshot does not travel.\n"
        "3. Indexes, constraints and sequences follow, then *every table is counted and checksummed on both sides*.\n"
        "You need: a user that may read everything on the source, a user that owns an *empty database* on the "
        "target, and a target of the same or a newer major version.\n"
        "A MySQL or MariaDB source moves here too: types, names, keys and views are translated, the plan asks where "
        "there is a choice, and says what is left to a person (routines, triggers, events)."
    ),
    Dialect.mysql: _MYSQL,
    Dialect.mariadb: _MYSQL,
}


@dataclass(frozen=True)
class Draft:
    """What step 1 shows: chosen so far, and what a person may go on with."""

    channel: str
    migration: str = ""
    target: Service | None = None
    free_text: str = ""
    confirmed: bool = False
    ask_channel: bool = False
    unfinished: Sequence[State] = ()


def engine_name(dialect: Dialect) -> str:
    return NAMES[dialect]


def steps(current: int) -> Block:
    """Where in the three steps we are; said in words, not by position or colour."""
    names = ("Configure", "Validation", "Migration")
    trail = "  →  ".join(f"*{n}*" if i == current else n for i, n in enumerate(names, 1))
    return context(f"Step {current} of 3:  {trail}", block_id="steps")


def view(draft: Draft) -> View:
    """The modal of step 1."""
    blocks: list[Block] = [steps(1), *_unfinished(draft.unfinished)]
    if draft.ask_channel:
        blocks.append(_channel(draft.channel))
    blocks.append(_target(draft.target))
    if draft.target is not None:
        blocks += _about(draft.target)
    else:
        blocks.append(context("Choose the database that will receive the data. Its guide appears here."))
    blocks += [divider(), *_disk(draft)]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": Sheet(m=draft.migration, step="configure", channel=draft.channel).pack(),
        "title": label(TITLE, 24),
        "submit": label("Get started", 24),
        "close": label("Cancel", 24),
        "notify_on_close": True,
        "blocks": blocks,
    }


def _unfinished(states: Sequence[State]) -> list[Block]:
    if not states:
        return []
    rows = [
        section(
            f"*Unfinished:* {plain(state.title, 1000)}",
            block_id=f"unfinished_{state.id}",
            accessory=button("Continue", "draft_continue", Ref(m=state.id).pack(), said=f"Continue {state.title}"),
        )
        for state in states[:3]
    ]
    return [*rows, divider()]


def _channel(channel: str) -> Block:
    element: Block = {
        "type": "conversations_select",
        "action_id": "channel_select",
        "placeholder": label("Choose a channel"),
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
    }
    if channel:
        element["initial_conversation"] = channel
    return field("channel", "Channel for the story", element, hint="Ferrybot must be a member of it.")


def _target(target: Service | None) -> Block:
    element: Block = {
        "type": "external_select",
        "action_id": "target_select",
        "min_query_length": 0,
        "placeholder": label("Search a service"),
    }
    if target is not None:
        element["initial_option"] = service_option(target)
    return field("target", "Target service", element, dispatch=True, hint="The database that receives the data.")


def service_option(service: Service) -> Block:
    return option(f"{service.name} · {engine_name(service.engine)} · {service.environment}", service.name)


def _about(target: Service) -> list[Block]:
    guarded = (
        "\n:lock: *Production:* somebody else approves the plan before anything is written."
        if target.environment is Environment.production
        else ""
    )
    about = f"*{plain(target.name)}*: {engine_name(target.engine)}, {target.environment}."
    if target.description:
        about += f" {plain(target.description, 1000)}"
    guide = GUIDE.get(target.engine, "This engine's guide is not written yet.")
    return [section(about + guarded, block_id="about"), section(guide, block_id="guide")]


def _disk(draft: Draft) -> list[Block]:
    mysql = draft.target is not None and draft.target.engine is not Dialect.postgresql
    need = _NEED_MYSQL if mysql else _NEED
    known = _known_disk(draft.target)
    free: Block = {
        "type": "plain_text_input",
        "action_id": "free_disk_input",
        "placeholder": label("for example 40 GB"),
        "max_length": 30,
    }
    if draft.free_text:
        free["initial_value"] = draft.free_text
    box: Block = {
        "type": "checkboxes",
        "action_id": "disk_confirm_check",
        "options": [_DISK_OPTION],
    }
    if draft.confirmed:
        box["initial_options"] = [_DISK_OPTION]
    return [
        section(need + known, block_id="disk_need"),
        field("free_disk", "Free disk space on the target", free, optional=True, hint="If you know it."),
        field("disk_confirm", "Disk space", box),
    ]


_NEED = (
    "*Room on the target's disk:* tables, indexes and TOAST of the source, plus space to sort its largest index, "
    "plus the write-ahead log that archiving or replicas keep. Validation compares the need with what is free; "
    "PostgreSQL itself cannot say how much that is."
)
_NEED_MYSQL = (
    "*Room on the target's disk:* tables and indexes of the source, plus space to sort the indexes of its largest "
    "table, plus the binary log of all rows. Validation compares the need with what is free; MariaDB says how much "
    "that is where its plugin DISKS is installed, MySQL cannot."
)
_DISK_OPTION = option("The target has room for the source's data", "confirmed", "Checked again in Validation")


def _known_disk(target: Service | None) -> str:
    if target is None:
        return ""
    if target.measure_disk:
        return "\nOn this service the free space is *measured* during Validation."
    if target.free_bytes is not None:
        return f"\nThis service's configuration states *{size(target.free_bytes)}* free."
    return "\nFor this service it is not known: please state it below, or accept the warning later."


def draft_of(state: State, *, ask_channel: bool = False) -> Draft:
    """Step 1 as it was left."""
    free = f"{state.free_bytes / 1e9:g} GB" if state.free_bytes is not None else ""
    return Draft(
        channel=state.channel,
        migration=state.id,
        target=state.target,
        free_text=free,
        confirmed=state.disk_confirmed,
        ask_channel=ask_channel,
    )
