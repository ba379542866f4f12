"""A dialect of one's own: short words for people with nothing but netcat. JSON still works on the port.

python examples/plain_dialect.py 8889
nc 127.0.0.1 8889
"""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import react

from chatproto import ChatServerFactory, Dialect, JsonDialect, Policy, Realm, Registration, open_store
from chatproto.commands import Active, Command, Create, Join, Listen, Login, Register, Request, Send
from chatproto.errors import BadRequest, ChatError, TooFewWords, UnknownCommand
from chatproto.events import ActivePage, Event, Goodbye, LoggedIn, Message, Reply, Sent

#: What a line may begin with: the command, and which fields the next words are. The last takes the rest.
VERBS: dict[str, tuple[type[Command], tuple[str, ...]]] = {
    "new": (Register, ("user", "password")),
    "login": (Login, ("user", "password")),
    "group": (Create, ("group",)),
    "join": (Join, ("group",)),
    "who": (Active, ()),
    "listen": (Listen, ()),
    "tell": (Send, ("to", "text")),
}


class PlainDialect:
    def decode(self, line: bytes) -> Request:
        try:
            verb, *rest = line.decode().strip().split(" ", 1)
        except UnicodeDecodeError:
            raise BadRequest("this is not UTF-8") from None
        if verb not in VERBS:
            raise UnknownCommand(f"try one of: {', '.join(VERBS)}")
        command, fields = VERBS[verb]
        words = rest[0].split(" ", len(fields) - 1) if rest and fields else []
        if len(words) < len(fields):
            raise TooFewWords(f"{verb} takes: {', '.join(fields)}")
        return Request(command(**dict(zip(fields, words, strict=True))))

    def tag_of(self, line: bytes) -> None:
        return None  # people match answers to questions by themselves

    def encode_reply(self, reply: Reply, tag: object) -> bytes:
        match reply:
            case LoggedIn():
                return one_line(f"ok, you are {reply.address}")
            case Sent():
                return one_line(f"ok, stored as {reply.seq}")
            case ActivePage():
                return one_line(f"ok: {', '.join(reply.users)}")
            case _:
                return one_line("ok")

    def encode_refusal(self, error: ChatError, tag: object) -> bytes:
        return one_line(f"no: {error.text}")

    def encode_event(self, event: Event) -> bytes:
        match event:
            case Message(kind="text"):
                return one_line(f"{event.from_} to {event.to}: {event.text}")
            case Message():  # what happened in a group, or an invitation to one
                return one_line(f"{event.to}: {event.kind} {event.about or event.text} by {event.from_}")
            case Goodbye():
                return one_line(f"goodbye: {event.reason}")
            case _:
                return b""  # what this dialect cannot say, its listeners are not told


def one_line(text: str) -> bytes:
    """Nobody's text may end a line, or a message could look like an answer of the server."""
    return "".join(c if c.isprintable() else " " for c in text).encode() + b"\r\n"


async def main(reactor: PosixReactorBase, port: str) -> None:
    policy = Policy(registration=Registration.OPEN)
    realm = await Realm.open("alpha", open_store("memory:", reactor), reactor, policy=policy)
    dialects: dict[bytes, Dialect] = {b"{": JsonDialect(), b"": PlainDialect()}
    factory = ChatServerFactory(realm, reactor, dialects=dialects)
    listening = await serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1").listen(factory)
    print("listening", listening.getHost().port, flush=True)
    await Deferred()  # until somebody presses Ctrl-C


if __name__ == "__main__":
    react(main, sys.argv[1:])
