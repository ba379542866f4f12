"""Files that were shown, under numbers that people can type."""

from __future__ import annotations

from chatproto.events import FileInfo, HistoryItem

#: Files that are remembered: those above that one would scroll up to. Of older ones the realm knows.
MOST = 1000


class Shelf:
    """Gives numbers to files in the order in which they are shown; a file keeps its number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._files: dict[int, FileInfo] = {}
        self._number = 0

    def number(self, item: HistoryItem) -> int:
        """Return the number of the file that a message is."""
        assert item.file is not None
        known = self._numbers.get(item.file.id)
        if known is not None:
            return known
        self._number += 1
        self._numbers[item.file.id] = self._number
        self._files[self._number] = item.file
        if len(self._files) > MOST:
            del self._numbers[self._files.pop(self._number - MOST).id]
        return self._number

    def find(self, word: str) -> FileInfo | None:
        """Return the file that a number, an id or a name means; the newest one of its name."""
        if word.isdecimal() and len(word) < 10 and int(word) in self._files:
            return self._files[int(word)]
        for file in reversed(self._files.values()):
            if word in (file.id, file.name):
                return file
        return None

    def names(self) -> list[tuple[str, str]]:
        """Return the numbers as they are typed, each with the name of its file, the newest first."""
        return [(str(number), file.name) for number, file in reversed(self._files.items())]
