"""A client for the console in plain Deferred code: type ``NAME TEXT`` to send, Ctrl-D to leave.

CHATPROTO_PASSWORD=... python examples/console_client.py 127.0.0.1:8889 messi
"""

import os
import sys
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

from chatproto.client import ChatClient, Message, Sent, State
from chatproto.errors import ChatError


class Console(LineReceiver):
    delimiter = b"\n"

    def __init__(self, chat: ChatClient, left: Deferred[None]) -> None:
        self.chat = chat
        self.left = left

    def connectionMade(self) -> None:
        self.chat.on_message(self.received)
        self.chat.connect().addCallbacks(
            lambda _: self.show(f"you are {self.chat.address}"), self.left.errback
        )

    def show(self, text: str) -> None:
        self.sendLine(text.encode())

    def received(self, message: Message) -> None:
        said = repr(message.text) if message.kind == "text" else f"({message.kind})"
        self.show(f"{message.from_}: {said}")

    def lineReceived(self, line: bytes) -> None:
        to, _, text = line.decode(errors="replace").partition(" ")
        if text:
            self.chat.send(to, text).addCallbacks(self.sent, self.refused)

    def sent(self, sent: Sent) -> None:
        self.show(f"sent {sent.mid}")

    def refused(self, failure: Failure) -> None:
        failure.trap(ChatError)
        self.show(f"not sent: {cast(ChatError, failure.value).text}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.left.called:
            self.chat.close().chainDeferred(self.left)


def state_changed(state: State, reason: str) -> None:
    print(state.value, reason, file=sys.stderr)


def main(reactor: PosixReactorBase, place: str, user: str) -> Deferred[None]:
    password = os.environ["CHATPROTO_PASSWORD"]
    chat = ChatClient(
        reactor, f"tcp:{place}", user=user, password=password, register=True, on_state=state_changed
    )
    left: Deferred[None] = Deferred()
    StandardIO(Console(chat, left), reactor=reactor)
    return left


if __name__ == "__main__":
    react(main, sys.argv[1:])
