"""A bot that says everything back. It survives restarts of the realm, and answers each message once.

CHATPROTO_PASSWORD=... python examples/echo_bot.py 127.0.0.1:8889 echo
"""

import os
import sys

from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import react

from chatproto import ChatClient


async def main(reactor: PosixReactorBase, place: str, user: str) -> None:
    password = os.environ["CHATPROTO_PASSWORD"]
    chat = ChatClient(reactor, f"tcp:{place}", user=user, password=password, register=True)
    await chat.connect()
    print(chat.address, "is online", flush=True)
    async for message in chat.messages():  # of all kinds, to me and to my groups
        if message.kind == "text" and message.to == chat.address != message.from_:
            await chat.send(message.from_, message.text)


if __name__ == "__main__":
    react(main, sys.argv[1:])
