"""Asks DNS, and judges what it says at the moment of connecting."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from jobs.core.errors import Permanent, Transient
from jobs.core.hosts import Address, host_allowed
from jobs.core.model import TypedSource


def resolve_host(host: str, port: int) -> tuple[Address, ...]:
    """Every address behind `host`; empty when the name is unknown here. Asks DNS, so it may take seconds."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


def pinned(source: TypedSource) -> tuple[str, ...]:
    """The addresses to connect to, by no further look-up: a name that was harmless when it was typed may since have
    been pointed at an address inside. Empty for a source of before such lists were kept.

    Raises `Permanent` for an address that is not allowed, `Transient` when the name is unknown here."""
    if source.allowed_hosts is None:
        return ()
    addresses = resolve_host(source.host, source.port)
    if not addresses:
        raise Transient(
            f"The host name {source.host} is unknown here.",
            remedy="Check its spelling, and the DNS of the machine that runs the workers.",
            object="host",
        )
    refused = host_allowed(source.allowed_hosts, source.host, addresses)
    if refused:
        raise Permanent(
            refused,
            meaning="Nothing was connected to.",
            remedy="The name now leads elsewhere than when it was typed. Ask whoever runs its DNS, or name the "
            "source in ferrybot.yaml.",
            object="host",
        )
    return tuple(str(address) for address in addresses)
