"""The processes at the ends of a transfer, for ``benchmarks.files``; each prints what it did as JSON.

``client PORT USER`` is the shipped client. It does a line of its input at a time: ``send TO PATH``, or
``save WITH FOLDER``, the newest file of a conversation; ``talk TO PATH`` sends texts with the time beside a
file, and ``hear WITH FOLDER`` tells how old the texts are that come meanwhile. ``sink FOLDER`` and
``source PORT PATH`` are a byte pump: what Twisted costs alone, without lines, acks, hashes and rules.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, BinaryIO, cast

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import ClientFactory, Protocol, ServerFactory
from twisted.internet.task import LoopingCall, react
from twisted.internet.threads import deferToThread
from twisted.protocols.basic import FileSender
from twisted.python.failure import Failure
from zope.interface import implementer

from benchmarks.latency import RATE
from benchmarks.server import PASSWORD, pin_load
from chatproto import ChatClient
from chatproto.client import Message, Progress

#: The last text of those that are timed.
END = "end"
#: Bytes that the sink holds, as much as a realm does for an upload.
_HELD = 1024 * 1024


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def resident(key: str) -> int:
    """Return ``VmRSS``, or ``VmHWM``, the most since :func:`forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) * 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


class Work:
    """One file that is sent or saved: how long each stage took, and what was needed."""

    def __init__(self) -> None:
        self.stage = ""
        self.stages: dict[str, float] = {}
        self._last = time.perf_counter()
        forget_peak()
        self._resident = resident("VmRSS")
        self._begun = time.process_time()

    def progress(self, progress: Progress) -> None:
        """Hear how far it is."""
        now = time.perf_counter()
        self.stages[self.stage] = self.stages.get(self.stage, 0.0) + now - self._last
        self._last, self.stage = now, progress.stage.value

    def tell(self, **more: Any) -> None:
        """Tell what it came to."""
        processor = time.process_time() - self._begun
        grown = resident("VmHWM") - self._resident
        stages = {stage: seconds for stage, seconds in self.stages.items() if stage}
        tell(stages=stages, processor=processor, grown=grown, resident=self._resident, **more)


class Client:
    """The shipped client, told what to do by lines."""

    def __init__(self, reactor: Any, port: str, user: str) -> None:
        self._clock = reactor
        self._chat = ChatClient(reactor, f"tcp:127.0.0.1:{port}", user=user, password=PASSWORD, register=True)
        self._heard: list[float] = []
        self._work: Work | None = None

    async def run(self) -> None:
        """Do what the input says, until its end."""
        await self._chat.connect()
        self._chat.on_message(self._message)
        tell(ready=True)
        while line := await deferToThread(sys.stdin.readline):
            verb, whom, path = line.rstrip("\n").split(" ", 2)
            self._work = work = Work()
            self._heard.clear()
            done = self._send(whom, path) if verb in ("send", "talk") else await self._save(whom, path)
            if verb == "talk":
                talking = LoopingCall(self._talk, whom)
                talking.start(1 / RATE)
                await done
                talking.stop()
                await self._chat.send(whom, END)
            await done
            work.tell(heard=self._heard)
        await self._chat.close()

    def _send(self, to: str, path: str) -> Deferred[Any]:
        assert self._work is not None
        return self._chat.send_file(to, path, progress=self._work.progress)

    async def _save(self, whom: str, folder: str) -> Deferred[Any]:
        assert self._work is not None
        page = await self._chat.history(whom, limit=200)
        file = next(item for item in reversed(page.messages) if item.file is not None)
        return self._chat.save(file, folder, overwrite=True, progress=self._work.progress)

    def _talk(self, to: str) -> None:
        if self._work is not None and self._work.stage == "sending":
            self._chat.send(to, repr(time.perf_counter()))

    def _message(self, message: Message) -> None:
        if message.file is None and self._work is not None and self._work.stage == "fetching":
            self._heard.append((time.perf_counter() - float(message.text)) * 1000)


@implementer(IHalfCloseableProtocol)
class Sink(Protocol):
    """Writes what it reads to a file, in a thread."""

    def __init__(self, file: BinaryIO, done: Deferred[None]) -> None:
        self._file = file
        self._done = done
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._busy = self._ended = False

    def dataReceived(self, data: bytes) -> None:
        self._waiting.append(data)
        self._bytes += len(data)
        if self._bytes > _HELD:
            self.transport.pauseProducing()  # type: ignore[union-attr]
        self._next()

    def _next(self) -> None:
        if self._busy:
            return
        if self._waiting:
            self._busy = True
            data, self._waiting = self._waiting, []
            deferToThread(self._file.writelines, data).addCallback(self._written, sum(map(len, data)))
        elif self._ended:
            self._busy = True
            deferToThread(os.fsync, self._file.fileno()).addCallback(self._synced)

    def _written(self, _: object, size: int) -> None:
        self._busy = False
        self._bytes -= size
        if not self._ended:
            self.transport.resumeProducing()  # type: ignore[union-attr]
        self._next()

    def readConnectionLost(self) -> None:
        self._ended = True
        self._next()

    def writeConnectionLost(self) -> None:
        pass

    def _synced(self, _: object) -> None:
        assert self.transport is not None
        self.transport.write(b"!")
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._done.callback(None)


async def run_sink(reactor: Any, folder: str) -> None:
    """Take one file."""
    done: Deferred[None] = Deferred()
    with Path(folder, "pumped").open("wb", buffering=0) as file:  # noqa: ASYNC230 - it is empty
        sink = Sink(file, done)
        port = reactor.listenTCP(0, ServerFactory.forProtocol(lambda: sink), interface="127.0.0.1")
        forget_peak()
        before, begun = resident("VmRSS"), time.process_time()
        tell(port=port.getHost().port)
        await done
        tell(processor=time.process_time() - begun, grown=resident("VmHWM") - before)


class Source(Protocol):
    """Sends a file, and waits until it is told that it is on the disk."""

    def __init__(self, path: str, done: Deferred[None]) -> None:
        self._path = path
        self._done = done

    def connectionMade(self) -> None:
        assert self.transport is not None
        self._file = Path(self._path).open("rb")  # noqa: SIM115 - until all is sent
        sender = FileSender()
        sender.CHUNK_SIZE = 64 * 1024
        sender.beginFileTransfer(self._file, self.transport).addCallback(self._sent)

    def _sent(self, _: object) -> None:
        self._file.close()
        cast("Any", self.transport).loseWriteConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._done.callback(None)


async def run_source(reactor: Any, port: str, path: str) -> None:
    """Send one file."""
    done: Deferred[None] = Deferred()
    start, begun = time.perf_counter(), time.process_time()
    factory = ClientFactory.forProtocol(lambda: Source(path, done))
    reactor.connectTCP("127.0.0.1", int(port), factory)
    await done
    tell(seconds=time.perf_counter() - start, processor=time.process_time() - begun)


_PROGRAMS: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "client": lambda reactor, *arguments: Client(reactor, *arguments).run(),
    "sink": run_sink,
    "source": run_source,
}


def main() -> None:
    verb, *arguments = sys.argv[1:]
    if verb != "sink":
        pin_load()
    react(lambda reactor: ensureDeferred(_PROGRAMS[verb](reactor, *arguments)))


if __name__ == "__main__":
    main()
