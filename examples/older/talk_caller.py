"""System A's program for two, the one who calls: a listener, or a server that pairs callers.

python examples/older/talk_caller.py [--port 8080]
"""

import argparse
import socket

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8080)
said = parser.parse_args()

address = input("Enter friend's IP address: ")
name = input("Enter your name: ")
with socket.create_connection((address, said.port)) as friend:
    friend.sendall(name.encode())
    friend_name = friend.recv(1024).decode()
    print(f"{friend_name} is there", flush=True)
    while heard := friend.recv(1024).decode():
        print(f"{friend_name}: {heard}", flush=True)
        text = ""
        try:
            while not text:  # nothing would be sent, and both would wait
                text = input(f"{name}: ")
        except EOFError:
            break
        friend.sendall(text.encode())
