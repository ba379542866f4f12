"""A realm and people at terminals, all in this process, on an event loop of their own.

What a terminal prints goes through a terminal emulator, so that tests look at what a person would see.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, cast

import pyte
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from twisted.internet.address import IPv4Address
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort

from chatproto import ChatClient, ChatServerFactory, PasswordHasher, Policy, Realm, Registration
from chatproto.backoff import Backoff
from chatproto.cli.terminal import Terminal
from chatproto.executors import InlineExecutor
from chatproto.files import MemoryFileDisk, MemoryFileStore
from chatproto.store import MemoryDisk, MemoryStore
from chatproto.store.tables import MemoryTables
from tests.serving import SECONDS

#: The names of keys, as terminals send them.
ENTER, TAB, PAGE_UP, CTRL_C, CTRL_D, ALT_ENTER = "\r", "\t", "\x1b[5~", "\x03", "\x04", "\x1b\r"

#: A screen that stays as it is for so long in seconds is drawn: bar and lines are drawn in turns of the loop.
_QUIET = 0.02
_MOST_DRAWN = 5


class Glass:
    """What Vt100_Output takes for a terminal's file: an emulated screen, with the lines that left it."""

    encoding = "utf-8"

    def __init__(self, rows: int, columns: int, keyboard: PipeInput) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=5000)
        self.screen.write_process_input = keyboard.send_text  # type: ignore[method-assign]  # as pyte means it
        self.screen.set_mode(pyte.modes.LNM)  # there is no tty to make CRLF of LF
        self.written = ""
        self._stream = pyte.Stream(self.screen)

    def write(self, text: str) -> int:
        self.written += text
        self._stream.feed(text)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return -1


class Person:
    """Somebody at a terminal."""

    def __init__(self, house: House, user: str, *, rows: int, columns: int, **options: Any) -> None:
        self._house = house
        self._open = contextlib.ExitStack()
        self._keyboard = self._open.enter_context(create_pipe_input())
        self.glass = Glass(rows, columns, self._keyboard)
        output = Vt100_Output(
            self.glass,  # type: ignore[arg-type]  # it has what is used of a file
            lambda: Size(rows=rows, columns=columns),
            term="xterm-256color",
            default_color_depth=ColorDepth.from_env(),
        )
        backoff = Backoff(shortest=0.02, longest=0.1)
        defaults: dict[str, Any] = {"password": "secret", "register": True, "backoff": backoff}
        # Each has an application of its own; prompt_toolkit finds it by the context in which it was begun.
        with create_app_session(self._keyboard, output):
            self.terminal = Terminal(
                house.reactor,
                "127.0.0.1:8889",
                TCP4ClientEndpoint(house.reactor, "127.0.0.1", house.port),
                user=user,
                **(defaults | options),
            )
            self.task = house.loop.create_task(self.terminal.run(house.loop))

    def type(self, *texts: str) -> None:
        """Press keys."""
        for text in texts:
            self._keyboard.send_text(text)

    @property
    def screen(self) -> list[str]:
        """The lines of the screen."""
        return [line.rstrip() for line in self.glass.screen.display]

    @property
    def shown(self) -> list[str]:
        """All lines that are not empty, with those that have left the screen."""
        above = [
            "".join(line[column].data for column in range(self.glass.screen.columns)).rstrip()
            for line in self.glass.screen.history.top
        ]
        return [line for line in (*above, *self.screen) if line]

    @property
    def bar(self) -> str:
        """What the bar says; while the screen is drawn anew there is none."""
        return self.screen[-1].strip()

    @property
    def paper(self) -> list[str]:
        """What stands above the prompt."""
        lines = [line for line in self.shown if line]
        prompts = [number for number, line in enumerate(lines) if line.partition(" ")[0].endswith(">")]
        return lines[: prompts[-1]] if prompts else lines

    def said(self) -> list[str]:
        """Return the messages above the prompt, without their times."""
        return [line[6:] for line in self.paper if line[2:3] == ":"]

    async def sees(self, *texts: str) -> None:
        """Wait until all texts are to be seen, on a screen that is not just being drawn."""
        await self.until(lambda: all(any(text in line for line in self.shown) for text in texts), texts)
        for _ in range(_MOST_DRAWN):  # one that looks for its realm again and again is never quiet
            written = len(self.glass.written)
            await asyncio.sleep(_QUIET)
            if written == len(self.glass.written):
                break

    async def until(self, condition: Callable[[], bool], what: object = "") -> None:
        """Wait until something is so."""
        end = self._house.loop.time() + SECONDS
        while not condition():
            if self._house.loop.time() > end:
                raise AssertionError(f"{what} not shown:\n" + "\n".join(self.shown))
            await asyncio.sleep(0.01)

    async def leave(self) -> None:
        """Go, if one has not."""
        if not self.task.done():
            self.type(CTRL_C, CTRL_C)
        await asyncio.wait_for(self.task, SECONDS)
        self._open.close()


class House:
    """A realm that may be stopped and started, and the people who talk with it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, reactor: AsyncioSelectorReactor) -> None:
        self.loop = loop
        self.reactor = reactor
        self.port = 0
        self._disk = MemoryDisk()
        #: What the realm has of files; it may be made too small.
        self.files = MemoryFileDisk()
        self._realm: Realm | None = None
        self._listening: IListeningPort | None = None
        self._factory: ChatServerFactory | None = None
        self._people: list[Person] = []
        self._bots: list[ChatClient] = []

    async def start(self) -> None:
        """Let the realm serve, on the port that it had."""
        policy = Policy(registration=Registration.OPEN)
        store = MemoryStore(self._disk)
        hasher = PasswordHasher(InlineExecutor(), cheap=True)
        files = MemoryFileStore(self.files)
        realm = Realm.open("alpha", store, self.reactor, policy=policy, hasher=hasher, files=files)
        self._realm = await Deferred.fromCoroutine(realm).asFuture(self.loop)
        self._factory = ChatServerFactory(self._realm, self.reactor)
        endpoint = TCP4ServerEndpoint(self.reactor, self.port, interface="127.0.0.1")
        self._listening = await endpoint.listen(self._factory).asFuture(self.loop)
        self.port = cast("IPv4Address", self._listening.getHost()).port

    async def stop(self) -> None:
        """Cut every connection, and let nobody in."""
        if self._realm is None or self._listening is None or self._factory is None:
            return
        stopping = self._listening.stopListening()
        if stopping is not None:
            await stopping.asFuture(self.loop)
        for connection in self._factory.connections():
            connection.abort()
        await Deferred.fromCoroutine(self._realm.close()).asFuture(self.loop)
        self._realm = None

    def backup(self) -> MemoryTables:
        """Return a copy of what the realm has stored."""
        return self._disk.backup()

    async def restore(self, backup: MemoryTables) -> None:
        """Let the realm go on from a copy, which lacks what was said since."""
        await self.stop()
        self._disk.restore(backup)
        await self.start()

    async def sits_down(self, user: str, *, rows: int = 24, columns: int = 80, **options: Any) -> Person:
        """Let somebody open a terminal, and return when the realm knows them."""
        person = Person(self, user, rows=rows, columns=columns, **options)
        self._people.append(person)
        if self._realm is not None and "password" not in options:
            await person.sees("online")
        return person

    async def bot(self, user: str) -> ChatClient:
        """Return a client for what a test says without a terminal."""
        place = TCP4ClientEndpoint(self.reactor, "127.0.0.1", self.port)
        made = ChatClient(self.reactor, place, user=user, password="secret", register=True)
        self._bots.append(made)
        await made.connect().asFuture(self.loop)
        return made

    async def done(self, deferred: Deferred[Any]) -> Any:
        """Return what becomes of a Deferred."""
        return await deferred.asFuture(self.loop)

    async def close(self) -> None:
        """Let everybody go, and the realm end."""
        for person in self._people:
            await person.leave()
        for bot in self._bots:
            await bot.close().asFuture(self.loop)
        await self.stop()


def at_home(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test with a house whose realm serves, on a loop that is not that of the other tests."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        with _wakeup_kept():
            loop = asyncio.new_event_loop()
            reactor = AsyncioSelectorReactor(loop)
            house = House(loop, reactor)
            reactor.startRunning(installSignalHandlers=False)
            try:
                loop.run_until_complete(_run(test, house, fixtures))
            finally:
                reactor.callLater(0, reactor.stop)
                loop.run_forever()
                loop.close()

    signature = inspect.signature(test)
    del run.__wrapped__  # pytest would look for a fixture called house
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[each for each in signature.parameters.values() if each.name != "house"]
    )
    return run


async def _run(
    test: Callable[..., Coroutine[Any, Any, None]], house: House, fixtures: dict[str, Any]
) -> None:
    try:
        await house.start()
        await asyncio.wait_for(test(house, **fixtures), 2 * SECONDS)
    finally:
        await house.close()


@contextlib.contextmanager
def _wakeup_kept() -> Iterator[None]:
    """Keep what wakes the other tests' reactor at a signal: asyncio puts its own in the place."""
    before = signal.set_wakeup_fd(-1)
    yield
    signal.set_wakeup_fd(before)
