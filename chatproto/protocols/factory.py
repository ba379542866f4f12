"""The factory of the server's ends of connections to a realm."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from chatproto.limits import Limits
from chatproto.protocols.lines_factory import LinesFactory
from chatproto.realm import ClientSession, Realm
from chatproto.realm.listening import Sink
from chatproto.realm.times import Clock
from chatproto.wire.dialect import Dialect
from chatproto.wire.json import JsonDialect
from chatproto.wire.text import FileEntries, TextDialect


class ChatServerFactory(LinesFactory):
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
        self.administrator = administrator
        text = TextDialect(exact_bodies=exact_bodies, file_entries=file_entries, realm=str(realm.name))
        super().__init__(
            reactor,
            limits or realm.policy.limits,
            dialects or {b"{": JsonDialect(), b"": text},
            live_lines=live_lines,
            tls=tls,
            proxied=proxied,
            random=random,
        )
        realm.writer.on_fatal(lambda _: self._connections.abort())

    def new_session(self, sink: Sink, address: str) -> ClientSession:
        """Return the session of a connection with the realm."""
        return ClientSession(
            self.realm, sink, administrator=self.administrator, limits=self.limits, address=address
        )
