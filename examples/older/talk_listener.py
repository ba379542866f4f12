"""System A's program for two, the one who listens, and speaks first.

python examples/older/talk_listener.py [--host 127.0.0.1] [--port 8080]
"""

import argparse
import socket
import sys


def main() -> None:
    parser = argparse.ArgumentParser(description="Wait for somebody who calls, and talk.")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: other machines may call")
    parser.add_argument("--port", type=int, default=8080)
    said = parser.parse_args()
    name = input("Enter your name: ")
    try:
        with socket.create_server((said.host, said.port)) as server:
            print(f"Waiting at port {server.getsockname()[1]}", flush=True)
            friend, _ = server.accept()
        with friend:
            talk(friend, name)
    except (OSError, OverflowError) as error:  # the latter: no port is that high
        sys.exit(f"{said.host}:{said.port}: {error}")


def talk(friend: socket.socket, name: str) -> None:
    friend_name = friend.recv(1024).decode(errors="replace")
    friend.sendall(name.encode())
    print(f"{friend_name} is there", flush=True)
    while True:
        text = input(f"{name}: ")
        if not text:
            continue  # nothing would be sent, and both would wait
        friend.sendall(text.encode())
        heard = friend.recv(1024).decode(errors="replace")
        if not heard:
            break
        print(f"{friend_name}: {heard}", flush=True)
    print(f"{friend_name} has left", flush=True)


if __name__ == "__main__":
    try:
        main()
    except EOFError:
        print()
    except KeyboardInterrupt:
        print()
        sys.exit(130)
