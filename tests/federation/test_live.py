"""A live group across realms: one finds the other by its name alone, and both see who comes and goes."""

from __future__ import annotations

from typing import Any

import pytest

from chatproto.realm.live import GRACE_SECONDS
from tests.federation.live_town import LEFT, LiveTown, Older, Served
from tests.protocols.wires import Peer


@pytest.fixture
def town() -> LiveTown:
    return LiveTown()


def all_shown(*clients: Older) -> list[list[bytes]]:
    return [client.shown() for client in clients]


def entered(town: LiveTown, *users: str) -> list[Older]:
    """Return clients that came in one after the other, and whose screens were wiped."""
    clients = []
    for user in users:
        clients.append(town.client(user))
        clients[-1].enter()
    all_shown(*clients)
    return clients


def person(served: Served, user: str) -> Peer:
    """Return a JSON client."""
    peer = Peer(served)  # type: ignore[arg-type]
    peer.log_in(user)
    return peer


def events(peer: Peer, kind: str) -> list[dict[str, Any]]:
    return [event for event in peer.heard() if event.get("event") == kind]


def groups(town: LiveTown) -> list[list[str]]:
    """Return which groups each realm has itself."""
    realms = [served.house.realm.routes.groups_in_memory() for served in (town.alpha, town.beta)]
    return [[group.row.shown_a for group in realm if not group.settings.home] for realm in realms]


def test_d2_by_the_transcript(town: LiveTown) -> None:
    amsal, messi = town.client("amsal"), town.client("messi")
    amsal.enter()
    assert amsal.shown() == [b"amsal telah bergabung"]
    messi.enter()
    assert all_shown(amsal, messi) == [[b"messi telah bergabung"]] * 2
    amsal.type("halo mes, nonton pildun ga?")
    assert all_shown(amsal, messi) == [[b"amsal: halo mes, nonton pildun ga?"]] * 2
    messi.type("nonton dong")
    assert all_shown(amsal, messi) == [[b"messi: nonton dong"]] * 2
    amsal.type("exit", wait=0.14)
    assert amsal.shown() == [b"exit"]
    town.turn(0.05)
    assert all_shown(amsal, messi) == [[LEFT], [b"amsal meninggalkan group"]]
    amsal.type(f"inbox {amsal.token} \r\n")
    (box,) = amsal.shown()
    assert box == b'{"status": "OK", "messages": {}}\r\n\r\n'  # of the copy too it was shown
    assert groups(town) == [[], ["bola@beta"]]
    messi.type("sesudah")
    amsal.shown()
    amsal.type(f"inbox {amsal.token} \r\n")
    assert amsal.shown() == [box]
    messi.type("exit")
    amsal.enter()
    amsal.type("lagi")
    messi.shown()
    messi.type(f"inbox {messi.token} \r\n")
    assert messi.shown() == [box]  # and of the copy


def test_who_comes_second_may_be_of_either_realm(town: LiveTown) -> None:
    messi, amsal, lineker, henderson = entered(town, "messi", "amsal", "lineker", "henderson")
    henderson.type("halo")
    assert all_shown(messi, amsal, lineker, henderson) == [[b"henderson: halo"]] * 4
    for client, name in ((amsal, b"amsal"), (messi, b"messi")):
        client.type("exit")
        assert client.shown()[-2:] == [b"exit", LEFT]
        assert all_shown(lineker, henderson) == [[name + b" meninggalkan group"]] * 2
    lineker.type("masih ada?")
    assert all_shown(lineker, henderson) == [[b"lineker: masih ada?"]] * 2


def test_last_words_come_before_the_farewell(town: LiveTown) -> None:
    """From the home, and to it: what is said takes longer than who is there."""
    amsal, messi = entered(town, "amsal", "messi")
    messi.type("pulang dulu\nexit\n", wait=1)
    assert amsal.shown() == [b"messi: pulang dulu", b"messi meninggalkan group"]
    assert messi.shown() == [b"messi: pulang dulu", b"exit", LEFT]
    messi.enter()
    all_shown(amsal, messi)
    amsal.type("sampai jumpa\nexit\n", wait=1)
    assert messi.shown() == [b"amsal: sampai jumpa", b"amsal meninggalkan group"]


def test_a_local_group_comes_first(town: LiveTown) -> None:
    amsal, messi = town.client("amsal"), town.client("messi")
    for client in (amsal, messi):
        client.say(f"addgroup {client.token} bola")
    amsal.enter()
    messi.enter()
    assert amsal.shown()[-1] == b"amsal telah bergabung"
    assert messi.shown()[-1] == b"messi telah bergabung"
    assert groups(town) == [["bola@alpha"], ["bola@beta"]]


def test_a_group_of_a_neighbour_that_was_made_to_stay_is_found(town: LiveTown) -> None:
    amsal, messi = town.client("amsal"), town.client("messi")
    amsal.say(f"addgroup {amsal.token} bola")
    messi.enter()
    assert messi.shown() == [b"messi telah bergabung"]
    assert groups(town) == [[], ["bola@beta"]]


def test_a_group_for_the_invited_is_not_found(town: LiveTown) -> None:
    amsal = person(town.beta, "amsal")
    amsal.ask({"do": "create", "group": "bola", "access": "invited"})
    messi = town.client("messi")
    messi.enter()
    assert groups(town) == [["bola@alpha"], ["bola@beta"]]


def test_two_realms_that_look_at_the_same_moment_meet(town: LiveTown) -> None:
    for _ in range(2):  # once more, when the group is there and nobody in it
        amsal, messi = town.client("amsal"), town.client("messi")
        for client in (amsal, messi):
            client.protocol.dataReceived(b"group bola origin\r\n")
        town.turn(1)
        assert b"amsal telah bergabung" in amsal.shown()
        assert b"messi telah bergabung" in messi.shown()
        amsal.type("halo")
        assert all_shown(amsal, messi) == [[b"amsal: halo"]] * 2
        for client in (amsal, messi):
            client.type("exit")
    assert groups(town) == [["bola@alpha"], []]


def test_who_was_apart_meets_again(town: LiveTown) -> None:
    """Both realms made the group without a link. When all have left, the next ones find each other."""
    apart = LiveTown(linked=False)
    amsal, messi = entered(apart, "amsal", "messi")
    assert groups(apart) == [["bola@alpha"], ["bola@beta"]]
    apart.town.connect()
    for client in (amsal, messi):
        client.type("exit")
    messi.enter()
    amsal.enter()
    all_shown(amsal, messi)
    messi.type("akhirnya")
    assert all_shown(amsal, messi) == [[b"messi: akhirnya"]] * 2


def test_a_member_stays_in_the_group_of_a_neighbour_that_is_away(town: LiveTown) -> None:
    amsal, messi = entered(town, "amsal", "messi")
    messi.type("exit")
    town.wire.cut()
    town.turn(1)
    messi.shown()
    messi.enter()
    assert messi.shown() == [b"messi telah bergabung"]
    assert groups(town) == [[], ["bola@beta"]]
    messi.type("kapan?")
    assert messi.shown() == []
    town.town.connect()
    town.turn(1)
    assert b"messi: kapan?" in amsal.shown()
    assert b"messi: kapan?" in messi.shown()


def test_a_link_that_is_replaced_is_not_worth_a_word(town: LiveTown) -> None:
    amsal, messi = entered(town, "amsal", "messi")
    town.wire.cut()
    town.turn(GRACE_SECONDS - 1)
    town.town.connect()
    town.turn(GRACE_SECONDS)
    assert all_shown(amsal, messi) == [[], []]


def test_a_link_that_stays_down_takes_them_along(town: LiveTown) -> None:
    amsal, messi = entered(town, "amsal", "messi")
    town.wire.cut()
    town.turn(GRACE_SECONDS + 1)
    assert all_shown(amsal, messi) == [[b"messi meninggalkan group"], [b"amsal meninggalkan group"]]
    town.town.connect()
    town.turn(1)
    assert all_shown(amsal, messi) == [[b"messi telah bergabung"], [b"amsal telah bergabung"]]


def test_who_left_while_the_link_was_down_is_gone_when_it_is_back(town: LiveTown) -> None:
    amsal, messi = entered(town, "amsal", "messi")
    town.wire.cut()
    messi.lose()
    town.turn(1)
    town.town.connect()
    town.turn(1)
    assert amsal.shown() == [b"messi meninggalkan group"]


def test_a_realm_that_crashed_has_nobody_there(town: LiveTown) -> None:
    amsal, _ = entered(town, "amsal", "messi")
    town.town.alpha.crash()
    town.turn(1)
    town.town.connect()
    town.turn(1)
    assert amsal.shown() == [b"messi meninggalkan group"]


def test_json_clients_see_and_are_seen(town: LiveTown) -> None:
    (amsal,) = entered(town, "amsal")
    messi = person(town.alpha, "messi")
    messi.say({"do": "join", "group": "bola"}, {"do": "listen"}, {"do": "live", "group": "bola@beta"})
    assert messi.heard()[-1]["live"] == ["amsal@beta", "messi@alpha"]
    town.turn(0.5)
    assert amsal.shown() == [b"messi telah bergabung"]
    assert events(messi, "live") == []
    amsal.type("exit")
    (change,) = events(messi, "live")
    assert (change["group"], change["from"], change["on"]) == ("bola@beta", "amsal@beta", False)
    assert messi.ask({"do": "group", "group": "bola@beta"})["live"] == ["messi@alpha"]


def test_who_is_no_member_any_more_is_gone_everywhere(town: LiveTown) -> None:
    amsal, messi = entered(town, "amsal", "messi")
    person(town.beta, "amsal").ask({"do": "kick", "group": "bola", "user": "messi@alpha"})
    town.turn(0.5)
    assert all_shown(amsal, messi) == [[b"messi meninggalkan group"]] * 2


def test_nobody_passes_for_somebody_of_ones_own_realm(town: LiveTown) -> None:
    town.town.alpha.add("lineker", "amsal")
    amsal, own, namesake = town.client("amsal"), Older(town.alpha, "lineker"), town.client("lineker")
    for client in (amsal, own, namesake):
        client.enter()
    assert own.shown() == [b"lineker telah bergabung", b"lineker@beta telah bergabung"]
    assert amsal.shown()[1:] == [b"lineker telah bergabung"] * 2  # the second is of the own realm
    all_shown(amsal, own, namesake)
    namesake.type("ini aku")
    assert own.shown() == [b"lineker@beta: ini aku"]
    assert amsal.shown() == namesake.shown() == [b"lineker: ini aku"]
    own.type("bukan")
    assert own.shown() == [b"lineker: bukan"]
    assert amsal.shown() == namesake.shown() == [b"lineker@alpha: bukan"]


def test_what_the_home_refuses_is_told(town: LiveTown) -> None:
    amsal, messi = entered(town, "amsal", "messi")
    for port in town.wire.ports.values():
        port.held = True
    person(town.beta, "amsal").ask({"do": "kick", "group": "bola", "user": "messi@alpha"})
    messi.type("halo")
    for port in town.wire.ports.values():
        port.release()
    town.turn(1)
    assert messi.shown() == [b"messi meninggalkan group", b"** (not delivered: not-member)"]
    assert amsal.shown() == [b"messi meninggalkan group"]


def test_what_a_home_says_is_looked_at(town: LiveTown) -> None:
    _, messi = entered(town, "amsal", "messi")
    live, home = town.alpha.house.realm.live, town.town.beta.realm.name
    live.heard(home, "bola@beta", ["amsal@beta", "\x1b[2J@beta", "nobody", "henderson@alpha", "budi@gamma"])
    town.turn(0.5)
    assert messi.shown() == [b"budi telah bergabung"]
    live.heard(town.town.alpha.realm.name, "bola@beta", [])
    town.turn(0.5)
    assert messi.shown() == []


def test_a_realm_speaks_of_its_own_only(town: LiveTown) -> None:
    amsal, _ = entered(town, "amsal", "messi")
    live = town.beta.house.realm.live
    others = ["lineker@beta", "eve@alpha", "messi@gamma", "messi@alpha"]
    live.heard(town.town.alpha.realm.name, "bola@beta", others)
    live.heard(town.town.alpha.realm.name, "nobody@beta", others)
    town.turn(0.5)
    assert amsal.shown() == []
