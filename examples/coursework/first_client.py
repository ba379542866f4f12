"""A client with sockets alone. Send a text, or read what came:

python examples/coursework/first_client.py 8889 messi surabaya henderson "hello son"
python examples/coursework/first_client.py 8889 henderson surabaya
"""

import json
import socket
import sys
from typing import Any

END = b"\r\n\r\n"


class Connection:
    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), 10)
        self._rest = b""

    def ask(self, *words: str) -> dict[str, Any]:
        """Send a command and return its reply."""
        self._socket.sendall(" ".join(words).encode() + b"\r\n")
        while END not in self._rest:
            piece = self._socket.recv(1024)
            if not piece:
                raise ConnectionError("the server closed the connection")
            self._rest += piece
        reply, _, self._rest = self._rest.partition(END)
        value: dict[str, Any] = json.loads(reply)
        return value

    def close(self) -> None:
        self._socket.close()


def main(port: str, user: str, password: str, to: str = "", text: str = "") -> None:
    server = Connection("127.0.0.1", int(port))
    reply = server.ask("auth", user, password)
    if reply["status"] != "OK":
        sys.exit(reply["message"])
    token = reply["tokenid"]
    if to:
        print(server.ask("send", token, to, text)["message"])
    else:
        for sender, entries in server.ask("inbox", token)["messages"].items():
            for entry in entries:
                print(f"{sender}: {entry['msg']}")
    server.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
