"""Bounds that hold at all times, looked at after each step of the realm that made it."""

from __future__ import annotations

from collections.abc import Sequence

from chatproto.limits import RECIPIENTS
from chatproto.testing.clock import ProcessClock
from chatproto.testing.hosts import RealmHost
from chatproto.testing.ledger import Ledger
from chatproto.testing.network import Network

#: Rows that one command may make: a message, a conversation, its two members for each recipient of a list.
_ROWS_OF_A_COMMAND = 8 * RECIPIENTS
#: Bytes that a transport may hold beyond where it asks to be spared: a piece and a line.
_TRANSPORT_BYTES = 1024 * 1024


class Bounds:
    """Looks at realms from outside."""

    def __init__(self, network: Network, hosts: Sequence[RealmHost], ledger: Ledger) -> None:
        self._hosts = {host.name: host for host in hosts}
        self._ledger = ledger

    def look(self, clock: ProcessClock) -> None:
        """Look at the process that just did something."""
        host = self._hosts.get(clock.name)
        if host is None or host.realm is None:
            return
        limits = host.policy.limits
        rows, size = host.realm.writer.load
        if rows > limits.open_rows + _ROWS_OF_A_COMMAND or size > limits.open_bytes + _TRANSPORT_BYTES:
            self._ledger.broke(f"bounds: {host.name} has {rows} rows and {size} bytes open")
        for transport in host.machine.transports():
            if transport.unsent > _TRANSPORT_BYTES:
                self._ledger.broke(f"bounds: {host.name} has {transport.unsent} bytes for {transport}")
