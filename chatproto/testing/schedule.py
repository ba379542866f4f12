"""Whether realms dial each other no more often than they should, as somebody sees who counts from outside."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from chatproto.records import DialRow
from chatproto.testing.hosts import RealmHost
from chatproto.testing.ledger import Ledger
from chatproto.testing.names import PEER
from chatproto.testing.network import Network

#: The delays: the first, how they grow, the longest, and the part of them that is not left to chance.
_FIRST = 1.0
_FACTOR = 2.0
_LONGEST = 300.0
_SURE = 0.5
#: A link that stood for so long lets the delays begin anew.
_ESTABLISHED = 60.0
#: A delay is kept in milliseconds, and added to a time of which the last digits are microseconds.
_ROUNDING = 0.002
#: Dials of one realm in a second; one more, as seconds are counted from any moment.
_A_SECOND = 21


class _Dialled(Struct):
    """How one realm dialled another since the last link."""

    dials: int = 0
    last: float = float("-inf")
    up_since: float | None = None
    #: How wrong the clock was that the delay is measured by.
    offset: float = 0.0

    def least(self) -> float:
        """Return how long it takes at least until the next dial."""
        return _SURE * min(_LONGEST, _FIRST * _FACTOR ** (self.dials - 1)) if self.dials else 0.0


class Schedule:
    """Counts the dials of realms."""

    def __init__(self, network: Network, ledger: Ledger) -> None:
        self._network = network
        self._ledger = ledger
        self._dialled: dict[tuple[str, str], _Dialled] = {}
        self._recent: dict[str, deque[float]] = {}
        network.on_dial.append(self._dials)

    def _of(self, here: str, there: str) -> _Dialled:
        return self._dialled.setdefault((here, there), _Dialled())

    def _dials(self, here: str, there: str, port: str) -> None:
        if port != PEER or here not in self._ledger.mirrors:
            return
        now = self._network.time.seconds()
        recent = self._recent.setdefault(here, deque())
        recent.append(now)
        while recent[0] < now - 1:
            recent.popleft()
        if len(recent) > _A_SECOND:
            self._ledger.broke(f"dials: {here} dials {len(recent)} times in a second")
        dialled = self._of(here, there)
        if dialled.up_since is not None and now - dialled.up_since >= _ESTABLISHED - 1:
            dialled.dials = 0
        dialled.up_since = None
        offset = self._network.machine(here).clock.offset
        if offset != dialled.offset:
            dialled.dials = 0  # a clock that was set makes what was planned by it early
        if now - dialled.last < dialled.least() - _ROUNDING:
            self._ledger.broke(
                f"dials: {here} dials {there} for the {dialled.dials + 1}th time after {now - dialled.last} s"
            )
        dialled.dials += 1
        dialled.last = now
        dialled.offset = offset

    def linked(self, here: str, there: str) -> None:
        """Hear that two realms are linked, whoever dialled."""
        for one, two in ((here, there), (there, here)):
            dialled = self._of(one, two)
            if dialled.up_since is None:
                dialled.up_since = self._network.time.seconds()

    def contacted(self, here: str, by: str) -> None:
        """Hear that a realm came to another, which may dial it at once then."""
        self._of(here, by).dials = 0

    def restarted(self, host: RealmHost) -> None:
        """Hear that a realm is started: it knows as much of how it dialled as is on its disk."""
        for (here, there), dialled in self._dialled.items():
            if here == host.name:
                row = self._ledger.mirrors[here].find(DialRow, there)
                dialled.up_since = None
                dialled.dials = min(dialled.dials, row.failures if row is not None else 0)
                planned = row.next / 1000 - host.clock.offset if row is not None else float("-inf")
                dialled.last = min(dialled.last, planned - dialled.least())
