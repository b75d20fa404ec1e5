"""The services: a list on pages that is searched, and one service's page. Pure: values -> view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.refs import Named, Ref, Sheet
from bot.ui import text as t
from bot.ui.configure import engine_name
from bot.ui.home import row as migration_row
from bot.ui.text import Block, View
from jobs.core.model import Service
from jobs.core.services import Replica, ServiceFacts, Slot, key_of
from jobs.core.summary import Summary

CALLBACK = "ferrybot_services"
PAGE = 20
SEARCH = 200
AT_HOME = 15
"""On App Home, where other things stand, too; all of them are one button away."""
LATEST = 8
"""Migrations of one service's page; *Show migration logs* finds all of them."""
POINTS = 10
NODES = 10
Looks = Mapping[str, ServiceFacts]


def found(services: Sequence[Service], words: str) -> list[Service]:
    """The services in whose name, kind or description every word occurs; `protected` is a word, too."""
    wanted = words.lower().split()
    return [one for one in services if all(word in _searched(one) for word in wanted)]


def _searched(service: Service) -> str:
    shut = "protected" if service.protected else ""
    return f"{service.name} {service.engine} {service.environment} {service.description} {shut}".lower()


def listing(channel: str, words: str, hits: Sequence[Service], looks: Looks, page: int, now: datetime) -> View:
    """One page of what was found; a page beyond the last one is the last one."""
    last = max(0, (len(hits) - 1) // PAGE)
    page = min(max(0, page), last)
    shown = hits[page * PAGE : (page + 1) * PAGE]
    said = f"{t.count(len(hits), 'service')}, page {page + 1} of {last + 1}"
    turn = [t.button("Previous page", "services_previous", "previous")] if page else []
    turn += [t.button("Next page", "services_next", "next")] if page < last else []
    blocks = [
        _search(words),
        t.context(said),
        *(row(service, looks.get(service.name), now) for service in shown),
        *([] if shown else [t.section("No service that you may see here fits.")]),
        *([t.actions("services_pages", turn)] if turn else []),
    ]
    return _modal(Sheet(step="services", page=page, channel=channel), "Services", blocks, submit="Search")


def row(service: Service, facts: ServiceFacts | None, now: datetime) -> Block:
    """One service in a few lines, and the way to its page."""
    shut = ", *protected* (never a target)" if service.protected else ""
    kind = f"{engine_name(service.engine)}{f' {t.plain(t.clip(facts.version, 40))}' if facts else ''}"
    said = f"*{t.plain(service.name, 200)}*  {kind}, {service.environment}{shut}\n{brief(facts, now)}"
    value = Named(s=key_of(service.name)).pack()
    return t.section(said, accessory=t.button("Open", "service_open", value, said=f"Open {service.name}"))


def brief(facts: ServiceFacts | None, now: datetime) -> str:
    """What its server said, on one line, with its age."""
    if facts is None:
        return "Not looked at yet."
    if facts.trouble:
        return f":warning: Could not be asked {age(facts, now)}: {t.plain(facts.trouble, 200)}"
    parts = [_role(facts)]
    if facts.replicas:
        parts.append(_behind(facts.replicas))
    parts += [t.size(facts.size)] if facts.size is not None else []
    parts += [f"{t.size(facts.free)} free"] if facts.free is not None else []
    idle = sum(not slot.active for slot in facts.slots)
    parts += [f"{t.count(idle, 'inactive slot')}"] if idle else []
    return f"{', '.join(parts)}; looked at {age(facts, now)}"


def age(facts: ServiceFacts, now: datetime) -> str:
    """How old a look is."""
    return f"{t.span(max(0.0, round((now - facts.at).total_seconds())))} ago"


def _role(facts: ServiceFacts) -> str:
    role: str = facts.role or "role not known"
    if facts.role == "replica":
        role += f" of {t.plain(t.clip(facts.upstream, 100))}" if facts.upstream else ""
        role += f", {t.span(facts.lag_seconds)} behind" if facts.lag_seconds is not None else ", lag not known"
    return f"{role}, read-only" if facts.read_only else role


def _behind(replicas: Sequence[Replica]) -> str:
    seconds = [one.lag_seconds for one in replicas if one.lag_seconds is not None]
    lag = f" (at most {t.span(max(seconds))} behind)" if seconds else ""
    return f"{t.count(len(replicas), 'replica')}{lag}"


def home_blocks(services: Sequence[Service], looks: Looks, now: datetime) -> list[Block]:
    """The services on App Home: the first ones, and the way to all."""
    if not services:
        return [t.section("No service is configured that you may see: see `ferrybot.yaml`.")]
    search = t.button("Search services", "services_open", "open")
    head = t.section(f"*Services* ({len(services)})", accessory=search)
    return [head, *(row(one, looks.get(one.name), now) for one in services[:AT_HOME])]


def looking(channel: str, words: str = "") -> View:
    """What opens at once, before anything was looked up."""
    return _modal(
        Sheet(step="services", channel=channel), "Services", [_search(words), t.context("Looking…")], "Search"
    )


def page(
    channel: str, service: Service, facts: ServiceFacts | None, past: Sequence[Summary], now: datetime, note: str = ""
) -> View:
    """Everything that is known of one service. `past`: its migrations that may be seen here, the youngest first."""
    blocks = [
        t.header(service.name if service.name.strip() else "Service"),
        *([t.section(t.plain(service.description))] if service.description.strip() else []),
        t.fields(_fields(service, facts)),
        t.context(note or (brief_age(facts, now))),
        *_nodes(facts),
        _buttons(service),
        t.divider(),
        *_points(service, past),
        t.section("*Last migrations*"),
        *(_past(one) for one in past[:LATEST]),
        *([] if past else [t.context("None that you may see here.")]),
    ]
    sheet = Sheet(step="service", channel=channel, s=key_of(service.name))
    return _modal(sheet, "Service", blocks)


def brief_age(facts: ServiceFacts | None, now: datetime) -> str:
    """When the server was asked, or why there is nothing to show."""
    if facts is None:
        return "Nobody has looked at this server yet; press *Refresh*."
    if facts.trouble:
        return f":warning: Could not be asked {age(facts, now)}: {t.plain(facts.trouble, 1000)}"
    return f"As the server said it {age(facts, now)} ({t.when(facts.at)})."


def _fields(service: Service, facts: ServiceFacts | None) -> list[tuple[str, str]]:
    known = facts if facts is not None and not facts.trouble else None
    version = f" {t.plain(t.clip(known.version, 60))}" if known else ", version not known"
    free, why = (known.free, known.free_unknown) if known else (None, "")
    if free is not None:
        room = f"{t.size(free)} (measured)"
    elif service.free_bytes is not None:
        room = f"{t.size(service.free_bytes)} (stated in the configuration)"
    else:
        room = f"not known{f': {t.plain(why, 300)}' if why else ''}"
    shut = "*protected*: can never be a target" if service.protected else "none: may be a target"
    return [
        ("Engine", f"{engine_name(service.engine)}{version}"),
        ("Environment", service.environment.value),
        ("Node", _role(known) if known else "not known"),
        ("Size", t.size(known.size) if known else "not known"),
        ("Free disk", room),
        ("Protection", shut),
    ]


def _nodes(facts: ServiceFacts | None) -> list[Block]:
    """Replicas and slots, as the server said."""
    if facts is None or facts.trouble:
        return []
    lines = [_replica(one) for one in facts.replicas[:NODES]]
    lines += [f"{len(facts.replicas) - NODES} more replicas"] if len(facts.replicas) > NODES else []
    if facts.replicas_unknown:
        lines.append(f"Not all of it is known: {t.plain(facts.replicas_unknown, 300)}")
    slots = [_slot(one) for one in facts.slots[:NODES]]
    blocks = [t.section("*Replicas*\n" + ("\n".join(lines) or "No server follows this one now."))]
    return blocks + ([t.section("*Replication slots*\n" + "\n".join(slots))] if slots else [])


def _replica(one: Replica) -> str:
    if one.state is None:
        return f"• {t.code(t.clip(one.name, 60))}  its state is hidden from the service's user"
    lags = [f"{t.span(one.lag_seconds)} behind"] if one.lag_seconds is not None else []
    lags += [f"{t.size(one.lag_bytes)} of log to go"] if one.lag_bytes else []
    return f"• {t.code(t.clip(one.name, 60))}  {', '.join([t.plain(one.state, 80) or 'connected', *lags])}"


def _slot(one: Slot) -> str:
    kept = f", keeps {t.size(one.retained_bytes)} of log" if one.retained_bytes else ""
    return f"• {t.code(t.clip(one.name, 63))}  {'in use' if one.active else '*inactive*'}{kept}"


def _points(service: Service, past: Sequence[Summary]) -> list[Block]:
    made = [one for one in past if one.restore_point and one.target and one.target.name == service.name]
    lines = []
    for one in made[:POINTS]:
        point = one.restore_point
        assert point is not None
        path = t.code(t.clip(point.path, 150))
        lines.append(f"• {path}  {t.size(point.bytes)}, made by `{one.id}` ({t.when(one.created)})")
    if not lines:
        return [t.section("*Restore points*\nNone: no migration that you may see here has replaced what it holds.")]
    hint = "The files lie in the restore folder of the workers, as long as nobody removes them there."
    return [t.section("*Restore points*\n" + "\n".join(lines)), t.context(hint)]


def _past(one: Summary) -> Block:
    value = Ref(m=one.id).pack()
    button = t.button("Show logs", "show_logs", value, said=f"Log of {one.state.title}")
    return t.section(migration_row(one.state), accessory=button)


def _buttons(service: Service) -> Block:
    value = Named(s=key_of(service.name)).pack()
    migrate = t.button("Migrate database", "service_migrate", value, style="primary", said=f"Migrate {service.name}")
    logs = t.button("Show migration logs", "service_logs", value, said=f"All migrations of {service.name}")
    refresh = t.button("Refresh", "service_refresh", value, said=f"Look at {service.name} now")
    return t.actions("service_buttons", [*([] if service.protected else [migrate]), logs, refresh])


def _search(words: str) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": "services_search_input",
        "max_length": SEARCH,
        "placeholder": t.label("orders production"),
        "dispatch_action_config": {"trigger_actions_on": ["on_enter_pressed"]},
    }
    if words.strip():
        element["initial_value"] = words[:SEARCH]
    hint = "Words of the name, engine, environment or description. Press Enter."
    return t.field("services_search", "Search", element, optional=True, dispatch=True, hint=hint)


def _modal(sheet: Sheet, title: str, blocks: Sequence[Block], submit: str = "") -> View:
    view: View = {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": sheet.pack(),
        "title": t.label(title, 24),
        "close": t.label("Close", 24),
        "blocks": t.within(blocks, t.MODAL_BLOCKS),
    }
    return {**view, "submit": t.label(submit, 24)} if submit else view
