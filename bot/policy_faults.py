"""What is wrong between the keys of a service's own policy and its environment's. Pure; looks at the raw data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.yamlmarks import Document, Fault
from jobs.core.model import Environment

_WHO = "as member IDs (U…) or user group IDs (S…)"


def followers(services: Mapping[str, Any], environment: Environment) -> list[str]:
    """The services of this environment whose approvers are the environment's."""
    return [
        name
        for name, service in services.items()
        if isinstance(service, Mapping)
        and service.get("environment") == environment
        and not _own(service).get("approvers")
    ]


def of_services(services: Mapping[str, Any], environments: Mapping[str, Any], document: Document) -> list[Fault]:
    """Every service whose rules ask for more people than they name."""
    faults = []
    for name, service in services.items():
        own = _own(service) if isinstance(service, Mapping) else {}
        if own:
            general = environments.get(str(service.get("environment")))
            faults += _of(name, own, general if isinstance(general, Mapping) else {}, service, document)
    return faults


def _own(service: Mapping[str, Any]) -> Mapping[str, Any]:
    policy = service.get("policy")
    return policy if isinstance(policy, Mapping) else {}


def _of(
    name: str, own: Mapping[str, Any], general: Mapping[str, Any], service: Mapping[str, Any], document: Document
) -> list[Fault]:
    rules = {**general, **own}
    needed = rules.get("approvals", 1 if service.get("environment") == Environment.production else 0)
    approvers = rules.get("approvers") or ()
    if not isinstance(needed, int) or not isinstance(approvers, list | tuple):
        return []
    people = {a for a in (*approvers, *_listed(rules.get("escalate_to"))) if isinstance(a, str)}
    if needed <= len(people) or any(a.startswith("S") for a in people):
        return []
    path = ("services", name, "policy")
    said = f"{needed} approvals are needed, but only {len(people)} people may give one"
    return [Fault(document.line(path), path, said, f"Name more of them, {_WHO}.")]


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else ()
