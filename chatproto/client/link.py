"""A session with a realm that is taken up again whenever its connection is lost.

:class:`Link` connects, logs in and waits between attempts. What is said over the connection is the business
of the two callables it is given.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable

from msgspec import Struct
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger

from chatproto.backoff import Backoff
from chatproto.commands import Login, Register, Resume
from chatproto.errors import (
    BadInvite,
    BadRequest,
    BadToken,
    ChatError,
    ConnectionUnavailable,
    Distrust,
    LoginFailed,
    NameTaken,
    NotAllowed,
    NotSupported,
    RegistrationClosed,
    TlsNeeded,
    UserExists,
)
from chatproto.events import Event, Goodbye, LoggedIn
from chatproto.protocols.client import ChatClientFactory, ChatClientProtocol

#: A server may ask for a longer pause than the back-off's, but cannot send its clients away for good.
LONGEST_PAUSE = 300.0

#: Why a server says goodbye to a session that was ended, and what we say then. It does not tell by whom.
LOGGED_OUT = "logged-out"
ENDED = "your session was ended, by yourself from elsewhere or by the operator, or it expired"

#: Refusals of a login that trying again would not change.
FINAL = (
    BadInvite,
    BadRequest,
    BadToken,
    Distrust,
    LoginFailed,
    NameTaken,
    NotAllowed,
    NotSupported,
    RegistrationClosed,
    TlsNeeded,
)
#: Refusals of a registration where the account may be there already.
NOT_MADE = (UserExists, BadInvite, RegistrationClosed, NotSupported)


class State(enum.Enum):
    """Where a client stands."""

    IDLE = "idle"  #: ``connect`` was not called yet
    CONNECTING = "connecting"  #: an attempt is under way
    ONLINE = "online"  #: logged in and listening
    WAITING = "waiting"  #: the next attempt comes by itself
    CLOSED = "closed"  #: over, by ``close`` or by a refusal that stays


FOLLOWS: dict[State, frozenset[State]] = {
    State.IDLE: frozenset({State.CONNECTING, State.CLOSED}),
    State.CONNECTING: frozenset({State.ONLINE, State.WAITING, State.CLOSED}),
    State.ONLINE: frozenset({State.WAITING, State.CLOSED}),
    State.WAITING: frozenset({State.CONNECTING, State.CLOSED}),
    State.CLOSED: frozenset(),
}

#: Hears of every change of state, with words for people on why.
StateCallback = Callable[[State, str], None]


class Credentials(Struct):
    """How to log in: by the token if there is one, else by the password.

    With ``register`` the account is made if there is none, by an ``invite`` where that is needed. The token
    of a login replaces the one given, and without ``again`` also the password: a session that is ended is
    then the last.
    """

    user: str | None = None
    password: str | None = None
    token: str | None = None
    device: str | None = None
    register: bool = False
    invite: str | None = None
    again: bool = True

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r}, device={self.device!r})"


class Link:
    """Keeps a session with one realm.

    ``begin`` is awaited with each new connection that has logged in, and the link is established when it
    returns; ``end`` is called when such a connection is over. ``on_state`` hears of every change.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        credentials: Credentials,
        *,
        begin: Callable[[ChatClientProtocol], Awaitable[None]],
        end: Callable[[], None],
        on_event: Callable[[Event], None],
        on_state: StateCallback,
        backoff: Backoff,
    ) -> None:
        self.state = State.IDLE
        self.address: str | None = None
        #: The connection, while it is one over which commands make sense.
        self.protocol: ChatClientProtocol | None = None
        self.credentials = credentials
        self._clock = clock
        self._endpoint = endpoint
        self._begin = begin
        self._end = end
        self._on_event = on_event
        self._on_state = on_state
        self._backoff = backoff
        self._pause = 0.0
        self._logged_out = False
        #: The refusal that closed the link.
        self.error: ChatError | None = None
        self._waiters: list[Deferred[None]] = []
        self._running: Deferred[None] = succeed(None)
        self._connection: ChatClientProtocol | None = None

    def open(self) -> Deferred[None]:
        """Start if that has not happened, and fire when the link is established.

        :raises ChatError: the link is closed; the error is the refusal that closed it.
        """
        if self.state is State.ONLINE:
            return succeed(None)
        if self.state is State.CLOSED:
            return fail(self.error or ConnectionUnavailable("the client is closed"))
        opened: Deferred[None] = Deferred()
        self._waiters.append(opened)
        if self.state is State.IDLE:
            self._running = Deferred.fromCoroutine(self._keep())
        return opened

    async def close(self) -> None:
        """End the connection and every attempt; return when the connection is gone."""
        self._finish(None, "closed")
        # The caller may stand inside a callback of the loop below, which cannot be cancelled while it runs.
        await deferLater(self._clock, 0)
        self._running.cancel()
        if self._connection is not None:
            await self._connection.when_lost()

    async def _keep(self) -> None:
        try:
            while True:
                self._enter(State.CONNECTING, "")
                reason, pause = await self._hold()
                delay = max(self._backoff.next(), min(pause, LONGEST_PAUSE))
                self._log.info("{reason}; next attempt in {delay:.1f} s", reason=reason, delay=delay)
                self._enter(State.WAITING, reason)
                await deferLater(self._clock, delay)
        except CancelledError:
            return
        except ChatError as error:
            self._finish(error, error.text)
        except Exception as error:
            self._log.failure("the link to the realm failed")
            self._finish(ConnectionUnavailable("the client failed; its log says why"), type(error).__name__)

    async def _hold(self) -> tuple[str, float]:
        """Go through one connection; return why it ended, and for how long the server wants to be left alone.

        :raises ChatError: the realm refuses us, and would again.
        """
        try:
            protocol = await self._endpoint.connect(ChatClientFactory(self._clock, self._heard))
        except (CancelledError, Distrust):
            raise
        except Exception as error:  # what endpoints raise is up to them, and each is worth another attempt
            if self.state is State.CLOSED:
                raise CancelledError() from error  # which they call by names of their own
            return f"cannot connect: {str(error).rstrip('.') or type(error).__name__}", 0.0
        assert isinstance(protocol, ChatClientProtocol)
        self._connection, self._pause, self._logged_out = protocol, 0.0, False
        try:
            await self._establish(protocol)
            await protocol.when_lost()
        except ChatError as error:
            if isinstance(error, FINAL):
                raise
            shown = error if protocol.farewell is None else protocol.farewell
            if isinstance(shown, TlsNeeded):
                raise shown from None
            return shown.text, shown.retry_after or self._pause
        finally:
            self.protocol = None
            protocol.close()
            self._end()
        if protocol.farewell is not None:
            return protocol.farewell.text, protocol.farewell.retry_after or self._pause
        if self._logged_out and self.credentials.password is None:
            raise BadToken(ENDED)
        return ENDED if self._logged_out else "the connection was lost", self._pause

    async def _establish(self, protocol: ChatClientProtocol) -> None:
        logged_in = await self._log_in(protocol)
        self.address = logged_in.address
        await self._begin(protocol)
        self.protocol = protocol
        self._backoff.reset()
        self._enter(State.ONLINE, "")
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(None)

    async def _log_in(self, protocol: ChatClientProtocol) -> LoggedIn:
        known = self.credentials
        if known.token is not None:
            try:
                return await protocol.request(Resume(token=known.token), LoggedIn)
            except BadToken:
                if known.user is None or known.password is None:
                    if self.address is None:
                        raise
                    raise BadToken(ENDED) from None
                known.token = None
        if known.user is None or known.password is None:
            raise LoginFailed("a user and a password, or a token, are needed")
        login = Login(user=known.user, password=known.password, device=known.device)
        if known.register:
            register = Register(user=known.user, password=known.password, invite=known.invite)
            try:
                logged_in = await protocol.request(register, LoggedIn)
            except NOT_MADE as refused:  # there may be one, all the same
                try:
                    logged_in = await protocol.request(login, LoggedIn)
                except LoginFailed:
                    raise refused from None
            known.register = False
        else:
            logged_in = await protocol.request(login, LoggedIn)
        known.token = logged_in.token
        if not known.again:
            known.password = None
        return logged_in

    def _heard(self, event: Event) -> None:
        if isinstance(event, Goodbye):
            self._pause = event.retry_after
            self._logged_out = event.reason == LOGGED_OUT
        self._on_event(event)

    def _finish(self, error: ChatError | None, reason: str) -> None:
        if self.state is State.CLOSED:
            return
        self.error = error
        self._enter(State.CLOSED, reason)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.errback(error or ConnectionUnavailable("the client is closed"))

    def _enter(self, state: State, reason: str) -> None:
        if self.state is State.CLOSED:
            return  # the loop has not yet noticed
        assert state in FOLLOWS[self.state], (self.state, state)
        self.state = state
        try:
            self._on_state(state, reason)
        except Exception:
            self._log.failure("a state callback failed")
