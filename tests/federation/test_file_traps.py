"""What another realm may do wrong about files, on purpose or not, and what that costs."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from msgspec.structs import replace

from chatproto.errors import NotSupported
from chatproto.federation.bounds import FETCH_PATIENCE, FILE_WINDOW, LOOKED_UP, SERVED, UNASKED_BYTES
from chatproto.frames import CHUNK_BYTES, Chunk, Goodbye, Got, Lacking, Want
from chatproto.limits import Limits
from chatproto.records import FileRow, MessageRow, Offer, RefusalRow, offer_text, read_offer
from tests.federation.cargo import content, send_file
from tests.federation.country import Country
from tests.federation.town import Town, Wire, make_item

DATA = content(3 * CHUNK_BYTES + 17)
OFFER = Offer(name="goal.mp4", size=len(DATA), sha256=hashlib.sha256(DATA).hexdigest(), type="video/mp4")


@pytest.fixture
def town() -> Town:
    return Town()


def offering(number: int, offer: Offer | str = OFFER, mid: str = "") -> Any:
    """Return the item of a file that alpha does not have."""
    text = offer if isinstance(offer, str) else offer_text(offer)
    item = make_item(number, mid or f"alpha/x{number}")
    return replace(item, kind="file", text=text, expires=2**50)


def trap(town: Town) -> Wire:
    """Connect them, so that alpha hears nothing and says what the test says."""
    wire = town.connect()
    wire.ports["beta"].held = True
    end, wire.ports["alpha"].end = wire.ports["alpha"].end, None
    assert end is not None
    end.lost("a trap")
    return wire


def said(wire: Wire, kind: type[Any]) -> list[Any]:
    """What beta wanted to say to alpha, of one kind."""
    return [frame for frame in wire.ports["beta"].queue if isinstance(frame, kind)]


def chunks(data: bytes = DATA, mid: str = "alpha/x1", start: int = 0) -> list[tuple[Chunk, bytes]]:
    pieces = [(at, data[at : at + CHUNK_BYTES]) for at in range(start, len(data), CHUNK_BYTES)]
    return [(Chunk(mid=mid, offset=at, size=len(piece)), piece) for at, piece in pieces]


def give(town: Town, wire: Wire, *pieces: tuple[Chunk, bytes]) -> None:
    for piece in pieces:
        wire.ports["alpha"].send_raw(*piece)
    town.turn()


class TestOffers:
    @pytest.mark.parametrize(
        ("offer", "code"),
        [
            ("halo", "not-supported"),
            ("{}", "not-supported"),
            ('{"name":"x","size":-1,"sha256":"' + "0" * 64 + '"}', "not-supported"),
            ('{"name":"x","size":1,"sha256":"' + "g" * 64 + '"}', "not-supported"),
            ('{"name":"","size":1,"sha256":"' + "0" * 64 + '"}', "not-supported"),
            (replace(OFFER, size=50 * 1024 * 1024 + 1), "file-too-large"),
        ],
    )
    def test_what_is_none_is_refused(self, town: Town, offer: Offer | str, code: str) -> None:
        wire = trap(town)
        wire.ports["alpha"].send(offering(1, offer))
        town.turn()
        assert [refused.code for refused in town.beta.rows(RefusalRow)] == [code]
        assert not town.beta.rows(FileRow)
        assert not town.beta.rows(MessageRow)

    def test_the_name_is_cleaned(self, town: Town) -> None:
        wire = trap(town)
        bad = replace(OFFER, name="../../.ssh/\u202eauthorized\x07_keys", type="text/html; <script>")
        wire.ports["alpha"].send(offering(1, bad))
        town.turn()
        (row,) = town.beta.rows(FileRow)
        (message,) = town.beta.rows(MessageRow)
        shown = read_offer(message.text)
        assert shown is not None
        assert (row.name, row.type) == (shown.name, shown.type) == ("authorized_keys", "")

    def test_a_realm_offers_so_much_in_a_day(self) -> None:
        town = Town(Limits(peer_file_bytes_a_day=2 * len(DATA)))
        wire = trap(town)
        for number in (1, 2, 3):
            wire.ports["alpha"].send(offering(number))
        town.turn()
        assert [refused.code for refused in town.beta.rows(RefusalRow)] == ["quota-reached"]
        assert len(town.beta.rows(FileRow)) == 2
        town.turn(86401)
        town.beta.crash()
        wire = trap(town)
        wire.ports["alpha"].send(offering(1, mid="alpha/x4"))
        town.turn()
        assert len(town.beta.rows(FileRow)) == 3

    def test_one_mid_is_one_file(self, town: Town) -> None:
        wire = trap(town)
        wire.ports["alpha"].send(offering(1))
        other = replace(offering(2, mid="alpha/x1"), to="lineker@beta")
        wire.ports["alpha"].send(other)
        town.turn(5)
        # The realm of a mid has the last word about it.
        assert [row.recipient for row in town.beta.rows(FileRow)] == ["lineker@beta"]
        assert town.beta.rows(RefusalRow) == []

    def test_a_realm_without_files_refuses_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        country = Country("alpha", "beta")
        monkeypatch.setattr(country.hosts["beta"], "_files", lambda clock: None)
        country.start()
        client = country.client("messi", "alpha")
        with pytest.raises(NotSupported):  # as long as they are linked that is known
            send_file(country, "messi@alpha", "amsal@beta", b"goal")
        country.hosts["beta"].crash()
        country.network.run(5)
        send_file(country, "messi@alpha", "amsal@beta", b"goal")
        country.network.wait(client.send("amsal@beta", "halo"))
        country.network.wait(country.hosts["beta"].start())
        country.network.run(30)
        assert country.texts("beta") == ["halo"]
        assert [text.split()[0] for text in country.texts("alpha", "bounce")] == ["not-supported"]


class TestFetching:
    def test_bytes_come_only_as_far_as_they_were_asked_for(self, town: Town) -> None:
        data = content(FILE_WINDOW + CHUNK_BYTES)
        offer = replace(OFFER, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        wire = trap(town)
        wire.ports["alpha"].send(offering(1, offer))
        town.turn()
        assert [(want.offset, want.size) for want in said(wire, Want)] == [(0, FILE_WINDOW)]
        counts = town.beta.link.file_counts
        for piece in chunks(data):
            wire.ports["alpha"].send_raw(*piece)
        wire.ports["alpha"].send_raw(*chunks(data)[0])  # again, in the same breath
        town.turn()
        assert counts.stray == 1
        assert town.beta.rows(FileRow)[0].state == "stored"
        assert [got.code for got in said(wire, Got)] == [""]

    def test_what_does_not_fit_is_dropped(self, town: Town) -> None:
        wire = trap(town)
        wire.ports["alpha"].send(offering(1))
        town.turn()
        first, second, third, last = chunks()
        large = (Chunk(mid="alpha/x1", offset=3 * CHUNK_BYTES, size=CHUNK_BYTES), bytes(CHUNK_BYTES))
        give(town, wire, second, third, first, first, large, second, third, large, last)
        assert town.beta.rows(FileRow)[0].state == "stored"
        assert town.beta.link.file_counts.stray == 5
        assert town.beta.file_disk.contents[OFFER.sha256].data == DATA

    def test_who_never_finishes_is_in_nobodys_way(self, town: Town) -> None:
        wire = trap(town)
        most = town.beta.policy.limits.fetches
        for number in range(1, most + 2):
            wire.ports["alpha"].send(offering(number))
        town.turn()
        fetching = town.beta.link.fetching
        assert fetching.under_way == most
        assert {want.mid for want in said(wire, Want)} == {
            f"alpha/x{number}" for number in range(1, most + 1)
        }
        for _ in range(40):  # it goes on to give signs of life
            town.turn(FETCH_PATIENCE / 2)
            give(town, wire, chunks(mid="alpha/nobody")[-1])
        assert f"alpha/x{most + 1}" in {want.mid for want in said(wire, Want)}
        assert len(said(wire, Want)) < 100
        assert fetching.under_way <= most
        assert set(town.beta.realm.files.busy) == set(fetching._under_way)

    def test_what_nobody_asked_for_ends_the_connection_in_the_end(self, town: Town) -> None:
        wire = trap(town)
        piece = (Chunk(mid="alpha/x1", offset=0, size=CHUNK_BYTES), bytes(CHUNK_BYTES))
        give(town, wire, *[piece] * (UNASKED_BYTES // CHUNK_BYTES))
        assert not said(wire, Goodbye)
        give(town, wire, piece)
        assert [goodbye.reason for goodbye in said(wire, Goodbye)] == ["credit-exceeded"]

    def test_a_refusal_that_is_no_code_of_ours_ends_it(self, town: Town) -> None:
        wire = trap(town)
        wire.ports["alpha"].send(offering(1), Lacking(mid="alpha/x2", code="file-gone"))
        town.turn()
        wire.ports["alpha"].send(Lacking(mid="alpha/x1", code="file-not-here", retry_after=1e300))
        town.turn(3600)
        assert town.beta.rows(FileRow)[0].state == "wanted"
        wire = trap(town)
        wire.ports["alpha"].send(Lacking(mid="alpha/x1", code="\u202e"))
        town.turn()
        assert town.beta.rows(FileRow)[0].state == "refused"
        assert town.beta.realm.files.busy == set()


class TestServing:
    def test_what_is_not_its_own_is_lacking(self, town: Town) -> None:
        wire = trap(town)
        for number in range(1000):
            wire.ports["alpha"].send(Want(mid=f"beta/{number}", offset=0, size=2**40))
        town.turn()
        assert len(said(wire, Lacking)) == 1
        town.turn(60)
        assert {lacking.code for lacking in said(wire, Lacking)} == {"no-such-file"}
        assert len(said(wire, Lacking)) == 1 + LOOKED_UP

    def test_more_files_than_anybody_needs_are_not_here(self) -> None:
        town = Town()
        rows, data, store = [], content(CHUNK_BYTES), town.beta.realm.files.store
        assert store is not None
        sha256 = town.beta.wait(store.put(data))
        for number in range(2 * SERVED):
            mid = f"beta/{number}"
            rows.append(
                FileRow(
                    mid, number, 1, "", "amsal@beta", "messi@alpha", "x", len(data), sha256, "", 0, "stored"
                )
            )
        town.beta.wait(town.beta.realm.writer.save(rows))
        wire = trap(town)
        wire.ports["beta"].room = 0
        for row in rows:
            wire.ports["alpha"].send(Want(mid=row.mid, offset=0, size=2**40))
        town.turn(60)
        assert len(said(wire, Lacking)) == SERVED
        assert {lacking.code for lacking in said(wire, Lacking)} == {"file-not-here"}
        assert not any(isinstance(each, tuple) for each in wire.ports["beta"].queue)
        wire.ports["beta"].drain()
        town.turn()
        sent = [each for each in wire.ports["beta"].queue if isinstance(each, tuple)]
        assert len({frame.mid for frame, _ in sent}) == SERVED
        assert sum(len(piece) for _, piece in sent) == SERVED * len(data)
