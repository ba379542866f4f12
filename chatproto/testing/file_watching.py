"""What realms say of files, read along: what was asked for, to who may have it, as it was sent."""

from __future__ import annotations

from collections.abc import Callable

from chatproto.frames import Chunk, Frame, Freight, Want
from chatproto.testing.file_ledger import FileLedger


class FileSpeaker:
    """One end of a connection, as its words about files tell."""

    def __init__(self, realm: str, peer: str, files: FileLedger, broke: Callable[[str], None]) -> None:
        self._realm = realm
        self._peer = peer
        self._files = files
        self._broke = broke
        self.other: FileSpeaker
        #: Of each file up to where it asked for bytes, at most.
        self._asked: dict[str, int] = {}

    def take(self, frame: Frame) -> None:
        """Take what it says."""
        if isinstance(frame, Want):
            self._asked[frame.mid] = max(self._asked.get(frame.mid, 0), frame.offset + frame.size)

    def sent(self, frame: Chunk | Freight, data: bytes) -> None:
        """Take bytes that it sends; what it passes on is not its own."""
        if isinstance(frame, Chunk):
            if frame.offset + frame.size > self.other._asked.get(frame.mid, 0):
                self._broke(f"credit: {frame}, and {self.other._asked.get(frame.mid)} were asked for")
            self._files.sends(self._realm, self._peer, frame.mid, frame.offset, data)
        elif frame.origin == self._realm:
            self._files.sends(self._realm, frame.to, frame.mid, frame.offset, data)
