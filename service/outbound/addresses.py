"""The check of addresses that the service connects to for callers."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Networks that `is_global` of some Python releases accepts: relays into other networks.
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b:1::/48",
        "2001::/23",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)


_METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("100.100.100.200", "168.63.129.16", "fd00:ec2::254")
)
"""Addresses where clouds serve credentials outside of the link-local networks."""


class Unresolvable(Exception):
    """Error: a host has no address.

    Attributes:
        is_final: whether it does not exist; False if the lookup itself failed.
    """

    def __init__(self, *, is_final: bool) -> None:
        super().__init__("the host does not resolve")
        self.is_final = is_final


class AddressRefused(Exception):
    """Error: a host has an address that callers may not reach."""


def resolve(
    host: str, port: int, *, allow_private: bool, listed: Collection[str] = ()
) -> list[str]:
    """Return the addresses of a host, all of them checked.

    Args:
        host: a name, or an address in any spelling that the system accepts.
        port: TCP port.
        allow_private: whether addresses of private networks and of this machine are allowed.
        listed: addresses that the operator has named one by one.

    Raises:
        Unresolvable: the host has none.
        AddressRefused: one of them is refused; a name with a public and a private address is a
        trap.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Unresolvable(is_final=error.errno == socket.EAI_NONAME) from error
    except (UnicodeError, ValueError) as error:
        raise Unresolvable(is_final=True) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not all(
        is_reachable(text, allow_private=allow_private, listed=listed) for text in addresses
    ):
        raise AddressRefused("the address is refused")
    return addresses


def is_reachable(text: str, *, allow_private: bool, listed: Collection[str] = ()) -> bool:
    """Return whether the service may connect to an address for callers.

    Link-local addresses are always refused: there cloud providers serve credentials. Their other
    addresses for that are refused unless they are listed, private networks allowed or not.

    Source: the registries of RFC 6890 as `ipaddress` has them; RFC 6052 for NAT64.
    """
    address = _unwrap(ipaddress.ip_address(text.partition("%")[0]))
    if address.is_link_local or address.is_multicast:
        return False
    if address in _METADATA:
        return str(address) in listed
    return allow_private or is_public(address)


def is_public(address: Address) -> bool:
    """Return whether an address belongs to the public internet, and to no relay into others."""
    if address.is_multicast or not address.is_global:
        return False
    return not any(address.version == net.version and address in net for net in _REFUSED)


def _unwrap(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        # In networks with IPv6 only, every IPv4 host has such an address.
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address
