"""What benchmarks of files share: the programs at the ends, files to send, and times in words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.latency import percentiles

MIB = 2**20


class End:
    """One of the programs of :mod:`benchmarks.file_ends`, in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "benchmarks.file_ends", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.process.kill()
        self.process.communicate()

    def begin(self, *words: object) -> None:
        """Say what to do."""
        assert self.process.stdin is not None
        print(*words, file=self.process.stdin, flush=True)

    def read(self) -> dict[str, Any]:
        """Return what it tells next."""
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def do(self, *words: object) -> dict[str, Any]:
        """Say what to do, and return what it came to."""
        self.begin(*words)
        return self.read()


def make(path: Path, size: int) -> None:
    """Write a file of random bytes, and have the disk take it."""
    with path.open("wb") as file:
        while size > 0:
            size -= file.write(os.urandom(min(size, MIB)))
        file.flush()
        os.fsync(file.fileno())


def in_words(times: list[float]) -> str:
    if not times:
        return "none"
    median, late = percentiles(times)
    return f"{median:.1f} and {late:.1f} ({len(times)} texts)"
