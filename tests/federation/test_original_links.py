"""The link to an original server on virtual time: what is said once, and what is known after a crash."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.errors import (
    NotSupported,
    RealmRefused,
    UnknownCommand,
)
from chatproto.federation.originals import OwnPlace
from chatproto.federation.setting import PeerSetting
from tests.federation.old_server import NOBODY, OK, UNKNOWN, Server, linked, send
from tests.federation.town import BETA, Place
from tests.realm.house import Client


@pytest.fixture
def place() -> Place:
    """Return a realm whose neighbour is an original server that nobody has reached yet."""
    return linked()


def test_what_was_sent_and_not_answered_is_never_sent_again(place: Place) -> None:
    server = Server(place)
    first = send(place, "one")
    send(place, "two")
    assert server.heard() == "server send messi amsal one \r\n"  # and nothing more before the reply
    place.crash()
    server = Server(place)
    assert place.texts("bounce") == [f"outcome-unknown {first}"]
    assert server.heard() == "server send messi amsal two \r\n"
    server.say(OK, 7)
    assert (place.link.outgoing.waiting_items, server.heard()) == (0, "")
    place.crash()
    assert Server(place).heard() == ""
    assert place.texts("bounce") == [f"outcome-unknown {first}"]


def test_what_could_not_be_sent_waits_for_the_next_connection(place: Place) -> None:
    server = Server(place)
    server.cut()
    send(place, "one")
    server = Server(place)
    assert server.heard() == "server send messi amsal one \r\n"
    server.say(NOBODY)
    (bounce,) = place.texts("bounce")
    assert bounce.startswith("no-such-user ")


def test_a_reply_has_a_time_limit_and_the_next_item_goes_by_another_connection(place: Place) -> None:
    server = Server(place)
    first = send(place, "one")
    send(place, "two")
    place.turn(2)
    assert not server.transport.disconnecting
    place.turn(1)
    assert server.transport.disconnected
    server.cut()
    assert place.texts("bounce") == [f"outcome-unknown {first}"]
    server = Server(place)
    assert server.heard() == "server send messi amsal two \r\n"


@pytest.mark.parametrize("said", [b"halo", b'{"status": "OK"}\r\n\r\n'])
def test_what_comes_unasked_ends_the_connection(place: Place, said: bytes) -> None:
    server = Server(place)
    server.protocol.dataReceived(said)
    assert server.transport.disconnected


def test_groups_and_receipts_are_nothing_to_it(place: Place) -> None:
    server = Server(place)
    messi = place.person("messi")
    answers = messi.begin(commands.Join(group="room@beta"))
    place.turn()
    assert [type(answer) for answer in answers] == [NotSupported]
    assert server.heard() == ""


def test_a_search_that_is_not_answered_stores_nothing(place: Place) -> None:
    server = Server(place)
    messi = place.person("messi")
    answers = messi.begin(commands.Send(to="amsal", text="halo", search=True))
    assert server.heard() == "server send messi amsal halo \r\n"
    server.cut()
    assert [type(answer) for answer in answers] == [RealmRefused]
    assert place.texts() == []


def test_what_is_said_twice_in_one_millisecond_is_not_one_request(place: Place) -> None:
    Server(place).cut()
    messi = place.person("messi")
    for to in ("amsal", "amsal", "nobody"):
        messi.begin(commands.SendRealm(realm="beta", to=to, text="ha"))
    messi.begin(commands.SendGroupRealm(realm="beta", to="amsal,budi", text="ha"))
    messi.begin(commands.SendGroupRealm(realm="beta", to="amsal,ani", text="ha"))
    place.turn()
    server = Server(place)
    heard = []
    for _ in range(5):
        heard.append(server.heard())
        server.say(NOBODY if "nobody" in heard[-1] else OK)
    assert heard == [
        "recvrealmprivatemsg messi beta amsal ha\r\n",
        "recvrealmprivatemsg messi beta amsal ha\r\n",
        "recvrealmprivatemsg messi beta nobody ha\r\n",
        "recvrealmgroupmsg messi beta amsal,budi ha\r\n",
        "recvrealmgroupmsg messi beta amsal,ani ha\r\n",
    ]
    (bounce,) = place.texts("bounce")
    assert bounce.startswith("no-such-user ")
    assert (place.link.outgoing.waiting_items, server.heard()) == (0, "")


def test_a_list_of_one_that_waits_is_still_a_list(place: Place) -> None:
    Server(place).cut()
    messi = place.person("messi")
    messi.begin(commands.SendGroupRealm(realm="beta", to="amsal", text="one"))
    messi.begin(commands.SendGroupRealm(realm="beta", to="amsal,amsal", text="two"))
    messi.begin(commands.SendRealm(realm="beta", to="amsal", text="three"))
    place.turn()
    place.crash()
    server = Server(place)
    heard = []
    for _ in range(3):
        heard.append(server.heard())
        server.say(OK)
    assert heard == [
        "recvrealmgroupmsg messi beta amsal one\r\n",
        "recvrealmgroupmsg messi beta amsal two\r\n",
        "recvrealmprivatemsg messi beta amsal three\r\n",
    ]
    assert (place.link.outgoing.waiting_items, server.heard()) == (0, "")


def test_a_file_for_a_list_of_one_is_for_a_list(place: Place) -> None:
    Server(place).cut()
    messi = place.person("messi")
    for to in ("amsal", "amsal,amsal", "budi,amsal"):
        messi.begin(commands.SendGroupFileRealm(realm="beta", to=to, path="a.txt", content="aGFsbw=="))
        place.turn()
    messi.begin(commands.SendFileRealm(realm="beta", to="amsal", path="a.txt", content="b'aGFsbw=='"))
    place.turn()
    server = Server(place)
    heard = []
    for _ in range(4):
        heard.append(server.heard())
        server.say(OK)
    assert heard == [
        "recvgroupfilerealm messi beta amsal a.txt aGFsbw==\r\n",
        "recvgroupfilerealm messi beta amsal a.txt aGFsbw==\r\n",
        "recvgroupfilerealm messi beta budi,amsal a.txt aGFsbw==\r\n",
        "recvfilerealm messi beta amsal a.txt b'aGFsbw=='\r\n",
    ]


def test_who_is_a_stranger_to_it_is_introduced_once_for_each_connection(place: Place) -> None:
    messi = place.person("messi")
    request, introduction = "recvrealmprivatemsg messi beta amsal ha\r\n", "recvrealm beta 127.0.0.1 7\r\n"
    for _ in range(2):
        server = Server(place, OwnPlace("127.0.0.1", 7))
        for _ in range(2):  # it forgets us, and nobody tells us so
            messi.begin(commands.SendRealm(realm="beta", to="amsal", text="ha"))
            place.turn()
        assert server.heard() == request
        server.say(UNKNOWN)
        assert server.heard() == introduction
        server.say(OK)
        assert server.heard() == request
        server.say(OK)
        assert server.heard() == request
        server.say(UNKNOWN)  # so it does not know the request
        assert server.heard() == "server send messi amsal ha \r\n"
        server.say(OK)
        assert (place.texts("bounce"), place.link.outgoing.waiting_items) == ([], 0)
        server.cut()


def test_it_says_itself_that_it_was_started_anew(place: Place) -> None:
    messi = place.person("messi")
    server = Server(place, OwnPlace("127.0.0.1", 7))
    messi.begin(commands.SendRealm(realm="beta", to="amsal", text="ha"))
    place.turn()
    for _ in range(3):  # the request, the introduction, and as a server of system D is asked
        assert server.heard()
        server.say(UNKNOWN)
    assert len(place.texts("bounce")) == 1
    Client(place, address="127.0.0.1").ask(commands.RecvRealm(realm="beta", host="127.0.0.1", port="7"))
    messi.begin(commands.SendRealm(realm="beta", to="amsal", text="ha"))
    place.turn()
    assert server.heard() == "recvrealmprivatemsg messi beta amsal ha\r\n"
    server.say(UNKNOWN)
    assert server.heard() == "recvrealm beta 127.0.0.1 7\r\n"


def test_its_address_counts_only_where_it_was_seen(place: Place) -> None:
    command = commands.ServerSend(what="send", sender="amsal", to="messi", text="halo")
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert Client(place, address=address).ask(command).entry.msg_from == "amsal"
        with pytest.raises(UnknownCommand):  # as a front tells it, to which anybody may connect
            Client(place, address=address, direct=False).ask(command)
    for address in ("10.0.0.1", "::2", "", "127.0.0.9", "::ffff:127.0.0.9"):
        with pytest.raises(UnknownCommand):
            Client(place, address=address).ask(command)
    assert place.texts() == ["halo"] * 3


@pytest.mark.parametrize(
    ("host", "its_own"),
    [
        ("localhost", ["127.0.0.1", "::1"]),
        (r"\:\:1", ["127.0.0.1", "::ffff:127.0.0.1"]),
        # What it dials comes from 127.0.0.1, unless it binds.
        ("127.0.0.2", ["127.0.0.2", "::ffff:127.0.0.2", "127.0.0.1"]),
        ("10.0.0.2", ["10.0.0.2"]),
    ],
)
def test_a_server_comes_from_where_it_is(place: Place, host: str, its_own: list[str]) -> None:
    place.setting = PeerSetting(realm=BETA, connect=f"tcp:{host}:9", legacy=True, neighbour=True)
    place.crash()
    command = commands.ServerSend(what="send", sender="amsal", to="messi", text="halo")
    for address in its_own:
        assert Client(place, address=address).ask(command).entry.msg_from == "amsal"
    for address in {"127.0.0.1", "127.0.0.2", "127.0.0.9", "10.0.0.2"} - {*its_own}:
        with pytest.raises(UnknownCommand):
            Client(place, address=address).ask(command)
