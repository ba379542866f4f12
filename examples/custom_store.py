"""A store of one's own: what MemoryStore keeps, and every message also as a line of a file.

A store is any class that provides IStore. This one takes what it needs from MemoryStore and changes what
happens when a batch is stored; a message is on disk before its sender hears that it is.

    python examples/custom_store.py 8889 journal.jsonl
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import react
from zope.interface import implementer

from chatproto import ChatServerFactory, IStore, MemoryDisk, MemoryStore, Policy, Realm, Registration
from chatproto.records import Batch, MessageRow


@implementer(IStore)
class JournalStore(MemoryStore):
    def __init__(self, path: Path) -> None:
        super().__init__(MemoryDisk())
        self._journal = path.open("ab")

    def commit(self, batch: Batch) -> Deferred[Sequence[int]]:
        return super().commit(batch).addCallback(self._write, batch)

    def _write(self, failed: Sequence[int], batch: Batch) -> Sequence[int]:
        for index, entry in enumerate(batch.entries):
            if index not in failed:
                for row in entry.inserts:
                    if isinstance(row, MessageRow):
                        self._journal.write(msgspec.json.encode(row) + b"\n")
        # This blocks the whole server for the length of a sync. A store for real work does it in a thread.
        self._journal.flush()
        os.fsync(self._journal.fileno())
        return failed


async def main(reactor: PosixReactorBase, port: str, path: str) -> None:
    policy = Policy(registration=Registration.OPEN)
    realm = await Realm.open("alpha", JournalStore(Path(path)), reactor, policy=policy)
    endpoint = serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1")
    listening = await endpoint.listen(ChatServerFactory(realm, reactor))
    print("listening", listening.getHost().port, flush=True)
    await Deferred()  # until somebody presses Ctrl-C


if __name__ == "__main__":
    react(main, sys.argv[1:])
