"""Files between realms that reach each other by a gateway, which keeps nothing of them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred

from chatproto.federation.bounds import FILE_WINDOW_ROUTED, FORWARDED_BYTES, FORWARDED_OF_PAIR, SERVED
from chatproto.federation.bulk import Bulk
from chatproto.federation.files_serving import Forwarding
from chatproto.frames import Freight, Got, Pass
from chatproto.frames.routing import TTL, Slip
from chatproto.records import FileRow
from chatproto.wire.letters import decode_body
from tests.federation.cargo import MIB, came, content, kept, link, send_file, state
from tests.federation.country import Country


@pytest.fixture
def country() -> Country:
    country = Country("alpha", "gamma", "beta")
    country.start()
    return country


def relaying(country: Country) -> Any:
    links = country.hosts["gamma"].links
    assert links is not None
    return links.peers.routes.relaying


@pytest.mark.parametrize("between", [("gamma",), ("gamma", "delta")])
def test_a_file_arrives_whole(between: tuple[str, ...]) -> None:
    country = Country("alpha", *between, "beta")
    country.start()
    data = content(3 * MIB + 5)
    mid = send_file(country, "messi@alpha", "amsal@beta", data)
    country.network.until(lambda: state(country, "beta", mid) == "stored", 300)
    assert kept(country, "beta", mid) == data
    assert not country.hosts["gamma"].files.contents
    assert not country.hosts["gamma"].files.parts
    country.network.run(5)
    assert link(country, "alpha", "beta").file_counts.served == 1


def test_it_goes_on_when_the_gateway_is_back(country: Country) -> None:
    data = content(3 * MIB)
    mid = send_file(country, "messi@alpha", "amsal@beta", data)
    counts = link(country, "beta", "alpha").file_counts
    for part in (1, 2):
        came(country, "beta", "alpha", part * MIB)
        country.hosts["gamma"].crash()
        country.network.run(30)
        country.network.wait(country.hosts["gamma"].start())
    country.network.until(lambda: state(country, "beta", mid) == "stored", 600)
    assert kept(country, "beta", mid) == data
    assert counts.came_bytes <= len(data) + 2 * FILE_WINDOW_ROUTED


@pytest.mark.parametrize("who", ["alpha", "beta"])
def test_it_goes_on_after_a_crash_at_either_end(country: Country, who: str) -> None:
    data = content(3 * MIB)
    mid = send_file(country, "messi@alpha", "amsal@beta", data)
    came(country, "beta", "alpha", MIB)
    country.hosts[who].crash()
    country.network.run(5)
    country.network.wait(country.hosts[who].start())
    country.network.until(lambda: state(country, "beta", mid) == "stored", 900)
    assert kept(country, "beta", mid) == data


def test_what_is_lost_on_the_way_is_asked_for_again(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = relaying(country)
    honest = gateway.freight
    count = 0

    def lossy(hop: Any, frame: Any, data: bytes) -> None:
        nonlocal count
        count += 1
        if count % 5:
            honest(hop, frame, data)

    monkeypatch.setattr(gateway, "freight", lossy)
    data = content(3 * MIB)
    mid = send_file(country, "messi@alpha", "amsal@beta", data)
    country.network.until(lambda: state(country, "beta", mid) == "stored", 3600)
    assert kept(country, "beta", mid) == data


def test_ends_that_are_lost_on_the_way_are_in_nobodys_way(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = relaying(country)
    honest = gateway.passing
    lost = 0

    def lossy(hop: Any, frame: Pass) -> None:
        nonlocal lost
        if isinstance(decode_body(Slip, frame.body).frame, Got):
            lost += 1
        else:
            honest(hop, frame)

    monkeypatch.setattr(gateway, "passing", lossy)
    for number in range(SERVED + 2):
        send_file(country, "messi@alpha", "amsal@beta", content(1000, number))
        country.network.run(5)
    assert [row.state for row in country.rows("beta", FileRow)] == ["stored"] * (SERVED + 2)
    assert lost == SERVED + 2


def test_a_gateway_that_alters_bytes_only_delays(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = relaying(country)
    honest = gateway.freight
    with monkeypatch.context() as altered:
        altered.setattr(gateway, "freight", lambda hop, frame, data: honest(hop, frame, bytes(len(data))))
        mid = send_file(country, "messi@alpha", "amsal@beta", data := content(MIB))
        fetching = link(country, "beta", "alpha").fetching
        country.network.until(lambda: mid in fetching._tried and fetching._tried[mid].wrong == 3, 900)
    country.network.until(lambda: state(country, "beta", mid) == "stored", 900)
    assert kept(country, "beta", mid) == data


def test_bytes_of_who_did_not_hear_the_question_are_dropped(country: Country) -> None:
    data = content(MIB)
    gateway = relaying(country)
    honest = gateway.freight
    forged = 0

    def both(hop: Any, frame: Any, bytes_: bytes) -> None:
        nonlocal forged
        forged += 1
        honest(hop, replace(frame, nonce="0" * 16), bytes(len(bytes_)))
        honest(hop, frame, bytes_)

    gateway.freight = both
    mid = send_file(country, "messi@alpha", "amsal@beta", data)
    country.network.until(lambda: state(country, "beta", mid) == "stored", 300)
    assert forged
    assert link(country, "beta", "alpha").file_counts.came_bytes == len(data)


def test_a_direct_link_takes_over(country: Country) -> None:
    country = Country("alpha", "gamma", "beta", direct=True)
    country.start()
    data = content(4 * MIB)
    country.network.partition("alpha", "beta")
    country.network.run(120)
    mid = send_file(country, "messi@alpha", "amsal@beta", data)
    came(country, "beta", "alpha", MIB)
    country.network.heal("alpha", "beta")
    country.network.until(lambda: state(country, "beta", mid) == "stored", 900)
    assert kept(country, "beta", mid) == data


@pytest.mark.parametrize("raw", [True, False])
def test_what_has_been_everywhere_goes_no_further(country: Country, raw: bool) -> None:
    """The next realm could not read it, and would end the connection."""
    end = link(country, "alpha", "gamma").end
    assert end is not None
    via = [f"realm{number}" for number in range(TTL)]
    if raw:
        freight = Freight(origin="alpha", to="beta", via=via, mid="alpha/1", offset=0, size=1, nonce="")
        end._connection.send_raw(freight, b"x")
    else:
        end.post(Pass(origin="alpha", to="beta", via=via, body="{}", signature=""))
    country.network.run(60)
    connections = link(country, "gamma", "beta").counts.connections
    assert connections == 1
    assert link(country, "gamma", "beta").end is not None


class TestForwarding:
    @pytest.fixture
    def lane(self, country: Country) -> Bulk:
        """A lane that sends nothing, as its turn does not come."""
        end = link(country, "gamma", "beta").end
        assert end is not None
        return end.lane

    def freight(self, origin: str, to: str = "beta", offset: int = 0, size: int = 1) -> Freight:
        return Freight(origin=origin, to=to, mid="alpha/1", offset=offset, size=size, nonce="")

    def test_a_gateway_holds_little(self, country: Country, lane: Bulk) -> None:
        forwarding = Forwarding(lane, 50_000, 8_000)
        for number in range(100):
            forwarding.add("alpha", self.freight("alpha", f"r{number % 5}", number, 1000), bytes(1000))
        assert forwarding.dropped == 88
        (brought,) = forwarding._brought.values()
        sent = []
        while brought.ready:
            piece = country.network.wait(Deferred.fromCoroutine(brought.next(10**6)))
            assert piece is not None
            assert isinstance(piece[0], Freight)
            sent.append(piece[0].to)
        assert sent == [f"r{number % 5}" for number in range(12)]
        assert forwarding._shares.bytes == 0

    def test_tiny_pieces_take_no_more_memory_than_others(self, lane: Bulk) -> None:
        forwarding = Forwarding(lane, FORWARDED_BYTES, FORWARDED_OF_PAIR)
        assert sum(forwarding.add("alpha", self.freight("alpha"), b"x") for _ in range(10_000)) < 512
        more = (forwarding.add("alpha", self.freight(f"m{number}"), b"x") for number in range(10_000))
        assert 512 < sum(more) < 2048

    def test_who_brings_much_for_whoever_it_names_leaves_room_for_others(self, lane: Bulk) -> None:
        forwarding = Forwarding(lane, FORWARDED_BYTES, FORWARDED_OF_PAIR)
        for number in range(1000):
            forwarding.add("mallory", self.freight(f"m{number % 20}", size=60_000), bytes(60_000))
        while forwarding.add("mallory", self.freight("alpha", size=60_000), bytes(60_000)):
            pass
        mine = sum(
            forwarding.add("alpha", self.freight("alpha", size=16384), bytes(16384)) for _ in range(16)
        )
        assert mine * 16384 == FILE_WINDOW_ROUTED
