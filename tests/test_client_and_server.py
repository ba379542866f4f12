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
from chatproto.client import ChatClient, IsTyping, LiveChange, Message, Position, Receipt, State
from chatproto.errors import LoginFailed, NoSuchGroup
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
        assert (await messi.groups.create("tim")).group == "tim@alpha"
        assert (await lineker.groups.join("tim")).group == "tim@alpha"
        assert (await messi.groups.members("tim")).members == ["lineker@alpha", "messi@alpha"]
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
        await lineker.groups.leave("tim")
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
async def test_everything_about_groups_works_with_the_real_server(client: Clients) -> None:
    serving = await deferToThread(server, "memory:")
    with serving:
        [port] = serving.ports
        messi, lineker = client(port, "messi"), client(port, "lineker")
        got: list[Message] = []
        lineker.on_message(got.append)
        await gatherResults([messi.connect(), lineker.connect()])
        await messi.groups.create("tim", topic="football", access="invited")
        await messi.groups.invite("tim", "lineker")
        await until(lambda: got)
        assert (got[0].kind, got[0].about) == ("invitation", "tim@alpha")
        await lineker.groups.join("tim")
        assert [entry.role for entry in (await lineker.groups.list()).groups] == ["member"]
        await messi.groups.set_topic("tim", "tennis")
        await messi.groups.set_role("tim", "lineker", "admin")
        await messi.groups.configure("tim", history="all", access="open")
        await messi.groups.transfer("tim", "lineker")
        state = await messi.groups.describe("tim")
        assert (state.topic, state.owner, state.role) == ("tennis", "lineker@alpha", "admin")
        assert (state.history, state.access, state.members) == ("all", "open", 2)
        await lineker.groups.kick("tim", "messi")
        assert (await lineker.groups.members("tim")).roles == {"lineker@alpha": "owner"}
        await lineker.groups.delete("tim")
        with pytest.raises(NoSuchGroup):
            await lineker.groups.describe("tim")
        kinds = ["topic", "promoted", "history", "access", "owner"]  # what it did itself does not come
        await until(lambda: [message.kind for message in got[1:]] == kinds)


@in_time
async def test_what_passes_is_told_and_being_live_outlives_a_lost_connection(client: Clients) -> None:
    serving = await deferToThread(server, "memory:")
    with serving:
        [port] = serving.ports
        messi, lineker = client(port, "messi", receipts=True, typing=True), client(port, "lineker")
        told: list[object] = []
        messi.on_hint(told.append)
        lineker.on_message(lambda message: None)
        await gatherResults([messi.connect(), lineker.connect()])
        sent = await messi.send("lineker", "halo")
        assert sent.seq is not None
        await lineker.typing("messi")
        await lineker.read("messi", sent.seq)
        wanted = [
            IsTyping(from_="lineker@alpha", to="messi@alpha"),
            Receipt(with_="lineker@alpha", by="lineker@alpha", read=sent.seq),
            Receipt(with_="lineker@alpha", by="lineker@alpha", delivered=sent.seq),
        ]
        await until(lambda: all(hint in told for hint in wanted))
        await messi.groups.create("tim")
        await lineker.groups.join("tim")
        assert (await messi.groups.live("tim")).live == ["messi@alpha"]
        assert (await lineker.groups.live("tim")).live == ["lineker@alpha", "messi@alpha"]
        come = LiveChange(group="tim@alpha", from_="lineker@alpha", on=True)
        gone = LiveChange(group="tim@alpha", from_="lineker@alpha", on=False)
        await until(lambda: come in told)
        lineker._link.protocol.transport.abortConnection()  # type: ignore[union-attr]
        await until(lambda: told[-2:] == [gone, come])
        await lineker.groups.live("tim", on=False)
        await until(lambda: told[-1] == gone)


@in_time
async def test_an_account_and_its_sessions_are_its_own(client: Clients) -> None:
    serving = await deferToThread(server, "memory:")
    with serving:
        [port] = serving.ports
        chat = client(port, "amsal", register=True)
        other = client(port, "amsal")
        await chat.connect()
        await other.connect()
        await chat.account.block("messi")
        assert (await chat.account.blocks()).addresses == ["messi@alpha"]
        await chat.account.unblock("messi")
        assert (await chat.account.blocks()).addresses == []
        [mine, theirs] = (await chat.account.sessions()).sessions
        assert (mine.current, theirs.current) == (True, False)
        with pytest.raises(LoginFailed):
            await chat.account.change_password("wrong", "new")
        await chat.account.change_password("surabaya", "new")
        await until(lambda: other.state is State.CLOSED)  # its session was ended, its password replaced
        [only] = (await chat.account.sessions()).sessions
        assert only.session == mine.session
        await chat.account.revoke(mine.session)  # it logs in anew, with the new password
        await until(lambda: chat.state is not State.ONLINE)
        await chat.connect()
        with pytest.raises(LoginFailed):
            await chat.account.delete("surabaya")
        await chat.account.delete("new")
        assert stands(chat, State.CLOSED)
        gone = client(port, "amsal", password="new")
        with pytest.raises(LoginFailed):
            await gone.connect()


@in_time
async def test_a_client_that_logs_out_leaves_no_session(client: Clients) -> None:
    serving = await deferToThread(server, "memory:")
    with serving:
        [port] = serving.ports
        first, second = client(port, "messi"), client(port, "messi")
        await gatherResults([first.connect(), second.connect()])
        await first.account.logout()
        assert stands(first, State.CLOSED)
        assert len((await second.account.sessions()).sessions) == 1


def stands(client: ChatClient, state: State) -> bool:
    return client.state is state


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
