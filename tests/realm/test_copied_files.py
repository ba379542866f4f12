"""Files in copies of groups: which mids the home of a group may use for them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chatproto import commands
from chatproto.errors import WrongContent
from chatproto.records import FileRow, FileState, Offer, OutboxRow, offer_text
from tests.realm.circle import ALPHA, BETA, GAMMA, Circle, log, take
from tests.realm.filing import Files, sha256
from tests.realm.house import House, watch
from tests.realm.links import arrive, item
from tests.realm.test_copies import entry
from tests.realm.test_far_groups import join

DAY = 86400

OFFER = offer_text(Offer(name="a.txt", size=5, sha256="0" * 64))
SMALL = offer_text(Offer(name="c.txt", size=3, sha256="2" * 64))
OTHER = offer_text(Offer(name="b.txt", size=6, sha256="1" * 64))


def copied() -> tuple[Circle, House]:
    """Return a circle and the house of beta, which has a copy of a group of alpha."""
    circle = Circle()
    circle.client("messi@alpha").ask(commands.Create(group="Fans"))
    join(circle, circle.client("amsal@beta"))
    return circle, circle.houses[BETA]


def offered(house: House, number: int, mid: str, sender: str) -> str:
    """Let the home say that somebody sent a file, and return what becomes of it."""
    assert take(house, ALPHA, entry(number, kind="file", mid=mid, from_=sender, text=OFFER)) == []
    return log(house, "fans@alpha")[-1][1]


def test_one_of_a_sender_has_a_mid_of_its_realm() -> None:
    _, beta = copied()
    assert offered(beta, 2, "gamma/1", "messi@alpha") == "void"
    assert offered(beta, 3, "alpha/1", "lineker@gamma") == "void"
    assert beta.rows(FileRow) == []
    assert offered(beta, 4, "gamma/1", "lineker@gamma") == "file"


def test_a_mid_that_this_realm_gives_is_not_taken() -> None:
    circle, beta = copied()
    budi = Files(circle.client("budi@beta"))
    begun = budi.upload("amsal", 5)
    prefix, number = begun.file[:-1], int(begun.file[-1])
    for step in range(3):
        assert offered(beta, 2 + step, f"{prefix}{number + step}", "amsal@beta") == "void"
    budi.chunk(begun.file, 0, b"hello")
    assert budi.finish(begun.file).mid == begun.file
    assert budi.send("amsal", b"hallo").mid == f"{prefix}{number + 1}"


def test_of_an_earlier_life_only_what_is_uploaded_yet_is_not_taken() -> None:
    circle, beta = copied()
    begun = Files(circle.client("budi@beta")).upload("amsal", 5, cid="c")
    circle.reopen(BETA)
    assert offered(beta, 2, begun.file, "amsal@beta") == "void"
    # What was sent before an older copy of the store was put back is known to the home alone.
    assert offered(beta, 3, "beta/00000000000000001", "amsal@beta") == "file"
    budi = Files(circle.client("budi@beta"))
    budi.chunk(begun.file, 0, b"hello")
    assert budi.finish(begun.file).mid == begun.file


def sent_by_a_life_before(size: int = 5) -> tuple[Circle, House, str]:
    """Let the home tell of a file whose upload is not finished, as beta's disk says."""
    circle, beta = copied()
    begun = Files(circle.client("amsal@beta")).upload("fans@alpha", size, cid="c")
    circle.reopen(BETA)
    text = offer_text(Offer(name="plan.pdf", size=5, sha256=sha256(b"hello")))
    told = entry(2, kind="file", mid=begun.file, from_="amsal@beta", text=text)
    assert take(beta, ALPHA, told) == []
    return circle, beta, begun.file


def test_what_the_home_has_of_an_upload_that_is_open_again_is_that_file() -> None:
    circle, beta, mid = sent_by_a_life_before()
    assert log(beta, "fans@alpha")[-1][1] == "file"
    assert beta.rows(FileRow)[0].state == FileState.OFFERED
    amsal = Files(circle.client("amsal@beta"))
    assert amsal.upload("fans@alpha", 5, cid="c").file == mid
    amsal.chunk(mid, 0, b"hello")
    sent = amsal.finish(mid)
    assert (sent.mid, amsal.fetch(mid), amsal.uploads()) == (mid, b"hello", [])
    (row,) = beta.rows(FileRow)
    assert (row.realm, row.state, row.seq) == ("", FileState.STORED, sent.seq)
    assert amsal.finish(mid) == amsal.upload("fans@alpha", 5, cid="c") == sent
    assert mid not in [row.mid for row in beta.rows(OutboxRow)], "it is sent once"


def test_an_upload_that_is_another_file_than_the_home_tells_of_stays() -> None:
    circle, beta, mid = sent_by_a_life_before(size=6)
    assert log(beta, "fans@alpha")[-1][1] == "void"
    amsal = Files(circle.client("amsal@beta"))
    assert amsal.upload("fans@alpha", 6, cid="c").file == mid
    assert beta.rows(FileRow) == []


def test_other_bytes_than_the_home_tells_of_do_not_become_that_file() -> None:
    circle, beta, mid = sent_by_a_life_before()
    amsal = Files(circle.client("amsal@beta"))
    assert amsal.upload("fans@alpha", 5, cid="c").file == mid
    amsal.chunk(mid, 0, b"hallo")
    with pytest.raises(WrongContent):
        amsal.finish(mid)
    assert amsal.uploads() == []
    (row,) = beta.rows(FileRow)
    assert (row.realm, row.state) == ("alpha", FileState.OFFERED)


def test_the_realm_of_a_mid_has_the_last_word() -> None:
    _, beta = copied()
    assert offered(beta, 2, "gamma/1", "lineker@gamma") == "file"
    (forged,) = beta.rows(FileRow)
    beta.wait(beta.realm.files.need(forged))
    sent = item(mid="gamma/1", from_="lineker@gamma", to="amsal@beta", kind="file", text=OTHER)
    assert arrive(beta, GAMMA, sent) == ""
    beta.wait(beta.realm.files.arrived(forged))
    beta.wait(beta.realm.files.refused(forged, "no-such-file"))
    (row,) = beta.rows(FileRow)
    assert (row.realm, row.sha256, row.state) == ("gamma", "1" * 64, FileState.WANTED)


def test_only_what_is_asked_for_uses_up_the_quota_of_the_home() -> None:
    _, beta = copied()
    beta.realm.offers.limits = replace(beta.realm.offers.limits, peer_file_bytes_a_day=8)
    rows = []
    for number in (2, 3):
        assert offered(beta, number, f"alpha/{number}", "messi@alpha") == "file"
        rows = beta.rows(FileRow)
    beta.clock.advance(2 * DAY)
    private = item(mid="alpha/9", from_="messi@alpha", to="amsal@beta", kind="file", text=SMALL)
    assert arrive(beta, ALPHA, private) == ""
    asked = [watch(beta.realm.files.need(row)) for row in rows]
    beta.turn()
    assert asked == [[None], [None]]
    states = {row.mid: row.state for row in beta.rows(FileRow)}
    assert states == {
        "alpha/2": FileState.WANTED,
        "alpha/3": FileState.OFFERED,
        "alpha/9": FileState.WANTED,
    }
    beta.clock.advance(DAY + 1)
    beta.wait(beta.realm.files.need(rows[1]))
    assert {row.state for row in beta.rows(FileRow)} == {FileState.WANTED}
