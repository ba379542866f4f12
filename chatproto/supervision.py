"""Telling the program that started this process how it is: systemd, with ``Type=notify``.

The protocol is a few words in a datagram to a socket that the environment names. Without such a socket nobody
wants to know, and nothing is said.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall


class Supervisor:
    """Who wants to hear that the process is ready, lives, and ends."""

    def __init__(self, clock: IReactorTime, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        # An @ stands for the NUL byte at which names begin that are no files.
        self._address = path.replace("@", "\0", 1) if path.startswith("@") else path
        self._every = _seconds(environment) / 2
        self._alive = LoopingCall(self._tell, "WATCHDOG=1")
        self._alive.clock = clock

    @property
    def there(self) -> bool:
        """Whether anybody wants to hear."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """Tell that the process serves; from now on, if it is wanted, also that its main loop still turns."""
        self._tell("READY=1", f"STATUS={status}")
        if self._every and self.there:
            self._alive.start(self._every)

    def stopping(self) -> None:
        """Tell that the process ends."""
        self._tell("STOPPING=1", "STATUS=closing")

    def gone(self) -> None:
        """Say no more."""
        if self._alive.running:
            self._alive.stop()

    def _tell(self, *words: str) -> None:
        if not self.there:
            return
        # A supervisor that cannot be told is no reason to serve nobody; it will draw its own conclusions.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(words).encode(), self._address)


def _seconds(environment: Mapping[str, str]) -> float:
    """Return within which time the supervisor wants a sign of life, 0 if it wants none of this process."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(microseconds) / 1e6 if meant and microseconds.isdigit() else 0.0
