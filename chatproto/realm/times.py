"""Times as the log keeps them, milliseconds since 1970 in UTC, and as clients read them, RFC 3339."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall


class Clock(Protocol):
    """What the realm needs of a reactor; Twisted's reactors and its test clock have it."""

    def seconds(self) -> float:
        """Return the time in seconds since 1970."""
        ...

    def callLater(self, delay: float, callable: Callable[..., Any], /, *args: object) -> IDelayedCall:
        """Call later, on the reactor's thread."""
        ...


class Timestamps:
    """Turns milliseconds into text. Messages of one second share most of it, so the last second is kept."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, milliseconds: int) -> str:
        """Return RFC 3339 in UTC with milliseconds."""
        second, fraction = divmod(milliseconds, 1000)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{fraction:03d}Z"
