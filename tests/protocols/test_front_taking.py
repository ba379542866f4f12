"""What was taken out of a box for a front's client, and was lost with the link, comes after all."""

from __future__ import annotations

from random import Random

import pytest

from chatproto.protocols.front_end import _REPEAT_SECONDS
from tests.protocols.fronting import FrontClient, Town
from tests.protocols.test_front import PASSWORD

MAIL = {"ani": [{"msg_from": "ani", "msg_to": "budi", "msg": "halo"}]}


def pair(town: Town) -> tuple[FrontClient, FrontClient]:
    """Return two clients in one group; the first has sent the other a text and a file."""
    ani, budi = town.client(), town.client()
    for client, name in ((ani, "ani"), (budi, "budi")):
        assert client.ask(f"register {name} {PASSWORD}")["status"] == "OK"
    assert ani.ask("creategroup kelas")["status"] == "OK"
    assert budi.ask("joingroup kelas")["status"] == "OK"
    return ani, budi


def lose_reply(town: Town, client: FrontClient, line: str, hop: int = -1, *, quietly: bool = False) -> None:
    """Let a command be carried out, and its reply be lost with the link of a front."""
    front = town.fronts[hop]
    client.wire.taken = b""
    front.far = None
    client.say(line)
    front.cut(quietly=quietly)
    town.house.turn()


def waits(town: Town) -> int:
    """Return how many bytes are kept for who may ask again."""
    return town.house.realm.older.undelivered.size


@pytest.mark.parametrize("quietly", [False, True])
@pytest.mark.parametrize(("hops", "hop"), [(1, 0), (2, 0), (2, 1), (3, 1)])
def test_an_inbox_whose_reply_was_lost_comes_over_the_next_link(hops: int, hop: int, quietly: bool) -> None:
    town = Town(hops)
    ani, budi = pair(town)
    assert ani.ask("sendprivate budi halo")["status"] == "OK"
    lose_reply(town, budi, "inbox", hop, quietly=quietly)
    assert budi.heard() == []
    assert waits(town)
    town.fronts[hop].connect()
    town.settle()
    assert budi.heard() == [{"status": "OK", "messages": MAIL}]
    assert waits(town) == 0
    assert budi.ask("inbox") == {"status": "OK", "messages": {}}


@pytest.mark.parametrize("box", ["inboxgroup kelas", "receivefile"])
def test_so_do_other_boxes(box: str) -> None:
    town = Town()
    ani, budi = pair(town)
    assert ani.ask("sendgroup kelas pagi")["status"] == "OK"
    assert ani.ask("sendfile budi a.txt aGFsbw==")["status"] == "OK"
    lose_reply(town, budi, box)
    town.front.connect()
    town.settle()
    (reply,) = budi.heard()
    assert reply["status"] == "OK"
    assert reply["messages"]
    assert budi.ask(box)["status"] == "OK"
    assert waits(town) == 0


def test_what_did_not_get_there_is_taken_then() -> None:
    town = Town()
    ani, budi = pair(town)
    assert ani.ask("sendprivate budi halo")["status"] == "OK"
    town.front.near = None
    budi.say("inbox")
    town.front.cut()
    town.front.connect()
    town.settle()
    assert budi.heard() == [{"status": "OK", "messages": MAIL}]


def later(town: Town) -> None:
    """Be without a link for so long that the front waits no more."""
    town.house.turn(_REPEAT_SECONDS + 1)


@pytest.mark.parametrize("hops", [1, 2])
@pytest.mark.parametrize("again", [[], ["logout", f"auth budi {PASSWORD}"]])
def test_after_an_error_the_next_one_has_the_mail(hops: int, again: list[str]) -> None:
    town = Town(hops)
    ani, budi = pair(town)
    assert ani.ask("sendprivate budi halo")["status"] == "OK"
    lose_reply(town, budi, "inbox")
    later(town)
    (reply,) = budi.heard()
    assert (reply["status"], reply["code"]) == ("ERROR", "outcome-unknown")
    town.front.connect()
    town.settle()
    for line in again:
        assert budi.ask(line)["status"] == "OK"
    assert ani.ask("sendprivate budi lagi")["status"] == "OK"
    assert budi.ask("inbox")["messages"] == MAIL
    assert waits(town) == 0
    assert [each["msg"] for each in budi.ask("inbox")["messages"]["ani"]] == ["lagi"]


def test_it_is_nobody_elses() -> None:
    town = Town()
    ani, budi = pair(town)
    assert ani.ask("sendprivate budi halo")["status"] == "OK"
    lose_reply(town, budi, "inbox")
    later(town)
    budi.heard()
    town.front.connect()
    assert budi.ask("logout")["status"] == "OK"
    assert budi.ask(f"auth ani {PASSWORD}")["status"] == "OK"
    assert budi.ask("inbox")["messages"] == {}
    assert waits(town)


def test_a_client_that_is_gone_leaves_nothing() -> None:
    town = Town()
    ani, budi = pair(town)
    assert ani.ask("sendprivate budi halo")["status"] == "OK"
    lose_reply(town, budi, "inbox")
    later(town)
    town.front.connect()
    assert waits(town)
    budi.lose()
    town.settle()
    assert waits(town) == 0


def test_one_that_is_still_taking_when_it_is_asked_again_takes_once() -> None:
    town = Town()
    ani, budi = pair(town)
    assert ani.ask("sendprivate budi halo")["status"] == "OK"
    slow = town.house.slow
    slow.slow = True
    budi.say("inbox")
    town.front.cut(quietly=True)
    slow.slow = False
    town.front.connect()
    town.settle()
    assert slow.calls
    assert budi.heard() == []
    while slow.calls:
        slow.go_on(Random(1))
        town.settle()
    assert budi.heard() == [{"status": "OK", "messages": MAIL}]
    assert waits(town) == 0
