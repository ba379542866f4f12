"""From entries as they arrive to one entry of a batch: what they do, of one group or several."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from chatproto.errors import ChatError
from chatproto.federation.errand import Step, tell
from chatproto.federation.rules import Arrival
from chatproto.frames import Entry
from chatproto.records import Record
from chatproto.records.keys import key_of


class Place(Struct):
    """How far a group was received on this connection: a number, and the epoch in which it was given."""

    number: int
    epoch: str


class Taken(Step):
    """The effects of entries, of one group or several."""

    __slots__ = ("connection", "effects", "frames", "stored")

    def __init__(self, stored: Callable[[Taken], None], connection: int) -> None:
        super().__init__()
        self.stored = stored
        self.connection = connection
        self.frames: list[Entry] = []
        self.effects: list[Arrival] = []

    def fill(self) -> None:
        """Gather the rows: of those with one key the newest holds."""
        inserts: dict[object, Record] = {}
        puts: dict[object, Record] = {}
        for effect in self.effects:
            inserts.update((key_of(row), row) for row in effect.inserts)
            for row in effect.puts:
                (inserts if key_of(row) in inserts else puts)[key_of(row)] = row
        self.inserts, self.puts = [*inserts.values()], [*puts.values()]
        self.size = sum(map(size_of, self.frames))

    def committed(self) -> None:
        """Tell members, then the other realm."""
        for effect in self.effects:
            tell(effect.told)
        self.stored(self)
        super().committed()

    def failed(self, error: ChatError) -> None:
        """Undo what was begun for them."""
        for effect in self.effects:
            effect.lost()
        super().failed(error)


def size_of(entry: Entry) -> int:
    """Return the bytes that an entry takes of the credit."""
    return len(entry.text.encode())
