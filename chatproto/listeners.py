"""Listening addresses as an operator writes them: a name, and a Twisted server endpoint string.

What matters about an address beside where it is: who can reach it, and whether others can read what
passes there. This module opens no port.
"""

from __future__ import annotations

import ipaddress
from typing import Any, cast

from msgspec import Struct
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory

from chatproto.errors import ConfigError
from chatproto.limits import LOOPBACK, Limits

#: What can listen, with the endpoint where nothing else is said.
LISTENERS = {"client": "tcp:8889:interface=127.0.0.1"}
#: What later versions will listen for.
_LATER = frozenset({"peer", "tipe", "tipe-main", "room", "talk", "web", "metrics"})
_EXAMPLE = LISTENERS["client"]
_PORTS = range(65536)


class Listener(Struct, frozen=True, kw_only=True):
    """One listening address and the bounds towards those who come from there.

    ``loopback``: only this machine reaches it, as far as the string tells. ``encrypted``: nobody on the
    way can read along.
    """

    name: str
    endpoint: str
    loopback: bool
    encrypted: bool
    limits: Limits = LOOPBACK


def parse_endpoint(name: str, text: str) -> Listener:
    """Return the listener ``name`` at a Twisted server endpoint string.

    :raises ConfigError: there is no such listener, or the string is not an endpoint.
    """
    if name in _LATER:
        raise ConfigError(f"listen.{name}: is not in this version")
    if name not in LISTENERS:
        raise ConfigError(f"listen.{name}: unknown listener; expected one of {', '.join(LISTENERS)}")
    probe = _Probe()
    try:
        # Whatever an endpoint type of a plugin fails with here only leaves the probe untouched.
        serverFromString(cast(Any, probe), text).listen(Factory()).addErrback(lambda _: None)
    except Exception as error:  # parsers of endpoint types raise what they like
        raise ConfigError(
            f"listen.{name}: expected a Twisted server endpoint such as {_EXAMPLE}, not {text!r} ({error})"
        ) from error
    if probe.port not in _PORTS:
        raise ConfigError(f"listen.{name}: expected a port from 0 to 65535, not {probe.port}")
    return Listener(name=name, endpoint=text, loopback=probe.loopback, encrypted=probe.encrypted)


class _Probe:
    """Stands in for the reactor, to learn what an endpoint would open without opening it."""

    port = 0
    loopback = False
    encrypted = False

    def listenTCP(self, port: int, factory: Factory, backlog: int = 50, interface: str = "") -> None:
        self.port = port
        self.loopback = _is_loopback(interface)

    def listenSSL(self, port: int, factory: Factory, interface: str = "", **options: object) -> None:
        self.listenTCP(port, factory, interface=interface)
        self.encrypted = True

    def listenUNIX(self, *arguments: object, **options: object) -> None:
        self.loopback = self.encrypted = True


def _is_loopback(interface: str) -> bool:
    try:
        return ipaddress.ip_address(interface).is_loopback
    except ValueError:
        return interface == "localhost"
