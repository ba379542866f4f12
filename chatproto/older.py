"""What the listeners of older systems are made of: a factory each, by the listener's name.

Those that share the line port with our own clients need none here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.posixbase import PosixReactorBase

from chatproto.configuration import Config
from chatproto.configuration.places import parse_address
from chatproto.federation.originals import OwnPlace
from chatproto.listeners import Listener
from chatproto.protocols.factory import ChatServerFactory
from chatproto.protocols.room import RoomFactory
from chatproto.protocols.talk import TalkFactory
from chatproto.protocols.tipe import TipeServerFactory
from chatproto.realm import Realm


def _tipe(realm: Realm, reactor: PosixReactorBase, listener: Listener, config: Config) -> ChatServerFactory:
    """Return what serves system A: both of its servers, since ours do the same."""
    return TipeServerFactory(
        realm,
        reactor,
        trusting=config.older.tipe_open,
        limits=listener.limits,
        tls=listener.tls is not None,
        proxied=listener.opens.startswith("haproxy:"),
    )


#: Returns the factory of a listener.
Make = Callable[[Realm, PosixReactorBase, Listener, Config], ChatServerFactory]


def _talk(realm: Realm, reactor: PosixReactorBase, listener: Listener, config: Config) -> ChatServerFactory:
    return TalkFactory(
        realm,
        reactor,
        limits=listener.limits,
        tls=listener.tls is not None,
        proxied=listener.opens.startswith("haproxy:"),
    )


def _room(realm: Realm, reactor: PosixReactorBase, listener: Listener, config: Config) -> ChatServerFactory:
    return RoomFactory(
        realm,
        reactor,
        limits=listener.limits,
        brackets=config.older.room_brackets,
        tls=listener.tls is not None,
        proxied=listener.opens.startswith("haproxy:"),
    )


#: By the listener's name.
MAKERS: dict[str, Make] = {"room": _room, "talk": _talk, "tipe": _tipe, "tipe-main": _tipe}


class Place(Protocol):
    """An open port."""

    @property
    def name(self) -> str:
        """The listener's name."""
        ...

    @property
    def port(self) -> int | str:
        """Its number, or a path."""
        ...


def reached_at(config: Config, where: Sequence[Place]) -> OwnPlace:
    """Return where original servers reach the client port of a realm, as far as that is known."""
    ports = [place.port for place in where if place.name == "client" and isinstance(place.port, int)]
    if config.older.address:
        host, port = parse_address(config.older.address)
        return OwnPlace(host, port, frozenset([port, *ports]))
    return OwnPlace("", ports[0] if ports else 0, frozenset(ports))
