"""Which addresses a crawl may connect to. Pure.

A crawler runs inside a network that its users cannot reach. Without a guard it would show that
network's machines, and the cloud's metadata service with its keys, to anybody. So it connects only
to public internet addresses and to networks that the operator has allowed.
"""

from collections.abc import Iterable, Iterator
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::/32",  # Amazon, IPv6
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure: looks public
        "192.0.0.192/32",  # Oracle
    )
)
"""Addresses where clouds give secrets to their machines: refused unless allowed explicitly."""

# Networks that `is_global` of some Python versions accepts (IANA's special-purpose registries).
_NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # relays of 6to4
        "64:ff9b:1::/48",  # NAT64 inside a network
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
_COMPATIBLE = IPv6Network("::/96")


class RefusedError(Exception):
    """The crawl does not connect to an address. Becomes a finding, or the start page's error."""


class Guard:
    """Checks addresses; `allowed_networks` are accepted although they are not public."""

    def __init__(self, allowed_networks: Iterable[str] = ()) -> None:
        self._allowed = tuple(ip_network(text.strip()) for text in allowed_networks)

    def check(self, host: str, addresses: Iterable[str]) -> None:
        """RefusedError if any of the host's addresses is refused."""
        for text in addresses:
            reason = self.find_reason(text)
            if reason:
                shown = text if host == text else f"{host} ({text})"
                raise RefusedError(f"{shown} {reason}, so the crawl does not connect to it.")

    def find_reason(self, text: str) -> str:
        """Why the address is refused; empty if it is accepted."""
        try:
            address = ip_address(text)
        except ValueError:
            return "is not an address"
        reasons = (self._judge(one) for one in _unfold(address))
        return next(filter(None, reasons), "")

    def _judge(self, address: Address) -> str:
        if self._is_allowed(address):
            return ""
        if any(address in network for network in METADATA):
            return "is a link-local or metadata address"
        if address.is_loopback:
            return "is this machine"
        if address.is_multicast or address.is_unspecified:
            return "is not the address of a machine"
        return "" if _is_public(address) else "is not a public address"

    def _is_allowed(self, address: Address) -> bool:
        naming = [network for network in self._allowed if address in network]
        secrets = [network for network in METADATA if address in network]
        return any(all(_is_within(one, secret) for secret in secrets) for one in naming)


def _is_public(address: Address) -> bool:
    if any(address in network for network in _NEVER):
        return False
    # Only this part of IPv6 is allocated; obsolete kinds of addresses lie outside.
    is_given_out = address.version == 4 or address in _UNICAST or address in _NAT64
    return is_given_out and address.is_global


def _is_within(network: Network, other: Network) -> bool:
    if isinstance(network, IPv4Network) and isinstance(other, IPv4Network):
        return network.subnet_of(other)
    if isinstance(network, IPv6Network) and isinstance(other, IPv6Network):
        return network.subnet_of(other)
    return False


def _unfold(address: Address) -> Iterator[Address]:
    """The addresses that a packet may reach; IPv6 can embed an IPv4 address in several ways."""
    if isinstance(address, IPv4Address):
        yield address
        return
    bare = IPv6Address(int(address))  # without a zone, as in fe80::1%eth0
    if bare.ipv4_mapped:
        yield bare.ipv4_mapped
        return
    yield bare
    if bare in _NAT64 or (bare in _COMPATIBLE and int(bare) > 1):
        yield IPv4Address(int(bare) & 0xFFFFFFFF)
    if bare.sixtofour:
        yield bare.sixtofour
    if bare.teredo:
        yield from bare.teredo
