"""Addresses of original servers, which are all that tells one from a stranger."""

from __future__ import annotations

import ipaddress

from chatproto.endpoints import is_loopback

#: The usual address of this machine, and the same in IPv6. Its others are others.
_HERE, _HERE_IPV6 = "127.0.0.1", ipaddress.IPv6Address("::1")


def address_of(host: str) -> str:
    """Return an address as it is compared, ``""`` if there is none; this machine's usual ones are one."""
    try:
        parsed = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return _HERE if is_loopback(host) else host
    mapped = getattr(parsed, "ipv4_mapped", None)
    return _HERE if parsed == _HERE_IPV6 else str(mapped or parsed)


def sources_of(host: str) -> set[str]:
    """Return the addresses from which a server may come that listens at a host.

    The original programs connect without binding. Then Linux gives a connection to any address of 127.0.0.0/8
    the source 127.0.0.1, wherever the program listens.
    """
    address = address_of(host)
    return {address, _HERE} if is_loopback(address) else {address}
