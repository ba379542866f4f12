"""What a front keeps of one connection, beyond its link to the main server."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from chatproto import commands
from chatproto.commands import Command, Request
from chatproto.events import (
    Done,
    EnteredGroup,
    Event,
    ExitedGroup,
    Listening,
    LiveMembers,
    LoggedIn,
    Message,
    Reply,
)
from chatproto.frames.fronts import BOUND
from chatproto.names import fold

#: Attempts of one connection that failed; the oldest one is not made again.
_ATTEMPTS = 16


class Kept:
    """The sessions of a connection, how far it was told of messages, and where it is live.

    All of it is learned from the replies that the client gets.
    """

    def __init__(self) -> None:
        #: Who logged in last, by address.
        self.user = ""
        #: Tokens of the sessions bound to the connection, with whose they are, if that is known; the last one
        #: speaks.
        self.tokens: dict[str, str] = {}
        #: Attempts to take something that have not succeeded: by what was asked, and by whom.
        self.attempts: dict[tuple[Command, str], str] = {}
        #: How it listens: ``after`` is what it was told last.
        self.listen: commands.Listen | None = None
        #: Where it is live meanwhile, in the JSON dialect.
        self.shown: dict[str, commands.Live] = {}
        #: How it is in live mode.
        self.live: Request | None = None

    @property
    def listening(self) -> bool:
        """Whether events may come."""
        return self.listen is not None or self.live is not None

    def stop_listening(self) -> None:
        """Hear that nothing more is to be told."""
        self.listen = self.live = None
        self.shown.clear()

    def bind(self, token: str | None, user: str = "") -> None:
        """Hear that a session may speak on the connection."""
        if token and token not in self.tokens:
            self.tokens[token] = user
            if len(self.tokens) > BOUND:
                del self.tokens[next(iter(self.tokens))]

    def attempt(self, request: Request, new: Callable[[], str]) -> str:
        """Return the name of an attempt; if the last one of the same failed, it is made again.

        Whoever asked got an error, but what was taken may be kept for it.
        """
        token = next(reversed(self.tokens), "") if request.token is None else request.token
        key = (request.command, self.tokens.get(token) or token)
        name = self.attempts.pop(key, None) or new()
        self.attempts[key] = name
        if len(self.attempts) > _ATTEMPTS:
            del self.attempts[next(iter(self.attempts))]
        return name

    def succeeded(self, attempt: str) -> bool:
        """Hear that an attempt did; tell whether it was made here, and not by a front before this one."""
        for key, name in self.attempts.items():
            if name == attempt:
                del self.attempts[key]
                return True
        return False

    def note(self, request: Request, reply: Reply, *, again: bool) -> None:
        """Hear what was answered; ``again``: the front asked by itself, to go on as before."""
        command = request.command
        match reply:
            case LoggedIn():
                self.user = reply.address
                token = command.token if isinstance(command, commands.Resume) else reply.token
                self.bind(token, reply.address)
            case Done() if isinstance(command, commands.Logout):
                ended = list(self.tokens) if request.token is None else [request.token]
                for token in ended:
                    self.tokens.pop(token, None)
            case Listening() if isinstance(command, commands.Listen):
                after = reply.after
                if again and self.listen is not None:
                    after = max(after, self.listen.after or 0)  # it may have been asked twice
                else:
                    self.stop_listening()
                self.listen = replace(command, after=after, epoch=reply.epoch)
            case LiveMembers() if isinstance(command, commands.Live):
                self.shown.pop(fold(command.group), None)
                if command.on is not False:
                    self.shown[fold(command.group)] = command
            case EnteredGroup():
                self.bind(request.token)
                self.stop_listening()
                self.live = Request(commands.EnterGroup(group=reply.group), token=request.token)
            case ExitedGroup():
                self.live = None
            case _:
                pass

    def is_news(self, event: Event) -> bool:
        """Hear of an event; tell whether the client is to hear of it, and has not yet."""
        if isinstance(event, Message) and self.listen is not None:
            if event.seq <= (self.listen.after or 0):
                return False
            self.listen = replace(self.listen, after=event.seq)
        return self.listening
