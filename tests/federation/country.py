"""Realms that are linked in a row, on virtual time: what one says to the last goes through those between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from chatproto.client import ChatClient
from chatproto.records import Batch, HeldRow, MessageRow, OutboxRow, Record, StreamRow, VerdictRow
from chatproto.testing.hosts import RealmHost
from chatproto.testing.mirror import Mirror
from chatproto.testing.network import Network

R = TypeVar("R", bound=Record)


class Country:
    """Realms in a row, of which the first and the last have users; the others are gateways."""

    def __init__(self, *names: str, seed: int = 0, direct: bool = False) -> None:
        self.network = Network(seed)
        self.names = names
        self.hosts: dict[str, RealmHost] = {}
        self.mirrors: dict[str, Mirror] = {}
        self.seen: dict[str, list[str]] = {}
        first, last = names[0], names[-1]
        for index, name in enumerate(names):
            peers = [*names[max(0, index - 1) : index], *names[index + 1 : index + 2]]
            users = ("messi", "amsal") if name in (first, last) else ()
            host = self.hosts[name] = self.network.realm(name, users, peers=peers)
            self.mirrors[name] = Mirror()
            host.on_commit.append(self._committed)
            host.relay = name not in (first, last)
            if name == first:
                host.routes[last] = names[1]
            elif name == last:
                host.routes[first] = names[-2]
            else:
                host.routes |= dict.fromkeys(names[: index - 1], names[index - 1])
                host.routes |= dict.fromkeys(names[index + 2 :], names[index + 1])
            if direct and name in (first, last):
                host.peers = [*host.peers, last if name == first else first]
        self.first, self.last = self.hosts[first], self.hosts[last]

    def _committed(self, host: RealmHost, batch: Batch, failed: Sequence[int]) -> None:
        self.mirrors[host.name].commit(batch, failed)

    def start(self) -> None:
        for host in self.hosts.values():
            self.network.wait(host.start())
        self.network.run(30)

    def client(self, user: str, realm: str, **options: Any) -> ChatClient:
        """Return a client that listens."""
        client = self.network.client(user, realm, **options)
        heard = self.seen.setdefault(f"{user}@{realm}", [])
        client.on_message(lambda message: heard.append(message.text))
        self.network.wait(client.connect())
        return client

    def rows(self, name: str, kind: type[R]) -> list[R]:
        return [row for row in self.mirrors[name].every(kind) if isinstance(row, kind)]

    def texts(self, name: str, kind: str = "text") -> list[str]:
        """The texts of messages on the disk of a realm, in their order."""
        rows = sorted(self.rows(name, MessageRow), key=lambda row: row.seq)
        return [row.text for row in rows if row.kind == kind]

    def held(self, name: str) -> list[int]:
        return sorted(row.number for row in self.rows(name, HeldRow))

    def verdicts(self, name: str) -> list[VerdictRow]:
        return self.rows(name, VerdictRow)

    def stream(self, name: str, to: str) -> StreamRow:
        (row,) = [row for row in self.rows(name, StreamRow) if row.realm == to]
        return row

    def settled(self, name: str, to: str) -> bool:
        """Tell whether everything from one realm to another has its end."""
        newest = max((row.number for row in self.rows(name, OutboxRow) if row.realm == to), default=0)
        return self.stream(name, to).settled == newest
