"""Which addresses a typed source may have: a chat command must not become a scanner of the inner network.

A name may resolve to anything, so the decision is made on the name and on every address behind it. Addresses of
this machine, its link and cloud metadata services are refused even for an allowed name; only their own network
in the list, or `localhost` for loopback, lets them through.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SPECIAL: tuple[tuple[str, Network], ...] = tuple(
    (what, ip_network(network))
    for what, network in (
        ("this machine itself (loopback)", "127.0.0.0/8"),
        ("this machine itself (loopback)", "::1/128"),
        ("this machine itself", "0.0.0.0/8"),
        ("this machine itself", "::/128"),
        ("a link-local address, where clouds serve credentials", "169.254.0.0/16"),
        ("a link-local address", "fe80::/10"),
        ("AWS' metadata service", "fd00:ec2::254/128"),
        ("Alibaba Cloud's metadata service", "100.100.100.200/32"),
        ("Azure's host service", "168.63.129.16/32"),
        ("a multicast address", "224.0.0.0/4"),
        ("a multicast address", "ff00::/8"),
    )
)
"""Refused unless their own network is listed (RFC 6890 and the clouds' documentation)."""

_LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_PATTERN = re.compile(r"[a-z0-9_*-]+(\.[a-z0-9_*-]+)*")


def check_pattern(text: str) -> str:
    """A valid entry of `allowed_hosts`; raises ValueError with the remedy."""
    entry = text.strip().lower().rstrip(".")
    if _network(entry) is not None:
        return entry
    if re.fullmatch(r"[0-9a-f.:]+/\d+", entry):
        raise ValueError("this is not a network: its address has bits set behind the mask, or the mask is too long")
    if not _PATTERN.fullmatch(entry):
        raise ValueError(
            "write a name (db-*.example.com, * stands for a part between dots) or a network (10.1.0.0/16)"
        )
    return entry


def host_allowed(allowed: Sequence[str], host: str, resolved: Sequence[Address]) -> str | None:
    """None when `host`, being all of `resolved`, may be connected to; otherwise why not. Pure."""
    name = host.strip().lower().rstrip(".")
    if not allowed:
        return "Typing connection details is switched off here; choose a configured database."
    literal = _literal(name)
    if literal is None and not _NAME.fullmatch(name):
        return "This is not one host name or address."
    if not resolved:
        return f"The host name {name} is unknown here."
    addresses = [_plain(a) for a in resolved]
    networks = [n for n in map(_network, allowed) if n is not None]
    for address in addresses:
        special = _special(address)
        if special and not (_listed(address, special[1], networks) or _local(name, address, allowed)):
            return f"{_shown(name, address)} is {special[0]}; such addresses must be allowed by themselves."
    if literal is None and any(_matches(pattern, name) for pattern in allowed):
        return None
    outside = [a for a in addresses if not any(a in n for n in networks)]
    if outside:
        return f"{_shown(name, outside[0])} is not on the list of allowed hosts (typed_sources in ferrybot.yaml)."
    return None


def _literal(name: str) -> Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry)
    except ValueError:
        return None


def _plain(address: Address) -> Address:
    """::ffff:10.0.0.1 connects to 10.0.0.1, so it is judged as that."""
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _special(address: Address) -> tuple[str, Network] | None:
    return next(((what, n) for what, n in SPECIAL if address in n), None)


def _listed(address: Address, special: Network, networks: Sequence[Network]) -> bool:
    """A listed network inside the special one holds it: 0.0.0.0/0 does not mean "also the metadata service"."""
    return any(address in n and n.version == special.version and n.prefixlen >= special.prefixlen for n in networks)


def _local(name: str, address: Address, allowed: Sequence[str]) -> bool:
    return name == "localhost" and "localhost" in allowed and address.is_loopback


def _matches(pattern: str, name: str) -> bool:
    """`*` stands for any part between two dots, as in certificates."""
    if _network(pattern) is not None:
        return False
    return re.fullmatch(re.escape(pattern).replace(r"\*", "[^.]*"), name) is not None


def _shown(name: str, address: Address) -> str:
    return name if name == str(address) else f"{name} ({address})"
