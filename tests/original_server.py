"""Servers as systems B and D had them, made anew for tests from what is known of their bytes.

With their habits: one thread for each connection, 1024 bytes at a time, each piece decoded by itself; a
request ends where what came so far ends in CRLF. One blocking socket for each other realm, without a time
limit. Both sides keep a copy of each message, under the name of its recipient that is shown. An error that
nobody thought of ends the thread, and leaves the connection.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

END = "\r\n\r\n"
USERS = {
    "messi": ("Lionel Messi", "surabaya"),
    "henderson": ("Jordan Henderson", "surabaya"),
    "lineker": ("Gary Lineker", "surabaya"),
}
NOBODY = {"status": "ERROR", "message": "User Tidak Ditemukan"}
NO_REALM = {"status": "ERROR", "message": "Realm Tidak Ditemukan"}

Reply = dict[str, Any]


class Outward:
    """The one socket to another server."""

    def __init__(self, host: str, port: int) -> None:
        self.copies: dict[str, list[Reply]] = defaultdict(list)
        self._socket = socket.create_connection((host, port), 10)

    def ask(self, line: str) -> Reply:
        """Send a request and wait for what ends in an empty line, however long that takes."""
        heard = ""
        try:
            self._socket.sendall(line.encode())
            while not heard.endswith(END):
                piece = self._socket.recv(1024)
                assert piece
                heard += piece.decode()
            return dict(json.loads(heard))
        except (OSError, ValueError, AssertionError):
            self._socket.close()
            return {"status": "ERROR", "message": "Gagal"}

    def close(self) -> None:
        """End it."""
        self._socket.close()


class Original:
    """What both have in common. Use it in a ``with`` statement; ``heard`` has every request."""

    def __init__(self, users: dict[str, tuple[str, str]], port: int = 0) -> None:
        self.users = users
        self.heard: list[str] = []
        self.tokens: dict[str, str] = {}
        self.inboxes: dict[str, dict[str, list[Reply]]] = defaultdict(dict)
        self.outward: list[Outward] = []
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listening.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.commands: dict[str, Callable[[list[str]], Reply]] = {
            "auth": self._auth,
            "inbox": self._inbox,
        }

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for each in self.outward:
            each.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def cut(self) -> None:
        """End all connections that others opened."""
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        came = ""
        try:
            while piece := connection.recv(1024):
                came += piece.decode()
                if came[-2:] == "\r\n":
                    self.heard.append(came)
                    reply = self._process(came)
                    came = ""
                    connection.sendall((json.dumps(reply) + END).encode())
        except (OSError, TypeError, AssertionError):
            return  # as a thread does: the connection stays, and nobody answers
        connection.close()

    def _process(self, line: str) -> Reply:
        words = line.split(" ")
        command = self.commands.get(words[0].strip())
        if command is None:
            return {"status": "ERROR", "message": "**Protocol Tidak Benar"}
        try:
            return command(words)
        except KeyError:
            return {"status": "ERROR", "message": "Informasi tidak ditemukan"}
        except IndexError:
            return {"status": "ERROR", "message": "--Protocol Tidak Benar"}

    def die(self, words: list[str]) -> Reply:
        """End the thread, as an error does that nobody thought of."""
        raise AssertionError(words)

    def _auth(self, words: list[str]) -> Reply:
        user, password = words[1].strip(), words[2].strip()
        if self.users[user][1] != password:
            return {"status": "ERROR", "message": "Password Salah"}
        token = str(uuid.uuid4())
        self.tokens[token] = user
        return {"status": "OK", "tokenid": token}

    def _inbox(self, words: list[str]) -> Reply:
        boxes = self.inboxes[self.tokens[words[1].strip()]]
        taken = {sender: list(entries) for sender, entries in boxes.items()}
        for entries in boxes.values():
            entries.clear()
        return {"status": "OK", "messages": taken}

    def shown(self, user: str) -> str:
        """Return what a user is called; the name of nobody ends the thread."""
        found = self.users.get(user)
        return found[0]  # type: ignore[index]


def body(words: list[str]) -> str:
    """Return a text as they keep it: each word behind a blank, with the end of the line."""
    return "".join(f" {word}" for word in words)


class OriginalB(Original):
    """A server of system B."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(dict(USERS), port)
        self.realms: dict[str, Outward] = {}
        self.commands |= {
            "addrealm": self._addrealm,
            "recvrealm": self._recvrealm,
            "sendprivaterealm": self._sendprivate,
            "recvrealmprivatemsg": self._recvprivate,
            "sendgrouprealm": self._sendgroup,
            "recvrealmgroupmsg": self._recvgroup,
            "sendfilerealm": self._sendfile,
            "recvfilerealm": self._recvfile,
            "recvgroupfilerealm": self._recvfile,
            "getrealminbox": self._getrealminbox,
            "getrealmchat": self._getrealmchat,
        }

    def _dial(self, realm: str, host: str, port: str) -> None:
        self.realms[realm] = outward = Outward(host.strip(), int(port))
        self.outward.append(outward)

    def _addrealm(self, words: list[str]) -> Reply:
        if words[1] in self.realms:
            return {"status": "ERROR", "message": "Realm sudah ada"}
        self._dial(*words[1:4])
        return self.realms[words[1]].ask(f"recvrealm {' '.join(word.strip() for word in words[1:4])}\r\n")

    def _recvrealm(self, words: list[str]) -> Reply:
        self._dial(*words[1:4])
        return {"status": "OK"}

    def _sendprivate(self, words: list[str]) -> Reply:
        sender, realm, to = self.tokens[words[1]], words[2].strip(), words[3].strip()
        if realm not in self.realms:
            return NO_REALM
        if to not in self.users:
            return NOBODY
        link = self.realms[realm]
        link.copies[self.shown(to)].append(
            {"msg_from": self.shown(sender), "msg_to": self.shown(to), "msg": body(words[4:])}
        )
        link.ask(f"recvrealmprivatemsg {sender} {' '.join(' '.join(words[2:]).split())}\r\n")
        return {"status": "OK", "message": "Message Sent to Realm"}

    def _keep(self, sender: str, realm: str, to: str, text: str) -> None:
        names = {"msg_from": self.shown(sender), "msg_to": self.shown(to)}
        self.realms[realm].copies[self.shown(to)].append({**names, "msg": text})

    def _recvprivate(self, words: list[str]) -> Reply:
        sender, realm, to = words[1], words[2], words[3].strip()
        if realm not in self.realms:
            return NO_REALM
        if sender not in self.users or to not in self.users:
            return NOBODY
        self._keep(sender, realm, to, body(words[4:]))
        return {"status": "OK", "message": "Message Sent to Realm"}

    def _sendgroup(self, words: list[str]) -> Reply:
        sender, realm = self.tokens[words[1]], words[2].strip()
        if realm not in self.realms:
            return NO_REALM
        for to in words[3].split(","):
            self._keep(sender, realm, to, body(words[4:]))
        self.realms[realm].ask(f"recvrealmgroupmsg {sender} {' '.join(' '.join(words[2:]).split())}\r\n")
        return {"status": "OK", "message": "Message Sent to Group in Realm"}

    def _recvgroup(self, words: list[str]) -> Reply:
        if words[2] not in self.realms:
            return NO_REALM
        for to in words[3].split(","):
            self._keep(words[1], words[2], to, body(words[4:]))
        return {"status": "OK", "message": "Message Sent to Group in Realm"}

    def _sendfile(self, words: list[str]) -> Reply:
        sender, realm = self.tokens[words[1]], words[2].strip()
        if realm not in self.realms:
            return NO_REALM
        self.realms[realm].ask(f"recvfilerealm {sender} {' '.join(' '.join(words[2:]).split())}\r\n")
        return {"status": "OK", "message": "File Sent to Realm"}

    def _recvfile(self, words: list[str]) -> Reply:
        sender = self.tokens[words[1]]  # which is a name, and no token
        return {"status": "OK", "message": f"File Received to Realm {sender}"}

    def _getrealminbox(self, words: list[str]) -> Reply:
        user, realm = self.tokens[words[1]], words[2].strip()
        if realm not in self.realms:
            return NO_REALM
        return self.realms[realm].ask(f"getrealmchat {realm} {user}\r\n")

    def _getrealmchat(self, words: list[str]) -> Reply:
        realm, user = words[1].strip(), words[2].strip()
        if realm not in self.realms:
            return NO_REALM
        copies = self.realms[realm].copies
        if self.shown(user) not in copies:
            raise KeyError(user)
        return {"status": "OK", "messages": copies.pop(self.shown(user))}


class OriginalD(Original):
    """A server of system D, whose neighbour is at a port."""

    def __init__(self, neighbour: int = 0, port: int = 0) -> None:
        users = {name: (name.title(), "jakarta") for name in ("amsal", "herbert", "napitupulu")}
        super().__init__(users, port)
        self.neighbour = neighbour
        self.commands |= {"send": self._send, "server": self.server_send}

    def _store(self, sender: str, name: str, to: str, text: str) -> Reply:
        entry = {"msg_from": name, "msg_to": self.shown(to), "msg": text}
        self.inboxes[to].setdefault(sender, []).append(entry)
        return entry

    def _send(self, words: list[str]) -> Reply:
        sender, to = self.tokens[words[1]], words[2].strip()
        if to in self.users:
            self._store(sender, self.shown(sender), to, body(words[3:]))
            return {"status": "OK", "message": "Message Sent"}
        outward = Outward("127.0.0.1", self.neighbour)
        reply = outward.ask(f"server send {sender} {to}{body(words[3:])}")
        outward.close()
        if reply["status"] == "OK":
            assert "sendback" in reply, "the thread dies"
            del reply["sendback"]
        return reply

    def server_send(self, words: list[str]) -> Reply:
        """Store what the neighbour brings."""
        assert words[1] == "send"
        sender, to = words[2], words[3].strip()
        if to not in self.users:
            return NOBODY
        entry = self._store(sender, sender, to, body(words[4:]))
        return {"status": "OK", "message": "Message Sent", "sendback": entry}
