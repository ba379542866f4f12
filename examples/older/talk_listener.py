"""System A's program for two, the one who listens, and speaks first.

python examples/older/talk_listener.py [--host 127.0.0.1] [--port 8080]
"""

import argparse
import socket

parser = argparse.ArgumentParser()
parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: other machines may call")
parser.add_argument("--port", type=int, default=8080)
said = parser.parse_args()

name = input("Enter your name: ")
with socket.create_server((said.host, said.port)) as server:
    print(f"Waiting at port {server.getsockname()[1]}", flush=True)
    friend, _ = server.accept()
with friend:
    friend_name = friend.recv(1024).decode()
    friend.sendall(name.encode())
    print(f"{friend_name} is there", flush=True)
    while True:
        try:
            text = input(f"{name}: ")
        except EOFError:
            break
        if not text:
            continue  # nothing would be sent, and both would wait
        friend.sendall(text.encode())
        heard = friend.recv(1024).decode()
        if not heard:
            break
        print(f"{friend_name}: {heard}", flush=True)
