"""The factory of the server's ends of connections: what they share, how many there are, how they end."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, ServerFactory

from chatproto.errors import (
    TooManyConnections,
)
from chatproto.limits import Limits
from chatproto.protocols.connections import Connections, Refusing, TurnedAway
from chatproto.protocols.large_lines import LargeLines
from chatproto.protocols.outbox import Turn
from chatproto.protocols.server import ChatServerProtocol
from chatproto.realm import Realm
from chatproto.realm.meters import Traffic
from chatproto.realm.times import Clock
from chatproto.wire.dialect import Dialect
from chatproto.wire.json import JsonDialect
from chatproto.wire.text import FileEntries, TextDialect

#: Connections that are told at a time that there is no room; further ones are closed without a word.
_REFUSING = 64
#: Clients that were sent away come back spread over this time.
_COME_BACK_SECONDS = 5.0


class ChatServerFactory(ServerFactory):
    """Makes the server's ends of client connections to one realm.

    ``dialects`` has the dialect of a line by the line's first byte, and under ``b""`` the one of all other
    lines; without it JSON is spoken where a line begins with ``{``, and text. What a listener is told is told
    in the dialect of its ``listen``. ``administrator`` gives every connection an administrator's rights: for
    the control socket. With ``exact_bodies`` the text dialect keeps the blanks around a text,
    ``file_entries`` says what a file in a box is, and with ``live_lines`` what is shown in live mode ends
    with a line feed. With ``tls`` below, who finds no room is not told so: that would take a handshake, and
    nobody would count it. With ``proxied`` a connection's address is known only when its first line has
    come. A store that fails ends all connections without another word, since what became of their commands
    is unknown.
    """

    noisy = False

    def __init__(
        self,
        realm: Realm,
        reactor: Clock,
        *,
        limits: Limits | None = None,
        administrator: bool = False,
        exact_bodies: bool = False,
        file_entries: FileEntries = FileEntries.STRING,
        dialects: Mapping[bytes, Dialect] | None = None,
        live_lines: bool = False,
        tls: bool = False,
        proxied: bool = False,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.realm = realm
        self.clock = reactor
        self.limits = limits or realm.policy.limits
        self.administrator = administrator
        text = TextDialect(exact_bodies=exact_bodies, file_entries=file_entries, realm=str(realm.name))
        self._dialects = dialects or {b"{": JsonDialect(), b"": text}
        #: That of lines whose first byte has no other, and of what is said before the first line.
        self.dialect = self._dialects[b""]
        #: What ends each line that is shown in live mode.
        self.live_line_end = b"\n" if live_lines else b""
        self.turn = Turn(reactor)
        self.large_lines = LargeLines(reactor)
        self.traffic = Traffic()
        self._tls = tls
        self.proxied = proxied
        self._refusing = 0
        self._random = random
        self._connections = Connections(self.limits, reactor)
        self._turned_away = TurnedAway(reactor, self.traffic)
        realm.writer.on_fatal(lambda _: self._connections.abort())

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """Return a connection's protocol, or one that refuses it, or None to close it at once."""
        address = "" if self.proxied else str(getattr(addr, "host", ""))
        try:
            self._connections.check_room(address)
        except TooManyConnections as error:
            self._turned_away.add(address, error)
            return self._refuse(error)
        protocol = ChatServerProtocol(self, address)
        protocol.factory = self
        self.traffic.opened += 1
        self._connections.add(protocol, address)
        return protocol

    def _refuse(self, error: TooManyConnections) -> Protocol | None:
        if self._tls or self._refusing >= _REFUSING:
            return None
        self._refusing += 1
        return Refusing(self.dialect.encode_refusal(error, None), self.clock, self._refused)

    def _refused(self) -> None:
        self._refusing -= 1

    def begun(self, protocol: ChatServerProtocol) -> TooManyConnections | None:
        """Hear that a connection's first line has come: a proxy has said by now for whom it was opened.

        Returns why there is no room for one more from there, if there is none.
        """
        if self.proxied:
            address = str(getattr(cast("Any", protocol.transport).getPeer(), "host", ""))
            protocol.session.address = address
            try:
                self._connections.move(protocol, address)
            except TooManyConnections as error:
                self._turned_away.add(address, error)
                return error
        return None

    def dialect_of(self, line: bytes) -> Dialect:
        """Return the dialect of a line, or of the beginning of one."""
        return self._dialects.get(line[:1], self.dialect)

    def connections(self) -> list[ChatServerProtocol]:
        """Return the open connections."""
        return cast("list[ChatServerProtocol]", list(self._connections))

    def disconnected(self, protocol: ChatServerProtocol) -> None:
        """Hear that a connection is gone."""
        self._connections.remove(protocol)

    def retry_after(self) -> float:
        """Return how long a client that is sent away should wait, spread so that not all come at once."""
        return round(_COME_BACK_SECONDS * self._random(), 1)

    def drain(self, reason: str = "shutdown") -> Deferred[None]:
        """Read no more, answer what was read, say goodbye, and fire when all connections are closed.

        A connection that does not read its last bytes is closed without them after 5 seconds. The caller has
        stopped to listen before.
        """
        return self._connections.drain(reason)
