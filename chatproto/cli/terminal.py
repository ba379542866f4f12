"""The interactive talk: prompt_toolkit and Twisted on one event loop.

prompt_toolkit runs on asyncio, so this process runs Twisted on asyncio too. What comes is printed above the
prompt, and texts on their way stand between the two until they are stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal

import click
from prompt_toolkit.formatted_text import ANSI, StyleAndTextTuples, to_formatted_text
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.utils import get_cwidth
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.posixbase import PosixReactorBase
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.backoff import Backoff
from chatproto.cli.bar import Part, fitted, names
from chatproto.cli.completing import Names
from chatproto.cli.conversations import Conversations
from chatproto.cli.foreground import Front
from chatproto.cli.gauge import Gauges
from chatproto.cli.logs import start_logging
from chatproto.cli.paper import Paper
from chatproto.cli.places import Place
from chatproto.cli.printing import Printing
from chatproto.cli.prompt import Prompt
from chatproto.cli.talk import Talk, refusal
from chatproto.client import ChatClient, State
from chatproto.errors import ChatError

#: Somebody waits at the terminal, so the pauses between attempts stay short.
LONGEST_PAUSE = 10.0
#: That one is writing is told again after so long, while it is so.
TYPING_SECONDS = 4.0
#: Who is connected is asked again for completion after so long.
ASK_SECONDS = 15.0
#: What is on its way has so long to be stored when the user leaves, and then the logout.
LEAVING_SECONDS = 3.0
#: Texts and files on their way that are shown; the bar tells how many texts there are.
SHOWN_PENDING = 3
#: Lines that were typed and wait for the one before. Nobody types so many; a paste may have more.
WAITING_LINES = 1000
#: Pages of conversations that are asked for at the start: as many as are remembered.
PAGES = 2

STATES = {
    State.IDLE: "starting",
    State.CONNECTING: "connecting",
    State.ONLINE: "online",
    State.WAITING: "no connection, trying again",
    State.CLOSED: "closed",
}


def talk_in_terminal(place: Place, *, user: str, password: str, register: bool, invite: str | None) -> int:
    """Talk until the user leaves, and return the exit code."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    reactor = _reactor_on(loop)
    terminal = Terminal(
        reactor,
        place.text,
        place.endpoint(reactor),
        user=user,
        password=password,
        register=register,
        invite=invite,
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, terminal.end)
    reactor.startRunning(installSignalHandlers=False)
    try:
        with patch_stdout(raw=True):  # for what others may print
            start_logging("critical")
            loop.run_until_complete(terminal.run(loop))
    finally:
        reactor.callLater(0, reactor.stop)
        loop.run_forever()
    if terminal.error is not None:
        raise click.ClickException(terminal.error)
    return 0


def _reactor_on(loop: asyncio.AbstractEventLoop) -> PosixReactorBase:
    from twisted.internet import asyncioreactor  # noqa: PLC0415 - the order of these two matters

    asyncioreactor.install(loop)
    from twisted.internet import reactor  # noqa: PLC0415

    assert isinstance(reactor, PosixReactorBase)
    return reactor


class Terminal:
    """One user at a prompt that says whom one talks to, above a bar that says how things are."""

    _log = Logger()

    def __init__(
        self,
        reactor: PosixReactorBase,
        place: str,
        endpoint: IStreamClientEndpoint,
        *,
        user: str,
        password: str,
        register: bool = False,
        invite: str | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        #: Why the talk ended, if it did not by the user's wish.
        self.error: str | None = None
        self._reactor = reactor
        self._place = place
        self._user = user
        self._leaving = False
        self._reached = False  # ever
        self._told_away = False
        self._typing_at = self._asked_at = -1e9
        self._lines = DeferredLock()
        self._gauges = Gauges(reactor.seconds)
        self._conversations = Conversations(reactor.seconds)
        self._printing = Printing(colours=True, columns=self._columns, width=get_cwidth)
        self._client = ChatClient(
            reactor,
            endpoint,
            user=user,
            password=password,
            register=register,
            invite=invite,
            again=False,
            own=True,
            receipts=True,
            typing=True,
            on_state=self._changed,
            backoff=backoff or Backoff(longest=LONGEST_PAUSE),
        )
        completer = Names(
            self._conversations,
            self._printing,
            current=lambda: self._front.current,
            ask=self._ask_who_is_there,
        )
        self._prompt = Prompt(
            message=self._message,
            bar=self._bar,
            on_line=self._enter,
            on_edit=self._edited,
            on_page_up=self._page_up,
            completer=completer,
        )
        self._paper = Paper(self._prompt.output)
        self._front = Front(
            reactor,
            self._client,
            self._printing,
            self._conversations,
            show=self._paper.show,
            on_change=self._prompt.redraw,
        )
        self._talk = Talk(
            reactor,
            self._client,
            self._printing,
            self._conversations,
            self._front,
            show=self._paper.show,
            complain=self._paper.show,
            ask=self._prompt.ask,
            patient=False,
        )

    async def run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Show the prompt until the user leaves or the realm refuses them."""
        await self._prompt.run(self._connect)
        self._leaving = True
        await self._leave(loop)
        await self._paper.close()

    def end(self) -> None:
        """Let the user leave."""
        self._prompt.exit()

    def _connect(self) -> None:
        self._client.connect().addErrback(_hush)  # that the realm refuses is told to _changed()

    async def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send what can be sent, log out, and tell what was not sent."""
        if self._client.state is State.ONLINE:
            with contextlib.suppress(DeferredTimeoutError):
                await self._talk.settled().addTimeout(LEAVING_SECONDS, self._reactor).asFuture(loop)
        self._front.close()
        unfinished = self._talk.transfers.stop()
        if self._client.state is State.ONLINE:
            with contextlib.suppress(ChatError, DeferredTimeoutError):
                await self._client.account.logout().addTimeout(LEAVING_SECONDS, self._reactor).asFuture(loop)
        await self._client.close().asFuture(loop)
        for pending in self._talk.pending.values():
            self._paper.show(self._printing.error(f"not known to be sent to {pending.to}: {pending.text}"))
        for title in unfinished:
            self._paper.show(self._printing.error(f"{title}: not finished; the same command goes on with it"))

    # -- what is typed

    def _enter(self, line: str) -> None:
        """Carry a line out when those before it are done."""
        if len(self._lines.waiting) >= WAITING_LINES:
            self._talk.failed("too many lines wait for the one before them; this one was left out")
            return
        self._lines.run(self._carry_out, line).addErrback(self._broken)

    def _carry_out(self, line: str) -> Deferred[None]:
        return Deferred.fromCoroutine(self._talk.run(line)).addCallback(self._done)

    def _done(self, result: None) -> None:
        if self._talk.ended:
            self._prompt.exit()

    def _broken(self, failure: Failure) -> None:
        self._log.failure("a command failed", failure=failure)
        self._talk.failed(f"the command failed, by a fault of this program: {failure.value!r}")

    def _page_up(self) -> None:
        if not self._lines.locked:
            self._enter("/more")

    def _edited(self, text: str) -> None:
        """Tell the other one, now and then, that a text is being written."""
        now = self._reactor.seconds()
        if self._talk.to is None or not text or text.startswith("/"):
            return
        if self._client.state is State.ONLINE and now - self._typing_at >= TYPING_SECONDS:
            self._typing_at = now
            self._client.typing(self._talk.to).addErrback(_hush)

    # -- what the realm does

    def _changed(self, state: State, reason: str) -> None:
        """Hear of a change of the client's state."""
        if self._client.address is not None:
            self._printing.own = self._conversations.own = self._client.address
        if state is State.ONLINE:
            Deferred.fromCoroutine(self._online()).addErrback(_hush)
        elif state is State.WAITING and not self._reached and not self._told_away:
            self._told_away = True
            hint = "Does `chatproto serve` run there, and is the port right?"
            self._talk.failed(f"{self._place}: {reason}. {hint} Trying again; /quit or Ctrl-C ends it.")
        elif state is State.CLOSED and not self._leaving:
            if self._client.error is not None:
                refused = refusal(self._client.error)
                self.error = f"the talk is over: {reason}" if self._reached else refused
            self._prompt.exit()
        self._prompt.redraw()

    async def _online(self) -> None:
        """Learn what there is, and show what is missing."""
        first, self._reached = not self._reached, True
        self._conversations.begin_again()
        since, complete = 0, False
        for _ in range(PAGES):
            if complete:
                break
            page = await self._client.conversations(since)
            self._conversations.learn(page.conversations)
            self._front.learned()
            complete = page.complete or not page.conversations
            since = since if complete else page.conversations[-1].seq
        for entry in (await self._client.groups.list()).groups:
            self._conversations[entry.group].is_group = entry.role != "invited"
        self._conversations.active = (await self._client.active()).users
        if first:
            self._greet()
        await self._front.back()
        self._prompt.redraw()

    def _greet(self) -> None:
        self._talk.note(f"you are {self._client.address}; /to NAME begins, Tab completes, /help explains")
        unread = [
            f"{self._printing.name(found.address)} ({found.unread})" for found in self._conversations.unread()
        ]
        if unread:
            self._talk.note(f"unread: {', '.join(unread)}")

    def _ask_who_is_there(self) -> None:
        now = self._reactor.seconds()
        if self._client.state is State.ONLINE and now - self._asked_at >= ASK_SECONDS:
            self._asked_at = now
            Deferred.fromCoroutine(self._learn_who_is_there()).addErrback(_hush)

    async def _learn_who_is_there(self) -> None:
        self._conversations.active = (await self._client.active()).users

    # -- what is shown

    def _columns(self) -> int:
        return self._prompt.columns()

    def _message(self) -> StyleAndTextTuples:
        """Return what stands before the cursor: texts on their way, and whom to."""
        cut = self._printing.cut
        shown: StyleAndTextTuples = [
            ("class:pending", cut(f"… {self._printing.name(each.to)}: {' '.join(each.text.split())}") + "\n")
            for each in [*self._talk.away.values(), *self._talk.pending.values()][-SHOWN_PENDING:]
        ]
        under_way = [*self._talk.transfers.running.items()][:SHOWN_PENDING]
        bars = self._gauges.drawn(
            {number: (each.title, each.progress) for number, each in under_way}, self._columns() - 1
        )
        return [
            *shown,
            *to_formatted_text(ANSI(bars)),
            ("class:prompt", f"{self._printing.name(self._talk.to or '')}> "),
        ]

    def _bar(self) -> StyleAndTextTuples:
        name, state, current = self._printing.name, self._client.state, self._front.current
        lost = self._told_away or self._reached
        how = STATES[State.WAITING if state is State.CONNECTING and lost else state]
        address = self._client.address or self._user
        parts = [
            Part(2, (address, address.partition("@")[0])),
            Part(9, (how, how.partition(",")[0]), "" if state is State.ONLINE else "class:away"),
        ]
        waiting = len(self._talk.pending)
        parts.append(Part(7, (f"{waiting} not sent yet",) if waiting else ()))
        away = len(self._talk.away)
        parts.append(Part(4, (f"{away} on the way",) if away else ()))
        counts = [(name(found.address), found.unread) for found in self._conversations.unread()]
        parts.append(Part(8, names(counts), "class:news"))
        if current is not None:
            writers = [name(writer) for writer in self._conversations.writers(current)]
            writing = f"{' and '.join(writers)} {'is' if len(writers) == 1 else 'are'} writing"
            parts.append(Part(6, (writing, "writing") if writers else ()))
            parts.append(Part(5, (current.fate,) if current.fate else ()))
            live = ", ".join(name(member) for member in current.live)
            parts.append(Part(3, (f"live: {live}", f"{len(current.live)} live") if live else ()))
        parts.append(Part(1, ("/help",)))
        said = fitted([part for part in parts if part.ways], self._prompt.columns() - 2, get_cwidth)
        return [("", " "), *said, ("", " ")]


def _hush(failure: Failure) -> None:
    """What failed is told elsewhere, or tried again when the connection is back."""
    failure.trap(ChatError)
