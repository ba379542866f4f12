"""What a client is told of commands to a group elsewhere that its home has not decided about."""

from __future__ import annotations

from typing import Any

from chatproto.client import ChatClient, Message
from tests.federation.country import Country


class Room:
    """A group of alpha, in which amsal of beta is an admin; what he receives is kept."""

    def __init__(self) -> None:
        self.country = country = Country("beta", "alpha")
        country.start()
        self.messi: ChatClient = country.client("messi", "alpha")
        self.amsal = country.network.client("amsal", "beta")
        self.heard: list[Message] = []
        self.amsal.on_message(self.heard.append)
        self.ask(self.amsal.connect())
        self.ask(self.messi.groups.create("room"))
        self.ask(self.amsal.groups.join("room@alpha"))
        self.ask(self.messi.groups.set_role("room", "amsal@beta", "admin"))
        country.network.run(10)

    def ask(self, answer: Any) -> Any:
        return self.country.network.wait(answer)


def test_a_later_refusal_is_about_the_mid_of_the_reply() -> None:
    room = Room()
    room.country.network.partition("alpha", "beta")
    kick = room.ask(room.amsal.groups.kick("room@alpha", "messi@alpha"))
    leave = room.ask(room.amsal.groups.leave("room@alpha"))
    assert kick.state == leave.state == "pending"
    room.ask(room.messi.groups.kick("room", "amsal@beta"))
    room.country.network.heal()
    room.country.network.run(300)
    bounces = {message.about: message.text for message in room.heard if message.kind == "bounce"}
    assert bounces == {kick.mid: "not-member", leave.mid: "not-member"}


def test_so_it_is_of_a_join() -> None:
    room = Room()
    other = room.country.network.client("messi", "beta")
    heard: list[Message] = []
    other.on_message(heard.append)
    room.ask(other.connect())
    room.country.network.partition("alpha", "beta")
    join = room.ask(other.groups.join("room@alpha"))
    room.ask(room.messi.groups.configure("room", access="invited"))
    room.country.network.heal()
    room.country.network.run(300)
    (bounce,) = [message for message in heard if message.kind == "bounce"]
    assert (join.state, bounce.about, bounce.text) == ("pending", join.mid, "not-allowed")


def test_what_is_certain_has_no_mid() -> None:
    room = Room()
    done = room.ask(room.amsal.groups.set_topic("room@alpha", "football"))
    left = room.ask(room.amsal.groups.leave("room@alpha"))
    assert (done.state, done.mid, left.state, left.mid) == (None, None, None, None)
