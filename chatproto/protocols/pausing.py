"""Reading from a connection only while nothing is in the way of it."""

from __future__ import annotations

from chatproto.protocols.framing import LineFraming
from chatproto.protocols.order import Pause
from chatproto.realm.times import Clock

#: Commands that run alone which one connection may give in a turn of the reactor.
_SHARE = 16


class PausingFraming(LineFraming):
    """Lines that come as long as there is no reason to read none."""

    def __init__(self) -> None:
        super().__init__()
        self._pause = Pause.NONE
        self._alone = 0  # commands that ran alone since others had their turn

    def pause(self, why: Pause) -> None:
        """Stop reading for a reason."""
        if not self._pause:
            self.pauseProducing()
        self._pause |= why

    def resume(self, why: Pause) -> None:
        """Take back a reason not to read."""
        if self._pause & why:
            self._pause &= ~why
            if not self._pause:
                self.resumeProducing()

    def ran_alone(self, clock: Clock) -> None:
        """Hear of a command that runs alone, and let others have their turn after some."""
        self._alone += 1
        if self._alone >= _SHARE:
            # Those that need not wait would otherwise be carried out for a whole read, and others would.
            self._alone = 0
            self.pause(Pause.TURN)
            clock.callLater(0, self.resume, Pause.TURN)
