"""``ChatClient``: what a bot author uses.

It joins the parts of this package (a link that comes back, an outbox, an inbox, acknowledgements) and has a
method for each thing one says to a realm; those about groups, uploads and one's own account stand in
``groups``, ``files`` and ``account``. Every method returns a Deferred, for callbacks as for ``await``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from chatproto.backoff import Backoff
from chatproto.client.account import Account
from chatproto.client.acks import Acks
from chatproto.client.files import Files
from chatproto.client.groups import Groups
from chatproto.client.inbox import Inbox, Position
from chatproto.client.lasting import ProgressCallback, Reporter
from chatproto.client.link import Credentials, Link, State, StateCallback
from chatproto.client.outbox import Outbox
from chatproto.client.taking import MessageCallback, Messages, call_with_each
from chatproto.commands import Active, Command, Conversations, History, Listen, Read, Typing
from chatproto.errors import ChatError, ConnectionUnavailable
from chatproto.events import (
    ActivePage,
    ConversationPage,
    Done,
    Event,
    FileChange,
    FileInfo,
    Hint,
    HistoryItem,
    HistoryPage,
    Listening,
    LiveMembers,
    Message,
    Reply,
    Sent,
    SentEach,
)
from chatproto.interfaces import IExecutor
from chatproto.limits import LIST_ITEMS
from chatproto.protocols.client import ChatClientProtocol
from chatproto.tls.connecting import client_endpoint

R = TypeVar("R", bound=Reply)

#: What :meth:`~chatproto.ChatClient.on_hint` calls.
HintCallback = Callable[[Hint | LiveMembers], object]


class ChatClient:
    """A user's presence in a realm, which survives lost connections and restarted servers.

    ``endpoint`` is a client endpoint string such as ``"tcp:127.0.0.1:8889"`` or ``"tls:example.org:8889"``
    (see :func:`~chatproto.tls.connecting.client_endpoint`), or an endpoint. Log in with ``user`` and
    ``password``, or with the ``token`` of an earlier client; ``register`` makes the account if there is none,
    with an ``invite`` where the realm asks for one, ``device`` names a place in the log that the realm keeps.
    When the session is ended, by its owner or the operator or by its age, the client logs in anew with the
    password, as a bot should; without ``again`` it forgets the password at the first login, and closes.

    Messages come from now on, or from the ``after`` and ``epoch`` of an earlier :attr:`position`, with
    ``own`` also those that this device sent; ``receipts`` and ``typing`` ask for what :meth:`on_hint` hears.
    ``on_state`` hears of every change of :attr:`state`, with words on why. Who logs in anew with ``after``
    but without ``device`` is a new device, and also hears what the one before sent. ``backoff`` says how long
    to wait between attempts, and ``executor`` where the disk is read and written, if not in threads.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: str | IStreamClientEndpoint,
        *,
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
        device: str | None = None,
        register: bool = False,
        invite: str | None = None,
        again: bool = True,
        after: int | None = None,
        epoch: str | None = None,
        own: bool = False,
        receipts: bool = False,
        typing: bool = False,
        on_state: StateCallback | None = None,
        backoff: Backoff | None = None,
        executor: IExecutor | None = None,
    ) -> None:
        self._on_state = on_state
        self._acks = Acks(reactor)
        self._outbox = Outbox(reactor)
        self._inbox = Inbox(
            Position(after, epoch),
            Listen(own=own, receipts=receipts or None, typing=typing or None),
            listen_again=self._listen_again,
            on_taken=self._taken,
        )
        credentials = Credentials(
            user=user,
            password=password,
            token=token,
            device=device,
            register=register,
            invite=invite,
            again=again,
        )
        self._link = Link(
            reactor,
            client_endpoint(reactor, endpoint) if isinstance(endpoint, str) else endpoint,
            credentials,
            begin=self._begin,
            end=self._end,
            on_event=self._heard,
            on_state=self._changed,
            backoff=backoff or Backoff(),
        )
        self._on_hint: HintCallback = lambda hint: None
        #: Everything about groups.
        self.groups = Groups(self.request)
        #: Files that are sent and saved.
        self.files = Files(reactor, self._link, self.request, executor)
        #: The user's own password, sessions and blocks.
        self.account = Account(self.request, credentials, self.close)

    @property
    def state(self) -> State:
        """Where the client stands."""
        return self._link.state

    @property
    def error(self) -> ChatError | None:
        """The refusal that closed the client, if one did."""
        return self._link.error

    @property
    def address(self) -> str | None:
        """The full address of the user, once logged in."""
        return self._link.address

    @property
    def token(self) -> str | None:
        """The token of the session: a secret that logs in without the password until the session expires."""
        return self._link.credentials.token

    @property
    def position(self) -> Position:
        """How far messages were taken: a message counts once the next one is asked for.

        Store it, and give it to the next client as ``after`` and ``epoch``, to miss nothing in between.
        """
        return self._inbox.taken

    @property
    def reached(self) -> Position:
        """As :attr:`position`, but with the message that was handed out last.

        For who stores the position together with what a message did, before the next one is asked for.
        """
        return self._inbox.reached

    @property
    def unsent(self) -> int:
        """How many messages the realm has not answered for."""
        return len(self._outbox)

    def connect(self) -> Deferred[None]:
        """Connect, log in and listen; fire when that is done, however many attempts it takes.

        :raises LoginFailed: the user or the password is wrong; the client is closed.
        :raises Distrust: the server is not the one that is meant, or speaks no TLS; the client is closed.
        :raises ChatError: another refusal that would stay, or the client was closed meanwhile.
        """
        return self._link.open()

    def close(self) -> Deferred[None]:
        """End the session's connection and fire when it is gone. What is not yet answered fails."""
        self._acks.flush()
        return Deferred.fromCoroutine(self._link.close())

    def send(self, to: str, text: str, cid: str | None = None) -> Deferred[Sent]:
        """Send a text to a user or a group and fire when it is stored, once, whatever happens to the link.

        Texts are stored in the order of the calls. Cancelling stops the waiting, not the sending. A ``cid``
        of your own lets another process repeat the command. One to a user of another realm waits in this one
        until that has it; if it comes to nothing, a message of the kind ``bounce`` says so.

        :raises QueueFull: too much waits for the other realm already.
        :raises Busy: too many messages wait already; this one was not taken.
        :raises ChatError: the realm refused it, and it is not stored.
        """
        return self._outbox.send(to, text, cid, Sent)

    def send_each(self, to: Sequence[str], text: str, cid: str | None = None) -> Deferred[SentEach]:
        """Send a text to each of at most 64 recipients, to all or to none; else as :meth:`send`."""
        return self._outbox.send(list(to), text, cid, SentEach)

    def send_file(
        self,
        to: str,
        path: str | Path,
        *,
        name: str | None = None,
        type: str | None = None,
        cid: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> Deferred[Sent]:
        """Send a file to a user or a group and fire when it is stored, whatever happens to the link.

        What an earlier call with the same file has sent is not sent again, also if it was another process's
        that was killed. Cancelling stops it; a later call goes on. Without a ``cid`` of your own, a process
        that dies between the end and the answer sends the file again. ``progress`` hears how far it is.

        :raises OSError: the file cannot be read.
        :raises WrongContent: it was changed meanwhile.
        :raises ChatError: the realm refused it, or wants to be left alone for more than five minutes.
        """
        return self.files.send(to, Path(path), name, type, cid, Reporter(progress))

    def save(
        self,
        file: HistoryItem | FileInfo,
        folder: str | Path,
        *,
        overwrite: bool = False,
        progress: ProgressCallback | None = None,
    ) -> Deferred[Path]:
        """Save the file that a message is in a folder, verified, and fire with where it is.

        Its name is what the sender says, cleaned; if it is taken by another file, it gets a number, or takes
        the place with ``overwrite``. What is not finished goes on with the next call, also in another
        process. Of a file that is on its way from another realm it waits for the bytes.

        :raises OSError: it cannot be written there; :exc:`BlockingIOError`: that is being done.
        :raises BadRequest: its hash is none.
        :raises FileGone: the realm has its bytes no more.
        :raises WrongContent: the bytes are not what was announced.
        """
        return self.files.save(file, Path(folder), Reporter(progress), overwrite=overwrite)

    def messages(self) -> AsyncIterator[Message]:
        """Iterate over messages as they come, in order, each once; the end is when the client is closed.

        These are messages of every ``kind``: texts, invitations, bounces, and the notices in a log (see
        :class:`~chatproto.events.HistoryItem`). Who only wants texts looks for ``kind == "text"``.

        One taker at a time. A slow one loses nothing: what there is no room for stays in the realm's log.

        :raises ChatError: the realm refuses the client, which is closed.
        """
        return Messages(self._inbox)

    def on_message(self, callback: MessageCallback) -> None:
        """Call ``callback`` with each message, the next one when the one before is dealt with.

        A Deferred or a coroutine that it returns is waited for; what it raises is logged. This takes the
        place of :meth:`messages`.
        """
        calling = Deferred.fromCoroutine(call_with_each(self.messages(), callback))
        # That the realm refuses us is told by connect() and on_state.
        calling.addErrback(lambda failure: failure.trap(ChatError) and None)

    def on_hint(self, callback: HintCallback) -> None:
        """Call ``callback`` with what passes: ``Receipt``, ``IsTyping``, ``LiveChange`` and ``FileChange``.

        They come at once, beside the messages, and none that is missed comes again. Receipts and typing come
        to a client that was made with ``receipts`` and ``typing``, live changes to one that is live in the
        group (:meth:`~chatproto.client.Groups.live`), and after each lost connection ``LiveMembers``, which
        takes the place of what the changes said before. What the callback raises is logged.
        """
        self._on_hint = callback

    def history(
        self, with_: str, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> Deferred[HistoryPage]:
        """Give a page of the conversation with a user or a group, oldest first."""
        return self.request(History(with_=with_, before=before, after=after, limit=limit), HistoryPage)

    def conversations(self, since: int = 0) -> Deferred[ConversationPage]:
        """List conversations with news after ``since``, and how much of each is unread."""
        return self.request(Conversations(since=since), ConversationPage)

    def read(self, with_: str, seq: int) -> Deferred[Done]:
        """Mark a conversation as read up to ``seq``."""
        return self.request(Read(with_=with_, seq=seq), Done)

    def typing(self, to: str) -> Deferred[Done]:
        """Tell those who listen for it that a text to a user or a group is being written.

        It holds for about six seconds there; say it every few seconds, while it is so.
        """
        return self.request(Typing(to=to), Done)

    def active(self, *, after: str = "", limit: int = LIST_ITEMS) -> Deferred[ActivePage]:
        """List the users who have a connection now by name, those after ``after``."""
        return self.request(Active(after=after, limit=limit), ActivePage)

    def request(self, command: Command, expected: type[R]) -> Deferred[R]:
        """Send any command over the present connection; only :meth:`send` outlives it.

        :raises ConnectionUnavailable: there is no connection, or it was lost before the reply.
        """
        if self._link.protocol is None:
            return fail(ConnectionUnavailable("there is no connection to the realm now"))
        return self._link.protocol.request(command, expected)

    async def _begin(self, protocol: ChatClientProtocol) -> None:
        await self._listen(protocol)
        self._acks.start(protocol)
        self._outbox.start(protocol)

    def _end(self) -> None:
        self._acks.stop()
        self._outbox.stop()
        self._inbox.stop()

    async def _listen(self, protocol: ChatClientProtocol) -> None:
        reply = await protocol.request(self._inbox.command(), Listening)
        if reply.reset:
            self._log.warn("the realm's log is not the one this client heard before; what came back is kept")
        self._inbox.listening(reply)
        self.groups.heard_again(protocol.request, self._on_hint)

    def _listen_again(self) -> None:
        protocol = self._link.protocol
        if protocol is not None:  # else the next session listens anyway
            listening = Deferred.fromCoroutine(self._listen(protocol))
            # A realm that cannot answer now is asked again over a new connection.
            listening.addErrback(lambda failure: protocol.close())

    def _heard(self, event: Event) -> None:
        if isinstance(event, Message):
            self._inbox.received(event)
            return
        if isinstance(event, FileChange):
            self.files.heard(event)
        if isinstance(event, Hint):
            self._on_hint(event)

    def _taken(self, position: Position) -> None:
        if position.after is not None and position.epoch == self._inbox.epoch:
            self._acks.taken(position.after)

    def _changed(self, state: State, reason: str) -> None:
        if state is State.CLOSED:
            error = self._link.error
            self._outbox.finish(error or ConnectionUnavailable("the client was closed"))
            self._inbox.finish(error)
        self.files.wake()
        if self._on_state is not None:
            self._on_state(state, reason)
