"""Live mode of the older system, from clients that take what one read gives them for one line."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Self

import pytest

from tests.serving import SECONDS
from tests.system.older import END, Dialled, OlderClient
from tests.system.running import RunningRealm

LEFT = '{"status": "OK", "message": "Telah keluar dari grup bola"}' + END
#: How the two kinds of older clients read.
SIZES = (1024, 64)


class LiveClient(OlderClient):
    """An older client with its thread that reads in live mode, until a read is ``exit`` alone."""

    def __init__(self, realm: Dialled, user: str, size: int = 1024) -> None:
        super().__init__(realm, size)
        self.token: str = json.loads(self.ask(f"auth {user} surabaya \r\n"))["tokenid"]
        #: What each read in live mode gave.
        self.reads: list[str] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read)

    def enter(self, command: str = "group {} bola origin\r\n") -> Self:
        """Begin live mode."""
        self.say(command.format(self.token))
        self._thread.start()
        return self

    def shows(self, *reads: str) -> None:
        """Wait until there were so many further reads, and compare them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.reads) >= len(reads), SECONDS)
            shown, self.reads[: len(reads)] = self.reads[: len(reads)], []
        assert shown == [*reads]

    def leave(self) -> str:
        """Hear that live mode is over, and return the reply to ``exit``."""
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), f"an older client would hang after {self.reads}"
        return self.hear()

    def _read(self) -> None:
        read = ""
        while read != "exit":
            try:
                read = self.socket.recv(self._size).decode()
            except OSError:
                return
            if not read:
                return
            with self._changed:
                self.reads.append(read)
                self._changed.notify()


@pytest.mark.parametrize("sizes", [SIZES, SIZES[::-1]], ids=str)
def test_d2_a_live_group(server: RunningRealm, sizes: tuple[int, int]) -> None:
    with (
        LiveClient(server, "lineker", sizes[0]) as first,
        LiveClient(server, "messi", sizes[1]) as second,
        server.login("henderson") as listener,
    ):
        first.enter().shows("lineker telah bergabung")
        assert listener.ask(do="join", group="bola")["status"] == "OK"
        assert listener.ask(do="listen")["status"] == "OK"
        second.enter().shows("messi telah bergabung")
        first.shows("messi telah bergabung")
        first.say("halo mes, nonton pildun ga?")
        for client in (first, second):
            client.shows("lineker: halo mes, nonton pildun ga?")
        second.say("nonton dong\r\n")
        for client in (first, second):
            client.shows("messi: nonton dong")
        first.say("exit")
        first.shows("exit")
        assert first.leave() == LEFT
        second.shows("lineker meninggalkan group")
        box = json.loads(first.ask(f"inbox {first.token} \r\n"))["messages"]
        assert box == {}  # it was shown
        heard = []
        while "nonton dong" not in heard:
            event = listener.read()
            assert event is not None
            heard.append(event["text"])
        assert heard == ["", "halo mes, nonton pildun ga?", "nonton dong"]  # the first tells who joined
        second.say("sudah dulu\nexit\n")
        second.shows("messi: sudah dulu", "exit")
        assert second.leave() == LEFT


def test_without_a_token_and_with_the_connection_lost(server: RunningRealm) -> None:
    with LiveClient(server, "lineker") as stays, LiveClient(server, "messi") as goes:
        stays.enter("group bola\r\n").shows("lineker telah bergabung")
        goes.enter("group bola\r\n")
        for client in (stays, goes):
            client.shows("messi telah bergabung")
        goes.say("halo\n")
        for client in (stays, goes):
            client.shows("messi: halo")
        goes.socket.shutdown(socket.SHUT_RDWR)
        stays.shows("messi meninggalkan group")
        stays.say("exit")
        stays.shows("exit")
        assert stays.leave() == LEFT


def test_twenty_messages_a_second_come_one_by_one(server: RunningRealm) -> None:
    with LiveClient(server, "lineker") as reader, LiveClient(server, "messi", 64) as writer:
        reader.enter().shows("lineker telah bergabung")
        writer.enter().shows("messi telah bergabung")
        reader.shows("messi telah bergabung")
        begin = time.monotonic()
        for number in range(40):
            writer.say(f"nomor {number}\n")
            time.sleep(max(0.0, begin + (number + 1) * 0.05 - time.monotonic()))
        writer.say("exit\n")
        lines = [f"messi: nomor {number}" for number in range(40)]
        # A machine that is busy elsewhere may let a reader sleep through the space between two lines.
        assert writer.leave() == LEFT
        assert "".join(writer.reads) == "".join(lines) + "exit"
        reader.say("exit")
        assert reader.leave() == LEFT
        assert "".join(reader.reads) == "".join(lines) + "messi meninggalkan group" + "exit"
        assert len(reader.reads) > 20


def test_a_reader_that_sleeps_costs_the_others_nothing(server: RunningRealm) -> None:
    with LiveClient(server, "lineker") as sleeper, LiveClient(server, "messi") as writer:
        sleeper.say(f"group {sleeper.token} bola origin\r\n")
        writer.enter().shows("messi telah bergabung")
        for number in range(100):
            writer.say(f"{number} " + "x" * 10_000 + "\n")
        writer.say("exit\n")
        assert writer.leave() == LEFT
        heard = ""
        while "messi: 99 " not in heard or not heard.endswith("x" * 10_000):
            piece = sleeper.socket.recv(65536)
            assert piece
            heard += piece.decode()
        assert [heard.count(f"messi: {number} x") for number in range(100)] == [1] * 100
