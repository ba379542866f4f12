"""The network as users of the library see it: realms, clients, and what can be done to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chatproto.client import ChatClient, State
from chatproto.errors import StoreFailed
from chatproto.testing.hosts import RealmHost
from chatproto.testing.network import DidNotHappen, Network
from tests.conftest import LoggedFailures
from tests.serving import ROOT


class Chat:
    """A realm with two users who listen."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.alpha: RealmHost = network.realm("alpha", ["messi", "henderson"])
        network.wait(self.alpha.start())
        self.messi = self.client("messi")
        self.henderson = self.client("henderson")
        self.heard: list[str] = []
        self.henderson.on_message(lambda message: self.heard.append(message.text))

    def client(self, user: str) -> ChatClient:
        client = self.network.client(user, "alpha")
        self.network.wait(client.connect())
        return client

    def say(self, text: str) -> None:
        self.network.wait(self.messi.send("henderson", text))


@pytest.fixture(params=["memory", "sqlite"])
def chat(request: pytest.FixtureRequest, tmp_path: Path) -> Chat:
    return Chat(Network(1, folder=None if request.param == "memory" else tmp_path / "stores"))


def test_messages_survive_a_crash(chat: Chat) -> None:
    chat.say("before")
    sending = chat.messi.send("henderson", "while it was away")
    chat.alpha.crash()
    chat.network.run(10)
    chat.network.wait(chat.alpha.start())
    chat.network.wait(sending)
    chat.network.run(5)
    assert chat.heard == ["before", "while it was away"]


def test_a_realm_that_stops_says_goodbye(chat: Chat) -> None:
    chat.say("before")
    chat.network.wait(chat.alpha.stop())
    assert not chat.alpha.serving
    chat.network.run(1)
    assert chat.messi.state is State.WAITING
    chat.network.wait(chat.alpha.start())
    chat.say("after")
    chat.network.run(5)
    assert chat.heard == ["before", "after"]


def test_a_realm_that_is_wanted_while_it_stops_starts_when_it_is_gone(chat: Chat) -> None:
    chat.alpha.troubles.commit_seconds = (3.0, 3.0)
    sending = chat.messi.send("henderson", "on a slow disk")
    chat.network.run(0.5)
    stopping = chat.alpha.stop()
    chat.alpha.start_again()
    chat.alpha.troubles.commit_seconds = (0.0, 0.0)
    chat.network.wait(stopping)
    assert chat.alpha.lives == 2
    chat.network.wait(sending)
    chat.network.until(lambda: chat.heard == ["on a slow disk"], within=60)


def test_a_realm_whose_store_fails_is_started_again(chat: Chat, logged_failures: LoggedFailures) -> None:
    chat.alpha.troubles.break_next = True
    chat.say("stored, but nobody could tell")
    chat.network.run(5)
    assert (chat.heard, chat.alpha.lives) == (["stored, but nobody could tell"], 2)
    assert len(logged_failures.take(StoreFailed)) == 1


def test_an_older_copy_knows_less(chat: Chat) -> None:
    chat.say("kept")
    copy = chat.alpha.copy()
    chat.network.run(5)
    chat.say("lost")
    chat.network.run(5)
    chat.alpha.put_back(copy)
    chat.network.wait(chat.alpha.start())
    assert chat.alpha.realm is not None
    assert len(chat.alpha.realm.lives.rows) == 2
    chat.network.run(5)
    chat.network.until(lambda: chat.messi.state is State.ONLINE)
    page = chat.network.wait(chat.messi.history("henderson"))
    assert [item.text for item in page.messages] == ["kept"]


def test_what_does_not_happen_is_told(chat: Chat) -> None:
    chat.network.partition("alpha", "messi@alpha")
    sending = chat.messi.send("henderson", "halo")
    with pytest.raises(DidNotHappen):
        chat.network.wait(sending, within=100)
    chat.network.heal()
    chat.network.run(120)
    assert chat.heard == ["halo"]


def test_the_example_of_the_documents_works() -> None:
    example = [sys.executable, str(ROOT / "examples" / "hostile_bot.py")]
    told = subprocess.run(example, capture_output=True, text=True, check=True, timeout=100).stdout
    assert told == "every text was answered once, with each of 100 seeds\n"


def test_the_same_seed_is_the_same_run() -> None:
    def run(seed: int) -> list[str]:
        network = Network(seed)
        trace: list[str] = []
        network.trace = trace.append
        chat = Chat(network)
        chat.say("halo")
        network.run(5)
        return trace

    assert run(1) == run(1)
    assert run(1) != run(2)
