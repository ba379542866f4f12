"""A server as students write them, with one thread a connection, and faults on purpose."""

from __future__ import annotations

import json
import socket
import threading
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

END = b"\r\n\r\n"
#: What a fault makes of a reply to a line.
Fault = Callable[[str, bytes], bytes]


class StudentServer:
    """Users, texts and boxes of system B, as far as they go; use it in a ``with`` statement."""

    def __init__(self, fault: Fault = lambda line, reply: reply) -> None:
        self._fault = fault
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._users = {
            "messi": "Lionel Messi",
            "henderson": "Jordan Henderson",
            "lineker": "Gary Lineker",
        }
        self._tokens: dict[str, str] = {}
        self._boxes: dict[str, dict[str, list[dict[str, str]]]] = {}
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = b""
        try:
            while data := connection.recv(1024):
                *lines, buffer = (buffer + data).split(b"\r\n")
                for line in lines:
                    text = line.decode()
                    reply = self._fault(text, json.dumps(self.answer(text)).encode() + END)
                    if not reply:
                        return
                    connection.sendall(reply)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def answer(self, line: str) -> dict[str, Any]:
        match line.split(" "):
            case ["auth", user, *_] if user not in self._users:
                return wrong("User Tidak Ada")
            case ["auth", user, password, *_]:
                return self._login(user) if password == "surabaya" else wrong("Password Salah")
            case ["send", token, to, *words] if token in self._tokens:
                return self._send(self._tokens[token], to, " ".join(words))
            case ["inbox", token, *_] if token in self._tokens:
                return {"status": "OK", "messages": self._boxes.pop(self._tokens[token], {})}
            case ["send" | "inbox", *_]:
                return wrong("Informasi tidak ditemukan")
        return wrong("**Protocol Tidak Benar")

    def _login(self, user: str) -> dict[str, Any]:
        token = str(uuid.uuid4())
        self._tokens[token] = user
        return {"status": "OK", "tokenid": token}

    def _send(self, sender: str, to: str, text: str) -> dict[str, Any]:
        if to not in self._users:
            return wrong("User Tidak Ditemukan")
        entry = {"msg_from": self._users[sender], "msg_to": self._users[to], "msg": text}
        self._boxes.setdefault(to, {}).setdefault(sender, []).append(entry)
        return {"status": "OK", "message": "Message Sent"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone would not wake the thread that accepts.
        self._listening.shutdown(socket.SHUT_RDWR)
        for closed in (self._listening, *self._connections):
            closed.close()


def wrong(message: str) -> dict[str, Any]:
    return {"status": "ERROR", "message": message}
