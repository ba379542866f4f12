"""System B's command prompt: a command is typed, its result is shown. Only sockets are used.

    python examples/older/command_prompt.py [--variant server|client|desktop]

The server is at SERVER_IP (127.0.0.1) and SERVER_PORT (8889). The variants differ as those of the course did:
`client` knows no named groups, and its `logout` names no token; `desktop` knows auth, send and inbox only,
and reads 64 bytes at a time.
"""

import argparse
import base64
import json
import os
import re
import socket
import sys
from pathlib import Path
from typing import Any, NamedTuple

END = b"\r\n\r\n"


class Form(NamedTuple):
    """A command: the line that is sent, what is shown of an OK reply, and of an ERROR."""

    line: str
    shown: str
    error: str = "Error, {message}"

    @property
    def words(self) -> int:
        """Return how many words have to be typed."""
        return 1 + max(map(int, re.findall(r"{(\d)}", self.line)), default=-1)


REALM = "Error {message}"
#: {0} and so on are the words typed; {text} is what follows them, with a blank before each of its words.
FORMS = {
    "auth": Form("auth {0} {1} ", "username {0} logged in, token {token} "),
    "register": Form("register {0} {1} {2} {3}", "username {0} register in, token {token} "),
    "send": Form("send {token} {0} {text} ", "message sent to {0}"),
    "inbox": Form("inbox {token} ", "{json}"),
    "sendfile": Form("sendfile {token} {0} {1} {file}", "file sent to {0}"),
    "sendgroup": Form("sendgroup {token} {0} {text} ", "message sent to {0}"),
    "sendgroupfile": Form("sendgroupfile {token} {0} {1} {file}", "file sent to {0}"),
    "addgroup": Form("addgroup {token} {0} ", "Group {0} added"),
    "joingroup": Form("joingroup {token} {0} ", "Group {0} added"),
    "addrealm": Form("addrealm {0} {1} {2} ", "Realm {0} added", REALM),
    "sendprivaterealm": Form("sendprivaterealm {token} {0} {1} {text}", "Message sent to realm {0}", REALM),
    "sendfilerealm": Form("sendfilerealm {token} {0} {1} {2} {file}", "File sent to realm {0}", REALM),
    "sendgrouprealm": Form(
        "sendgrouprealm {token} {0} {1} {text} ", "message sent to group {1} in realm {0}", REALM
    ),
    "sendgroupfilerealm": Form(
        "sendgroupfilerealm {token} {0} {1} {2} {file}", "file sent to group {1} in realm {0}", REALM
    ),
    "getrealminbox": Form(
        "getrealminbox {token} {0} ", "Message received from realm {0}: {messages!r}", REALM
    ),
    "info": Form("info ", "User yang Aktif:\n{message!r}"),
    "logout": Form("logout {token}", "Logout Berhasil"),
}
VARIANTS = {
    "server": FORMS,
    "client": {
        **{verb: form for verb, form in FORMS.items() if verb not in ("addgroup", "joingroup")},
        "info": Form("info {{}} ", "{message}"),
        "logout": Form("logout ", "Logout Berhasil"),
    },
    "desktop": {verb: FORMS[verb] for verb in ("auth", "send", "inbox")},
}
#: The older menus name these two, which the older programs did not know.
ALIASES = {"sendrealm": "sendprivaterealm", "realminbox": "getrealminbox"}
MENU = {
    "auth": "USERNAME PASSWORD",
    "register": "USERNAME PASSWORD NAME COUNTRY (in NAME an underscore is a blank)",
    "send": "USERNAME TEXT",
    "inbox": "",
    "sendfile": "USERNAME PATH",
    "sendgroup": "GROUP TEXT, or USERNAME,USERNAME TEXT",
    "sendgroupfile": "GROUP PATH, or USERNAME,USERNAME PATH",
    "addgroup": "GROUP",
    "joingroup": "GROUP",
    "addrealm": "REALM HOST PORT",
    "sendprivaterealm": "REALM USERNAME TEXT (also: sendrealm)",
    "sendfilerealm": "REALM USERNAME PATH",
    "sendgrouprealm": "REALM USERNAME,USERNAME TEXT",
    "sendgroupfilerealm": "REALM USERNAME,USERNAME PATH",
    "getrealminbox": "REALM (also: realminbox)",
    "info": "",
    "logout": "",
}


class CommandClient:
    """One connection to a server, and the token of who is logged in there."""

    def __init__(self, host: str, port: int, variant: str = "server") -> None:
        self.token = ""
        self.forms = VARIANTS[variant]
        self._socket = socket.create_connection((host, port))
        self._size = 64 if variant == "desktop" else 1024

    def process(self, typed: str) -> str | dict[str, str]:
        """Carry out a command as it was typed, and return what is to be shown."""
        verb, *words = typed.strip().split(" ")
        form = self.forms.get(ALIASES.get(verb, verb))
        if form is None:
            return "*Maaf, command tidak benar"
        if len(words) < form.words:
            return "-Maaf, command tidak benar"
        if "{token}" in form.line and not self.token:
            return "Error, not authorized"
        values: dict[str, Any] = {"token": self.token}
        values["text"] = "".join(f" {word}" for word in words[form.words :])
        if "{file}" in form.line:
            try:
                values["file"] = repr(base64.b64encode(Path(words[form.words - 1]).read_bytes()))
            except OSError:
                return {"status": "ERROR", "message": "File not found"}
        reply = self.ask(form.line.format(*words, **values))
        if reply["status"] != "OK":
            return form.error.format(**reply)
        if "tokenid" in reply:
            self.token = reply["tokenid"]
        elif verb == "logout":
            self.token = ""
        shown = {**values, **reply, "token": self.token, "json": json.dumps(reply.get("messages"))}
        return form.shown.format(*words, **shown)

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line, and return the one reply to it, which is whole when it ends in an empty line."""
        self._socket.sendall(f"{line}\r\n".encode())
        heard = b""
        while not heard.endswith(END):
            piece = self._socket.recv(self._size)
            if not piece:
                raise ConnectionError("the server closed the connection")
            heard += piece
        try:
            reply: dict[str, Any] = json.loads(heard)
            reply["status"]
        except (ValueError, TypeError, KeyError) as error:
            raise ConnectionError(f"this is no reply of a chat server: {heard[:60]!r}") from error
        return reply

    def close(self) -> None:
        self._socket.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="System B's command prompt.")
    parser.add_argument("--variant", choices=VARIANTS, default="server")
    variant = parser.parse_args().variant
    host, port = os.environ.get("SERVER_IP", "127.0.0.1"), os.environ.get("SERVER_PORT", "8889")
    if not (port.isdecimal() and int(port) < 65536):
        sys.exit(f"SERVER_PORT: expected the number of a port, not {port!r}")
    try:
        client = CommandClient(host, int(port), variant)
        for verb in client.forms:
            print(f"  {verb} {MENU[verb]}".rstrip())
        while True:
            print(client.process(input(f"Command {client.token}:")), flush=True)
    except EOFError:
        print()
    except KeyboardInterrupt:
        print()
        sys.exit(130)
    except OSError as error:
        sys.exit(f"{host}:{port}: {error}")


if __name__ == "__main__":
    main()
