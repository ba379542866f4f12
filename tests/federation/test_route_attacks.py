"""What a gateway does that is not honest: it can lose time for others, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from chatproto.client import ChatClient
from chatproto.federation.identity import Identity
from chatproto.federation.sealing import seal
from chatproto.frames import Frame, Held, Item, NoRoute, Parcel, Verdict
from chatproto.frames.routing import Letter, Ruling
from chatproto.limits import Limits, without_rates
from chatproto.names import RealmName
from chatproto.realm import Policy
from chatproto.records import AppliedRow, HeldRow
from chatproto.wire.letters import decode_body, encode_body
from tests.federation.country import Country

Post = Callable[[Frame], bool]
ROGUE = Identity(RealmName("gamma"), bytes(32))


class Meddler:
    """Sends something else in the place of what is sent, as long as it is told to."""

    def __init__(self) -> None:
        self.instead: Callable[[Frame], list[Frame]] | None = None
        self.sent: list[Frame] = []
        self.sends: dict[type[Frame], Post] = {}

    def post(self, clock: object, send: Post, frame: Frame) -> bool:
        self.sent.append(frame)
        self.sends[type(frame)] = send
        for each in [frame] if self.instead is None else self.instead(frame):
            send(each)
        return True

    def freight(self, clock: object, send: Callable[..., None], *freight: object) -> None:
        send(*freight)

    def honest(self) -> None:
        self.instead = None


@pytest.fixture
def country() -> Country:
    country = Country("alpha", "gamma", "beta")
    country.hosts["gamma"].tampering = Meddler()  # type: ignore[assignment]  # it has the same methods
    country.start()
    return country


def meddler(country: Country) -> Meddler:
    found = country.hosts["gamma"].tampering
    assert isinstance(found, Meddler)
    return found


def send(country: Country, client: ChatClient, *texts: str) -> None:
    for text in texts:
        country.network.wait(client.send("amsal@beta", text))


def of_items(frame: Frame) -> bool:
    return isinstance(frame, Parcel) and decode_body(Letter, frame.body).frame is not None


def altered(frame: Parcel) -> Parcel:
    letter = decode_body(Letter, frame.body)
    assert isinstance(letter.frame, Item)
    return replace(frame, body=encode_body(replace(letter, frame=replace(letter.frame, text="evil"))))


ATTACKS: dict[str, Callable[[Frame], list[Frame]]] = {
    "drop": lambda frame: [],
    "alter": lambda frame: [altered(frame)] if of_items(frame) and isinstance(frame, Parcel) else [frame],
    "forge": lambda frame: (
        [seal(ROGUE, altered(frame))] if of_items(frame) and isinstance(frame, Parcel) else [frame]
    ),
    "double": lambda frame: [frame, frame, frame],
    "no route": lambda frame: [NoRoute(origin="alpha", to="beta", code="no-route"), frame],
    "held": lambda frame: [replace(frame, number=2**50, most=2**51)] if isinstance(frame, Held) else [frame],
    "again": lambda frame: [replace(frame, number=0, again=True)] if isinstance(frame, Held) else [frame],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_everything_arrives_once_and_unchanged_when_the_gateway_is_honest_again(
    country: Country, attack: str
) -> None:
    messi = country.client("messi", "alpha")
    send(country, messi, "one")
    meddler(country).instead = ATTACKS[attack]
    send(country, messi, "two", "three", "four")
    country.network.run(100)
    assert country.texts("beta") == ["one", "two", "three", "four"][: len(country.texts("beta"))]
    meddler(country).honest()
    send(country, messi, "five")
    country.network.run(4000)
    assert country.texts("beta") == ["one", "two", "three", "four", "five"]
    assert country.settled("alpha", "beta")
    assert country.held("gamma") == []


def test_only_the_destination_settles(country: Country) -> None:
    messi = country.client("messi", "alpha")
    send(country, messi, "one")
    country.network.run(5)
    (first,) = [row for row in country.rows("beta", AppliedRow) if row.realm == "alpha"]
    country.last.crash()
    send(country, messi, "two")
    country.network.run(5)
    (held,) = country.rows("gamma", HeldRow)
    said = [frame for frame in meddler(country).sent if isinstance(frame, Verdict)][-1]
    ruling = replace(decode_body(Ruling, said.body), number=2, mid=held.mid)
    forged = replace(said, body=encode_body(ruling))
    for verdict in (forged, seal(ROGUE, forged), replace(said, body=forged.body), said):
        meddler(country).sends[Verdict](verdict)
        country.network.run(5)
    assert first.number == country.stream("alpha", "beta").settled == 1
    assert country.first.links is not None
    assert country.first.links.peers.routes.forged >= 3


def test_an_epoch_that_is_over_is_not_brought_back(country: Country) -> None:
    messi = country.client("messi", "alpha")
    copy, mark = country.last.copy(), country.mirrors["beta"].mark()
    send(country, messi, "one", "two")
    country.network.run(5)
    old = [frame for frame in meddler(country).sent if of_items(frame) and isinstance(frame, Parcel)]
    country.last.put_back(copy)
    country.mirrors["beta"].roll_back(mark)
    country.network.wait(country.last.start())
    country.network.run(200)
    send(country, messi, "three")
    country.network.run(5)
    before = [row for row in country.rows("beta", AppliedRow) if row.realm == "alpha"]
    assert (before[0].since, before[0].number) > (decode_body(Letter, old[0].body).since, 2)
    for parcel in (*old, *reversed(old)):
        meddler(country).sends[Parcel](parcel)
        country.network.run(3)
    assert [row for row in country.rows("beta", AppliedRow) if row.realm == "alpha"] == before
    assert country.texts("beta") == ["one", "two", "three"]
    assert country.stream("alpha", "beta").since == before[0].since


def test_a_gateway_holds_no_more_than_it_may() -> None:
    country = Country("alpha", "gamma", "beta")
    limits = without_rates(Limits(held_items=10))
    country.hosts["gamma"].policy = Policy(limits=limits)
    country.start()
    messi = country.client("messi", "alpha")
    send(country, messi, "zero")
    country.network.run(5)
    country.last.crash()
    for number in range(1, 41):
        send(country, messi, str(number))
    country.network.run(600)
    assert len(country.held("gamma")) == 10
    country.network.wait(country.last.start())
    country.network.run(600)
    assert country.texts("beta") == ["zero", *map(str, range(1, 41))]
    assert country.held("gamma") == []
