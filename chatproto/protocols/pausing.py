"""Reading from a connection only while nothing is in the way of it."""

from __future__ import annotations

from chatproto.protocols.framing import LineFraming
from chatproto.protocols.order import Pause


class PausingFraming(LineFraming):
    """Lines that come as long as there is no reason to read none."""

    def __init__(self) -> None:
        super().__init__()
        self._pause = Pause.NONE

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
