"""The example that runs system D's two realms, talked to by its clients: the flows D1 and D2."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.serving import SECONDS
from tests.test_examples import Example

END = "\r\n\r\n"
LEFT = '{"status": "OK", "message": "Telah keluar dari grup bola"}' + END


class Client:
    """A client of system D, which reads 64 bytes at a time."""

    def __init__(self, port: str, user: str, password: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", int(port)), SECONDS)
        self.token = json.loads(self.ask(f"auth {user} {password} \r\n"))["tokenid"]

    def ask(self, text: str) -> str:
        self.say(text)
        return self.hear()

    def say(self, text: str) -> None:
        self.socket.sendall(text.encode())

    def hear(self) -> str:
        heard = ""
        while not heard.endswith(END):
            heard += self.read()
        return heard

    def read(self) -> str:
        data = self.socket.recv(64)
        assert data
        return data.decode()


@pytest.fixture
def ports() -> Iterator[list[str]]:
    with Example("older/system_d.py", "0", "0") as example:
        yield [example.read(f"listening realm-{number} ") for number in (1, 2)]


def test_a_message_and_a_live_group_across(ports: list[str]) -> None:
    messi, amsal = Client(ports[0], "messi", "surabaya"), Client(ports[1], "amsal", "jakarta")
    try:
        sent = json.loads(amsal.ask(f"send {amsal.token} messi  jadi main mes? \r\n"))
        assert (sent["status"], sent["message"]) == ("OK", "Message Sent")
        box = json.loads(messi.ask(f"inbox {messi.token} \r\n"))["messages"]
        assert box == {"amsal": [{"msg_from": "amsal", "msg_to": "Lionel Messi", "msg": "jadi main mes?"}]}
        amsal.say(f"group {amsal.token} bola origin \r\n")
        assert amsal.read() == "amsal telah bergabung"
        messi.say(f"group {messi.token} bola origin \r\n")
        for client in (amsal, messi):
            assert client.read() == "messi telah bergabung"
        amsal.say("halo mes, nonton pildun ga?")
        for client in (amsal, messi):
            assert client.read() == "amsal: halo mes, nonton pildun ga?"
        messi.say("nonton dong")
        for client in (amsal, messi):
            assert client.read() == "messi: nonton dong"
        amsal.say("exit")
        assert amsal.read() == "exit"
        assert amsal.hear() == LEFT
        assert json.loads(amsal.ask(f"inbox {amsal.token} \r\n"))["status"] == "OK"
    finally:
        for client in (messi, amsal):
            client.socket.close()


def test_the_users_of_both_realms(ports: list[str]) -> None:
    users = {"messi": "surabaya", "henderson": "surabaya", "lineker": "surabaya"}
    theirs = {"amsal": "jakarta", "herbert": "singapura", "napitupulu": "surabaya"}
    for port, names in zip(ports, (users, theirs), strict=True):
        for user, password in names.items():
            Client(port, user, password).socket.close()
