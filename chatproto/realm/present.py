"""Who has a connection now."""

from __future__ import annotations

from typing import Protocol


class Connected(Protocol):
    """A connection on which somebody is logged in."""

    def send_away(self) -> None:
        """End it, to make room for another one."""
        ...


class Present:
    """Which accounts have connections now, by folded name; those that logged in first stand first."""

    def __init__(self) -> None:
        #: How many sessions of the account each connection has.
        self._connections: dict[str, dict[Connected, int]] = {}

    def enter(self, account: str, connection: Connected) -> None:
        """Count a session on a connection."""
        connections = self._connections.setdefault(account, {})
        connections[connection] = connections.get(connection, 0) + 1

    def exit(self, account: str, connection: Connected) -> None:
        """Count one less."""
        connections = self._connections.get(account, {})
        if connections.get(connection, 0) > 1:
            connections[connection] -= 1
            return
        connections.pop(connection, None)  # it may have been sent away before
        if not connections:
            self._connections.pop(account, None)

    def keep_to(self, most: int, account: str) -> None:
        """Send away those that were there first, if an account has too many connections."""
        connections = self._connections.get(account, {})
        while len(connections) > most:
            first = next(iter(connections))
            del connections[first]
            first.send_away()

    def accounts(self) -> list[str]:
        """Return the accounts that have a connection, by name."""
        return sorted(self._connections)
