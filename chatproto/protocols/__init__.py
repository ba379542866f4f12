"""The Twisted edge: protocols own bytes and time-outs, and nothing else.

They never import a store: what they serve is a realm, given to their factories.
"""

from chatproto.protocols.client import ChatClientFactory, ChatClientProtocol
from chatproto.protocols.server import ChatServerFactory, ChatServerProtocol

__all__ = ["ChatClientFactory", "ChatClientProtocol", "ChatServerFactory", "ChatServerProtocol"]
