"""python examples/older/alive.py: end well if a server answers at SERVER_IP and SERVER_PORT, for scripts.

It asks for what no server knows, as every server has an answer to that.
"""

import os
import socket
import sys

# A server that listens everywhere is asked here.
host = os.environ.get("SERVER_IP", "127.0.0.1").replace("0.0.0.0", "127.0.0.1")
port = os.environ.get("SERVER_PORT", "8889")
if not (port.isdecimal() and int(port) < 65536):
    print(f"SERVER_PORT: expected the number of a port, not {port!r}", file=sys.stderr)
    sys.exit(2)
try:
    with socket.create_connection((host, int(port)), 3) as server:
        server.sendall(b"alive\r\n")
        sys.exit(not server.recv(1))
except (OSError, KeyboardInterrupt):
    sys.exit(1)
