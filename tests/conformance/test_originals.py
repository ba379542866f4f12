"""The kit as a server: whatever the other side sends, it takes a bounded part of it."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest

from chatproto.conformance.originals import CHECK_BYTES, Original


def send_on_and_on(address: tuple[str, int], data: bytes) -> int:
    """Send until nothing is taken any more, and return how many bytes were."""
    sent = 0
    with socket.create_connection(address, timeout=5) as flood:
        flood.settimeout(10)
        with contextlib.suppress(OSError):
            while sent < 20 * CHECK_BYTES:
                sent += flood.send(data)
    return sent


@pytest.mark.parametrize("data", [b"A" * 65536, b"halo\r\n" * 10_000], ids=["no end", "lines"])
def test_a_server_that_sends_without_end_is_not_read_for_ever(data: bytes) -> None:
    original = Original("own", "127.0.0.1", 0, 5.0)
    try:
        assert send_on_and_on(original.address, data) < 10 * CHECK_BYTES
        assert sum(map(len, original.raw)) <= CHECK_BYTES
    finally:
        original.close()


def test_the_next_check_begins_anew() -> None:
    original = Original("own", "127.0.0.1", 0, 5.0)
    try:
        send_on_and_on(original.address, b"A" * 65536)
        original.begin([])
        with socket.create_connection(original.address, timeout=5) as link:
            link.sendall(b"recvrealm other 127.0.0.1 9000\r\n")
            assert link.recv(1024) == b'{"status": "OK"}\r\n\r\n'
        deadline = time.monotonic() + 5
        while not original.requests and time.monotonic() < deadline:
            time.sleep(0.01)
        assert original.requests == [b"recvrealm other 127.0.0.1 9000\r\n"]
    finally:
        original.close()
