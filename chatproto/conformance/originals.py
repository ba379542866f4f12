"""The kit as a server of systems B and D: what others do with it, and what it asks of them."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from chatproto.conformance.checks import Departure, Skipped, Step, shown
from chatproto.conformance.lines import NO_SUCH_USER, Answer, LineClient
from chatproto.conformance.people import fresh
from chatproto.conformance.wires import STEPS

_READ = 1024
#: Connections that are served; more would be a fault of the other side.
_CONNECTIONS = 50
#: Bytes of requests that are taken in one check, each read counted as a whole one: far more than any check
#: makes a server send. One that sends on and on is not read any more.
CHECK_BYTES = 4 * 1024 * 1024
#: How often it is looked whether a request came.
_LOOK_SECONDS = 0.01
#: Replies by the first word of a request, as originals give them.
_REPLIES: dict[str, dict[str, Any]] = {
    "recvrealm": {"status": "OK"},
    "recvrealmprivatemsg": {"status": "OK", "message": "Message Sent to Realm"},
    "recvrealmgroupmsg": {"status": "OK", "message": "Message Sent to Group in Realm"},
    "recvfilerealm": {"status": "OK", "message": "File Received to Realm"},
    "recvgroupfilerealm": {"status": "OK", "message": "Message Sent to Group in Realm"},
    "getrealmchat": {"status": "OK", "messages": []},
    "server": {"status": "ERROR", "message": NO_SUCH_USER},
    "check": {"status": "PENDING", "message": "Tidak ada grup di server"},
}
_UNKNOWN = {"status": "ERROR", "message": "**Protocol Tidak Benar"}
#: What to do with a request; what it returns is sent, and nothing if it is None.
Reply = Callable[[str], "bytes | None"]


def encoded(fields: dict[str, Any]) -> bytes:
    """Return a reply with its end."""
    return json.dumps(fields).encode() + b"\r\n\r\n"


class Original:
    """An original server that is linked to the one that is checked, under the alias ``realm``.

    It takes one request at a time from a connection, up to a read that ends in a line's end, as originals do;
    ``raw`` is all that was read.
    """

    def __init__(self, realm: str, host: str, port: int, patience: float) -> None:
        self.realm = realm
        self.patience = patience
        #: What came, as it came.
        self.requests: list[bytes] = []
        self.raw: list[bytes] = []
        #: Replies that are other than usual, by the first word.
        self.special: dict[str, Reply] = {}
        self.steps: list[Step] = []
        self._left = CHECK_BYTES
        self._listening = socket.create_server((host, port))
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._listening.getsockname()[:2]
        return host, port

    def begin(self, steps: list[Step]) -> None:
        """Begin a new check."""
        self.requests.clear()
        self.raw.clear()
        self.special.clear()
        self.steps = steps
        self._left = CHECK_BYTES

    def expect(self, start: str, client: LineClient) -> str:
        """Return the request that begins so, without its end, when it has come.

        :raises Departure: it does not come in time.
        """
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            for raw in list(self.requests):
                text = raw.decode("utf-8", "backslashreplace")
                if text.startswith(start):
                    if not text.endswith("\r\n"):
                        raise Departure(
                            f"a request of the other server, {start!r}, ended by CRLF", shown(raw)
                        )
                    return text.removesuffix("\r\n").rstrip(" ")
            time.sleep(_LOOK_SECONDS)
        seen = ", ".join(shown(raw) for raw in self.requests) or "no request"
        raise Departure(f"the request {start!r} at the other server", seen, f"{client.who}: {client.sent}")

    def connection(self) -> socket.socket:
        """Return the newest connection that was made to it."""
        return self._connections[-1]

    def close(self) -> None:
        """Stop serving."""
        for closed in (self._listening, *self._connections):
            with contextlib.suppress(OSError):
                # Closing alone would not wake the thread that accepts, or reads.
                closed.shutdown(socket.SHUT_RDWR)
            closed.close()

    def _accept(self) -> None:
        for _ in range(_CONNECTIONS):
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = bytearray()
        with contextlib.suppress(OSError):
            while data := connection.recv(_READ):
                self._left -= _READ
                if self._left < 0:
                    self._note("-", "sends without end: the connection is ended")
                    connection.close()
                    return
                self.raw.append(data)
                buffer += data
                if buffer.endswith(b"\n"):
                    reply = self._reply(bytes(buffer))
                    buffer.clear()
                    if reply is not None:
                        self._note(">", reply)
                        connection.sendall(reply)

    def _reply(self, raw: bytes) -> bytes | None:
        self._note("<", raw)
        text = raw.decode("utf-8", "backslashreplace").strip()
        word = text.partition(" ")[0]
        special = self.special.get(word)
        reply = encoded(_REPLIES.get(word, _UNKNOWN)) if special is None else special(text)
        # Only now it may be seen: whoever waits for it may stop everything then.
        self.requests.append(raw)
        return reply

    def _note(self, way: str, data: str | bytes) -> None:
        if len(self.steps) < STEPS:
            self.steps.append(Step("other server", way, shown(data)))


class Originals:
    """At most one of them in a run: a link, once made, stays.

    ``known`` is the realm and the address of one that the server knows by its configuration.
    """

    def __init__(self, known: tuple[str, str, int] | None) -> None:
        self._known = known
        self._original: Original | None = None
        self._answer: Answer | None = None

    def get(self, client: LineClient) -> tuple[Original, Answer]:
        """Return the original with the reply to the ``addrealm`` that linked it, which ``client`` sends."""
        if self._known is not None:
            raise Skipped("the server knows the other one by its configuration: --play")
        if self._original is None or self._answer is None:
            host = client.socket.getsockname()[0]
            self._original = Original(fresh("r"), host, 0, client.patience)
            address, port = self._original.address
            client.patience *= 2
            self._answer = client.ask(f"addrealm {self._original.realm} {address} {port} ")
        return self._original, self._answer

    def linked(self, client: LineClient) -> Original:
        """Return the original.

        :raises Skipped: the server does not link it.
        """
        if self._known is not None:
            self._original = self._original or Original(*self._known, client.patience)
            return self._original
        original, answer = self.get(client)
        if answer.refused:
            raise Skipped(f"addrealm was refused: {answer.fields.get('message')}")
        return original

    def close(self) -> None:
        """Stop serving."""
        if self._original is not None:
            self._original.close()
