"""Live mode at a connection: how plain text is cut into pieces, and how it is written."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall

from chatproto.events import EnteredGroup
from chatproto.protocols.framing import LineFraming
from chatproto.protocols.outbox import Outbox
from chatproto.protocols.spaced import Spaced
from chatproto.realm.times import Clock
from chatproto.wire.live import LiveDialect

#: After such a silence a text without a line's end is taken for whole: older clients send none.
SILENCE_SECONDS = 0.05


class LiveMode:
    """Whether one connection is in live mode, and what it needs for that."""

    __slots__ = ("_clock", "_framing", "_line_end", "_silence", "_writer", "dialect")

    def __init__(self, framing: LineFraming, clock: Clock, line_end: bytes) -> None:
        self._framing = framing
        self._clock = clock
        self._line_end = line_end
        #: That of all lines while live mode lasts; None while it does not.
        self.dialect: LiveDialect | None = None
        self._writer: Spaced | None = None
        self._silence: IDelayedCall | None = None

    def begin(self, entered: EnteredGroup, token: str | None) -> LiveDialect:
        """Begin live mode, for the session that a token names or that is bound to the connection."""
        self.dialect = LiveDialect(entered, token, self._line_end)
        self.heard()
        return self.dialect

    def writer(self, outbox: Outbox | Spaced, bound: int) -> Spaced:
        """Return through what is written from now on, instead of an outbox."""
        if isinstance(outbox, Outbox):
            outbox = Spaced(outbox, self._clock, bound)
        outbox.begin()
        self._writer = outbox
        return outbox

    def end(self) -> None:
        """End live mode; the reply that says so is to be written next."""
        if self.dialect is not None and self._writer is not None:
            self._writer.write_apart(self.dialect.leaving())
            self._writer.end()
        self.lost()

    def heard(self) -> None:
        """Wait for a silence, if something came of a line whose end may never come."""
        if self.dialect is not None and self._framing.partial:
            self._forget_silence()
            self._silence = self._clock.callLater(SILENCE_SECONDS, self._silent)

    def input_ended(self) -> None:
        """Hear that nothing more will come: what came is whole."""
        if self.dialect is not None:
            self._framing.end_line()

    def lost(self) -> None:
        """Hear that there is no live mode any more, nor perhaps a connection."""
        self.dialect = None
        self._forget_silence()

    def _silent(self) -> None:
        self._silence = None
        # Nobody knows whether more has come while nothing was read; it is heard when reading goes on.
        if not self._framing.paused:
            self._framing.end_line()

    def _forget_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
