"""Who speaks on one connection, and what is allowed to them now.

All guards stand in :meth:`ClientSession.handle`; what a command does stands in
:mod:`chatproto.realm.handlers`. A session owns no transport, and does not know in which dialect it is
spoken to.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from chatproto.commands import Command, Guard, Request, Send
from chatproto.errors import BadToken, NotAllowed, NotLoggedIn
from chatproto.events import Event
from chatproto.limits import Limits
from chatproto.names import RealmName
from chatproto.realm.attempts import Delay
from chatproto.realm.boxroom import Share
from chatproto.realm.echo import Echo
from chatproto.realm.failing import answer_failure, answer_with
from chatproto.realm.handlers import DIRECT, REPLIES
from chatproto.realm.listening import Listener, Sink
from chatproto.realm.live import Visit
from chatproto.realm.logins import Login
from chatproto.realm.originals import check_peer
from chatproto.realm.pickups import Telling
from chatproto.realm.rates import Allowance
from chatproto.realm.realm import Realm
from chatproto.realm.relays import Relayed
from chatproto.realm.screens import Screen
from chatproto.realm.sending import Answer
from chatproto.realm.writer import Writer

T = TypeVar("T")

#: How long a session is believed to be valid without looking at its times again.
_BELIEVED_SECONDS = 60.0

#: Sessions bound to one connection at a time; older clients may log in again and again.
_BOUND = 16

#: What ends when the next command may follow.
Waiting = Coroutine[Any, Any, None]


class ClientSession:
    """One connection's standing with the realm.

    ``administrator`` is given to connections over the control socket, by its file permission. ``limits`` are
    those of the listener by which it came, ``address`` is from where; ``direct``, if that was seen here.
    """

    def __init__(
        self,
        realm: Realm,
        sink: Sink,
        *,
        administrator: bool = False,
        limits: Limits | None = None,
        address: str = "",
        direct: bool = True,
    ) -> None:
        self.realm = realm
        self._direct = direct
        self.sink = sink
        self.administrator = administrator
        self.limits = limits or realm.policy.limits
        self.address = address
        self.gate = realm.gate(self.limits)
        #: Whether the connection ever proved to be a user's; strangers have tighter limits.
        self.trusted = administrator
        #: Sessions bound to this connection; the last one speaks.
        self.logins: list[Login] = []
        self.listener: Listener | None = None
        #: The groups in which this connection is live, by conversation.
        self.visits: dict[int, Visit] = {}
        #: Whether it is in live mode: in one of them, by a command of the text dialect.
        self.in_live_mode = False
        #: Who is in a group of an original server by this connection, if it is in live mode there.
        self.relayed: Relayed | None = None
        #: Who notes what comes back there, if the group is another realm's.
        self.echo: Echo | None = None
        #: What it is shown there and then need not be told otherwise, if the group is here or copied.
        self.screen: Screen | None = None
        #: Of the newest command: whether it names its session by a token; its name, if it may be made again.
        self.by_token = False
        self._attempt: str | None = None
        self._stranger = Allowance()
        #: An attempt to log in that has to wait.
        self._delay: Delay | None = None
        self._closed = False
        #: What is told to the connection and then need not be picked up, if it signed in.
        self.telling: Telling | None = None
        #: Sessions that last no longer than the connection.
        self.passing: set[Login] = set()
        #: What it has of the memory for files in boxes.
        self.boxes: Share | None = None
        self._believed_until = 0.0
        self._expiry: IDelayedCall | None = None

    def handle(self, request: Request, answer: Answer) -> Waiting | None:
        """Carry out a command. ``answer`` gets the reply, now or later, unless an error is raised.

        Returns None if the next command may follow, otherwise a coroutine that ends when it may.

        :raises ChatError: the command is refused; the coroutine may raise it too.
        """
        self.by_token = request.token is not None
        self._attempt = request.attempt
        if request.token is None:
            return self.dispatch(request.command, self._current(), answer)
        login = self.realm.logins.known(request.token)
        if login is None:
            return self._find_login(request.command, request.token, answer)
        self.trusted = True
        return self.dispatch(request.command, login, answer)

    def dispatch(self, command: Command, login: Login | None, answer: Answer) -> Waiting | None:
        """Carry out a command for whoever gives it, as :meth:`handle` does once that is known."""
        if command.guard is Guard.ADMINISTRATOR and not self.administrator:
            raise NotAllowed
        if command.guard is Guard.USER and login is None:
            raise NotLoggedIn
        if command.guard is Guard.PEER:
            self.trusted = self.trusted or self.is_peer
            check_peer(self.realm.older.originals, command, known=self.is_peer, direct=self._direct)
            self.gate.command(self.gate.of_network(self.address), None, command)
        elif type(command) is not Send:
            self.gate.command(self._stranger, login, command)
        if (direct := DIRECT.get(type(command))) is not None:
            return direct(self, login, command, answer)
        reply = partial(REPLIES[type(command)], self, login, command)
        if command.takes and login is not None and self._attempt is not None:
            reply = partial(self.realm.older.undelivered.take, login.account, self._attempt, reply)
        return answer_with(reply(), answer)

    @property
    def peer(self) -> RealmName | None:
        """The original server of an older system that this is a connection of, by where it comes from."""
        return self.realm.older.originals.realm_at(self.address) if self._direct else None

    @property
    def is_peer(self) -> bool:
        """Whether it may be such a server that speaks."""
        return self.peer is not None

    async def _find_login(self, command: Command, token: str, answer: Answer) -> None:
        if not token:
            raise BadToken
        login = await self.find_login(token)
        self.trusted = True
        if (waiting := self.dispatch(command, login, answer)) is not None:
            await waiting

    async def find_login(self, token: str) -> Login:
        """Return the session of a token.

        :raises BadToken: there is none, or it has ended or expired.
        :raises RateLimited: too many that were none came from there.
        """
        attempts, logins = self.realm.attempts, self.realm.logins
        login = logins.known(token)
        if login is None:
            login = await attempts.token(self.limits, self.address, lambda: logins.find(token))
        attempts.right(self.address, login.account)
        return login

    async def bind_all(self, tokens: Sequence[str]) -> None:
        """Let the sessions of tokens speak, as far as there are any: a front has kept them.

        Who has ended one, or never had it, learns so by the next command. No attempt is counted for it.
        """
        for token in tokens:
            with contextlib.suppress(BadToken):
                self.bind(await self.realm.logins.find(token))

    async def try_password(self, account: str, check: Callable[[], Awaitable[T]]) -> T:
        """Return what ``check`` makes of a password, after a delay if too many were wrong.

        :raises RateLimited: there were too many attempts; this one was not looked at.
        """

        def wait(delay: Delay) -> None:
            self._delay = delay

        return await self.realm.attempts.password(self.limits, self.address, account, check, wait)

    @property
    def room(self) -> Writer:
        """What the next command has to find room in."""
        return self.realm.writer

    @property
    def owner(self) -> str:
        """Who it is, as far as is known: an account, or else an address."""
        return self.logins[-1].account if self.logins else self.address

    @property
    def listening(self) -> bool:
        """Whether events may come."""
        return self.listener is not None

    @property
    def keeps_boxes(self) -> bool:
        """Whether memory for files in boxes is kept until :meth:`took_boxes`."""
        return self.boxes is not None

    def failed(self, failure: Failure, answer: Answer) -> None:
        """Answer a command that could not be carried out, unless the store failed."""
        answer_failure(failure, answer, self.realm.writer)

    @property
    def gone(self) -> bool:
        """Whether the connection is."""
        return self._closed

    def _current(self) -> Login | None:
        """Return the session that speaks, if it may still."""
        if not self.logins:
            return None
        now = self.realm.clock.seconds()
        if now >= self._believed_until:
            self._believed_until = now + _BELIEVED_SECONDS
            self._drop([login for login in self.logins if not self.realm.logins.touch(login)])
        return self.logins[-1] if self.logins else None

    def bind(self, login: Login) -> None:
        """Let a session speak on this connection."""
        if login in self.logins or self._closed:
            return  # a connection may be lost while it logs in
        self.logins.append(login)
        self._believed_until = 0.0
        self.trusted = True
        login.on_end.add(self._ended)
        if len(self.logins) > _BOUND:
            self._drop(self.logins[:1])
        self.realm.present.enter(login.account, self)
        if self.limits.connections_per_account:
            self.realm.present.keep_to(self.limits.connections_per_account, login.account)

    def send_away(self) -> None:
        """End the connection, to make room for another one of the same account."""
        self.sink.goodbye("too-many-connections")

    def dismiss(self, guest: Login) -> None:
        """Let a guest of this connection not speak any more."""
        if guest in self.logins:
            self._unbind(guest)

    def _unbind(self, login: Login) -> None:
        self.logins.remove(login)
        login.on_end.discard(self._ended)
        if login.room is not None:
            self.realm.older.rooms.left(login)
        self.realm.present.exit(login.account, self)
        if not login.on_end:
            login.routes.clear()  # no connection uses it now, and it stays in memory for a while
        self.realm.logins.touch(login)

    def _ended(self, revoked: bool) -> None:
        """Hear that a session of this connection was ended, from here or from elsewhere.

        One that was revoked is perhaps a thief's, and has no business here any more.
        """
        self._drop([login for login in self.logins if login.ended])
        if revoked and not self.logins and self.listener is None:
            self.sink.goodbye("logged-out")

    def _drop(self, ended: list[Login]) -> None:
        for login in ended:
            self._unbind(login)
        speaking = self.listener or self.relayed
        if speaking is not None and speaking.login in ended:
            self.sink.goodbye("logged-out")

    def watch_expiry(self) -> None:
        """End a connection that only listens when its session expires: no command would show it."""
        speaking = self.listener or self.relayed
        if speaking is not None and speaking.login in self.logins:
            left = self.realm.logins.deadline(speaking.login.row) / 1000 - self.realm.clock.seconds()
            self._expiry = self.realm.clock.callLater(max(left, 0.0), self._look_again)

    def _look_again(self) -> None:
        self._expiry = None
        self._believed_until = 0.0
        self._current()
        self.watch_expiry()

    def stop_listening(self) -> None:
        """Tell the connection nothing any more."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        if self.telling is not None:
            self.telling.end()
            self.telling = None
        self.in_live_mode = False
        self.echo = None
        if self.screen is not None:
            self.screen.close()
            self.screen = None
        if self.relayed is not None:
            self.relayed.relay.close()
            self.relayed = None
        visits, self.visits = self.visits, {}
        for visit in visits.values():
            self.realm.live.exit(visit)

    def drained(self, *, all_taken: bool = False) -> None:
        """Hear that the connection has room for events again, and whether nothing else is on its way."""
        if all_taken:
            self.took_boxes()
        if self.listener is not None:
            self.listener.drained()
        if self.relayed is not None:
            self.relayed.relay.resume()

    def claim(self, event: Event) -> Callable[[], bool] | None:
        """Return what to ask when an event is written, if that is of importance."""
        return None if self.screen is None else self.screen.claim(event)

    def share(self) -> Share:
        """Return what the connection has of the memory for files in boxes, until :meth:`took_boxes`."""
        if self.boxes is None:
            self.boxes = Share(self.realm.older.inboxes.room, closed=self._closed)
        return self.boxes

    def took_boxes(self) -> None:
        """Hear that the client has all that it asked for, or never will."""
        boxes, self.boxes = self.boxes, None
        if boxes is not None:
            boxes.close()

    def arrived(self, attempt: str) -> None:
        """Hear that what was taken is where it belongs."""
        self.realm.older.undelivered.arrived(attempt)

    def closed(self) -> None:
        """Hear that the connection is gone."""
        self._closed = True
        self.took_boxes()
        if self._delay is not None:
            self._delay.cancel()
        self.stop_listening()
        for login in list(self.logins):
            self._unbind(login)
        passing, self.passing = self.passing, set()
        for login in passing:
            # If that is not stored, it only lasts until it was long enough without use.
            Deferred.fromCoroutine(self.realm.logins.end(login)).addErrback(lambda _: None)
