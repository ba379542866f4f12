"""What one neighbour may take of a gateway: never so much that others find no room, and nothing twice."""

from __future__ import annotations

import pytest

from chatproto.federation import verdicts
from chatproto.federation.identity import Identity
from chatproto.federation.link import PeerLink, State
from chatproto.federation.relaying import Relaying
from chatproto.federation.sealing import seal
from chatproto.frames import Frame, Parcel, Skip, Verdict
from chatproto.frames.routing import Letter, Ruling
from chatproto.limits import Limits, without_rates
from chatproto.names import RealmName
from chatproto.realm import Policy
from chatproto.records import ITEMS, AuditRow, HeldRow
from chatproto.records.audit import HELD
from chatproto.wire.letters import encode_body
from tests.federation.country import Country

#: What makes a letter, and a ruling, nearly as long as they may be.
FAT = 100_000
REFUSED = [(2**52 + number, "c" * 12) for number in range(3300)]


@pytest.fixture
def country() -> Country:
    country = Country("alpha", "gamma", "beta")
    # Each may bring half of this, if the others bring nothing.
    country.hosts["gamma"].policy = Policy(limits=without_rates(Limits(held_total_bytes=8 * FAT)))
    country.start()
    return country


def to_gamma(country: Country, name: str) -> PeerLink:
    links = country.hosts[name].links
    assert links is not None
    return links.peers.links[RealmName("gamma")]


def relaying(country: Country) -> Relaying:
    links = country.hosts["gamma"].links
    assert links is not None
    return links.peers.routes.relaying


def post(country: Country, name: str, *frames: Frame) -> None:
    """Say something to gamma, whatever one would say oneself."""
    for frame in frames:
        country.network.until(lambda: to_gamma(country, name).has_room)
        to_gamma(country, name).post(frame)
    country.network.run(2)


def parcel(
    origin: str, to: str, number: int = 1, *, mid: str = "", fat: int = 0, stream: str = ITEMS
) -> Parcel:
    mid = mid or f"{origin}/{number}"
    letter = Letter(epoch="x", since=1, first=1, settled=number - 1, frame=Skip(number=number, mid=mid))
    return Parcel(origin=origin, to=to, stream=stream, body=encode_body(letter) + " " * fat, signature="")


def verdict(country: Country, origin: str, number: int = 1, *, stream: str = ITEMS) -> Verdict:
    """Say as beta what becomes of the items of whoever it likes."""
    body = encode_body(Ruling(epoch="x", since=1, number=number, mid="m", refused=REFUSED))
    frame = Verdict(origin=origin, to="beta", stream=stream, body=body, signature="")
    return seal(Identity(RealmName("beta"), country.hosts["beta"].seed), frame)


def check_alpha_reaches_beta(country: Country) -> None:
    messi = country.client("messi", "alpha")
    country.network.wait(messi.send("amsal@beta", "does this arrive?"))
    country.network.run(30)
    assert country.texts("beta") == ["does this arrive?"]


def test_verdicts_on_what_was_never_here_are_not_kept(country: Country) -> None:
    before = to_gamma(country, "alpha").counts.connections
    post(country, "beta", *(verdict(country, "alpha", stream=f"none{number}") for number in range(9)))
    post(country, "beta", *(verdict(country, f"nobody{number}") for number in range(9)))
    post(country, "beta", *(verdict(country, "alpha", number) for number in range(1, 9)))
    assert country.verdicts("gamma") == []
    assert len(relaying(country).verdicts) == 0
    assert to_gamma(country, "alpha").counts.connections == before
    check_alpha_reaches_beta(country)


def test_who_comes_back_is_told_as_much_at_a_time_as_it_takes(country: Country) -> None:
    origins = [f"nobody{number}" for number in range(30)]
    post(country, "alpha", *(parcel(origin, "beta") for origin in origins))
    country.hosts["alpha"].crash()
    country.network.run(5)
    post(country, "beta", *(verdict(country, origin) for origin in origins))
    assert len(country.verdicts("gamma")) == len(origins)
    assert country.held("gamma") == []
    country.network.wait(country.hosts["alpha"].start())
    country.network.run(20)
    link = to_gamma(country, "alpha")
    assert (link.state, link.counts.connections) == (State.UP, 1)
    check_alpha_reaches_beta(country)


def test_many_verdicts_at_once_end_no_connection(country: Country) -> None:
    post(country, "alpha", parcel("nobody", "beta"))
    before = to_gamma(country, "alpha").counts.connections
    path = country.network.path("gamma", "alpha")
    path.bytes_per_second = FAT
    post(country, "beta", *(verdict(country, "nobody", number) for number in range(1, 60)))
    assert to_gamma(country, "alpha").counts.connections == before
    path.bytes_per_second = float("inf")
    check_alpha_reaches_beta(country)


def test_a_verdict_that_finds_no_room_frees_nothing(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "VERDICT_BYTES", 6 * FAT)
    country.hosts["gamma"].crash()
    country.network.wait(country.hosts["gamma"].start())
    country.network.run(30)
    origins = [f"nobody{number}" for number in range(6)]
    post(country, "alpha", *(parcel(origin, "beta") for origin in origins))
    country.hosts["alpha"].crash()
    country.network.run(5)
    post(country, "beta", *(verdict(country, origin) for origin in origins))
    kept = {row.origin for row in country.verdicts("gamma")}
    assert len(kept) == 2
    assert {row.origin for row in country.rows("gamma", HeldRow)} == {*origins} - kept


def test_who_fills_its_share_leaves_room_for_others(country: Country) -> None:
    origins = [f"nobody{number}" for number in range(20)]
    post(country, "beta", *(parcel(origin, "alpha", fat=FAT) for origin in origins))
    assert 3 * FAT < relaying(country).shares.bytes < 6 * FAT
    check_alpha_reaches_beta(country)
    held = relaying(country).shares.bytes
    country.hosts["gamma"].crash()
    country.network.wait(country.hosts["gamma"].start())
    country.network.run(30)
    assert relaying(country).shares.bytes == held
    post(country, "beta", *(parcel(origin, "alpha", fat=FAT) for origin in origins))
    assert relaying(country).shares.bytes == held


def test_what_comes_again_is_written_once(country: Country) -> None:
    def told() -> list[str]:
        return [row.mid for row in country.rows("gamma", AuditRow) if row.event == HELD]

    country.hosts["alpha"].crash()
    written: list[HeldRow] = []
    country.hosts["gamma"].on_commit.append(
        lambda host, batch, failed: written.extend(
            row for entry in batch.entries for row in entry.puts if isinstance(row, HeldRow)
        )
    )
    one = parcel("nobody", "alpha")
    post(country, "beta", one)
    assert told() == ["nobody/1"]
    post(country, "beta", *[one] * 50)
    assert (told(), len(written)) == (["nobody/1"], 1)
    # The same item in another letter takes the place of the old one; another item is told of, too.
    post(country, "beta", parcel("nobody", "alpha", fat=9))
    assert told() == ["nobody/1"]
    assert country.rows("gamma", HeldRow)[0].body.endswith(" " * 9)
    post(country, "beta", parcel("nobody", "alpha", mid="nobody/other"))
    assert told() == ["nobody/1", "nobody/other"]


def test_what_comes_again_may_not_grow_beyond_its_share(country: Country) -> None:
    country.hosts["alpha"].crash()
    letters = [parcel("nobody", "alpha", number) for number in range(1, 21)]
    post(country, "beta", *letters)
    assert country.held("gamma") == [*range(1, 21)]
    post(country, "beta", *(parcel("nobody", "alpha", number, fat=FAT) for number in range(1, 21)))
    rows = country.rows("gamma", HeldRow)
    assert sum(row.size for row in rows) == relaying(country).shares.bytes <= 4 * FAT
    assert any(row.size > FAT for row in rows)


def test_a_stream_that_nobody_knows_is_refused(country: Country) -> None:
    heard: list[str] = []
    for transport in country.hosts["gamma"].machine.transports():
        transport.taps.append(lambda data: heard.append(data.decode()))
    post(country, "beta", parcel("beta", "alpha", stream="other"))
    assert country.held("gamma") == []
    assert '"no-route"' in "".join(heard)
