"""The Twisted edge: protocols own bytes and time-outs, and nothing else.

They never import a store: what they serve is a realm, given to their factories. The names are imported when
they are asked for: a client needs nothing of what a server is made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto.lazily import importer

if TYPE_CHECKING:
    from chatproto.protocols.client import ChatClientFactory, ChatClientProtocol
    from chatproto.protocols.factory import ChatServerFactory
    from chatproto.protocols.peer import RealmPeerProtocol
    from chatproto.protocols.peer_factory import RealmPeerFactory
    from chatproto.protocols.server import ChatServerProtocol

_HOMES = {
    "ChatClientFactory": "client",
    "ChatClientProtocol": "client",
    "ChatServerFactory": "factory",
    "ChatServerProtocol": "server",
    "RealmPeerFactory": "peer_factory",
    "RealmPeerProtocol": "peer",
}

__all__ = [
    "ChatClientFactory",
    "ChatClientProtocol",
    "ChatServerFactory",
    "ChatServerProtocol",
    "RealmPeerFactory",
    "RealmPeerProtocol",
]

__getattr__ = importer(__name__, _HOMES)
