"""What is asked of the kernel for a TCP connection.

It holds megabytes that are written and not sent yet. What is said after that stands behind them, however
urgent it is. With :func:`hold_little_unsent` it takes little more than the line needs, and the rest waits
where it can be overtaken.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from twisted.internet.interfaces import ITCPTransport

#: Bytes that the kernel takes beyond those on the line: a tenth of a second of a slow one.
_UNSENT_BYTES = 16 * 1024
#: Not on every system; its number is the same on all that have it under Linux.
_OPTION = getattr(socket, "TCP_NOTSENT_LOWAT", None)


def send_at_once(transport: Any) -> None:
    """Let what is written be sent without a delay, and an other side that is gone be noticed; over TCP."""
    if ITCPTransport.providedBy(transport):
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)


def hold_little_unsent(transport: object) -> None:
    """Let the kernel hold little of a TCP connection, where it can; of TLS, too."""
    handle = getattr(transport, "socket", None)
    if _OPTION is not None and isinstance(handle, socket.socket):
        with contextlib.suppress(OSError):
            handle.setsockopt(socket.IPPROTO_TCP, _OPTION, _UNSENT_BYTES)
