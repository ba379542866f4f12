"""The Twisted edge: protocols own bytes and time-outs, and nothing else.

They never import a store: what they serve is a realm, given to their factories.
"""

from chatproto.protocols.client import ChatClientFactory, ChatClientProtocol
from chatproto.protocols.factory import ChatServerFactory
from chatproto.protocols.peer import RealmPeerProtocol
from chatproto.protocols.peer_factory import RealmPeerFactory
from chatproto.protocols.server import ChatServerProtocol

__all__ = [
    "ChatClientFactory",
    "ChatClientProtocol",
    "ChatServerFactory",
    "ChatServerProtocol",
    "RealmPeerFactory",
    "RealmPeerProtocol",
]
