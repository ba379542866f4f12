"""An older client as it really reads: small pieces, each decoded by itself, until one ends a reply."""

from __future__ import annotations

import re
import socket
from types import TracebackType
from typing import Protocol, Self

END = "\r\n\r\n"
_TOKEN = re.compile(r"<(\w+)>")
_UUID4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


class Dialled(Protocol):
    """A server's process, of a realm or before one."""

    def dial(self) -> socket.socket:
        """Return a connected socket."""
        ...


class OlderClient:
    """A plain socket; use it in a ``with`` statement. ``size`` is how much it reads at a time."""

    def __init__(self, realm: Dialled, size: int = 1024) -> None:
        self.socket = realm.dial()
        self._size = size

    def say(self, text: str) -> None:
        """Send text as it is."""
        self.socket.sendall(text.encode())

    def hear(self) -> str:
        """Return everything up to a piece that ends a reply, as the older clients do."""
        heard = ""
        while not heard.endswith(END):
            piece = self.socket.recv(self._size)
            assert piece, f"the connection ended after {heard!r}: an older client would spin for ever"
            heard += piece.decode()
        return heard

    def hear_replies(self, count: int) -> list[str]:
        """Return so many replies without their ends, and fail if more came with them."""
        heard = ""
        while heard.count(END) < count:
            heard += self.hear()
        *replies, rest = heard.split(END)
        assert len(replies) == count
        assert rest == ""
        return replies

    def ask(self, text: str) -> str:
        """Send a command and return its reply."""
        self.say(text)
        return self.hear()

    def hears_nothing(self, seconds: float = 0.1) -> bool:
        """Tell whether the server keeps silent."""
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(1)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(before)
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()


class Transcript:
    """A talk that is replayed byte for byte, but for tokens: ``<T1>`` stands for what came there first."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}

    def __call__(self, client: OlderClient, said: str, reply: str) -> None:
        """Send ``said`` and compare the reply, which here is written without its end."""
        line = _TOKEN.sub(lambda match: self.tokens[match[1]], said)
        heard = client.ask(line)
        parts = _TOKEN.split(reply + END)
        pattern = re.escape(parts[0])
        for name, rest in zip(parts[1::2], parts[2::2], strict=True):
            pattern += f"(?P<{name}>{_UUID4})" + re.escape(rest)
        match = re.fullmatch(pattern, heard)
        assert match is not None, f"to {said!r} came {heard!r}, expected {reply + END!r}"
        self.tokens.update(match.groupdict())
