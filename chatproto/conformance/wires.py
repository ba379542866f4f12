"""Plain sockets with a time limit for everything, on which all that passes is written down."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from typing import Never, Self

from chatproto.conformance.checks import Departure, Step, shown
from chatproto.conformance.traces import Traces

#: Steps of one check that are kept, for whoever wants to see how it came about.
STEPS = 60
#: More than the longest reply to anything that is asked here, where no file has to come and where one may.
REPLY_BYTES = 1024 * 1024
FILE_BYTES = 12 * 1024 * 1024
_READ = 16_384
#: What was read and not looked at yet; then the server has to wait.
_PIECES = 256


class Wire:
    """One connection to a server; a check that it disappoints ends with :exc:`Departure`."""

    #: How long nothing may come before it is believed that nothing does.
    quiet = 0.3

    def __init__(self, who: str, connected: socket.socket, patience: float, steps: list[Step]) -> None:
        self.who = who
        #: What the run leaves and hears; a trial gives its own, and where the connection leads.
        self.traces = Traces()
        self.where = ("", 0)
        self.socket = connected
        self.patience = patience
        #: What was sent last.
        self.sent = ""
        self._steps = steps
        self._buffer = b""
        self._ended = False
        self._closed = False
        # Reads have to be made when something comes, not when a check looks for it: what is a read of its own
        # would be one with the next by then.
        self._pieces: queue.Queue[bytes] = queue.Queue(_PIECES)
        threading.Thread(target=self._read, daemon=True).start()

    def say(self, data: str | bytes) -> Self:
        """Send as it is, in one write."""
        self.sent = self._note(">", data)
        self.socket.settimeout(self.patience)
        try:
            self.socket.sendall(data.encode() if isinstance(data, str) else data)
        except OSError as error:
            self.fail("takes what is sent", f"{type(error).__name__}")
        return self

    def half_close(self) -> None:
        """Send nothing any more."""
        self._note("-", "ends writing")
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def read(self, what: str, patience: float | None = None) -> bytes:
        """Return what one read gives, as clients without framing take it."""
        if self._buffer:
            data, self._buffer = self._buffer, b""
        else:
            data = self._receive(time.monotonic() + (self.patience if patience is None else patience))
        if not data:
            self.fail(what, "the end of the connection" if self._ended else "nothing in time")
        self._note("<", data)
        return data

    def until(self, end: bytes, what: str, most: int = REPLY_BYTES) -> bytes:
        """Return everything up to ``end``, with it; before ``most`` bytes it has to come."""
        deadline = time.monotonic() + self.patience
        heard = bytearray(self._buffer)
        at = heard.find(end)
        while at < 0:
            looked = max(0, len(heard) - len(end))
            self._fill(heard, deadline, what, most)
            at = heard.find(end, looked)
        return self._take(heard, at + len(end))

    def exactly(self, size: int, what: str) -> bytes:
        """Return so many bytes."""
        deadline = time.monotonic() + self.patience
        heard = bytearray(self._buffer)
        while len(heard) < size:
            self._fill(heard, deadline, what, size)
        return self._take(heard, size)

    def _fill(self, heard: bytearray, deadline: float, what: str, most: int) -> None:
        """Add the next bytes, or fail."""
        endless = len(heard) >= most
        data = b"" if endless else self._receive(deadline)
        if not data:
            self._buffer = b""
            self._note("<", bytes(heard))
            why = "and the connection ended" if self._ended else "and nothing more in time"
            if endless:
                why = "which does not end"
            self.fail(what, f"{shown(bytes(heard))}, {why}")
        heard += data

    def _take(self, heard: bytearray, size: int) -> bytes:
        data = bytes(heard[:size])
        self._buffer = bytes(heard[size:])
        self._note("<", data)
        return data

    def silent(self) -> None:
        """Expect that nothing comes for a while."""
        data = self._buffer or self._receive(time.monotonic() + self.quiet)
        if data:
            self._note("<", data)
            self.fail("nothing is sent unasked", shown(data))
        if self._ended:
            self.fail("the connection goes on", "its end")

    def ends(self, what: str = "the connection ends") -> None:
        """Expect the end of the connection, and nothing before it."""
        data = self._buffer or self._receive(time.monotonic() + self.patience)
        if data or not self._ended:
            self.fail(what, shown(data) if data else "no end in time")

    def leftover(self) -> bytes:
        """Return what came and was not asked for."""
        if not self._buffer and not self._ended:
            self._buffer = self._receive(time.monotonic())
        return self._buffer

    def fail(self, expected: str, seen: str) -> Never:
        """Say what should have come.

        :raises Departure: always.
        """
        raise Departure(expected, seen, f"{self.who}: {self.sent or 'nothing'}")

    def close(self) -> None:
        """End the connection."""
        self._closed = True
        with contextlib.suppress(OSError):
            # Closing alone would not wake the thread that reads.
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _receive(self, deadline: float) -> bytes:
        """Return the next piece; none at a deadline, and at the end of the connection."""
        if self._ended:
            return b""
        try:
            data = self._pieces.get(timeout=max(0.001, deadline - time.monotonic()))
        except queue.Empty:
            return b""
        self._ended = not data
        if data:
            self.traces.hear(data)
        return data

    def _read(self) -> None:
        """Put what each read gives into the queue; at the end nothing."""
        data = b"-"
        while data:
            try:
                data = self.socket.recv(_READ)
            except TimeoutError:
                continue
            except OSError:
                data = b""
            while not self._closed:
                try:
                    self._pieces.put(data, timeout=1)
                except queue.Full:
                    continue
                break

    def _note(self, way: str, data: str | bytes) -> str:
        text = shown(data)
        if len(self._steps) < STEPS:
            self._steps.append(Step(self.who, way, text))
        return text
