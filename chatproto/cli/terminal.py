"""The interactive talk: prompt_toolkit and Twisted on one event loop.

prompt_toolkit runs on asyncio, so this process runs Twisted on asyncio too. Incoming messages are printed
above the line that is being typed.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.patch_stdout import patch_stdout
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.posixbase import PosixReactorBase

from chatproto.cli.logs import start_logging
from chatproto.cli.places import Place
from chatproto.cli.printing import Printing, printable
from chatproto.cli.talk import SLASHES, Outages, Talk
from chatproto.client import ChatClient, State
from chatproto.errors import ChatError


def talk_in_terminal(place: Place, *, user: str, password: str, register: bool) -> int:
    """Talk until the user leaves, and return the exit code."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    reactor = _reactor_on(loop)
    terminal = Terminal(reactor, place.endpoint(reactor), user=user, password=password, register=register)
    reactor.startRunning(installSignalHandlers=False)
    try:
        with patch_stdout(raw=True):
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
    """A prompt, and a bar below it that says who and where one is."""

    def __init__(
        self,
        reactor: PosixReactorBase,
        endpoint: IStreamClientEndpoint,
        *,
        user: str,
        password: str,
        register: bool,
    ) -> None:
        #: Why the talk ended, if it did not by the user's wish.
        self.error: str | None = None
        self._user = user
        self._leaving = False
        # Drawn again every second: the bar counts what is not sent yet, which changes without a key.
        self._session: PromptSession[str] = PromptSession(refresh_interval=1.0)
        self._printing = Printing(colours=True)
        self._outages = Outages(self._printing, print)
        self._client = ChatClient(
            reactor, endpoint, user=user, password=password, register=register, on_state=self._changed
        )
        self._talk = Talk(reactor, self._client, self._printing, show=print, complain=print, patient=False)

    async def run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Show the prompt until the user leaves or the realm refuses them."""
        Deferred.fromCoroutine(self._connect())
        completer = WordCompleter(list(SLASHES), sentence=True)
        while not self._talk.ended and self.error is None:
            try:
                line = await self._session.prompt_async(
                    lambda: f"{printable(self._talk.to or '')}> ",
                    bottom_toolbar=self._bar,
                    completer=completer,
                    complete_while_typing=False,
                )
            except (EOFError, KeyboardInterrupt):
                break
            # Not waited for: the next line can be typed meanwhile.
            Deferred.fromCoroutine(self._talk.run(line))
        self._leaving = True
        if self._client.unsent and self.error is None:
            print(self._printing.note(f"{self._client.unsent} messages were not sent"))
        await self._client.close().asFuture(loop)

    def _changed(self, state: State, reason: str) -> None:
        """Hear of a change of the client's state."""
        if self._client.address is not None:
            self._printing.own = self._client.address
        self._outages.changed(state, reason)
        if state is State.CLOSED and not self._leaving:
            self.error = f"cannot log in: {reason}"
            if self._session.app.is_running:
                self._session.app.exit(exception=EOFError())
        self._session.app.invalidate()

    async def _connect(self) -> None:
        with contextlib.suppress(ChatError):  # _changed() was told of a refusal
            await self._client.connect()
            await self._talk.greet()

    def _bar(self) -> Any:
        parts = [self._client.address or self._user, self._client.state.value]
        if self._client.unsent:
            parts.append(f"{self._client.unsent} not sent yet")
        return f" {' | '.join(parts)} | /help "
