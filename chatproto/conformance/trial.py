"""What one check works with: connections to the server, users, and what was written down."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from typing import Never, TypeVar

from msgspec import Struct

from chatproto.conformance.checks import Departure, Skipped, Step, shown
from chatproto.conformance.lines import LineClient
from chatproto.conformance.originals import Original, Originals
from chatproto.conformance.pairs import Pairs
from chatproto.conformance.people import People, Person
from chatproto.conformance.traces import Traces
from chatproto.conformance.wires import Wire

#: Where a server listens.
Where = tuple[str, int]
W = TypeVar("W", bound=Wire)


class Target(Struct, frozen=True, kw_only=True):
    """Whom to check, and what there is to check it with."""

    server: Where
    #: A second server of the same kind.
    peer: Where | None = None
    #: System A's main server, or that behind a front; and A's program for two.
    main: Where | None = None
    talk: Where | None = None
    #: The name of the realm, for system A's main server.
    realm: str = "realm1"
    #: The name and the address of a neighbour that the server has by its configuration, and that the kit is.
    plays: tuple[str, str, int] | None = None
    users: list[Person] = []
    peer_users: list[Person] = []
    #: How long a server may think.
    patience: float = 5.0
    #: How long nothing may come before it is believed that nothing does.
    quiet: float = 0.3
    #: How often a check of pauses is made until it is believed to fail.
    tries: int = 2


class Trial:
    """One check under way; everything that it opened is closed when it ends."""

    def __init__(
        self,
        target: Target,
        people: People,
        neighbours: People,
        originals: Originals,
        pairs: Pairs,
        traces: Traces,
    ) -> None:
        self.target = target
        self.people = people
        self.neighbours = neighbours
        self.originals = originals
        self.pairs = pairs
        self.traces = traces
        self.steps: list[Step] = []
        self._wires: list[Wire] = []
        self._endings: list[Callable[[], None]] = []

    def wire(self, kind: type[W], who: str, where: Where | None = None, source: str = "") -> W:
        """Return a connection of its own."""
        at = where or self.target.server
        try:
            connected = socket.create_connection(at, self.target.patience, (source, 0) if source else None)
        except OSError as error:
            raise Departure(
                f"a connection to {at[0]}:{at[1]}", type(error).__name__, f"{who}: connects"
            ) from error
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = kind(who, connected, self.target.patience, self.steps)
        wire.quiet, wire.traces, wire.where = self.target.quiet, self.traces, at
        self._wires.append(wire)
        return wire

    def connect(self, who: str = "client", where: Where | None = None, source: str = "") -> LineClient:
        """Return a client of systems B, C or D that is not logged in."""
        return self.wire(LineClient, who, where, source)

    def login(self, number: int, where: Where | None = None) -> LineClient:
        """Return a client that is logged in as one of the server's users, with an empty inbox."""
        return self.login_as(self.people[number], where)

    def neighbour(self, number: int = 0) -> LineClient:
        """Return a client that is logged in at the second server."""
        return self.login_as(self.neighbours[number], self.peer)

    def login_as(self, person: Person, where: Where | None = None) -> LineClient:
        """Return a client that is logged in, with an empty inbox."""
        client = self.connect(person.user, where)
        client.token = client.ask(f"auth {person.user} {person.password} ").member("tokenid", str)
        client.user, client.shown = person.user, person.shown
        client.inbox()
        return client

    @property
    def peer(self) -> Where:
        """The second server.

        :raises Skipped: none was given.
        """
        if self.target.peer is None:
            raise Skipped("no second server was given: --peer HOST:PORT")
        return self.target.peer

    @property
    def stranger_source(self) -> str:
        """An address of this machine from which nothing was agreed with the server, if there is one."""
        if not socket.gethostbyname(self.target.server[0]).startswith("127."):
            return ""
        address = (
            f"127.{secrets.randbelow(200) + 40}.{secrets.randbelow(250) + 2}.{secrets.randbelow(250) + 2}"
        )
        with socket.socket() as probe:
            try:
                probe.bind((address, 0))
            except OSError:  # not every system has all of 127.0.0.0/8
                return ""
        return address

    def original(self, client: LineClient) -> Original:
        """Return an original server that is linked to the one that is checked; ``client`` is logged in.

        :raises Skipped: the server does not link it.
        """
        original = self.originals.linked(client)
        original.begin(self.steps)
        self.later(lambda: original.begin([]))
        return original

    def other_server(self) -> LineClient:
        """Return a connection on which the kit speaks as another server; a front takes none."""
        return self.connect("other server", self.target.main)

    def skip(self, why: str) -> Never:
        """End the check, which cannot be made here.

        :raises Skipped: always.
        """
        raise Skipped(why)

    def later(self, ending: Callable[[], None]) -> None:
        """Do something when the check has ended, whatever came of it."""
        self._endings.append(ending)

    def nothing_unasked(self) -> None:
        """Expect that no client of lines has anything that it did not ask for."""
        for wire in self._wires:
            if isinstance(wire, LineClient) and not wire.live and (rest := wire.leftover()):
                wire.fail("nothing is sent unasked", shown(rest))

    def close(self) -> None:
        """End all connections."""
        for ending in [*self._endings, *(wire.close for wire in self._wires)]:
            ending()
