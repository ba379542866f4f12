"""``chatproto chat`` in a group of another realm, which may be away; on virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from chatproto.cli.conversations import Conversations
from chatproto.cli.printing import Printing
from chatproto.cli.script import Listing
from chatproto.cli.talk import MOST_AWAY, Talk
from tests.federation.country import Country


class Seat:
    """Amsal of beta, who is in a group of alpha; what his chat shows is kept."""

    def __init__(self, *, patient: bool) -> None:
        self.country = country = Country("beta", "alpha")
        country.start()
        self.messi = country.client("messi", "alpha")
        client = country.network.client("amsal", "beta", own=True)
        self.shown: list[str] = []
        printing = Printing(colours=False)
        clock: Any = country.network.machine("amsal@beta").clock
        conversations = Conversations(clock.seconds)
        printing.own = conversations.own = "amsal@beta"

        async def ask(question: str) -> str:
            raise AssertionError(question)

        self.talk = Talk(
            clock,
            client,
            printing,
            conversations,
            Listing(printing, conversations, self.shown.append),
            show=self.shown.append,
            complain=self.shown.append,
            ask=ask,
            patient=patient,
        )
        self.ask(client.connect())
        self.ask(self.messi.groups.create("room"))
        self.ask(client.groups.join("room@alpha"))
        country.network.run(10)
        self.shown.clear()

    def ask(self, answer: Any) -> Any:
        return self.country.network.wait(answer)

    def types(self, line: str) -> None:
        self.ask(Deferred.fromCoroutine(self.talk.run(line)))


def test_a_script_is_told_what_is_not_certain() -> None:
    seat = Seat(patient=True)
    seat.country.network.partition("alpha", "beta")
    for line in ("/msg room@alpha halo", "/kick messi@alpha room@alpha", "/leave room@alpha"):
        seat.types(line)
    assert seat.shown == [
        "-- on its way to room@alpha",
        "-- waiting for its realm: removed messi@alpha from room@alpha",
        "-- waiting for its realm: left room@alpha",
    ]
    seat.country.network.heal()
    seat.country.network.run(300)
    seat.types("/join room@alpha")
    assert seat.shown[-1] == "-- joined room@alpha"


@pytest.mark.parametrize("fate", ["taken", "bounced"])
def test_a_text_is_shown_as_on_its_way_until_it_has_its_end(fate: str) -> None:
    seat = Seat(patient=False)
    seat.country.network.partition("alpha", "beta")
    seat.types("/msg room@alpha halo")
    seat.country.network.run(5)
    assert not seat.talk.pending
    assert [(each.to, each.text) for each in seat.talk.away.values()] == [("room@alpha", "halo")]
    if fate == "bounced":
        seat.ask(seat.messi.groups.kick("room", "amsal@beta"))
    seat.country.network.heal()
    seat.country.network.run(300)
    assert not seat.talk.away


def test_of_many_on_their_way_the_newest_are_shown() -> None:
    seat = Seat(patient=False)
    seat.country.network.partition("alpha", "beta")
    for number in range(MOST_AWAY + 3):
        seat.types(f"/msg room@alpha {number}")
    seat.country.network.run(5)
    assert [each.text for each in seat.talk.away.values()] == [f"{n}" for n in range(3, MOST_AWAY + 3)]
