"""Receipts on their way to another realm: the newest of each pair, and the first to be dropped."""

from __future__ import annotations

from chatproto.federation.bounds import RECEIPTS
from chatproto.frames import Receipt


class Receipts:
    """What the other realm is to hear of how far people here have got; kept while there is no link."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], Receipt] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, by: str, to: str, delivered: str, read: str) -> None:
        """Tell the newest mids, unless too much waits."""
        before = self._waiting.get((by, to))
        if before is not None:
            delivered, read = delivered or before.delivered, read or before.read
        elif len(self._waiting) >= RECEIPTS:
            return
        self._waiting[by, to] = Receipt(by=str(by), to=str(to), delivered=delivered, read=read)

    def take(self) -> list[Receipt]:
        """Return what waits, which is forgotten."""
        waiting, self._waiting = self._waiting, {}
        return list(waiting.values())
