"""System A's program for two, the one who calls: a listener, or a server that pairs callers.

python examples/older/talk_caller.py [--port 8080]
"""

import argparse
import socket
import sys


def main() -> None:
    parser = argparse.ArgumentParser(description="Call somebody, and talk.")
    parser.add_argument("--port", type=int, default=8080)
    said = parser.parse_args()
    address = input("Enter friend's IP address: ")
    name = input("Enter your name: ")
    try:
        with socket.create_connection((address, said.port)) as friend:
            talk(friend, name)
    except (OSError, OverflowError, UnicodeError) as error:  # the latter two: no port, or no address
        sys.exit(f"{address}:{said.port}: {error}")


def talk(friend: socket.socket, name: str) -> None:
    friend.sendall(name.encode())
    friend_name = friend.recv(1024).decode(errors="replace")
    print(f"{friend_name} is there", flush=True)
    while heard := friend.recv(1024).decode(errors="replace"):
        print(f"{friend_name}: {heard}", flush=True)
        text = ""
        while not text:  # nothing would be sent, and both would wait
            text = input(f"{name}: ")
        friend.sendall(text.encode())
    print(f"{friend_name} has left", flush=True)


if __name__ == "__main__":
    try:
        main()
    except EOFError:
        print()
    except KeyboardInterrupt:
        print()
        sys.exit(130)
