"""The older systems' flows, byte for byte, from clients that read as the older ones do."""

from __future__ import annotations

import json
import socket
import time

import pytest

from tests.system.conftest import StartRealm
from tests.system.older import OlderClient, Transcript
from tests.system.running import RunningRealm

SENT = '{"status": "OK", "message": "Message Sent"}'
ADDED = '{"status": "OK", "message": "Add group successful"}'
EMPTY = '{"status": "OK", "messages": {}}'
NOT_FOUND = '{"status": "ERROR", "message": "Informasi tidak ditemukan", "code": "%s"}'

#: What the desktop client reads at a time; the others read 1024. In each flow one of the two reads so.
DESKTOP = 64


def inbox(*entries: tuple[str, str, str], group: str = "") -> str:
    """Return the reply to ``inbox`` with entries by one sender each: display names and the text."""
    users = {"Lionel Messi": "messi", "Jordan Henderson": "henderson", "Gary Lineker": "lineker"}
    messages: dict[str, list[dict[str, str]]] = {}
    for sender, to, text in entries:
        entry = {"msg_from": sender, "msg_to": to, "msg": text}
        if group:
            entry["group"] = group
        messages.setdefault(users.get(sender, sender), []).append(entry)
    return json.dumps({"status": "OK", "messages": messages})


@pytest.fixture(params=[False, True], ids=["stripped", "exact"])
def exact(request: pytest.FixtureRequest) -> bool:
    """Whether the realm keeps the blanks and line ends of a text."""
    return bool(request.param)


@pytest.fixture
def realm(start_realm: StartRealm, exact: bool) -> RunningRealm:
    return start_realm(*(["--exact-bodies"] if exact else []))


def test_b1_a_private_message(realm: RunningRealm, exact: bool) -> None:
    with OlderClient(realm) as messi, OlderClient(realm, DESKTOP) as henderson:
        replay = Transcript()
        replay(messi, "auth messi surabaya \r\n", '{"status": "OK", "tokenid": "<T1>"}')
        replay(henderson, "auth henderson surabaya \r\n", '{"status": "OK", "tokenid": "<T2>"}')
        replay(messi, "send <T1> henderson  hello son \r\n", SENT)
        assert henderson.hears_nothing()
        text = "  hello son \r\n" if exact else "hello son"
        replay(henderson, "inbox <T2> \r\n", inbox(("Lionel Messi", "Jordan Henderson", text)))
        replay(henderson, "inbox <T2> \r\n", EMPTY)
        replay(messi, "inbox <T1> \r\n", EMPTY)


def test_b3_a_list_and_a_named_group(realm: RunningRealm, exact: bool) -> None:
    with (
        OlderClient(realm) as messi,
        OlderClient(realm, DESKTOP) as henderson,
        OlderClient(realm) as lineker,
    ):
        replay = Transcript()
        replay(messi, "auth messi surabaya \r\n", '{"status": "OK", "tokenid": "<T1>"}')
        replay(henderson, "auth henderson surabaya \r\n", '{"status": "OK", "tokenid": "<T2>"}')
        replay(lineker, "auth lineker surabaya \r\n", '{"status": "OK", "tokenid": "<T3>"}')
        replay(messi, "sendgroup <T1> henderson,lineker  halo \r\n", SENT)
        text = "  halo \r\n" if exact else "halo"
        replay(henderson, "inbox <T2> \r\n", inbox(("Lionel Messi", "Jordan Henderson", text)))
        replay(lineker, "inbox <T3> \r\n", inbox(("Lionel Messi", "Gary Lineker", text)))
        replay(messi, "addgroup <T1> tim \r\n", ADDED)
        replay(henderson, "joingroup <T2> tim \r\n", ADDED)
        replay(
            henderson,
            "joingroup <T2> tim \r\n",
            '{"status": "ERROR", "message": "User sudah dalam group", "code": "already-member"}',
        )
        replay(messi, "sendgroup <T1> tim  rapat \r\n", SENT)
        text = "  rapat \r\n" if exact else "rapat"
        entry = inbox(("Lionel Messi", "Jordan Henderson", text), group="tim")
        replay(henderson, "inbox <T2> \r\n", entry)
        # The sender is a member too, and whoever did not join hears nothing.
        replay(messi, "inbox <T1> \r\n", inbox(("Lionel Messi", "Lionel Messi", text), group="tim"))
        replay(lineker, "inbox <T3> \r\n", EMPTY)


def test_b5_errors_and_the_end(server: RunningRealm) -> None:
    with OlderClient(server, DESKTOP) as messi:
        replay = Transcript()
        wrong = '{"status": "ERROR", "message": "%s", "code": "%s"}'
        replay(messi, "auth messi x \r\n", wrong % ("Password Salah", "login-failed"))
        replay(messi, "auth zzz x \r\n", wrong % ("User Tidak Ada", "login-failed"))
        replay(messi, "foo\r\n", wrong % ("**Protocol Tidak Benar", "unknown-command"))
        replay(messi, "auth messi\r\n", wrong % ("--Protocol Tidak Benar", "too-few-words"))
        replay(messi, "auth messi surabaya \r\n", '{"status": "OK", "tokenid": "<T1>"}')
        replay(messi, "send <T1> nobody  halo \r\n", wrong % ("User Tidak Ditemukan", "no-such-user"))
        replay(messi, "logout \r\n", '{"status": "OK"}')
        replay(messi, "inbox <T1> \r\n", NOT_FOUND % "bad-token")
        replay(messi, "logout \r\n", wrong % ("Belum Login", "not-logged-in"))


def test_c1_without_tokens(realm: RunningRealm, exact: bool) -> None:
    with OlderClient(realm) as ani, OlderClient(realm, DESKTOP) as budi:
        replay = Transcript()
        for client, name in ((ani, "ani"), (budi, "budi")):
            replay(client, f"register {name} rahasia\r\n", '{"status": "OK", "tokenid": "<R>"}')
            replay(client, f"auth {name} rahasia\r\n", '{"status": "OK", "tokenid": "<T>"}')
        replay(ani, "sendprivate budi halo \r\n", SENT)
        text = " halo \r\n" if exact else "halo"
        replay(budi, "inbox \r\n", inbox(("ani", "budi", text)))
        replay(ani, "creategroup kelas\r\n", ADDED)
        replay(budi, "joingroup kelas\r\n", ADDED)
        replay(ani, "sendgroup kelas pagi \r\n", SENT)
        text = " pagi \r\n" if exact else "pagi"
        replay(budi, "inboxgroup kelas \r\n", inbox(("ani", "budi", text), group="kelas"))
        replay(budi, "inboxgroup kelas \r\n", EMPTY)
        replay(budi, "inbox \r\n", inbox(("ani", "budi", text), group="kelas"))


def test_commands_in_one_packet_are_answered_in_their_order(server: RunningRealm) -> None:
    with OlderClient(server, DESKTOP) as client:
        client.say(
            "auth messi surabaya \r\n"
            "send henderson  one \r\nfoo\r\nsend henderson  two \r\n"
            "auth henderson surabaya \r\ninbox \r\nlogout \r\n"
        )
        replies = [json.loads(reply) for reply in client.hear_replies(7)]
        assert [reply["status"] for reply in replies] == ["OK", "OK", "ERROR", "OK", "OK", "OK", "OK"]
        assert [entry["msg"] for entry in replies[5]["messages"]["messi"]] == ["one", "two"]


def test_a_command_may_come_byte_by_byte(server: RunningRealm) -> None:
    with OlderClient(server) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in "auth messi surabaya \r\nsend messi  café ☕ \r\ninbox \r\n".encode():
            client.socket.sendall(bytes([byte]))
            time.sleep(0.001)
        *_, box = client.hear_replies(3)
        # Cut anywhere, by the client or by its reader, a reply is ASCII.
        assert box.isascii()
        assert json.loads(box)["messages"]["messi"][0]["msg"] == "café ☕"


def test_a_client_that_ends_its_writing_gets_all_replies_and_then_the_end(server: RunningRealm) -> None:
    with OlderClient(server) as client:
        client.say("auth messi surabaya \r\n" + "send henderson  halo \r\n" * 50 + "logout \r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert len(client.hear_replies(52)) == 52
        assert client.socket.recv(1) == b""


def test_a_client_that_ends_its_writing_within_a_line_has_not_sent_it(server: RunningRealm) -> None:
    with OlderClient(server) as client:
        client.say("auth messi surabaya \r\nsend messi  half")
        client.socket.shutdown(socket.SHUT_WR)
        assert "tokenid" in client.hear()
        assert client.socket.recv(1) == b""
    with OlderClient(server) as client:
        client.ask("auth messi surabaya \r\n")
        assert client.ask("inbox \r\n") == EMPTY + "\r\n\r\n"


def test_a_client_that_connects_and_stays_silent_is_left_alone_and_holds_up_nobody(
    server: RunningRealm,
) -> None:
    with OlderClient(server) as silent, OlderClient(server) as messi:
        assert "tokenid" in messi.ask("auth messi surabaya \r\n")
        assert messi.ask("send henderson  halo \r\n") == SENT + "\r\n\r\n"
        assert silent.hears_nothing(1.0)
        assert "tokenid" in silent.ask("auth henderson surabaya \r\n")
        assert silent.hears_nothing()
        assert "halo" in silent.ask("inbox \r\n")


def test_a_deadline_for_strangers_is_said_before_the_end(start_realm: StartRealm) -> None:
    realm = start_realm("--limit", "login_seconds=0.3")
    with OlderClient(realm) as silent, OlderClient(realm) as messi:
        messi.ask("auth messi surabaya \r\n")
        assert json.loads(silent.hear())["code"] == "login-timeout"
        assert silent.socket.recv(1) == b""
        assert messi.ask("inbox \r\n") == EMPTY + "\r\n\r\n"


def test_a_json_client_and_an_older_client_talk_on_one_port(server: RunningRealm) -> None:
    with OlderClient(server, DESKTOP) as messi, server.login("henderson") as henderson:
        assert henderson.ask(do="listen", id=1)["status"] == "OK"
        messi.ask("auth messi surabaya \r\n")
        assert messi.ask("send henderson  apa kabar? 👋 \r\n") == SENT + "\r\n\r\n"
        event = henderson.read()
        assert event is not None
        assert (event["event"], event["from"], event["to"]) == ("message", "messi@alpha", "henderson@alpha")
        assert event["text"] == "apa kabar? 👋"
        sent = henderson.ask(do="send", id=2, to="messi", text="baik ☺\nsekali")
        assert (sent["re"], sent["status"]) == (2, "OK")
        expected = inbox(("Jordan Henderson", "Lionel Messi", "baik ☺\nsekali"))
        assert messi.ask("inbox \r\n") == expected + "\r\n\r\n"
        # And the same connection may speak both.
        messi.socket.sendall(b'{"do": "history", "with": "henderson", "id": "h"}\r\n')
        page = json.loads(messi.socket.recv(65536))
        assert [item["text"] for item in page["messages"]] == ["apa kabar? 👋", "baik ☺\nsekali"]


def test_what_an_older_client_was_sent_waits_for_it_through_a_crash(server: RunningRealm) -> None:
    with OlderClient(server) as messi:
        reply = json.loads(messi.ask("auth messi surabaya \r\n"))
        token = reply["tokenid"]
        messi.ask(f"send {token} henderson  sebelum \r\n")
    server.kill()
    server.start()
    with OlderClient(server) as messi, OlderClient(server) as henderson:
        # The token outlives the server, as older clients never log in twice.
        assert messi.ask(f"send {token} henderson  sesudah \r\n") == SENT + "\r\n\r\n"
        henderson.ask("auth henderson surabaya \r\n")
        entries = [("Lionel Messi", "Jordan Henderson", text) for text in ("sebelum", "sesudah")]
        assert henderson.ask("inbox \r\n") == inbox(*entries) + "\r\n\r\n"
    server.kill()
    server.start()
    with OlderClient(server) as henderson:
        henderson.ask("auth henderson surabaya \r\n")
        assert henderson.ask("inbox \r\n") == EMPTY + "\r\n\r\n"
