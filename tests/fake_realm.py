"""A realm for tests of clients: a few lines of protocol on virtual time, with faults on request."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

#: What a fault does to one command: it returns whether the realm may go on with it.
Fault = Callable[["Connection", dict[str, Any]], bool]


class Connection(StringTransport):
    """The realm's end of one connection; the protocol under test writes into it."""

    def __init__(self, realm: FakeRealm, protocol: IProtocol) -> None:
        super().__init__()
        self.realm = realm
        self.protocol = protocol
        self.writes = 0
        self.listening: int | None = None
        self.closed = False
        self.stalled = False
        self._rest = b""
        self._chunk: dict[str, Any] | None = None  # whose bytes come now
        self._out: list[bytes] = []

    def write(self, data: bytes) -> None:
        if self.closed:
            return
        self.writes += 1
        self._rest += data
        while (command := self._next()) is not None:
            if not self.closed and not self.stalled:
                self.realm.handle(self, command)

    def _next(self) -> dict[str, Any] | None:
        """Return the next command, a chunk with its bytes, if it has come."""
        if self._chunk is None:
            line, end, rest = self._rest.partition(b"\r\n")
            if not end:
                return None
            self._rest, command = rest, json.loads(line)
            if command["do"] != "chunk":
                return dict(command)
            self._chunk = command
        chunk = self._chunk
        if len(self._rest) < chunk["size"]:
            return None
        chunk["data"], self._rest = self._rest[: chunk["size"]], self._rest[chunk["size"] :]
        self._chunk = None
        return chunk

    def tell(self, **fields: Any) -> None:
        self.tell_bytes(json.dumps(fields, separators=(",", ":")).encode() + b"\r\n")

    def tell_bytes(self, data: bytes) -> None:
        if not self._out:
            self.realm.clock.callLater(0, self._arrive)
        self._out.append(data)

    def _arrive(self) -> None:
        out, self._out = b"".join(self._out), []
        if out and not self.closed:
            self.protocol.dataReceived(out)

    def drop(self) -> None:
        """Lose the connection; what was told and has not arrived never does."""
        if not self.closed:
            self.closed = True
            self.realm.connections.remove(self)
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def loseConnection(self) -> None:
        self.realm.clock.callLater(0, self.drop)

    def abortConnection(self) -> None:
        self.loseConnection()


@implementer(IStreamClientEndpoint)
class FakeRealm:
    """One log, one user called ``amsal``, tokens, cids and epochs; also the endpoint that leads to it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.connections: list[Connection] = []
        self.attempts: list[float] = []
        self.away = False
        self.password = "secret"
        self.refuses_to_register = "user-exists"
        self.tokens: set[str] = set()
        self.epoch = "A"
        self.known_epochs = {"A"}
        self.log: list[dict[str, Any]] = []
        self.cids: dict[str, dict[str, Any]] = {}
        self.commands: list[dict[str, Any]] = []
        self.acked = 0
        #: Faults for the next commands of a name, one each.
        self.faults: dict[str, deque[Fault]] = {}

    # mypy-zope holds this against IStreamClientEndpoint.
    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803
        self.attempts.append(self.clock.seconds())
        if self.away:
            return fail(ConnectionRefusedError())
        protocol = protocolFactory.buildProtocol(None)  # type: ignore[arg-type]  # there is no address
        assert protocol is not None
        connection = Connection(self, protocol)
        self.connections.append(connection)
        protocol.makeConnection(connection)
        return succeed(protocol)

    def fault(self, do: str, *faults: Fault) -> None:
        """Let faults meet the next commands ``do``."""
        self.faults.setdefault(do, deque()).extend(faults)

    def drop(self) -> None:
        for connection in list(self.connections):
            connection.drop()

    def restart(self, epoch: str, *, keep: int | None = None) -> None:
        """Begin another life; with ``keep`` as an older copy of the store that has so many messages."""
        self.drop()
        self.epoch = epoch
        self.known_epochs.add(epoch)
        if keep is not None:
            self.log = self.log[:keep]
            self.known_epochs = {epoch}

    def say(self, text: str, mid: str | None = None) -> int:
        """Store a message from somebody else, tell those who listen, and return its seq."""
        seq = len(self.log) + 1
        message = {
            "event": "message",
            "seq": seq,
            "mid": mid or f"alpha/{self.epoch}{seq}",
            "from": "messi@alpha",
            "to": "amsal@alpha",
            "text": text,
            "at": "2026-11-21T00:00:00Z",
        }
        self.log.append(message)
        for connection in self.connections:
            if connection.listening is not None:
                connection.tell(**message)
        return seq

    def handle(self, connection: Connection, command: dict[str, Any]) -> None:
        self.commands.append(command)
        faults = self.faults.get(command["do"])
        if faults and not faults.popleft()(connection, command):
            return
        reply = getattr(self, "do_" + command["do"])(connection, command)
        data = reply.pop("data", b"")
        connection.tell(re=command["id"], **{"status": "OK", **reply})
        if data:
            connection.tell_bytes(data)
        if command["do"] == "listen":
            for message in self.log[connection.listening or 0 :]:
                connection.tell(**message)

    def do_hello(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        return {"realm": "alpha", "version": "1", "epoch": self.epoch, "commands": [], "limits": {}}

    def do_login(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        if command["password"] != self.password:
            return refusal("login-failed")
        token = f"token{len(self.commands)}"
        self.tokens.add(token)
        return {"address": f"{command['user']}@alpha", "token": token}

    def do_register(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        return refusal(self.refuses_to_register)

    def do_resume(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        return {"address": "amsal@alpha"} if command["token"] in self.tokens else refusal("bad-token")

    def do_listen(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        after, newest = command["after"], len(self.log)
        reset = after is not None and command["epoch"] not in self.known_epochs
        connection.listening = newest if after is None else 0 if reset else after
        reply = {"seq": newest, "after": connection.listening, "epoch": self.epoch}
        return {**reply, **({"reset": True} if reset else {})}

    def do_send(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        cid = command["cid"]
        if cid not in self.cids:
            self.cids[cid] = {"text": command["text"], "mid": f"alpha/s{len(self.cids)}", "seq": 1000}
        return {"mid": self.cids[cid]["mid"], "seq": self.cids[cid]["seq"]}

    def do_ack(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        self.acked = max(self.acked, command["seq"])
        return {}

    def do_history(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [], "complete": True}

    @property
    def stored(self) -> list[str]:
        """The texts that the client's sends stored, in order."""
        return [sent["text"] for sent in self.cids.values()]


def refusal(code: str, retry_after: float | None = None) -> dict[str, Any]:
    return {"status": "ERROR", "code": code, "message": code, "retry_after": retry_after}


def refuse(code: str, retry_after: float | None = None) -> Fault:
    """Answer with an error instead of carrying the command out."""

    def fault(connection: Connection, command: dict[str, Any]) -> bool:
        connection.tell(re=command["id"], **refusal(code, retry_after))
        return False

    return fault


def drop_before(connection: Connection, command: dict[str, Any]) -> bool:
    """Lose the connection before the command is carried out."""
    connection.drop()
    return False


def drop_after(connection: Connection, command: dict[str, Any]) -> bool:
    """Carry the command out and lose the connection before the reply."""
    getattr(connection.realm, "do_" + command["do"])(connection, command)
    connection.drop()
    return False


def garble(connection: Connection, command: dict[str, Any]) -> bool:
    """Carry the command out and answer with something that is no reply."""
    getattr(connection.realm, "do_" + command["do"])(connection, command)
    connection.tell_bytes(b"\xff not json\r\n")
    return False


def stall(connection: Connection, command: dict[str, Any]) -> bool:
    """Take nothing and say nothing from now on, as a peer that lost its power."""
    connection.stalled = True
    return False


def fine(connection: Connection, command: dict[str, Any]) -> bool:
    """Go on: a place in a row of faults."""
    return True
