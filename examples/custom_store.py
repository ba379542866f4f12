"""A store of one's own: every batch is a line of a file, and memory has all of it for reading.

A store is any class that provides IStore. This one takes the reading from MemoryStore, so a realm has to
fit into memory. It passes the tests of ``chatproto.testing.store_contract``.

python examples/custom_store.py 8889 alpha.journal
"""

import fcntl
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import react
from zope.interface import implementer

from chatproto import (
    ChatServerFactory,
    IStore,
    MemoryDisk,
    MemoryStore,
    Policy,
    Realm,
    RealmName,
    Registration,
    records,
)
from chatproto.errors import StoreError, StoreFailed, StoreInUse
from chatproto.executors import ThreadExecutor
from chatproto.interfaces import IExecutor
from chatproto.records import Batch, Entry, StoreState

#: The parts of an entry. Each is a list of rows.
PARTS = ("inserts", "puts", "otherwise", "removes")


@implementer(IStore)
class JournalStore(MemoryStore):
    """``executor`` runs what touches the disk; it must have one thread, so that calls keep their order."""

    def __init__(self, path: Path, executor: IExecutor) -> None:
        super().__init__(MemoryDisk())
        self._path = path
        self._executor = executor
        self._file: BinaryIO | None = None

    def open(self, realm: RealmName) -> Deferred[StoreState]:
        return Deferred.fromCoroutine(self._take_up(realm))

    async def _take_up(self, realm: RealmName) -> StoreState:
        name, *batches = await self._executor.run(self._take, realm)
        if name != realm.encode():
            await self._executor.run(self._release)
            raise StoreError(f"this store belongs to the realm {name.decode()}, not to {realm}")
        await super().open(realm)
        for line in batches:
            await super().commit(decode(line))
        await super().close()
        return await super().open(realm)  # tells where it stands after all that

    def close(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._end())

    async def _end(self) -> None:
        await self._executor.run(self._release)  # after the commit that may be under way
        self._executor.stop()
        await super().close()

    def commit(self, batch: Batch) -> Deferred[Sequence[int]]:
        return Deferred.fromCoroutine(self._keep(batch))

    async def _keep(self, batch: Batch) -> Sequence[int]:
        await self._executor.run(self._append, encode(batch))
        return await super().commit(batch)  # entries that break a constraint break it again at each start

    # -- in the executor's thread

    def _take(self, realm: RealmName) -> list[bytes]:
        """Lock the file and return its lines, without what a crash left of a last one."""
        file = self._path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise StoreInUse(f"another process has {self._path} open") from None
        self._file = file
        file.seek(0)
        *lines, torn = file.read().split(b"\n")
        file.truncate(file.tell() - len(torn))
        if not lines:
            self._append(realm.encode() + b"\n")
            lines = [realm.encode()]
        return lines

    def _append(self, line: bytes) -> None:
        """Return when a line is on disk. If that fails nobody knows whether it is, so nothing may follow."""
        assert self._file is not None
        try:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreFailed(f"{self._path}: {error}") from error

    def _release(self) -> None:
        assert self._file is not None
        self._file.close()


def encode(batch: Batch) -> bytes:
    entries = [
        {part: [(type(row).__name__, row) for row in getattr(entry, part)] for part in PARTS}
        for entry in batch.entries
    ]
    return msgspec.json.encode((batch.number, batch.seq, batch.serial, entries)) + b"\n"


def decode(line: bytes) -> Batch:
    kind = tuple[int, int, int, list[dict[str, list[tuple[str, msgspec.Raw]]]]]
    number, seq, serial, entries = msgspec.json.decode(line, type=kind)
    kept = [Entry(**{part: rows(entry[part]) for part in PARTS}) for entry in entries]
    return Batch(number, seq, serial, kept)


def rows(written: list[tuple[str, msgspec.Raw]]) -> list[records.Record]:
    return [msgspec.json.decode(fields, type=getattr(records, kind)) for kind, fields in written]


async def main(reactor: PosixReactorBase, port: str, path: str) -> None:
    policy = Policy(registration=Registration.OPEN)
    store = JournalStore(Path(path), ThreadExecutor(reactor, "journal", 1))
    realm = await Realm.open("alpha", store, reactor, policy=policy)
    endpoint = serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1")
    listening = await endpoint.listen(ChatServerFactory(realm, reactor))
    print("listening", listening.getHost().port, flush=True)
    await Deferred()  # until somebody presses Ctrl-C


if __name__ == "__main__":
    react(main, sys.argv[1:])
