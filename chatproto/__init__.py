"""Federated multi-realm chat: a Twisted library, a server and a client.

The public names of the library. Each is imported when it is first used, so that ``chatproto --help`` does not
wait for Twisted, and importing one thing does not import everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto import version
from chatproto.lazily import importer

if TYPE_CHECKING:
    from chatproto.client import ChatClient
    from chatproto.configuration import FrontTable, OlderTable, PeerTable, Settings, configure
    from chatproto.errors import ChatError
    from chatproto.events import Message
    from chatproto.federation.peers import Peers
    from chatproto.files import DiskFileStore, MemoryFileDisk, MemoryFileStore, open_files
    from chatproto.interfaces import IAuthenticator, IFilePart, IFileStore, IStore
    from chatproto.limits import Limits
    from chatproto.names import Address, GroupName, RealmName, UserName
    from chatproto.protocols import (
        ChatClientFactory,
        ChatClientProtocol,
        ChatServerFactory,
        ChatServerProtocol,
        RealmPeerFactory,
        RealmPeerProtocol,
    )
    from chatproto.realm import (
        ClientSession,
        CredAuthenticator,
        PasswordHasher,
        Policy,
        Realm,
        Registration,
    )
    from chatproto.service import realm_service
    from chatproto.store import MemoryDisk, MemoryStore, SqlStore, open_store
    from chatproto.wire.dialect import Dialect
    from chatproto.wire.json import JsonDialect
    from chatproto.wire.room import Brackets
    from chatproto.wire.text import FileEntries, TextDialect

__version__ = version.VERSION

#: Where each public name is defined.
_HOMES = {
    "Address": "names",
    "Brackets": "wire.room",
    "ChatClient": "client",
    "ChatClientFactory": "protocols",
    "ChatClientProtocol": "protocols",
    "ChatError": "errors",
    "ChatServerFactory": "protocols",
    "ChatServerProtocol": "protocols",
    "ClientSession": "realm",
    "CredAuthenticator": "realm",
    "Dialect": "wire.dialect",
    "DiskFileStore": "files",
    "FileEntries": "wire.text",
    "FrontTable": "configuration",
    "GroupName": "names",
    "IAuthenticator": "interfaces",
    "IFilePart": "interfaces",
    "IFileStore": "interfaces",
    "IStore": "interfaces",
    "JsonDialect": "wire.json",
    "Limits": "limits",
    "MemoryDisk": "store",
    "MemoryFileDisk": "files",
    "MemoryFileStore": "files",
    "MemoryStore": "store",
    "Message": "events",
    "OlderTable": "configuration",
    "PasswordHasher": "realm",
    "PeerTable": "configuration",
    "Peers": "federation.peers",
    "Policy": "realm",
    "Realm": "realm",
    "RealmName": "names",
    "RealmPeerFactory": "protocols",
    "RealmPeerProtocol": "protocols",
    "Registration": "realm",
    "Settings": "configuration",
    "SqlStore": "store",
    "TextDialect": "wire.text",
    "UserName": "names",
    "configure": "configuration",
    "open_files": "files",
    "open_store": "store",
    "realm_service": "service",
}

__all__ = [
    "Address",
    "Brackets",
    "ChatClient",
    "ChatClientFactory",
    "ChatClientProtocol",
    "ChatError",
    "ChatServerFactory",
    "ChatServerProtocol",
    "ClientSession",
    "CredAuthenticator",
    "Dialect",
    "DiskFileStore",
    "FileEntries",
    "FrontTable",
    "GroupName",
    "IAuthenticator",
    "IFilePart",
    "IFileStore",
    "IStore",
    "JsonDialect",
    "Limits",
    "MemoryDisk",
    "MemoryFileDisk",
    "MemoryFileStore",
    "MemoryStore",
    "Message",
    "OlderTable",
    "PasswordHasher",
    "PeerTable",
    "Peers",
    "Policy",
    "Realm",
    "RealmName",
    "RealmPeerFactory",
    "RealmPeerProtocol",
    "Registration",
    "Settings",
    "SqlStore",
    "TextDialect",
    "UserName",
    "__version__",
    "configure",
    "open_files",
    "open_store",
    "realm_service",
]


__getattr__ = importer(__name__, _HOMES)
