"""The protocol without any library: a line of JSON for each command, a line of JSON for each reply and event.

Listen for two messages, or send one:

    PASSWORD=... python examples/raw_socket_client.py 8889 lineker 2
    PASSWORD=... python examples/raw_socket_client.py 8889 messi lineker hello
"""

import json
import os
import socket
import sys
from typing import Any

port, user, *rest = sys.argv[1:]
connection = socket.create_connection(("127.0.0.1", int(port)))
lines = connection.makefile("rb")


def write(**command: Any) -> None:
    connection.sendall(json.dumps(command).encode() + b"\r\n")


def read() -> dict[str, Any]:
    line = lines.readline()
    if not line:
        sys.exit("the server closed the connection")
    value: dict[str, Any] = json.loads(line)
    return value


def ask(**command: Any) -> dict[str, Any]:
    """Send a command and return its reply; ``id`` comes back as ``re``."""
    write(id=1, **command)
    reply = read()
    assert reply["re"] == 1
    return reply


reply = ask(do="register", user=user, password=os.environ["PASSWORD"])
if reply.get("code") == "user-exists":
    reply = ask(do="login", user=user, password=os.environ["PASSWORD"])
if reply["status"] != "OK":
    sys.exit(reply["message"])
print("logged in as", reply["address"], flush=True)

if len(rest) == 1:
    print("listening since", ask(do="listen")["seq"], flush=True)
    for _ in range(int(rest[0])):
        event = read()  # after listen, events come unasked
        if event["event"] == "message":
            print(event["from"], "says", event["text"], flush=True)
else:
    to, text = rest
    # With a cid the command may be repeated after a lost connection, and is still carried out once.
    reply = ask(do="send", to=to, text=text, cid=f"{os.getpid()}:1")
    print(reply["status"], reply.get("mid") or reply["message"])
