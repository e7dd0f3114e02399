"""Network addresses of callers: what counts as one of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence


def caller(remote: str | None, forwarded: Sequence[str], *, proxied: bool) -> str:
    """The caller's address; behind a proxy the one that the proxy itself saw, last in X-Forwarded-For (`forwarded`)."""
    if proxied and forwarded:
        return forwarded[-1].rpartition(",")[2].strip()
    return remote or ""


def network(address: str) -> str:
    """An IPv4 address, or the /64 that one IPv6 customer holds; "-" for what is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "-"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)
