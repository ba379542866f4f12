"""A realm of one's own with sockets and threads: users, messages, and one other realm that it is linked with.

    python examples/coursework/own_realm.py 9000

It is a beginning: it forgets all at its end, and has neither groups nor files. The command
`chatproto conformance` tells what it lacks.
"""

import hashlib
import hmac
import json
import os
import socket
import socketserver
import sys
import threading
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

END = b"\r\n\r\n"
#: A line that is longer is no command of ours.
LINE_BYTES = 64 * 1024
#: How long another realm may take to answer.
SECONDS = 2

Reply = dict[str, Any]


class Refused(Exception):
    """What is said to a client instead of OK."""


class User:
    def __init__(self, username: str, password: str, name: str, country: str) -> None:
        self.username, self.name, self.country = username, name, country
        self._salt = os.urandom(16)
        self._hash = self._hashed(password)
        self.inbox: dict[str, list[Reply]] = {}
        self.realm_boxes: dict[str, list[Reply]] = {}

    def knows(self, password: str) -> bool:
        return hmac.compare_digest(self._hash, self._hashed(password))

    def _hashed(self, password: str) -> bytes:
        return hashlib.scrypt(password.encode(), salt=self._salt, n=2**12, r=8, p=1)


class Realm:
    """What all connections share; who uses it holds its lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users: dict[str, User] = {}
        self.sessions: dict[str, User] = {}
        #: Where each linked realm listens, by what it is called here.
        self.links: dict[str, tuple[str, int]] = {}
        for name, shown, country in (
            ("messi", "Lionel Messi", "Argentina"),
            ("henderson", "Jordan Henderson", "Inggris"),
            ("lineker", "Gary Lineker", "Inggris"),
        ):
            self.users[name] = User(name, "surabaya", shown, country)

    def user(self, name: str) -> User:
        if name not in self.users:
            raise Refused("User Tidak Ditemukan")
        return self.users[name]


class Connection(socketserver.StreamRequestHandler):
    """One client, or one realm: lines in, a reply for each line, in order, and nothing unasked."""

    def setup(self) -> None:
        super().setup()
        assert isinstance(self.server, Server)
        self.realm = self.server.realm
        self.here = f"{self.request.getsockname()[0]} {self.server.server_address[1]}"
        #: The session that speaks where no token is named.
        self.token = ""

    def handle(self) -> None:
        while line := self.rfile.readline(LINE_BYTES):
            if not line.endswith(b"\n"):
                if len(line) < LINE_BYTES:
                    return  # half a command, and nothing will follow
                self.skip()
                line = b"\xff"  # which is no text, and so refused below
            try:
                reply = {"status": "OK", **self.answer(line.removesuffix(b"\n").removesuffix(b"\r"))}
            except Refused as refused:
                reply = {"status": "ERROR", "message": str(refused)}
            self.wfile.write(json.dumps(reply).encode("ascii") + END)

    def skip(self) -> None:
        """Read to the end of a line that is too long."""
        while (rest := self.rfile.readline(LINE_BYTES)) and not rest.endswith(b"\n"):
            pass

    def answer(self, line: bytes) -> Reply:
        try:
            verb, *words = line.decode().split(" ")
        except UnicodeDecodeError:
            raise Refused("the line is too long, or is not UTF-8") from None
        form = COMMANDS.get(verb)
        if form is None:
            raise Refused("**Protocol Tidak Benar")
        if not form.user:
            return form.method(self, *form.fitted(words))
        token, words = self.token_of(words)
        words = form.fitted(words)
        with self.realm.lock:
            if token not in self.realm.sessions:
                raise Refused("Informasi tidak ditemukan")
            user = self.realm.sessions[token]
        return form.method(self, user, *words)

    def token_of(self, words: list[str]) -> tuple[str, list[str]]:
        """Return the token of a command, and its words without it."""
        if len(words) > 1 and not words[0]:
            return "", words[1:]  # two blanks: a client that is not logged in
        if words and is_token(words[0]):
            return words[0], words[1:]
        return self.token, words

    # -- accounts

    def log_in(self, user: User) -> Reply:
        self.token = str(uuid.uuid4())
        self.realm.sessions[self.token] = user
        return {"tokenid": self.token}

    def auth(self, name: str, password: str) -> Reply:
        with self.realm.lock:
            if name not in self.realm.users:
                raise Refused("User Tidak Ada")
            if not self.realm.users[name].knows(password):
                raise Refused("Password Salah")
            return self.log_in(self.realm.users[name])

    def register(self, name: str, password: str, shown: str = "", country: str = "") -> Reply:
        with self.realm.lock:
            if name in self.realm.users:
                raise Refused("User Sudah Ada")
            if is_token(name):
                raise Refused("a name may not look like a token")
            user = User(name, password, shown.replace("_", " ") or name, country)
            self.realm.users[name] = user
            return self.log_in(user)

    def logout(self, token: str = "") -> Reply:
        with self.realm.lock:
            if token and token not in self.realm.sessions:
                raise Refused("Informasi tidak ditemukan")
            if self.realm.sessions.pop(token or self.token, None) is None:
                raise Refused("Belum Login")
            return {}

    def info(self) -> Reply:
        with self.realm.lock:
            active = {user.username: user for user in self.realm.sessions.values()}
        return {
            "message": {
                name: {"username": name, "userdetail": {"nama": user.name, "negara": user.country}}
                for name, user in active.items()
            }
        }

    # -- messages

    def send(self, sender: User, to: str, text: str) -> Reply:
        with self.realm.lock:
            user = self.realm.user(to)
            entry = {"msg_from": sender.name, "msg_to": user.name, "msg": text}
            user.inbox.setdefault(sender.username, []).append(entry)
        return {"message": "Message Sent"}

    def inbox(self, user: User) -> Reply:
        with self.realm.lock:
            messages, user.inbox = user.inbox, {}
        return {"messages": messages}

    # -- another realm

    def addrealm(self, name: str, host: str, port: str) -> Reply:
        """Link this realm with another one, which is told where this one is."""
        with self.realm.lock:
            if self.token not in self.realm.sessions:
                raise Refused("Informasi tidak ditemukan")
            if name in self.realm.links:
                raise Refused("Realm sudah ada")
        if host != "127.0.0.1" or not port.isdecimal():
            raise Refused("Gagal")  # nobody makes this server connect anywhere
        ask((host, int(port)), f"recvrealm {name} {self.here}")
        with self.realm.lock:
            self.realm.links[name] = (host, int(port))
        return {}

    def sendprivaterealm(self, sender: User, name: str, to: str, text: str) -> Reply:
        with self.realm.lock:
            where = self.realm.links.get(name)
        if where is None:
            raise Refused("Realm Tidak Ditemukan")
        # Without the lock: others need not wait for that realm.
        return ask(where, f"recvrealmprivatemsg {sender.username} {name} {to} {text}")

    def getrealminbox(self, user: User, name: str) -> Reply:
        with self.realm.lock:
            if name not in self.realm.links:
                raise Refused("Realm Tidak Ditemukan")
            return {"messages": user.realm_boxes.pop(name, [])}

    def recvrealm(self, name: str, host: str, port: str) -> Reply:
        """Take the link that another realm made; only one on this machine may."""
        with self.realm.lock:
            if self.client_address[0] != "127.0.0.1" or not port.isdecimal():
                raise Refused("**Protocol Tidak Benar")
            if name in self.realm.links:
                raise Refused("Realm sudah ada")
            self.realm.links[name] = (host, int(port))
        return {}

    def recvrealmprivatemsg(self, sender: str, name: str, to: str, text: str) -> Reply:
        with self.realm.lock:
            link = self.realm.links.get(name)
            # Who is no peer need not know that there is such a command.
            if link is None or link[0] != self.client_address[0]:
                raise Refused("**Protocol Tidak Benar")
            user = self.realm.user(to)
            entry = {"msg_from": sender, "msg_to": user.name, "msg": text}
            user.realm_boxes.setdefault(name, []).append(entry)
        return {"message": "Message Sent to Realm"}


def ask(where: tuple[str, int], line: str) -> Reply:
    """Ask another realm, and return its reply without the status; its error is an error here."""
    heard = b""
    try:
        with socket.create_connection(where, SECONDS) as realm:
            realm.sendall(f"{line}\r\n".encode())
            while not heard.endswith(END):
                piece = realm.recv(1024)
                if not piece:
                    raise Refused("Gagal")
                heard += piece
        reply: Reply = json.loads(heard)
    except (OSError, OverflowError, ValueError):
        raise Refused("Gagal") from None
    if reply.pop("status", "") != "OK":
        raise Refused(str(reply.get("message", "Gagal")))
    return reply


def is_token(word: str) -> bool:
    try:
        return str(uuid.UUID(word)) == word
    except ValueError:
        return False


class Form(NamedTuple):
    """What a command needs: so many words, perhaps a text behind them, perhaps a user who is logged in."""

    method: Callable[..., Reply]
    counts: tuple[int, ...]
    text: bool = False
    user: bool = False

    def fitted(self, words: list[str]) -> list[str]:
        """Return as many words as there have to be, and the text as the last one."""
        if words and not words[-1]:
            words = words[:-1]  # most clients put a blank before the end of the line
        count = min(len(words), max(self.counts))
        if count not in self.counts:
            raise Refused("--Protocol Tidak Benar")
        return words[:count] + [" ".join(words[count:]).strip(" ")] * self.text


COMMANDS = {
    "auth": Form(Connection.auth, (2,)),
    "register": Form(Connection.register, (2, 4)),
    "logout": Form(Connection.logout, (0, 1)),
    "info": Form(Connection.info, (0,)),
    "send": Form(Connection.send, (1,), text=True, user=True),
    "sendprivate": Form(Connection.send, (1,), text=True, user=True),
    "inbox": Form(Connection.inbox, (0,), user=True),
    "addrealm": Form(Connection.addrealm, (3,)),
    "sendprivaterealm": Form(Connection.sendprivaterealm, (2,), text=True, user=True),
    "sendrealm": Form(Connection.sendprivaterealm, (2,), text=True, user=True),
    "getrealminbox": Form(Connection.getrealminbox, (1,), user=True),
    "realminbox": Form(Connection.getrealminbox, (1,), user=True),
    "recvrealm": Form(Connection.recvrealm, (3,)),
    "recvrealmprivatemsg": Form(Connection.recvrealmprivatemsg, (3,), text=True),
}


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Connection)
        self.realm = Realm()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of what went wrong in a thread, but not of somebody who hung up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


if __name__ == "__main__":
    with Server(int(sys.argv[1])) as server:
        print("listening", server.server_address[1], flush=True)
        server.serve_forever()
