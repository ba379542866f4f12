"""Connections on which JSON objects come with nothing between them."""

from __future__ import annotations

from chatproto.protocols.framing import LineFraming
from chatproto.wire.objects import ObjectCutter


class ObjectFraming(LineFraming):
    """Gives each object to ``lineReceived``, and each piece that is none; a line's bound is an object's."""

    def __init__(self) -> None:
        self._cutter = ObjectCutter()
        super().__init__()

    @property
    def partial(self) -> bool:
        """Whether something came of an object whose end has not come."""
        return self._cutter.partial

    def came_to_rest(self) -> None:
        """Hear that everything that came was given."""

    def _forget_lines(self) -> None:
        super()._forget_lines()
        self._cutter.clear()

    def _step(self) -> bool:
        """See :meth:`LineFraming._step`. An object's bound is looked at when those before it are done."""
        if self._lines:
            self._take_lines()
            return True
        piece = self._cutter.next(self.line_limit)
        if piece is not None:
            self._lines = [piece]
        elif self._reads:
            self._cutter.add(self._reads.pop(0))
        else:
            self.came_to_rest()
            return False
        return True
