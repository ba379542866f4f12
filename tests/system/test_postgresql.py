"""A realm whose PostgreSQL is stopped, crashed and started again under load."""

from __future__ import annotations

import random
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgresql import USER, PostgresServer
from tests.serving import chatproto
from tests.system.conftest import StartRealm
from tests.system.running import RunningRealm, encoded, history
from tests.system.talkers import Client, Recipient, Sender, ordered_cids

#: How often the server is restarted, and how long it lives between at most.
RESTARTS = 3
LIFE = 0.4


class Patient(Client):
    """Asks again for what is refused for now."""

    def ask(self, **command: Any) -> dict[str, Any]:
        while True:
            self.write(encoded(**command))
            reply = self.read()
            if reply.get("code") != "unavailable":
                assert reply["status"] == "OK", reply
                return reply
            assert time.monotonic() < self.until, "the realm stays unavailable"
            time.sleep(0.05)


class PatientSender(Patient, Sender):
    """Repeats what was refused for now, when everything else is answered."""

    def __init__(self, realm: RunningRealm) -> None:
        super().__init__(realm, "messi", "lineker", ordered_cids())
        self.refused: deque[tuple[str, str]] = deque()
        self.refusals = 0

    def _take(self, reply: dict[str, Any]) -> None:
        if reply["status"] == "OK":
            super()._take(reply)
        else:
            assert reply["code"] == "unavailable", reply
            self.refusals += 1
            self.refused.append(self._unacknowledged.popleft())
        if not self._unacknowledged and self.refused:
            time.sleep(reply.get("retry_after", 0.0))
            self._unacknowledged, self.refused = self.refused, deque()
            self._send(list(self._unacknowledged))

    def done(self) -> bool:
        return super().done() and not self.refused


class PatientRecipient(Patient, Recipient):
    """Comes back when its connection was ended because what it missed could not be read."""

    def read(self) -> dict[str, Any]:
        line = super().read()
        if line.get("event") == "goodbye":
            assert line["reason"] == "unavailable"
            raise EOFError
        return line


@pytest.fixture
def server(start_postgres: Callable[..., PostgresServer]) -> Iterator[PostgresServer]:
    with start_postgres() as server:
        yield server


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_every_acknowledged_message_is_there_once_and_in_order_however_the_database_ends(
    server: PostgresServer, start_realm: StartRealm, tmp_path: Path, sign: signal.Signals
) -> None:
    url = server.url(tcp=server.port)
    realm = start_realm("--store", url, "--control", str(tmp_path / "control"))
    sender, recipient = PatientSender(realm), PatientRecipient(realm, "lineker")
    recipient.start()
    sender.start()
    for _ in range(RESTARTS):
        time.sleep(random.uniform(0.1, LIFE))
        before = len(sender.acknowledged)
        server.stop(sign)
        server.start()
        until = time.monotonic() + 20
        while len(sender.acknowledged) == before:
            assert time.monotonic() < until, "the realm does not go on"
            time.sleep(0.01)
    sender.finish()
    recipient.expect(sender.acknowledged[-1][2])
    recipient.finish()
    print(len(sender.acknowledged), "messages,", sender.refusals, "refused,", sender.repeated, "repeated")

    assert sender.sessions == 1, "the process lives on, and nobody loses a connection who has not to catch up"
    assert "the database is back" in realm.log()
    texts = [text for _, text, _, _ in sender.acknowledged]
    assert sorted(texts, key=lambda text: int(text.split()[1])) == [f"text {n}" for n in range(len(texts))]
    expected = [(mid, text, seq) for _, text, mid, seq in sender.acknowledged]
    assert [seq for _, _, seq in expected] == sorted(seq for _, _, seq in expected)
    assert recipient.heard == expected
    with realm.login("lineker") as lineker:
        assert [(item["mid"], item["text"], item["seq"]) for item in history(lineker, "messi")] == expected
    assert realm.terminate() == 0
    assert server.execute("SELECT mid, text, seq FROM messages ORDER BY seq", database=USER) == expected


def test_a_database_that_is_away_makes_the_realm_unavailable_and_nothing_worse(
    server: PostgresServer, start_realm: StartRealm, tmp_path: Path
) -> None:
    realm = start_realm("--store", server.url(), "--control", str(tmp_path / "control"))
    with realm.login("messi") as messi:
        assert messi.ask(do="send", to="lineker", text="before")["status"] == "OK"
        server.stop()
        # What has to be read is refused at once, while what is to be written waits.
        reply = messi.ask(do="history", **{"with": "lineker"})
        assert (reply["code"], reply["retry_after"]) == ("unavailable", 1.0)
        messi.write(do="send", to="lineker", text="meanwhile")
        with realm.connect() as other:
            assert other.ask(do="login", user="lineker", password="surabaya")["code"] == "unavailable"
        server.start()
        reply = messi.read() or {}
        assert reply["status"] == "OK", reply
        assert [item["text"] for item in history(messi, "lineker")] == ["before", "meanwhile"]
    assert realm.terminate() == 0


def test_no_password_of_the_database_is_in_a_log_or_a_message(
    server: PostgresServer, start_realm: StartRealm, tmp_path: Path
) -> None:
    secret = "pw-of-the-database"
    server.execute(f"ALTER ROLE locked PASSWORD '{secret}'", f"GRANT ALL ON DATABASE {USER} TO locked")
    server.execute("GRANT ALL ON SCHEMA public TO locked", database=USER)
    url = server.url(user=f"locked:{secret}", tcp=server.port)
    place = ("--realm", "alpha", "--store", url)
    control = ("--control", str(tmp_path / "control"))
    realm = start_realm("--store", url, *control, "--log-level", "debug")
    with realm.login("messi") as messi:
        assert messi.ask(do="send", to="lineker", text="halo")["status"] == "OK"
    said = [chatproto("user", "list", *place, "--control", str(tmp_path / "none"))]
    assert "store-in-use: another process has postgresql://locked:***@" in said[0].stderr
    server.stop(signal.SIGQUIT)
    server.start()
    with realm.login("messi") as messi:
        assert messi.ask(do="send", to="lineker", text="halo")["status"] == "OK"
    assert realm.terminate() == 0
    server.stop()
    said.append(chatproto("user", "list", *place))
    said.append(
        chatproto("user", "list", "--realm", "alpha", "--store", url.replace("@127", "@127.0.0.1:x,127"))
    )
    assert [done.returncode for done in said] == [1, 1, 1]
    assert [done.stderr.count("\n") for done in said] == [1, 1, 1]
    assert secret not in realm.log() + "".join(done.stdout + done.stderr for done in said)
