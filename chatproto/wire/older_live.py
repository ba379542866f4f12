"""Live groups of original servers of older systems: what is asked, and what is shown there."""

from __future__ import annotations

from chatproto.wire.live import EXIT
from chatproto.wire.text import END

_END = END.decode()
#: How a reply begins; nobody's name does, so no text that is shown.
_REPLY = '{"status"'


def check_group(user: str, group: str) -> bytes:
    """Return the request to be live in a group, if there is one, as the originals write it."""
    return f"check group {user} {group} other \r\n".encode()


def is_reply(text: str) -> bool:
    """Tell whether a reply has come to its end."""
    return text.endswith(_END)


def texts_of(text: str) -> list[str]:
    """Return the texts in what one read gave: some servers end them, most leave that to the read."""
    return [line for line in text.replace("\r", "\n").split("\n") if line]


class Ending:
    """How a server lets somebody go: ``exit``, and a reply. It may write both at once, and behind a text."""

    def __init__(self) -> None:
        self._kept = ""

    def take(self, text: str) -> tuple[str, bool]:
        """Return what a read shows, and whether it was the last."""
        text = self._kept + text
        self._kept = ""
        shown, reply, _ = text.partition(_REPLY)
        if reply:
            return shown.removesuffix(EXIT), True
        if text.endswith(EXIT):  # perhaps the last letters of a text, and then the reply never comes
            self._kept = EXIT
            return text.removesuffix(EXIT), False
        return text, False
