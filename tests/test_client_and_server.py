"""ChatClient against the real server: in one process, and over processes that are killed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from chatproto.backoff import Backoff
from chatproto.client import ChatClient, Message, Position, State
from chatproto.errors import LoginFailed
from tests.serving import SECONDS, Server

reactor: Any = installed

MESSAGES = 3000
KILLED_AT = (100, 1111, 2345)


class Clients:
    """Makes clients that tell what they go through, and closes them."""

    def __init__(self) -> None:
        self._made: list[ChatClient] = []

    def __call__(self, port: int, user: str, **options: Any) -> ChatClient:
        made = ChatClient(
            reactor,
            f"tcp:127.0.0.1:{port}",
            user=user,
            backoff=Backoff(shortest=0.05, longest=0.2),
            on_state=lambda state, reason: print(user, state.value, reason),
            **({"password": "surabaya"} | options),
        )
        self._made.append(made)
        return made

    async def close(self) -> None:
        for each in self._made:
            await each.close()


@pytest.fixture
def client() -> Iterator[Clients]:
    clients = Clients()
    yield clients
    blockon(Deferred.fromCoroutine(clients.close()))


def in_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Deferred[None]]:
    """Let a test fail in time: a client by itself waits for its realm for ever."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(test(**fixtures)).addTimeout(2 * SECONDS, reactor)

    return run


def server(store: str, port: int = 0) -> Server:
    listen = f"client=tcp:{port}:interface=127.0.0.1"
    return Server("--realm", "alpha", "--lab", "--store", store, "--listen", listen)


async def until(condition: Any) -> None:
    for _ in range(600):
        if condition():
            return
        await deferLater(reactor, 0.05)
    raise AssertionError("it did not happen in 30 s")


@in_time
async def test_every_verb_works_with_the_real_server(client: Clients) -> None:
    serving = await deferToThread(server, "memory:")
    with serving:
        [port] = serving.ports
        messi, lineker = client(port, "messi", device="laptop"), client(port, "lineker")
        got: list[Message] = []
        lineker.on_message(got.append)
        await gatherResults([messi.connect(), lineker.connect()])
        assert messi.address == "messi@alpha"
        assert (await messi.create("tim")).group == "tim@alpha"
        assert (await lineker.join("tim")).group == "tim@alpha"
        assert (await messi.members("tim")).members == ["lineker@alpha", "messi@alpha"]
        assert (await messi.active()).users == ["lineker@alpha", "messi@alpha"]
        each = await messi.send_each(["lineker", "tim"], "to both")
        last = await messi.send("lineker", "last")
        await until(lambda: len(got) == 3)
        assert [message.mid for message in got] == [*(result.mid for result in each.results), last.mid]
        page = await lineker.history("messi")
        assert [item.text for item in page.messages] == ["to both", "last"]
        assert [state.unread for state in (await lineker.conversations()).conversations] == [1, 2]
        await lineker.read("messi", page.messages[-1].seq)
        assert [state.unread for state in (await lineker.conversations()).conversations] == [1, 0]
        await lineker.leave("tim")
        token, position = lineker.token, lineker.position
        await lineker.close()
        await messi.send("lineker", "while away")
        again = client(
            port, "lineker", password=None, token=token, after=position.after, epoch=position.epoch
        )
        await again.connect()
        async for message in again.messages():
            assert message.text == "while away"
            break
        await gatherResults([again.close(), messi.close()])
        wrong = client(port, "messi", password="wrong")
        try:
            await wrong.connect()
        except LoginFailed:
            await wrong.close()
        else:
            raise AssertionError("a wrong password is refused")


@in_time
async def test_a_killed_server_loses_and_repeats_nothing(client: Clients, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/alpha.db"
    serving = await deferToThread(server, store)
    [port] = serving.ports
    sender, taker = client(port, "messi"), client(port, "lineker")
    taken: list[str] = []
    taker.on_message(lambda message: taken.append(message.text))
    await gatherResults([sender.connect(), taker.connect()])
    answered: list[int] = []

    def stored_one(sent: Any, number: int) -> None:
        answered.append(number)
        if number in KILLED_AT:
            serving.process.kill()  # with the next ones under way

    sends: list[Deferred[Any]] = []
    for number in range(MESSAGES):
        sends.append(sender.send("lineker", str(number)).addCallback(stored_one, number))
    for number in KILLED_AT:
        await deferToThread(serving.process.wait, SECONDS)
        assert number in answered
        assert len(answered) < MESSAGES
        serving.__exit__(None, None, None)
        serving = await deferToThread(server, store, port)
    with serving:
        await gatherResults(sends)
        assert answered == list(range(MESSAGES))
        await until(lambda: len(taken) >= MESSAGES)
        assert taken == [str(number) for number in range(MESSAGES)]
        stored: list[str] = []
        after = 0
        while True:
            page = await taker.history("messi", after=after, limit=200)
            stored += [item.text for item in page.messages]
            if page.complete:
                break
            after = page.messages[-1].seq
        assert stored == taken
        assert isinstance(taker.position, Position)
        assert taker.state is State.ONLINE
        await gatherResults([sender.close(), taker.close()])
