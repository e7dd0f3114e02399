"""Where outgoing calls may go: public addresses, and the private ones that an administrator has allowed. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1


@dataclass(frozen=True, slots=True)
class Reach:
    """What is allowed beyond https to public addresses: private networks, and hosts (`name` or `name:port`) by http."""

    networks: tuple[Network, ...] = ()
    plain_hosts: frozenset[str] = frozenset()

    @classmethod
    def read(cls, networks: str, plain_hosts: str) -> Reach:
        """From comma-separated lists. Raises ValueError for what is no network."""
        return cls(
            tuple(ipaddress.ip_network(part.strip()) for part in networks.split(",") if part.strip()),
            frozenset(part.strip().casefold() for part in plain_hosts.split(",") if part.strip()),
        )

    def plain(self, host: str, port: int) -> bool:
        """Whether this host may be called by http."""
        host = host.casefold()
        return host in self.plain_hosts or f"{host}:{port}" in self.plain_hosts

    def address(self, text: str) -> bool:
        """Whether a call may go to this address; what is no address may not be called."""
        try:
            given = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        inner = _inner(given)
        if any(
            one.version == network.version and one in network for one in {given, inner} for network in self.networks
        ):
            return True
        return all(one.is_global and not one.is_multicast for one in {given, inner})


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for (mapped, 6to4, NAT64), or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
