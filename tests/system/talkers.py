"""Clients that come back after every lost connection, and do not forget what they wanted to say."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

from tests.system.running import PASSWORD, RunningRealm, encoded

#: Commands under way on one connection; the server takes no more at a time.
WINDOW = 256
#: After this the test has failed.
SECONDS = 45.0

#: Ends of a connection to a server that was killed.
_LOST = (ConnectionError, EOFError)


def ordered_cids() -> Iterator[str]:
    prefix = uuid.uuid4().hex[:16]
    return (f"{prefix}:{number}" for number in count(1))


def random_cids() -> Iterator[str]:
    return (uuid.uuid4().hex for _ in count())


class Client(threading.Thread):
    """A user's client in a thread that comes back after each lost connection, until it is told to finish."""

    def __init__(self, realm: RunningRealm, user: str) -> None:
        super().__init__(daemon=True)
        self.realm = realm
        self.user = user
        self.until = time.monotonic() + SECONDS
        self.finishing = threading.Event()
        self.error: BaseException | None = None
        self.sessions = 0
        self._token: str | None = None
        self._lines: Any = None
        self._socket: socket.socket | None = None

    def run(self) -> None:
        try:
            while not self.done():
                with self.realm.reach(self.until) as self._socket, self._socket.makefile("rb") as self._lines:
                    try:
                        self._log_in()
                        self.sessions += 1
                        self.talk()
                    except _LOST:
                        continue
        except BaseException as error:
            self.error = error

    def _log_in(self) -> None:
        if self._token is None:
            self._token = self.ask(do="login", user=self.user, password=PASSWORD)["token"]
        else:
            self.ask(do="resume", token=self._token)

    def write(self, data: bytes) -> None:
        assert self._socket is not None
        self._socket.sendall(data)

    def read(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return dict(json.loads(line))

    def ask(self, **command: Any) -> dict[str, Any]:
        self.write(encoded(**command))
        reply = self.read()
        assert reply["status"] == "OK", reply
        return reply

    def finish(self) -> None:
        """Wait until everything is done, and raise what went wrong."""
        self.finishing.set()
        self.join(self.until - time.monotonic())
        assert not self.is_alive(), "the client did not finish"
        if self.error is not None:
            raise self.error

    def done(self) -> bool:
        raise NotImplementedError

    def talk(self) -> None:
        raise NotImplementedError


class Sender(Client):
    """Sends numbered texts in a window and repeats, in order, what is not acknowledged."""

    def __init__(self, realm: RunningRealm, user: str, to: str, cids: Iterator[str]) -> None:
        super().__init__(realm, user)
        self._to = to
        self._cids = cids
        self._unacknowledged: deque[tuple[str, str]] = deque()
        #: What the server acknowledged, in order: cid, text, mid, seq.
        self.acknowledged: list[tuple[str, str, str, int]] = []
        #: Commands that were sent again.
        self.repeated = 0

    def done(self) -> bool:
        return self.finishing.is_set() and not self._unacknowledged

    def talk(self) -> None:
        waiting = list(self._unacknowledged)
        self.repeated += len(waiting)
        self._send(waiting)
        while not self.done():
            if not self.finishing.is_set() and len(self._unacknowledged) <= WINDOW // 2:
                self._send(list(self._new(WINDOW - len(self._unacknowledged))))
            self._take(self.read())

    def _new(self, number: int) -> Iterator[tuple[str, str]]:
        for _ in range(number):
            item = (next(self._cids), f"text {len(self.acknowledged) + len(self._unacknowledged)}")
            self._unacknowledged.append(item)
            yield item

    def _send(self, items: list[tuple[str, str]]) -> None:
        self.write(
            b"".join(encoded(do="send", to=self._to, text=text, cid=cid, id=cid) for cid, text in items)
        )

    def _take(self, reply: dict[str, Any]) -> None:
        cid, text = self._unacknowledged[0]
        assert (reply["re"], reply["status"]) == (cid, "OK"), reply
        self._unacknowledged.popleft()
        self.acknowledged.append((cid, text, reply["mid"], reply.get("seq", 0)))


class Recipient(Client):
    """Listens, and goes on after each lost connection where it was."""

    def __init__(self, realm: RunningRealm, user: str) -> None:
        super().__init__(realm, user)
        self.heard: list[tuple[str, str, int]] = []
        self._after = 0
        self.epoch: str | None = None
        self._last: str | None = None

    def expect(self, mid: str) -> None:
        """Finish after this message."""
        self._last = mid
        # One that has heard it already reads no more, so its connection is ended here.
        if self._socket is not None and self.done():
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def done(self) -> bool:
        return self._last is not None and any(mid == self._last for mid, _, _ in self.heard[-WINDOW:])

    def talk(self) -> None:
        epoch = {} if self.epoch is None else {"epoch": self.epoch}
        reply = self.ask(do="listen", after=self._after, **epoch)
        assert "reset" not in reply, "the server has forgotten what it told"
        self.epoch = reply["epoch"]
        while not self.done():
            event = self.read()
            assert event["event"] == "message", event
            self._after = event["seq"]
            self.heard.append((event["mid"], event["text"], event["seq"]))
