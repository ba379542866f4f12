"""Processor time of each step of the hot path, in one process, without sockets: where the microseconds go.

A batch of sends goes through one step at a time, so that each can be timed as a whole; SQLite commits it with
real syncs, whose waiting does not count. The sum is what the code costs. What ``benchmarks.window`` prints
beyond it is sockets, threads and the reactor.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatproto.commands import Listen, Request
from chatproto.errors import ChatError
from chatproto.events import Event, Message, Reply
from chatproto.executors import InlineExecutor
from chatproto.limits import Limits
from chatproto.protocols.framing import LineFraming
from chatproto.realm import ClientSession, PasswordHasher, Policy, Realm
from chatproto.realm.listening import State
from chatproto.store.database import Database
from chatproto.store.sql import SqlStore
from chatproto.store.sqlite import SqliteDatabase
from chatproto.wire.json import JsonDialect

BATCH = 256
BATCHES = 100
WARM_UP = 20
#: With rates to ask for, as on a public port, but such that nobody is refused.
_POLICY = Policy(limits=Limits(messages=1e6, messages_burst=10**6, message_bytes=1e9))
STEPS = ("framing", "decode", "rules", "commit", "tell", "ack", "push")


class Lines(LineFraming):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line)


class Pushes:
    """The listening connection: keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def push(self, event: Event) -> bool:
        self.events.append(event)
        return True

    def goodbye(self, reason: str) -> None:
        raise RuntimeError(reason)


class Stopwatch:
    """Adds up processor time, of all threads of this process, by step."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STEPS, 0.0)

    def time(self, step: str, call: Callable[..., Any], *arguments: Any) -> Any:
        start = time.process_time()
        result = call(*arguments)
        self.seconds[step] += time.process_time() - start
        return result


class TimedStore(SqlStore):
    """Sums up the time of its commits, which lies within that of the turn in which they happen."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, InlineExecutor(), InlineExecutor())
        self.seconds = 0.0

    def commit(self, batch: Any) -> Deferred[Any]:
        start = time.process_time()
        done = super().commit(batch)
        self.seconds += time.process_time() - start
        return done


def _finish(work: Coroutine[Any, Any, Any], clock: Clock) -> Any:
    results: list[Any] = []
    Deferred.fromCoroutine(work).addCallback(results.append)
    clock.advance(0)
    return results[0]


def _session(realm: Realm, sink: Pushes, user: str, clock: Clock) -> ClientSession:
    session = ClientSession(realm, sink)
    account = _finish(realm.add_user(user, "surabaya"), clock)
    login, _ = _finish(realm.logins.begin(account, None, compact=False), clock)
    session.bind(login)
    return session


class HotPath:
    """One sender, one listener, and the steps between them."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.clock.advance(1_750_000_000)
        self.store = TimedStore(SqliteDatabase(folder / "alpha.db", 2, self.clock))
        hasher = PasswordHasher(InlineExecutor(), cheap=True)
        opening = Realm.open("alpha", self.store, self.clock, policy=_POLICY, hasher=hasher)
        self.realm: Realm = _finish(opening, self.clock)
        self.pushes = Pushes()
        self.sender = _session(self.realm, Pushes(), "messi", self.clock)
        self.listener = _session(self.realm, self.pushes, "henderson", self.clock)
        listening = self.listener.handle(Request(Listen()), lambda _: None)
        assert listening is not None
        _finish(listening, self.clock)
        assert self.listener.listener is not None
        assert self.listener.listener.state is State.LIVE
        self.json = JsonDialect()
        self.answers: list[Reply | ChatError] = []

    def run(self, first: int, watch: Stopwatch) -> None:
        framing = Lines()
        watch.time("framing", framing.dataReceived, _blob(first))
        requests = watch.time("decode", lambda: [self.json.decode(line) for line in framing.lines])
        watch.time("rules", self._handle, requests)
        before = self.store.seconds
        watch.time("tell", self.clock.advance, 0.001)
        commit = self.store.seconds - before
        watch.seconds["commit"] += commit
        watch.seconds["tell"] -= commit
        encode_reply, encode_event = self.json.encode_reply, self.json.encode_event
        replies = [answer for answer in self.answers if isinstance(answer, Reply)]
        events = [event for event in self.pushes.events if isinstance(event, Message)]
        assert len(replies) == len(events) == BATCH
        watch.time("ack", lambda: [encode_reply(reply, first) for reply in replies])
        watch.time("push", lambda: [encode_event(event) for event in events])
        self.answers.clear()
        self.pushes.events.clear()

    def _handle(self, requests: list[Request]) -> None:
        handle, answer = self.sender.handle, self.answers.append
        for request in requests:
            waiting = handle(request, answer)
            if waiting is not None:  # the first one finds route and cid in the store
                with suppress(StopIteration):
                    waiting.send(None)


def _blob(first: int) -> bytes:
    line = '{"do":"send","id":%d,"to":"henderson","text":"' + "m" * 64 + '","cid":"bench:%d"}\r\n'
    return "".join(line % (n, n) for n in range(first, first + BATCH)).encode()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="chatproto-benchmark-") as folder:
        path = HotPath(Path(folder))
        for number in range(WARM_UP):
            path.run(1 + number * BATCH, Stopwatch())
        watch = Stopwatch()
        for number in range(WARM_UP, WARM_UP + BATCHES):
            path.run(1 + number * BATCH, watch)
        _finish(path.realm.close(), path.clock)
    each = {step: seconds / BATCH / BATCHES * 1e6 for step, seconds in watch.seconds.items()}
    steps = ", ".join(f"{step} {cost:.2f}" for step, cost in each.items())
    print(f"budget: {sum(each.values()):.1f} us per message in batches of {BATCH}: {steps}")


if __name__ == "__main__":
    main()
