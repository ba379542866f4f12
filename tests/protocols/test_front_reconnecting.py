"""A main link that is lost and comes back: no client of the front loses its session."""

from __future__ import annotations

from chatproto.limits import Limits
from chatproto.protocols.front_link import BEAT_SECONDS, DEAD_SECONDS
from tests.protocols.fronting import Town
from tests.protocols.test_front import PASSWORD, pause
from tests.protocols.wires import Wire

AWAY = {"status": "ERROR", "message": "Gagal", "code": "unavailable", "retry_after": 1.0}


def test_a_text_client_hears_gagal_and_goes_on() -> None:
    town = Town()
    client = town.client()
    client.ask(f"register ani {PASSWORD}")
    town.front.cut()
    assert client.ask("inbox ") == AWAY
    assert town.house.realm.present.accounts() == []
    town.front.connect()
    # Before it has asked anything: who is logged in is.
    assert town.house.realm.present.accounts() == ["ani"]
    assert client.ask("inbox ") == {"status": "OK", "messages": {}}
    assert client.ask("logout") == {"status": "OK"}
    town.front.cut()
    town.front.connect()
    assert client.ask("inbox ")["message"] == "Informasi tidak ditemukan"


def test_who_connects_while_the_main_server_is_away_waits_for_nothing() -> None:
    town = Town()
    town.front.cut()
    client = town.client()
    assert client.ask(f"auth ani {PASSWORD}") == AWAY
    town.front.connect()
    assert client.ask(f"register ani {PASSWORD}")["status"] == "OK"


def test_the_newest_of_several_sessions_still_speaks() -> None:
    town = Town()
    client = town.client()
    for name in ("ani", "budi"):
        client.ask(f"register {name} {PASSWORD}")
    town.front.cut()
    town.front.connect()
    client.ask("send ani halo")
    assert list(client.ask("info")["message"]) == ["ani", "budi"]
    client.ask("logout")
    assert town.house.realm.present.accounts() == []


def test_a_listener_goes_on_where_it_was() -> None:
    town = Town(2)
    ani, budi = town.client(), town.client(town.fronts[0])
    ani.register("ani")
    budi.register("budi")
    ani.ask({"do": "listen"})
    budi.say({"do": "send", "to": "ani", "text": "before"})
    assert ani.texts() == ["before"]
    town.front.cut()
    for text in ("meanwhile", "still"):
        budi.say({"do": "send", "to": "ani", "text": text})
    assert ani.heard() == []
    town.front.connect()
    town.settle()
    budi.say({"do": "send", "to": "ani", "text": "after"})
    assert ani.texts() == ["meanwhile", "still", "after"]


def test_the_link_of_the_front_in_the_middle_is_lost() -> None:
    town = Town(3)
    ani, budi = town.client(), town.client()
    ani.register("ani")
    budi.register("budi")
    ani.ask({"do": "listen"})
    town.fronts[0].cut()
    assert budi.ask({"do": "send", "to": "ani", "text": "lost", "id": 1})["code"] == "unavailable"
    town.fronts[0].connect()
    town.settle()
    budi.say({"do": "send", "to": "ani", "text": "halo"})
    assert ani.texts() == ["halo"]


def test_a_main_server_that_was_restarted() -> None:
    town = Town()
    ani, budi = town.client(), town.client()
    ani.register("ani")
    budi.register("budi")
    ani.ask({"do": "listen"})
    town.front.cut()
    town.house.restart()
    town.front.connect()
    budi.say({"do": "send", "to": "ani", "text": "halo"})
    assert ani.texts() == ["halo"]


def test_what_was_under_way_is_answered_and_its_outcome_unknown() -> None:
    town = Town()
    client = town.client()
    client.register("ani")
    town.front.near = None  # nothing arrives over there
    client.say({"do": "send", "to": "ani", "text": "once", "id": 1}, {"do": "hello", "id": 2})
    assert client.heard() == []
    town.front.cut()
    town.house.turn()
    assert [(reply["re"], reply["code"]) for reply in client.heard()] == [
        (1, "outcome-unknown"),
        (2, "unavailable"),
    ]


def test_a_message_with_a_cid_is_sent_again_and_stored_once() -> None:
    town = Town()
    client = town.client()
    client.register("ani")
    far, town.front.far = town.front.far, None  # its reply is lost
    client.say({"do": "send", "to": "ani", "text": "once", "cid": "a.1", "id": 1})
    assert far is not None
    town.front.cut()
    assert client.heard() == []
    town.front.connect()
    (reply,) = client.heard()
    assert (reply["re"], reply["status"]) == (1, "OK")
    page = client.ask({"do": "history", "with": "ani"})
    assert [each["text"] for each in page["messages"]] == ["once"]


def test_it_does_not_wait_for_ever() -> None:
    town = Town()
    client = town.client()
    client.register("ani")
    town.front.near = None
    client.say({"do": "send", "to": "ani", "text": "once", "cid": "a.1", "id": 1})
    town.front.cut()
    town.house.turn(9.9)
    assert client.heard() == []
    town.house.turn(0.2)
    assert client.heard()[0]["code"] == "outcome-unknown"


def test_live_mode_is_entered_again() -> None:
    town = Town()
    ani, budi = town.client(), town.client()
    for client, name in ((ani, "ani"), (budi, "budi")):
        client.ask(f"register {name} {PASSWORD}")
        client.say("group bola ")
    pause(town)
    ani.wire.taken = budi.wire.taken = b""
    town.front.cut()
    ani.say("lost")
    pause(town)
    assert ani.wire.taken == b"** Gagal"
    town.front.connect()
    pause(town)
    ani.wire.taken = budi.wire.taken = b""
    ani.say("halo")
    pause(town)
    assert (ani.wire.taken, budi.wire.taken) == (b"ani: halo", b"ani: halo")
    ani.wire.taken = b""
    ani.say("exit")
    pause(town)
    assert ani.wire.taken.startswith(b'exit{"status": "OK", "message": "Telah keluar dari grup bola"}')
    ani.wire.taken = b""
    assert ani.ask("inbox")["status"] == "OK"


def test_live_mode_may_be_left_while_the_main_server_is_away() -> None:
    town = Town()
    client = town.client()
    client.ask(f"register ani {PASSWORD}")
    client.say("group bola ")
    pause(town)
    client.wire.taken = b""
    town.front.cut()
    client.say("exit")
    pause(town)
    assert client.wire.taken.startswith(b'exit{"status": "OK"')
    client.wire.taken = b""
    town.front.connect()
    assert client.ask("inbox")["status"] == "OK"
    assert not any(session.in_live_mode for session in town.sessions if not session.gone)


def test_a_silent_main_server_is_gone() -> None:
    town = Town()
    client = town.client()
    client.register("ani")
    for _ in range(3):
        town.house.turn(BEAT_SECONDS)
        town.settle()
    assert town.front.link.up
    town.front.far = None
    wire = town.front.near
    for _ in range(int(DEAD_SECONDS / BEAT_SECONDS)):
        town.house.turn(BEAT_SECONDS)
    assert wire is not None
    assert wire.aborted


def test_a_main_server_that_ends_answers_first() -> None:
    town = Town()
    client = town.client()
    client.ask(f"register ani {PASSWORD}")
    near = town.front.near
    assert near is not None
    client.protocol.dataReceived(b"send ani halo\r\n")
    town.house.turn()
    data, near.taken = near.taken, b""
    town.front.over_there.dataReceived(data)
    town.front.over_there.goodbye("shutdown")
    town.front.near = None
    town.settle()
    assert client.heard() == [{"status": "OK", "message": "Message Sent"}]
    assert near.aborted  # it heard the farewell


def test_who_was_shown_as_live_is_again() -> None:
    town = Town()
    ani, budi = town.client(), town.client()
    for client, name in ((ani, "ani"), (budi, "budi")):
        client.register(name)
    ani.ask({"do": "create", "group": "tim"})
    budi.ask({"do": "join", "group": "tim"})
    for client in (ani, budi):
        client.ask({"do": "listen"})
        client.say({"do": "live", "group": "tim"})
    town.front.cut()
    town.front.connect()
    ani.heard()
    budi.say({"do": "live", "group": "tim", "on": False})
    (event,) = [each for each in ani.heard() if each.get("event") == "live"]
    assert (event["from"], event["on"]) == ("budi@alpha", False)


def test_a_front_that_comes_back_before_its_main_server_does() -> None:
    town = Town(2)
    ani, budi, live = town.client(), town.client(), town.client()
    for client, name in ((ani, "ani"), (budi, "budi")):
        client.register(name)
    ani.ask({"do": "listen"})
    live.ask(f"register lisa {PASSWORD}")
    live.say("group bola ")
    pause(town)
    live.wire.taken = b""
    near, far = town.fronts
    near.cut()
    far.cut()
    far.connect()
    pause(town)
    near.connect()
    for _ in range(6):
        pause(town)
    assert town.house.realm.present.accounts() == ["ani", "budi", "lisa"]
    budi.say({"do": "send", "to": "ani", "text": "halo"})
    assert ani.texts() == ["halo"]
    live.say("halo juga")
    pause(town)
    assert live.wire.taken == b"lisa: halo juga"


def test_nothing_is_told_twice_by_a_link_that_listens_twice() -> None:
    town = Town()
    ani = town.client()
    ani.register("ani")
    ani.ask({"do": "listen", "own": True})
    for number in range(5):
        ani.say({"do": "send", "to": "ani", "text": f"{number}"})
    assert ani.texts() == ["0", "1", "2", "3", "4"]
    session = ani.protocol.session  # type: ignore[attr-defined]
    session.kept.listen = session.kept.listen.__class__(after=0, own=True)
    session.back()
    session.back()
    town.settle()
    assert ani.texts() == ["0", "1", "2", "3", "4"]


def test_a_client_too_many_costs_no_other_one_the_link() -> None:
    town = Town(2, limits=Limits(connections=3))
    near, far = town.fronts
    first = [town.client(near) for _ in range(2)]
    for number, client in enumerate(first):
        client.register(f"ani{number}")
    second = [town.client(far) for _ in range(2)]
    second[0].register("budi")
    refused = second[1].ask({"do": "register", "user": "cici", "password": "rahasia"})
    assert (refused["code"], refused["retry_after"]) == ("too-many-connections", 10.0)
    for front in (near, far):
        front.cut()
    for front in (near, far):
        front.connect()
    town.settle()
    for client in (*first, second[0]):
        assert client.ask({"do": "send", "to": "budi", "text": "halo"})["status"] == "OK"


def test_a_main_server_that_takes_fewer_than_before_keeps_those_it_has_room_for() -> None:
    town = Town()
    clients = [town.client() for _ in range(3)]
    for number, client in enumerate(clients):
        client.register(f"ani{number}")
    clients[2].ask({"do": "listen"})
    town.front.cut()
    town.main.limits = Limits(connections=2)
    town.front.connect()
    assert clients[2].heard()[-1]["reason"] == "too-many-connections"
    assert clients[1].ask({"do": "send", "to": "ani0", "text": "halo"})["status"] == "OK"


def test_a_front_that_ends_leaves_no_timer() -> None:
    town = Town()
    town.client().register("ani")
    town.front.link.close()
    town.settle()
    town.front.cut()
    left = [str(each) for each in town.house.clock.getDelayedCalls()]
    assert not [each for each in left if "_give_up" in each]


def test_a_front_that_ends_leaves_no_handshake() -> None:
    town = Town()
    town.front.cut()
    end = town.front.link.factory().buildProtocol(None)
    wire = Wire()
    assert end is not None
    end.makeConnection(wire)
    town.front.link.close()
    assert wire.aborted
