"""What the listeners of older systems are made of: a factory each, by the listener's name.

Those that share the line port with our own clients need none here.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.posixbase import PosixReactorBase

from chatproto.configuration import Config
from chatproto.listeners import Listener
from chatproto.protocols.factory import ChatServerFactory
from chatproto.realm import Realm

#: Returns the factory of a listener.
Make = Callable[[Realm, PosixReactorBase, Listener, Config], ChatServerFactory]
#: By the listener's name.
MAKERS: dict[str, Make] = {}
