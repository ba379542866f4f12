"""What a front keeps of one connection, beyond its link to the main server."""

from __future__ import annotations

from msgspec.structs import replace

from chatproto import commands
from chatproto.commands import Request
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


class Kept:
    """The sessions of a connection, how far it was told of messages, and where it is live.

    All of it is learned from the replies that the client gets.
    """

    def __init__(self) -> None:
        #: Who logged in last, by address.
        self.user = ""
        #: Tokens of the sessions bound to the connection; the last one speaks.
        self.tokens: list[str] = []
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

    def bind(self, token: str | None) -> None:
        """Hear that a session may speak on the connection."""
        if token and token not in self.tokens:
            self.tokens.append(token)
            del self.tokens[:-BOUND]

    def note(self, request: Request, reply: Reply, *, again: bool) -> None:
        """Hear what was answered; ``again``: the front asked by itself, to go on as before."""
        command = request.command
        match reply:
            case LoggedIn():
                self.user = reply.address
                self.bind(command.token if isinstance(command, commands.Resume) else reply.token)
            case Done() if isinstance(command, commands.Logout):
                ended = self.tokens if request.token is None else [request.token]
                self.tokens = [token for token in self.tokens if token not in ended]
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
