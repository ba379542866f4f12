"""A file store against ``cp`` and ``sha256sum``: 1 GiB in chunks; what the reactor feels; 5 GiB kept.

``python -m benchmarks.file_store [FOLDER]``: on the disk of FOLDER, otherwise on that of the working folder.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from chatproto.executors import ThreadExecutor
from chatproto.files import DiskFileStore

CHUNK = 64 * 1024
SIZE = 1024**3
LARGE = 5 * 1024**3
#: Chunks that are under way at a time, as an upload's window has it.
_WINDOW = 16
_TICK = 0.005


@contextmanager
def measured(what: str, size: int = SIZE) -> Iterator[None]:
    """Print how long it took, and how much of the processor."""
    begun, before = time.perf_counter(), _processor()
    yield
    seconds, processor = time.perf_counter() - begun, _processor() - before
    print(f"{what:42} {seconds:6.2f} s {size / seconds / 1e6:8,.0f} MB/s   {processor:6.2f} s processor")


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


class Turns:
    """How late the reactor is at worst."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._last = time.perf_counter()
        self._loop = LoopingCall(self._tick)
        self._loop.start(_TICK)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.worst, self._last = max(self.worst, now - self._last - _TICK), now


async def measure(folder: Path, reactor: Any) -> None:
    """Measure one thing after another."""
    files = DiskFileStore(folder / "files", "alpha", ThreadExecutor(reactor, "files", 4))
    await files.open()
    chunk, turns = os.urandom(CHUNK), Turns()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with measured("written in chunks, hashed, kept on disk"):
        part = await files.part("alpha/1")
        under_way: deque[Deferred[int]] = deque()
        for _ in range(SIZE // CHUNK):
            under_way.append(part.write(chunk))
            if len(under_way) >= _WINDOW:
                await under_way.popleft()
        for each in under_way:
            await each
        written = time.perf_counter()
        name: str = await part.keep(SIZE, "")
    print(f"{'  of which after the last chunk':42} {time.perf_counter() - written:6.2f} s")
    await part.drop()
    with measured("read in chunks"):
        for offset in range(0, SIZE, CHUNK):
            assert len(await files.read(name, offset, CHUNK)) == CHUNK
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    worst = turns.worst * 1000
    print(f"{'worst turn of the reactor':42} {worst:6.1f} ms; memory grew by {grown / 1024:.1f} MiB")
    path, copy = folder / "files" / "contents" / name[:2] / name, folder / "copy"
    _others(path, copy)
    await _large(files, folder)
    await files.close()


def _others(path: Path, copy: Path) -> None:
    with measured("cp, and sync of the copy"):
        subprocess.run(["cp", "--reflink=never", path, copy], check=True)
        subprocess.run(["sync", copy], check=True)
    with measured("sha256sum"):
        subprocess.run(["sha256sum", copy], check=True, stdout=subprocess.DEVNULL)
    copy.unlink()


async def _large(files: DiskFileStore, folder: Path) -> None:
    """Keep a file of 5 GiB, nearly all of which is a hole."""
    await (await files.part("alpha/2")).close()
    os.truncate(folder / "files" / "parts" / "alpha%2F2.part", LARGE - CHUNK)
    turns = Turns()
    with measured("5 GiB that were there before, kept", LARGE):
        part = await files.part("alpha/2")
        assert await part.write(bytes(CHUNK)) == LARGE
        name = await part.keep(LARGE, "")
    await part.drop()
    assert await files.read(name, LARGE - 1, 9) == b"\0"
    print(f"{'worst turn of the reactor meanwhile':42} {turns.worst * 1000:6.1f} ms")


def main() -> None:
    """Measure in a new folder."""
    from twisted.internet import reactor as installed  # noqa: PLC0415 - chosen here

    reactor: Any = installed
    where = sys.argv[1] if len(sys.argv) > 1 else "."
    with tempfile.TemporaryDirectory(dir=where) as folder:
        done = Deferred.fromCoroutine(measure(Path(folder), reactor))
        done.addErrback(lambda failure: failure.printTraceback()).addBoth(lambda _: reactor.stop())
        reactor.run()


if __name__ == "__main__":
    main()
