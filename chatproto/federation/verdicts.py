"""What destinations said, on its way back through this realm: kept until it is on disk nearer to the origin.

So an origin and a destination need never be there at the same time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chatproto.federation.bounds import ROUTE_VERDICTS
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
    """The newest of each stream. ``say`` passes one on to a neighbour, if that is there."""

    def __init__(self, store: IStore, writer: Writer, say: Callable[[Verdict, str], None]) -> None:
        self._store = store
        self._writer = writer
        self._say = say
        self._rows: dict[_Key, VerdictRow] = {}

    async def load(self) -> None:
        """Learn what is kept."""
        self._rows = {(row.origin, row.realm, row.stream): row for row in await self._store.verdicts()}

    def __len__(self) -> int:
        return len(self._rows)

    def hop_of(self, frame: Verdict) -> set[str]:
        """Return by whom the items came that an earlier verdict was about, if there is one."""
        row = self._rows.get((frame.origin, frame.to, frame.stream))
        return set() if row is None else {row.hop}

    def take(self, frame: Verdict, ruling: Ruling, before: set[str], hop: PeerLink) -> None:
        """Keep a verdict for who brought the items, if it is news, and confirm it."""
        key = (frame.origin, frame.to, frame.stream)
        known = self._rows.get(key)
        noted = Noted(
            origin=frame.origin, to=frame.to, stream=frame.stream, epoch=ruling.epoch, number=ruling.number
        )
        # One that has nothing says so again.
        further = known is None or (ruling.since, ruling.number) > (known.since, known.number)
        newer = ruling.epoch != "" and further
        if not newer or not before or (known is None and len(self._rows) >= ROUTE_VERDICTS):
            hop.post(noted)
            return
        row = VerdictRow(
            *key,
            min(before),
            ruling.since,
            ruling.number,
            ruling.epoch,
            frame.body,
            frame.signature,
        )
        self._rows[key] = row
        self._writer.append(_Keeping(self, row, known, lambda: hop.post(noted)))

    def not_kept(self, row: VerdictRow, before: VerdictRow | None) -> None:
        """Hear that a verdict is not on disk: the destination will say it again."""
        key = (row.origin, row.realm, row.stream)
        if self._rows.get(key) is row:
            if before is None:
                del self._rows[key]
            else:
                self._rows[key] = before

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

    def say_to(self, hop: str, key: _Key | None = None) -> None:
        """Tell a neighbour what is kept for it: of one stream, or of all."""
        for row in [self._rows.get(key)] if key is not None else list(self._rows.values()):
            if row is not None and row.hop == hop:
                verdict = Verdict(
                    origin=row.origin, to=row.realm, stream=row.stream, body=row.body, signature=row.signature
                )
                self._say(verdict, hop)

    def forget(self, realm: str) -> None:
        """Let go of what a realm has to do with, by decision of the operator."""
        for key, row in list(self._rows.items()):
            if realm in (row.hop, row.origin, row.realm):
                self._remove(key)

    def _remove(self, key: _Key) -> None:
        self._writer.append(Work(removes=[self._rows.pop(key)]))


class _Keeping(Work):
    """A verdict that is to be kept."""

    __slots__ = ("_before", "_kept", "_row", "_verdicts")

    def __init__(
        self, verdicts: Verdicts, row: VerdictRow, before: VerdictRow | None, kept: Callable[[], object]
    ) -> None:
        super().__init__(puts=[row], size=len(row.body))
        self._verdicts = verdicts
        self._row = row
        self._before = before
        self._kept = kept

    def committed(self) -> None:
        """See :class:`Work`."""
        self._kept()

    def failed(self, error: object) -> None:
        """See :class:`Work`."""
        self._verdicts.not_kept(self._row, self._before)
