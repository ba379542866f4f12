"""System A's client as it really reads, and requests as its servers got them."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any, Self

from tests.serving import SECONDS
from tests.system.running import PASSWORD, RunningRealm

GOOD = {"status": "berhasil", "tipe": "balasan"}


class OriginalClient:
    """Logs in without waiting, and has a thread that ends over what it cannot take."""

    def __init__(self, realm: RunningRealm, user: str, password: str = PASSWORD) -> None:
        self.socket = socket.create_connection(("127.0.0.1", realm.ports["tipe"]), SECONDS)
        self.user = user
        #: What the thread showed: messages, and objects that it does not know.
        self.messages: list[str] = []
        self.unknown: list[dict[str, Any]] = []
        self.died: BaseException | None = None
        self._changed = threading.Condition()
        self._send(tipe="login", username=user, password=password)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _send(self, **members: Any) -> None:
        self.socket.sendall(json.dumps(members).encode())

    def kirim(self, to: str, message: str) -> None:
        self._send(**{"tipe": "kirim", "from": self.user, "to": to, "message": message})

    def _read(self) -> None:
        try:
            while data := self.socket.recv(1024):
                message = json.loads(data.decode())
                with self._changed:
                    if message["tipe"] == "terima":
                        self.messages.append(f"Pesan dari {message['from']}: {message['message']}")
                    else:
                        self.unknown.append(message)
                    self._changed.notify()
        except OSError:
            return
        except Exception as error:
            self.died = error

    def wait_for(self, *messages: str, replies: int = 1) -> None:
        """Wait until these were shown, and so many replies."""
        with self._changed:
            self._changed.wait_for(
                lambda: len(self.messages) >= len(messages) and len(self.unknown) >= replies, SECONDS
            )
            assert self.died is None
            assert self.messages == [*messages]
            assert self.unknown == [GOOD] * replies

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(SECONDS)
        assert self.died is None


def request(realm: RunningRealm, listener: str = "tipe", /, **members: Any) -> dict[str, Any]:
    """Ask once, as the answering servers are asked, and read until they close."""
    with socket.create_connection(("127.0.0.1", realm.ports[listener]), SECONDS) as asking:
        asking.sendall(json.dumps(members).encode())
        heard = b""
        while data := asking.recv(1024):
            heard += data
    reply: dict[str, Any] = json.loads(heard)
    return reply


def fresh(realm: RunningRealm, *users: str) -> None:
    for user in users:
        asked = {"username": user, "realm": "alpha", "password": PASSWORD}
        assert request(realm, "tipe-main", tipe="daftar", **asked) == GOOD
