"""``kill -9`` in the middle of a stream: the promise, as one client and one listener see it."""

from __future__ import annotations

import json
import os
import random
import socket
import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.system.running import PASSWORD, RunningRealm, encoded, history

#: Commands under way on one connection; the server takes no more at a time.
WINDOW = 256
#: How often the server is killed, and how long it lives at least and at most after it is ready.
KILLS = 5
LIFE = (0.02, 0.4)
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
        self.acknowledged.append((cid, text, reply["mid"], reply["seq"]))


class Recipient(Client):
    """Listens, and goes on after each lost connection where it was."""

    def __init__(self, realm: RunningRealm, user: str) -> None:
        super().__init__(realm, user)
        self.heard: list[tuple[str, str, int]] = []
        self._after = 0
        self._epoch: str | None = None
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
        epoch = {} if self._epoch is None else {"epoch": self._epoch}
        reply = self.ask(do="listen", after=self._after, **epoch)
        assert "reset" not in reply, "the server has forgotten what it told"
        self._epoch = reply["epoch"]
        while not self.done():
            event = self.read()
            assert event["event"] == "message", event
            self._after = event["seq"]
            self.heard.append((event["mid"], event["text"], event["seq"]))


@pytest.mark.parametrize("cids", [ordered_cids, random_cids])
def test_every_acknowledged_message_is_there_once_and_in_order_whenever_the_server_is_killed(
    server: RunningRealm, cids: Callable[[], Iterator[str]]
) -> None:
    seed = int(os.environ.get("CHATPROTO_SEED") or random.randrange(2**32))
    print(f"CHATPROTO_SEED={seed} kills at the same moments again")
    chance = random.Random(seed)
    sender = Sender(server, "messi", "lineker", cids())
    recipient = Recipient(server, "lineker")
    recipient.start()
    sender.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(*LIFE))
        server.kill()
        server.start()
    sender.finish()
    acknowledged = sender.acknowledged
    recipient.expect(acknowledged[-1][2])
    recipient.finish()
    print(len(acknowledged), "messages,", sender.repeated, "repeated")

    # No session ended but by a kill; a life may have been too short for one.
    assert max(sender.sessions, recipient.sessions) <= KILLS + 1
    assert sender.repeated > 0
    expected = [(mid, text, seq) for _, text, mid, seq in acknowledged]
    assert [text for _, text, _ in expected] == [f"text {number}" for number in range(len(expected))]
    assert recipient.heard == expected
    with server.login("lineker") as lineker:
        found = history(lineker, "messi")
        assert [(item["mid"], item["text"], item["seq"]) for item in found] == expected
    _repeats_change_nothing(server, chance.sample(acknowledged, 50))

    assert server.terminate() == 0
    assert _stored(server.store) == expected


def _repeats_change_nothing(server: RunningRealm, sample: list[tuple[str, str, str, int]]) -> None:
    with server.login("messi") as messi:
        for cid, text, mid, seq in sample:
            reply = messi.ask(do="send", to="lineker", text=text, cid=cid)
            assert reply == {"status": "OK", "mid": mid, "seq": seq}
            assert messi.ask(do="send", to="lineker", text="other", cid=cid)["code"] == "cid-reused"


def _stored(path: Path) -> list[tuple[str, str, int]]:
    with closing(sqlite3.connect(path)) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return store.execute("SELECT mid, text, seq FROM messages ORDER BY seq").fetchall()
