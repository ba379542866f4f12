"""Clients of a front: everything is done by the main server, as if they were connected with that."""

from __future__ import annotations

from typing import Any

import pytest

from chatproto.limits import Limits
from tests.protocols.fronting import Town

PASSWORD = "rahasia"


def ask(client: Any, line: str) -> dict[str, Any]:
    """Say a text command and return its reply."""
    reply: dict[str, Any] = client.ask(line)
    return reply


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_system_c_through_fronts(hops: int) -> None:
    town = Town(hops)
    ani, budi = town.client(), town.client(town.fronts[0])
    for client, name in ((ani, "ani"), (budi, "budi")):
        assert client.ask(f"register {name} {PASSWORD}")["status"] == "OK"
        assert client.ask(f"auth {name} {PASSWORD}")["status"] == "OK"
    assert ask(ani, "sendprivate budi halo ") == {"status": "OK", "message": "Message Sent"}
    assert ask(budi, "inbox ")["messages"] == {
        "ani": [{"msg_from": "ani", "msg_to": "budi", "msg": "halo"}],
    }
    assert ask(ani, "creategroup kelas")["message"] == "Add group successful"
    assert ask(budi, "joingroup kelas")["message"] == "Add group successful"
    assert ask(budi, "joingroup kelas")["message"] == "User sudah dalam group"
    assert ask(ani, "sendgroup kelas pagi ")["message"] == "Message Sent"
    assert [each["msg"] for each in ask(budi, "inboxgroup kelas ")["messages"]["ani"]] == ["pagi"]
    assert sorted(ask(ani, "info")["message"]) == ["ani", "budi"]
    assert ask(ani, "logout")["status"] == "OK"
    assert ask(ani, "logout")["message"] == "Belum Login"
    assert sorted(ask(budi, "info {} ")["message"]) == ["budi"]


def test_errors_have_the_words_that_they_have_without_a_front() -> None:
    town = Town()
    client = town.client()
    client.ask(f"register ani {PASSWORD}")
    said = {
        "auth ani x": "Password Salah",
        "auth zzz x": "User Tidak Ada",
        f"register ani {PASSWORD}": "User Sudah Ada",
        "sendprivate zzz halo": "User Tidak Ditemukan",
        "inboxgroup zzz": "Informasi tidak ditemukan",
        "foo": "**Protocol Tidak Benar",
        "auth ani": "--Protocol Tidak Benar",
    }
    assert {line: client.ask(line)["message"] for line in said} == said


def test_the_words_of_servers_are_none_at_a_front() -> None:
    town = Town(2)
    client = town.client()
    for line in (
        "recvrealm r2 127.0.0.1 8889",
        "recvrealmprivatemsg messi r2 budi halo",
        "getrealmchat r2 budi",
        "server send messi budi halo",
        "check group messi bola other",
    ):
        assert client.ask(line)["message"] == "**Protocol Tidak Benar"


def test_a_token_is_good_on_any_front_and_at_the_main_server() -> None:
    town = Town(2)
    token = town.client().ask(f"register ani {PASSWORD}")["tokenid"]
    near = town.client(town.fronts[0])
    assert near.ask(f"send {token} ani halo ")["message"] == "Message Sent"
    assert near.ask("inbox ")["message"] == "Informasi tidak ditemukan"
    assert len(near.ask(f"inbox {token}")["messages"]["ani"]) == 1


def test_pipelined_commands_are_answered_in_their_order() -> None:
    town = Town()
    client = town.client()
    client.register("ani")
    client.say(*({"do": "send", "to": "ani", "text": f"{n}", "id": n} for n in range(300)))
    assert [(reply["re"], reply["status"]) for reply in client.heard()] == [(n, "OK") for n in range(300)]


def test_who_listens_is_told_of_what_is_said_elsewhere() -> None:
    town = Town(2)
    ani, budi = town.client(), town.client(town.fronts[0])
    ani.register("ani")
    budi.register("budi")
    ani.ask({"do": "listen"})
    budi.say({"do": "send", "to": "ani", "text": "halo"})
    assert ani.texts() == ["halo"]


def test_a_text_client_is_told_nothing_unasked() -> None:
    town = Town()
    ani, budi = town.client(), town.client()
    ani.ask(f"register ani {PASSWORD}")
    budi.ask(f"register budi {PASSWORD}")
    budi.ask("send ani halo")
    assert ani.wire.taken == b""


def test_what_a_client_that_reads_nothing_has_to_get_stays_at_the_main_server() -> None:
    town = Town(2)
    slow, quick, talker = town.client(reading=False), town.client(), town.client()
    for client, name in ((slow, "slow"), (quick, "quick"), (talker, "talker")):
        client.say({"do": "register", "user": name, "password": PASSWORD}, {"do": "listen"})
        client.wire.take()
        client.heard()
    text = "x" * 10_000
    for number in range(60):
        talker.say({"do": "send", "to": ["slow", "quick"], "text": f"{number} {text}"})
    assert len(quick.texts()) == 60
    # What its kernel would have, and the windows of three links: far less than all.
    assert len(slow.wire.waiting) < 300_000
    texts: list[str] = []
    while slow.wire.waiting:
        slow.wire.take()
        town.settle()
        texts += slow.texts()
    assert [text.split()[0] for text in texts] == [str(number) for number in range(60)]


def test_a_large_box_comes_whole_and_others_do_not_wait_for_it() -> None:
    town = Town(2)
    ani, budi = town.client(), town.client()
    ani.ask(f"register ani {PASSWORD}")
    budi.ask(f"register budi {PASSWORD}")
    content = "QUFB" * 300_000
    assert ani.ask(f"sendfile budi surat.txt b'{content}'")["message"] == "File Sent"
    (entry,) = budi.ask("inbox")["messages"]["ani"]
    assert f"b'{content}'" in entry
    assert town.house.realm.older.inboxes.room.taken == 0


def test_a_long_line_of_a_stranger_with_a_token_is_read() -> None:
    town = Town()
    token = town.client().ask(f"register ani {PASSWORD}")["tokenid"]
    content = "QUFB" * 30_000
    stranger = town.client()
    assert stranger.ask(f"sendfile {token} ani surat.txt b'{content}'")["message"] == "File Sent"
    wrong = town.client()
    line = f"sendfile 6d0f3ac9-8b3e-4d0c-9a47-3f7f0b6f5a11 ani surat.txt b'{content}'"
    assert wrong.ask(line)["message"] == "Informasi tidak ditemukan"


def test_files_go_up_and_down() -> None:
    town = Town(2)
    ani = town.client()
    ani.register("ani")
    data = bytes(range(256)) * 700
    offer = {"do": "upload", "to": "ani", "name": "a.bin", "size": len(data)}
    upload = ani.ask(offer)["file"]
    for start in range(0, len(data), 65536):
        piece = data[start : start + 65536]
        head = {"do": "chunk", "file": upload, "offset": start, "size": len(piece)}
        ani.say(head, piece)
    ani.say({"do": "finish", "file": upload})
    replies = ani.heard()
    assert {reply["status"] for reply in replies} == {"OK"}
    ani.say({"do": "download", "file": upload, "offset": 0, "size": 65536})
    line, _, raw = ani.wire.taken.partition(b"\r\n")
    assert b'"status":"OK"' in line
    assert raw == data[:65536]


def test_live_mode_through_fronts() -> None:
    town = Town(2)
    ani, budi = town.client(), town.client(town.fronts[0])
    ani.ask(f"register ani {PASSWORD}")
    budi.ask(f"register budi {PASSWORD}")
    ani.say("group bola ")
    budi.say("group bola ")
    pause(town)
    budi.say("halo")
    pause(town)
    assert ani.wire.taken == b"ani telah bergabungbudi telah bergabungbudi: halo"
    assert budi.wire.taken == b"budi telah bergabungbudi: halo"
    budi.wire.taken = b""
    budi.say("exit")
    pause(town)
    assert budi.wire.taken == (b'exit{"status": "OK", "message": "Telah keluar dari grup bola"}\r\n\r\n')


def pause(town: Town) -> None:
    """Let half a second pass."""
    for _ in range(10):
        town.house.turn(0.05)
        town.settle()


def test_rates_count_by_where_the_client_is() -> None:
    town = Town(rates=True, limits=Limits(registrations_per_hour=1.0, registrations_per_hour_in_all=100.0))
    first, again = town.client(address="192.0.2.7"), town.client(address="192.0.2.7")
    other = town.client(address="192.0.2.8")
    assert first.ask(f"register a {PASSWORD}")["status"] == "OK"
    assert again.ask(f"register b {PASSWORD}")["code"] == "rate-limited"
    assert other.ask(f"register c {PASSWORD}")["status"] == "OK"


def test_a_client_that_goes_leaves_nothing_behind() -> None:
    town = Town(2)
    client = town.client()
    client.register("ani")
    client.ask({"do": "listen"})
    assert town.house.realm.present.accounts() == ["ani"]
    client.lose()
    town.settle()
    assert town.house.realm.present.accounts() == []
    assert all(session.gone for session in town.sessions)


def test_a_session_that_is_ended_elsewhere_ends_the_connection() -> None:
    town = Town(2)
    listener, other = town.client(), town.client()
    listener.register("ani")
    listener.ask({"do": "listen"})
    other.say({"do": "login", "user": "ani", "password": PASSWORD}, {"do": "logout", "everywhere": True})
    (goodbye,) = listener.heard()
    assert (goodbye["event"], goodbye["reason"]) == ("goodbye", "logged-out")


def test_a_client_that_goes_in_the_middle_of_a_large_reply_leaves_no_part_of_it() -> None:
    town = Town()
    ani, budi = town.client(), town.client()
    ani.ask(f"register ani {PASSWORD}")
    budi.ask(f"register budi {PASSWORD}")
    for _ in range(4):
        ani.ask(f"sendfile budi surat.txt b'{'QUFB' * 300_000}'")
    end, main = town.front.end, town.front.over_there
    budi.protocol.dataReceived(b"inbox\r\n")
    far, near = town.front.far, town.front.near
    assert far is not None
    assert near is not None
    for _ in range(20):  # what it asked, and the beginning of what it is told
        town.house.turn()
        asked, near.taken = near.taken, b""
        main.dataReceived(asked)
    beginning, far.taken = far.taken[:100_000], far.taken[100_000:]
    end.dataReceived(beginning)
    assert end._assembled > 0
    budi.lose()
    town.settle()
    assert (end._assembled, end._parts) == (0, {})
    assert ani.ask("inbox")["status"] == "OK"
    assert town.house.realm.older.inboxes.room.taken == 0
