"""What the clients of system A share: a connection with JSON objects both ways, and nothing between them.

A reply has a "status", what is told unasked has the "tipe" "terima". A thread reads all of it.
"""

import argparse
import codecs
import contextlib
import json
import queue
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

UNKNOWN = "Perintah tidak dikenali. Ketik /help untuk daftar perintah."
#: How long a reply may take.
PATIENCE = 10.0


def options(about: str) -> argparse.ArgumentParser:
    """Return the options that all clients of system A have."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--username", required=True)
    parser.add_argument("--password", required=True)
    return parser


class Connection:
    """A connection to a realm server, on which a user has logged in."""

    def __init__(self, host: str, port: int, username: str, password: str) -> None:
        self.username = username
        try:
            self._socket = socket.create_connection((host, port))
        except (OSError, OverflowError) as error:  # the latter: no port is that high
            sys.exit(f"{host}:{port}: {error}")
        self._replies: queue.Queue[dict[str, Any]] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        problem = self.ask(tipe="login", username=username, password=password)
        if problem is not None:
            raise SystemExit(problem)

    def ask(self, **members: Any) -> str | None:
        """Send an object and wait for its reply. Return None if it succeeded, otherwise what was wrong."""
        try:
            self._socket.sendall(json.dumps(members).encode())
            reply = self._replies.get(timeout=PATIENCE)
        except (OSError, queue.Empty):
            return "Server tidak menjawab"
        return None if reply.get("status") == "berhasil" else str(reply.get("pesan"))

    def stay(self) -> None:
        """Show what comes, until the server ends the connection."""
        with contextlib.suppress(KeyboardInterrupt):
            self._thread.join()

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        # One read may give several objects, or a part of one, or a part of a character.
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        rest = ""
        while True:
            try:
                data = self._socket.recv(1024)
            except OSError:
                return
            if not data:
                self._replies.put({"pesan": "Server menutup koneksi"})
                return
            rest += decode(data)
            while rest := rest.lstrip():
                try:
                    message, end = json.JSONDecoder().raw_decode(rest)
                except json.JSONDecodeError:
                    break  # the rest of it is on its way
                rest = rest[end:]
                self._show(message)

    def _show(self, message: dict[str, Any]) -> None:
        if message.get("tipe") == "terima":
            print(f"Pesan dari {message['from']}: {message['message']}", flush=True)
        elif "status" in message:
            self._replies.put(message)
        else:
            print(f"Pesan tidak dikenali: {message}", flush=True)


def run(main: Callable[[], None]) -> None:
    """Run a program that somebody may end with Ctrl-C at any time."""
    try:
        main()
    except KeyboardInterrupt:
        print()
        sys.exit(130)


def prompt(commands: dict[str, tuple[Callable[..., None], str]]) -> None:
    """Carry out what is typed until /quit. Each command has its function, and how it is written.

    What it needs is told by that: `/send <to> <message>` takes two words, and the last may have blanks.
    """
    while True:
        try:
            line = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            return
        word, _, rest = line.partition(" ")
        if word == "/quit":
            return
        if word == "/help":
            print(*(form for _, form in commands.values()), "/help", "/quit", sep="\n")
        elif word in commands:
            command, form = commands[word]
            needed = form.count(" <")
            values = rest.split(maxsplit=needed - 1)
            if len(values) == needed:
                command(*values)
            else:
                print(f"Pemakaian: {form}")
        elif line:
            print(UNKNOWN)
