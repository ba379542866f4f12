"""The factory of a front's connections with clients."""

from __future__ import annotations

from chatproto.limits import Limits
from chatproto.protocols.lines_factory import LinesFactory
from chatproto.protocols.speaking import NewSession, Speaker
from chatproto.realm.listening import Sink
from chatproto.realm.times import Clock
from chatproto.wire.json import JsonDialect
from chatproto.wire.text import FileEntries, TextDialect


class FrontFactory(LinesFactory):
    """Makes a front's ends of client connections; ``make`` makes their sessions.

    The other options are those of :class:`~chatproto.ChatServerFactory`.
    """

    def __init__(
        self,
        make: NewSession,
        reactor: Clock,
        limits: Limits,
        *,
        exact_bodies: bool = False,
        file_entries: FileEntries = FileEntries.STRING,
        live_lines: bool = False,
        tls: bool = False,
        proxied: bool = False,
    ) -> None:
        self._make = make
        self._exact_bodies = exact_bodies
        self._file_entries = file_entries
        super().__init__(
            reactor,
            limits,
            {b"{": JsonDialect(), b"": self._text("")},
            live_lines=live_lines,
            tls=tls,
            proxied=proxied,
        )

    def new_session(self, sink: Sink, address: str) -> Speaker:
        """Return who asks the main server for a connection."""
        return self._make(sink, address)

    def speak_for(self, realm: str) -> None:
        """Hear of which realm the main server is: what is not of it has its address in text replies."""
        self._dialects = {b"{": self._dialects[b"{"], b"": self._text(realm)}

    def _text(self, realm: str) -> TextDialect:
        return TextDialect(exact_bodies=self._exact_bodies, file_entries=self._file_entries, realm=realm)
