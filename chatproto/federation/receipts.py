"""What passes between two realms, and is dropped first: receipts, the newest of each pair; who is live where.

Who is live is told as it is now, so of each group the newest counts. It takes its turn behind what was said
before it: nobody is to be gone before the last words are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chatproto.federation.bounds import RECEIPTS
from chatproto.frames import Live, Receipt
from chatproto.names import fold

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink


class Receipts:
    """What the other realm is to hear, kept while there is no link, and what it told that is too early."""

    def __init__(self, link: PeerLink) -> None:
        self._link = link
        self._waiting: dict[tuple[str, str], Receipt] = {}
        #: By group, what is to be told, and what was told and has to wait.
        self._live: dict[str, Live] = {}
        self._early: dict[str, Live] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._live)

    def add(self, by: str, to: str, delivered: str, read: str) -> None:
        """Tell the newest mids, unless too much waits."""
        before = self._waiting.get((by, to))
        if before is not None:
            delivered, read = delivered or before.delivered, read or before.read
        elif len(self._waiting) >= RECEIPTS:
            return
        self._waiting[by, to] = Receipt(by=str(by), to=str(to), delivered=delivered, read=read)

    def add_live(self, group: str, users: Sequence[str], number: int) -> None:
        """Tell who is live in a group, unless too much waits."""
        link = self._link
        if self._is_of(group, link.realm):
            number = link.outgoing.newest if link.outgoing.loaded else 0
        if group in self._live or len(self._live) < RECEIPTS:
            self._live[group] = Live(group=group, users=list(users), number=number)

    def take(self) -> list[Receipt | Live]:
        """Return what waits, which is forgotten."""
        waiting, self._waiting = self._waiting, {}
        live, self._live = self._live, {}
        return [*waiting.values(), *live.values()]

    def flush(self, send: Callable[..., bool]) -> None:
        """Send what waits; and do what had to wait for what was stored since."""
        self._release(stored=True)
        if self:
            send(*self.take())

    def heard(self, frame: Receipt | Live) -> None:
        """Take what the other realm tells."""
        if isinstance(frame, Receipt):
            self._link.rules.bounces.receipt(self._link.realm, frame)
        elif (group := fold(frame.group)) in self._early or len(self._early) < RECEIPTS:
            self._early[group] = frame
            self._release(stored=False)

    def _release(self, *, stored: bool) -> None:
        for group, frame in list(self._early.items()):
            if self._is_due(frame, stored=stored):
                del self._early[group]
                self._link.rules.live.heard(self._link.realm, frame.group, frame.users)

    def _is_due(self, frame: Live, *, stored: bool) -> bool:
        """Tell whether everything has its effect that was said before; ``stored``: nothing is on its way."""
        link = self._link
        if self._is_of(frame.group, link.realm):
            on_disk = stored or link.groups.under_way[0] == 0
            return on_disk and link.rules.replicas.number(frame.group) >= frame.number
        row = link.incoming.row
        return frame.number <= (0 if row is None else row.number)

    def _is_of(self, group: str, realm: str) -> bool:
        return fold(group).rpartition("@")[2] == realm
