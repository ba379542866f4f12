"""What destinations said, on its way back through this realm: kept until it is on disk nearer to the origin.

So an origin and a destination need never be there at the same time. What there is no room for is not kept,
not confirmed, and frees nothing: the destination is asked again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from chatproto.federation.bounds import HELD_EXTRA, VERDICT_BYTES, WINDOW_BYTES
from chatproto.federation.holding import Shares
from chatproto.frames import Noted, Verdict
from chatproto.frames.routing import Ruling
from chatproto.interfaces import IStore
from chatproto.realm.writer import Work, Writer
from chatproto.records import VerdictRow

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink

#: An origin, a destination and a stream.
_Key = tuple[str, str, str]


class Verdicts:
    """The newest of each stream. ``say`` passes one on to a neighbour, if that is there and has room."""

    def __init__(self, store: IStore, writer: Writer, say: Callable[[Verdict, str], bool]) -> None:
        self._store = store
        self._writer = writer
        self._say = say
        self._rows: dict[_Key, VerdictRow] = {}
        self._on_disk: dict[_Key, VerdictRow] = {}
        #: Bytes by who is to be told.
        self._shares = Shares(VERDICT_BYTES)
        #: Bytes on their way to the disk, by who said them.
        self._under_way: Counter[str] = Counter()
        #: What a neighbour is told as soon as its connection has room, in order.
        self._waiting: dict[str, dict[_Key, None]] = {}

    async def load(self) -> None:
        """Learn what is kept."""
        for row in await self._store.verdicts():
            self._set(_key_of(row), row)
        self._on_disk = dict(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def _set(self, key: _Key, row: VerdictRow | None) -> None:
        before = self._rows.pop(key, None)
        if before is not None:
            self._shares.add(before.hop, -_size(before))
        if row is not None:
            self._rows[key] = row
            self._shares.add(row.hop, _size(row))

    def hop_of(self, frame: Verdict) -> set[str]:
        """Return by whom the items came that an earlier verdict was about, if there is one."""
        row = self._rows.get((frame.origin, frame.to, frame.stream))
        return set() if row is None else {row.hop}

    def take(self, frame: Verdict, ruling: Ruling, before: str, hop: PeerLink) -> bool:
        """Keep a verdict for who brought the items, if it is news; False if there is no room for that.

        It is confirmed when it is on disk.
        """
        key = (frame.origin, frame.to, frame.stream)
        known = self._rows.get(key)
        noted = Noted(
            origin=frame.origin, to=frame.to, stream=frame.stream, epoch=ruling.epoch, number=ruling.number
        )
        # One that has nothing says so again.
        further = known is None or (ruling.since, ruling.number) > (known.since, known.number)
        if not further or not ruling.epoch:
            if known is self._on_disk.get(key):
                hop.post(noted)
            return True
        row = VerdictRow(*key, before, ruling.since, ruling.number, ruling.epoch, frame.body, frame.signature)
        size, teller = _size(row), str(hop.realm)
        more = size - (_size(known) if known is not None and known.hop == before else 0)
        if more > max(0, self._shares.left(before)) or self._under_way[teller] + size > WINDOW_BYTES:
            return False
        self._set(key, row)
        self._under_way[teller] += size
        self._writer.append(_Keeping(self, row, teller, lambda: hop.post(noted)))
        return True

    def kept(self, row: VerdictRow, teller: str, *, stored: bool) -> None:
        """Hear whether a verdict is on disk. If it is not, the destination will say it again."""
        key = _key_of(row)
        self._under_way[teller] -= _size(row)
        if not self._under_way[teller]:
            del self._under_way[teller]
        if not stored and self._rows.get(key) is row:
            self._set(key, self._on_disk.get(key))
        elif stored and key in self._rows:
            self._on_disk[key] = row

    def noted(self, hop: PeerLink, frame: Noted) -> None:
        """Forget a verdict that is on disk nearer to its origin."""
        key = (frame.origin, frame.to, frame.stream)
        row = self._rows.get(key)
        if (
            row is not None
            and row.hop == hop.realm
            and row.epoch == frame.epoch
            and row.number <= frame.number
        ):
            self._remove(key)

    # -- telling neighbours

    def say_all(self, hop: str) -> None:
        """Tell a neighbour all that is kept for it, as it is linked, perhaps anew."""
        self._waiting[hop] = {key: None for key, row in self._rows.items() if row.hop == hop}
        self.say_on(hop)

    def say_soon(self, hop: str, key: _Key) -> None:
        """Tell a neighbour what is kept of one stream."""
        if key in self._rows:
            self._waiting.setdefault(hop, {})[key] = None
            self.say_on(hop)

    def say_on(self, hop: str) -> None:
        """Tell a neighbour what waits, as long as its connection has room."""
        waiting = self._waiting.get(hop, {})
        for key in list(waiting):
            row = self._rows.get(key)
            if row is not None and row.hop == hop:
                verdict = Verdict(
                    origin=row.origin, to=row.realm, stream=row.stream, body=row.body, signature=row.signature
                )
                if not self._say(verdict, hop):
                    return
            del waiting[key]
        self._waiting.pop(hop, None)

    def forget(self, realm: str) -> None:
        """Let go of what a realm has to do with, by decision of the operator."""
        for key, row in list(self._rows.items()):
            if realm in (row.hop, row.origin, row.realm):
                self._remove(key)

    def _remove(self, key: _Key) -> None:
        self._writer.append(Work(removes=[self._rows[key]]))
        self._set(key, None)
        self._on_disk.pop(key, None)


def _key_of(row: VerdictRow) -> _Key:
    return row.origin, row.realm, row.stream


def _size(row: VerdictRow) -> int:
    return len(row.body.encode()) + HELD_EXTRA


class _Keeping(Work):
    """A verdict that is to be kept."""

    __slots__ = ("_noted", "_row", "_teller", "_verdicts")

    def __init__(self, verdicts: Verdicts, row: VerdictRow, teller: str, noted: Callable[[], object]) -> None:
        super().__init__(puts=[row], size=len(row.body))
        self._verdicts = verdicts
        self._row = row
        self._teller = teller
        self._noted = noted

    def committed(self) -> None:
        """See :class:`Work`."""
        self._verdicts.kept(self._row, self._teller, stored=True)
        self._noted()

    def failed(self, error: object) -> None:
        """See :class:`Work`."""
        self._verdicts.kept(self._row, self._teller, stored=False)
