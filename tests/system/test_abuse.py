"""Clients that mean harm, on real sockets: what they get, and that others do not notice them."""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from msgspec.structs import asdict
from pytest_twisted import ensureDeferred
from twisted.internet.defer import gatherResults

from chatproto.client import ChatClient
from chatproto.limits import LOOPBACK, Limits
from tests.serving import SECONDS, Connection
from tests.system.running import PASSWORD, RunningRealm, encoded, history

#: Others are answered in this time, with room for a busy machine; a stuck reactor would take far longer.
PROMPT = 0.25


def dial(realm: RunningRealm, address: str) -> socket.socket:
    """Return a socket that is connected from an address; all of 127/8 is this machine."""
    return socket.create_connection(("127.0.0.1", realm.port), SECONDS, source_address=(address, 0))


def connect(realm: RunningRealm, address: str) -> Connection:
    return Connection(dial(realm, address))


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens soon."""
    ends_at = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen"
        time.sleep(0.02)


class Others:
    """Somebody who talks, from an address of its own, and how long the realm takes to answer."""

    def __init__(self, realm: RunningRealm) -> None:
        self._client = connect(realm, "127.0.0.9")
        assert self._client.ask(do="login", user="lineker", password=PASSWORD)["status"] == "OK"
        self._times: list[float] = []

    def talk(self) -> None:
        started = time.monotonic()
        assert self._client.ask(do="send", to="lineker", text="halo")["status"] == "OK"
        self._times.append(time.monotonic() - started)

    def usual(self) -> float:
        """Return the time that most answers took at most since this was asked last."""
        times, self._times = sorted(self._times), []
        return times[len(times) * 9 // 10]

    def close(self) -> None:
        with self._client:
            pass


def _flags() -> Iterator[str]:
    """Return what makes a realm treat its own machine like any other, but in less time."""
    public = {**asdict(Limits()), "login_seconds": 1.5, "progress_seconds": 1, "delay_seconds": 1}
    for name, value in public.items():
        if value != getattr(LOOPBACK, name):
            yield from ("--limit", f"{name}={value}")


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRealm]:
    """Return one realm for all of them; whatever they did to it, it ends in order and has logged no fault."""
    realm = RunningRealm(tmp_path_factory.mktemp("abuse"), *_flags())
    realm.start()
    try:
        yield realm
        assert realm.terminate() == 0
        assert "Traceback" not in realm.log()
    finally:
        realm.close()
        print(realm.log())


@pytest.fixture(scope="module")
def others(realm: RunningRealm) -> Iterator[Others]:
    made = Others(realm)
    yield made
    made.close()


def test_one_who_never_reads_is_cut_and_others_are_answered(realm: RunningRealm, others: Others) -> None:
    with connect(realm, "127.0.2.1") as messi, dial(realm, "127.0.2.2") as silent:
        assert messi.ask(do="login", user="messi", password=PASSWORD)["status"] == "OK"
        for _ in range(20):
            messi.ask(do="send", to="henderson", text="x" * 15_000)
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.sendall(encoded(do="login", user="henderson", password=PASSWORD))
        silent.sendall(encoded(do="listen", after=0))
        silent.setblocking(False)
        flood = encoded(do="history", limit=200, **{"with": "messi"}) * 1000
        sent = 0
        ends_at = time.monotonic() + SECONDS
        while time.monotonic() < ends_at:
            others.talk()
            try:
                sent += silent.send(flood[sent % len(flood) :])
            except BlockingIOError:
                time.sleep(0.02)
            except OSError:  # cut
                break
        else:
            raise AssertionError("it was not cut")
        assert others.usual() < PROMPT


def test_one_byte_a_second_is_no_login(realm: RunningRealm, others: Others) -> None:
    with closing(dial(realm, "127.0.3.1")) as slow:
        line = encoded(do="login", user="messi", password=PASSWORD)
        slow.settimeout(0.3)
        started = time.monotonic()
        for byte in line:
            try:
                slow.sendall(bytes([byte]))
                if heard := slow.recv(4096):
                    break
            except TimeoutError:
                others.talk()
        assert b"login-timeout" in heard
        assert 1.0 < time.monotonic() - started < SECONDS / 2
        slow.settimeout(SECONDS)
        assert slow.recv(4096) == b""
    assert others.usual() < PROMPT


def seconds_to_log_in(realm: RunningRealm, address: str) -> float:
    """Return how long the owner of an account needs, who waits as told and tries again."""
    started = time.monotonic()
    with connect(realm, address) as owner:
        while (reply := owner.ask(do="login", user="henderson", password=PASSWORD))["status"] != "OK":
            assert reply["code"] == "rate-limited"
            time.sleep(reply["retry_after"])
    return time.monotonic() - started


def test_wrong_logins_ten_a_second_delay_the_owner_little_and_others_not_at_all(
    realm: RunningRealm, others: Others
) -> None:
    home, elsewhere = "127.0.4.100", "127.0.4.101"
    with connect(realm, home) as owner:
        assert owner.ask(do="login", user="henderson", password=PASSWORD)["status"] == "OK"
    codes: list[str] = []
    waited: dict[str, float] = {}
    with ExitStack() as stack:
        attackers = []
        started = time.monotonic()
        for turn in range(30):
            attacker = stack.enter_context(connect(realm, f"127.0.4.{turn % 10}"))
            attacker.write(do="login", user="henderson", password=f"wrong {turn}")
            attackers.append(attacker)
            others.talk()
            if turn == 20:
                waited = {address: seconds_to_log_in(realm, address) for address in (home, elsewhere)}
            time.sleep(max(0.0, started + (turn + 1) / 10 - time.monotonic()))
        for attacker in attackers:
            reply = attacker.read()
            assert reply is not None
            codes.append(reply["code"])
    assert sorted(set(codes)) == ["login-failed", "rate-limited"]
    assert waited[home] < 0.5
    assert waited[elsewhere] < 10.0
    assert others.usual() < PROMPT


def test_sixty_connect_at_once_and_sixteen_stay(realm: RunningRealm, others: Others) -> None:
    live, refused = [], []
    with ExitStack() as stack:
        dialled = [stack.enter_context(connect(realm, "127.0.5.1")) for _ in range(60)]
        for client in dialled:
            client.write(do="hello", id=1)
        for client in dialled:
            reply = client.read()
            assert reply is not None
            if reply["status"] == "OK":
                live.append(client)
            else:
                refused.append(client)
                assert reply["code"] == "too-many-connections"
                assert reply["retry_after"] > 0
        assert (len(live), len(refused)) == (16, 44)
        others.talk()
        assert live[0].ask(do="login", user="messi", password=PASSWORD)["status"] == "OK"

    def one_more() -> bool:
        with connect(realm, "127.0.5.1") as again:
            return bool(again.ask(do="hello")["status"] == "OK")

    until(one_more)


def test_an_address_that_connects_all_the_time_is_told_to_wait(realm: RunningRealm, others: Others) -> None:
    told = []
    for _ in range(34):
        with connect(realm, "127.0.6.1") as client:
            told.append(client.ask(do="hello"))
    assert [reply["status"] for reply in told] == ["OK"] * 32 + ["ERROR"] * 2
    assert 10 < told[-1]["retry_after"] < 20
    with connect(realm, "127.0.6.2") as other:
        assert other.ask(do="hello")["status"] == "OK"
    others.talk()
    assert others.usual() < PROMPT


def test_a_flood_of_sends_is_refused_in_part_and_comes_through_when_repeated(
    realm: RunningRealm, others: Others
) -> None:
    with connect(realm, "127.0.7.1") as messi:
        assert messi.ask(do="login", user="messi", password=PASSWORD)["status"] == "OK"
        missing = list(range(300))
        rounds, longest = 0, 0.0
        while missing:
            rounds += 1
            messi.socket.sendall(
                b"".join(
                    encoded(
                        do="send", id=number, to="henderson", text=f"text {number}", cid=f"flood:{number}"
                    )
                    for number in missing
                )
            )
            left, wait = [], 0.0
            for number in missing:
                reply = messi.read()
                assert reply is not None
                assert reply["re"] == number
                if reply["status"] != "OK":
                    assert reply["code"] == "rate-limited"
                    left.append(number)
                    wait = max(wait, reply["retry_after"])
            others.talk()
            missing, longest = left, max(longest, wait)
            time.sleep(wait)
        assert rounds > 1
        assert 0 < longest < 1
        texts = [message["text"] for message in history(messi, "henderson")]
    assert sorted(text for text in texts if text.startswith("text")) == sorted(
        f"text {number}" for number in range(300)
    )


def test_garbage_of_all_kinds_ends_no_more_than_its_own_connection(
    realm: RunningRealm, others: Others
) -> None:
    noise = random.Random(7)
    pieces = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise.randbytes(500),  # TLS
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n" * 50_000,
        b"{" * 100_000,
        b"x" * 5_000_000,
        b'{"do":' + b"[" * 60_000 + b"\r\n",
        b'{"do":"login","user":"a","user":"b"}\r\n' * 30,
        b"\0\xff\xfe" * 1000 + b"\r\n",
        b"auth \xff\xfe x\r\nauth a\nb c\r\nsend\r\nlogout\r\n" * 20,
        *[noise.randbytes(2000) for _ in range(20)],
        *[bytes(noise.choices(b'{}[]":,\\do \r\n', k=3000)) for _ in range(20)],
    ]
    for number, piece in enumerate(pieces):
        with closing(dial(realm, f"127.0.8.{number}")) as stranger:
            stranger.settimeout(SECONDS)
            try:
                stranger.sendall(piece)
                stranger.shutdown(socket.SHUT_WR)
                while stranger.recv(65536):
                    pass
            except OSError:
                pass  # it may end before everything was sent
        others.talk()
    assert others.usual() < PROMPT


def test_connections_that_break_off_or_stay_half_open_leave_nothing(
    realm: RunningRealm, others: Others
) -> None:
    for turn in range(40):
        broken = dial(realm, f"127.0.9.{turn}")
        # Reset, in the middle of a line or while the realm works for it.
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line = encoded(do="login", user="messi", password=PASSWORD) * 3
        broken.sendall(line[: (turn * 17) % len(line)])
        broken.close()
    with ExitStack() as stack:
        for _ in range(16):  # they say nothing and stay, until the realm has had enough
            stack.enter_context(closing(dial(realm, "127.0.10.1")))
        others.talk()

        def let_in() -> bool:
            with connect(realm, "127.0.10.1") as client:
                return bool(client.ask(do="hello").get("code") != "too-many-connections")

        until(let_in)
    with connect(realm, "127.0.9.1") as client:
        assert client.ask(do="login", user="messi", password=PASSWORD)["status"] == "OK"
    assert others.usual() < PROMPT


@ensureDeferred
async def test_our_own_client_waits_as_it_is_told_and_loses_nothing(realm: RunningRealm) -> None:
    from twisted.internet import reactor as installed

    reactor: Any = installed
    where = f"tcp:127.0.0.1:{realm.port}:bindAddress=127.0.11.1"
    client = ChatClient(reactor, where, user="messi", password=PASSWORD)
    texts: list[str] = []
    after, complete = 0, False
    try:
        await client.connect().addTimeout(SECONDS, reactor)
        sent = [client.send("henderson", f"number {number}") for number in range(300)]
        await gatherResults(sent).addTimeout(SECONDS, reactor)
        while not complete:
            page = await client.history("henderson", after=after)
            texts += [message.text for message in page.messages if message.text.startswith("number")]
            after, complete = page.messages[-1].seq, page.complete
    finally:
        await client.close()
    assert sorted(texts) == sorted(f"number {number}" for number in range(300))
