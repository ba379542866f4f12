"""Many small realms in one process, each linked to one hub by a real connection.

``python -m benchmarks.neighbours COUNT PORT`` is started by ``benchmarks.mesh``.

Prints every quarter of a second the time, how many are linked, how many dials they began in all, and the
processor seconds and resident KiB of the process.
"""

from __future__ import annotations

import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.task import LoopingCall, react
from twisted.python.failure import Failure

from chatproto.executors import InlineExecutor
from chatproto.federation.link import State
from chatproto.federation.peers import Peers
from chatproto.federation.setting import PeerSetting
from chatproto.federation.trust import Kind, Trust
from chatproto.names import RealmName
from chatproto.protocols.peer_factory import RealmPeerFactory
from chatproto.realm import PasswordHasher, Policy, Realm
from chatproto.store.memory import MemoryDisk, MemoryStore

HUB = RealmName("hub")
SECRET = "benchmark" * 3
_LOOK_SECONDS = 0.25


def name_of(number: int) -> str:
    return f"realm{number}"


async def neighbour(reactor: Any, number: int, port: int) -> Peers:
    """Open one realm, and begin to dial the hub."""
    store = MemoryStore(MemoryDisk())
    hasher = PasswordHasher(InlineExecutor(), cheap=True)
    realm = await Realm.open(name_of(number), store, reactor, policy=Policy(), hasher=hasher)
    trust = Trust(Kind.SECRET, secret=SECRET)
    setting = PeerSetting(realm=HUB, connect=f"tcp:127.0.0.1:{port}", trust=trust)
    peers = await Peers.open(realm, store, reactor, [setting])
    factory = RealmPeerFactory(peers, reactor)
    peers.start(partial(clientFromString, reactor), factory.dialling)
    return peers


def tell(everybody: list[Peers]) -> None:
    linked = sum(peers.links[HUB].state is State.UP for peers in everybody)
    begun = sum(peers.dialer.begun for peers in everybody)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    print(
        time.perf_counter(),
        linked,
        begun,
        time.process_time(),
        pages * resource.getpagesize() // 1024,
        flush=True,
    )


async def run(reactor: Any, count: int, port: int) -> None:
    tell([])  # the process alone
    everybody = [await neighbour(reactor, number, port) for number in range(count)]
    await LoopingCall(tell, everybody).start(_LOOK_SECONDS)


def main() -> None:
    count, port = map(int, sys.argv[1:])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    react(lambda reactor: ensureDeferred(run(reactor, count, port)).addErrback(_leave))


def _leave(failure: Failure) -> None:
    """End quietly when nobody reads any more."""
    failure.trap(BrokenPipeError)


if __name__ == "__main__":
    main()
