"""The rules by which one port serves the older clients, each by its number in the survey of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocols.wires import Peer, Served

UNKNOWN = "Informasi tidak ditemukan"
STRANGE_TOKEN = "3f2b8c1e-9d4a-4f6b-8a2c-0e1d2c3b4a59"


@pytest.fixture
def served() -> Served:
    served = Served()
    for user, name, country in (
        ("messi", "Lionel Messi", "Argentina"),
        ("henderson", "Jordan Henderson", "Inggris"),
        ("lineker", "Gary Lineker", "Inggris"),
    ):
        served.house.wait(served.house.realm.add_user(user, "surabaya", name, country))
    return served


def auth(served: Served, user: str) -> tuple[Peer, str]:
    """Return an older client's connection and its token."""
    peer = served.peer()
    reply = peer.ask(f"auth {user} surabaya ")
    assert reply.keys() == {"status", "tokenid"}
    return peer, str(reply["tokenid"])


def message(reply: dict[str, Any]) -> tuple[str, Any]:
    return reply["status"], reply.get("message")


def test_1_a_uuid4_is_a_token_and_without_one_the_bound_session_speaks(served: Served) -> None:
    messi, token = auth(served, "messi")
    stranger = served.peer()
    assert message(stranger.ask("send henderson halo")) == ("ERROR", UNKNOWN)
    assert message(stranger.ask(f"send {STRANGE_TOKEN} henderson halo")) == ("ERROR", UNKNOWN)
    assert message(stranger.ask(f"send {token} henderson halo")) == ("OK", "Message Sent")
    assert message(messi.ask(f"send {STRANGE_TOKEN} henderson halo")) == ("ERROR", UNKNOWN)
    assert message(messi.ask("send henderson halo")) == ("OK", "Message Sent")


def test_1_no_user_and_no_group_has_the_shape_of_a_token(served: Served) -> None:
    messi, _ = auth(served, "messi")
    assert served.peer().ask(f"register {STRANGE_TOKEN} x")["code"] == "bad-name"
    assert messi.ask({"do": "create", "group": STRANGE_TOKEN})["code"] == "bad-name"


def test_2_two_blanks_are_an_empty_token_and_never_the_bound_session(served: Served) -> None:
    messi, _ = auth(served, "messi")
    messi.ask("creategroup tim")
    henderson, _ = auth(served, "henderson")
    assert message(henderson.ask("joingroup  tim")) == ("ERROR", UNKNOWN)
    assert message(henderson.ask("joingroup tim")) == ("OK", "Add group successful")


def test_3_sendgroup_goes_to_a_group_of_that_name_or_else_to_the_known_of_a_list(served: Served) -> None:
    messi, _ = auth(served, "messi")
    henderson, _ = auth(served, "henderson")
    messi.ask("creategroup tim")
    assert message(messi.ask("sendgroup tim rapat")) == ("OK", "Message Sent")
    assert message(messi.ask("sendgroup henderson,nobody,lineker halo")) == ("OK", "Message Sent")
    assert message(messi.ask("sendgroup henderson sendiri")) == ("OK", "Message Sent")
    assert message(messi.ask("sendgroup nobody,noone halo")) == ("ERROR", UNKNOWN)
    assert message(messi.ask("sendgroup nobody halo")) == ("ERROR", UNKNOWN)
    entries = henderson.ask("inbox ")["messages"]["messi"]
    assert [entry["msg"] for entry in entries] == ["halo", "sendiri"]


def test_3_users_and_groups_do_not_share_a_name(served: Served) -> None:
    messi, _ = auth(served, "messi")
    assert message(messi.ask("creategroup Henderson")) == ("ERROR", "Group sudah ada")
    assert message(messi.ask("creategroup tim")) == ("OK", "Add group successful")
    assert message(served.peer().ask("register TIM x")) == ("ERROR", "User Sudah Ada")
    assert messi.ask("creategroup a,b")["status"] == "ERROR"


def test_4_register_by_the_count_of_its_words(served: Served) -> None:
    ani, budi = served.peer(), served.peer()
    assert ani.ask("register ani rahasia").keys() == {"status", "tokenid"}
    assert budi.ask("register budi rahasia Budi_Utomo Indonesia").keys() == {"status", "tokenid"}
    assert message(served.peer().ask("register cici")) == ("ERROR", "--Protocol Tidak Benar")
    assert message(served.peer().ask("register cici rahasia Cici")) == ("ERROR", "--Protocol Tidak Benar")
    assert message(served.peer().ask("register ani lain")) == ("ERROR", "User Sudah Ada")
    details = served.peer().ask("info")["message"]
    assert details["ani"]["userdetail"] == {"nama": "ani", "negara": ""}
    assert details["budi"]["userdetail"] == {"nama": "Budi Utomo", "negara": "Indonesia"}


def test_6_logout_with_a_token_ends_that_session_on_any_connection(served: Served) -> None:
    messi, token = auth(served, "messi")
    other, other_token = auth(served, "messi")
    assert served.peer().ask(f"logout {token}") == {"status": "OK"}
    assert message(messi.ask("inbox ")) == ("ERROR", UNKNOWN)
    assert message(messi.ask(f"inbox {token} ")) == ("ERROR", UNKNOWN)
    assert message(served.peer().ask(f"logout {token}")) == ("ERROR", UNKNOWN)
    assert other.ask(f"inbox {other_token} ")["status"] == "OK"


def test_6_logout_without_a_token_ends_the_sessions_of_the_connection(served: Served) -> None:
    messi, token = auth(served, "messi")
    second = messi.ask("auth messi surabaya ")["tokenid"]
    assert messi.ask("logout ") == {"status": "OK"}
    for ended in (token, second):
        assert message(messi.ask(f"inbox {ended} ")) == ("ERROR", UNKNOWN)
    assert message(messi.ask("logout ")) == ("ERROR", "Belum Login")


@pytest.mark.parametrize("line", ["info", "info ", "info {} "])
def test_7_info_tells_names_and_countries_and_nothing_else(served: Served, line: str) -> None:
    henderson, _ = auth(served, "henderson")
    messi, _ = auth(served, "messi")
    auth(served, "messi")
    messi.ask("send henderson halo")
    assert henderson.ask(line) == {
        "status": "OK",
        "message": {
            "henderson": {
                "username": "henderson",
                "userdetail": {"nama": "Jordan Henderson", "negara": "Inggris"},
            },
            "messi": {"username": "messi", "userdetail": {"nama": "Lionel Messi", "negara": "Argentina"}},
        },
    }


def test_8_group_messages_come_to_the_inbox_and_apart_from_it_to_inboxgroup(served: Served) -> None:
    messi, _ = auth(served, "messi")
    henderson, _ = auth(served, "henderson")
    messi.ask("creategroup kelas")
    henderson.ask("joingroup kelas")
    messi.ask("sendgroup kelas pagi")
    entry = {"msg_from": "Lionel Messi", "msg_to": "Jordan Henderson", "msg": "pagi", "group": "kelas"}
    expected = {"status": "OK", "messages": {"messi": [entry]}}
    empty = {"status": "OK", "messages": {}}
    assert henderson.ask("inbox ") == expected
    assert henderson.ask("inboxgroup kelas ") == expected
    assert henderson.ask("inbox ") == henderson.ask("inboxgroup kelas") == empty
    assert messi.ask("inbox ")["messages"]["messi"][0]["msg_to"] == "Lionel Messi"  # the sender has it too


def test_9_creategroup_and_addgroup_are_the_same(served: Served) -> None:
    messi, token = auth(served, "messi")
    henderson, _ = auth(served, "henderson")
    assert message(messi.ask("creategroup kelas")) == ("OK", "Add group successful")
    assert message(messi.ask(f"addgroup {token} tim ")) == ("OK", "Add group successful")
    assert message(messi.ask("addgroup kelas")) == ("ERROR", "Group sudah ada")
    assert message(henderson.ask("joingroup tim")) == ("OK", "Add group successful")
    assert message(henderson.ask("joingroup tim")) == ("ERROR", "User sudah dalam group")
    assert message(henderson.ask("joingroup tam")) == ("ERROR", UNKNOWN)


def test_10_sendprivate_is_send(served: Served) -> None:
    messi, token = auth(served, "messi")
    henderson, _ = auth(served, "henderson")
    for line in ("sendprivate henderson a ", f"sendprivate {token} henderson b", f"send {token} henderson c"):
        assert message(messi.ask(line)) == ("OK", "Message Sent")
    assert [entry["msg"] for entry in henderson.ask("inbox ")["messages"]["messi"]] == ["a", "b", "c"]
    assert message(messi.ask("sendprivate nobody a")) == ("ERROR", "User Tidak Ditemukan")


@pytest.mark.parametrize(("exact", "stored"), [(False, "hello   son"), (True, "  hello   son \r\n")])
def test_13_bodies_are_cut_at_both_ends_or_kept_as_they_were_by_option(exact: bool, stored: str) -> None:
    served = Served(exact_bodies=exact)
    served.house.add("messi", "henderson")
    messi, token = auth(served, "messi")
    henderson, _ = auth(served, "henderson")
    messi.ask(f"send {token} henderson  hello   son ")
    assert henderson.ask("inbox ")["messages"]["messi"][0]["msg"] == stored


def test_25_an_older_client_is_told_nothing_unasked(served: Served) -> None:
    messi, _ = auth(served, "messi")
    henderson, _ = auth(served, "henderson")
    messi.ask("send henderson halo")
    served.house.turn(5)
    assert henderson.heard() == []
    assert henderson.ask("inbox ")["messages"]["messi"][0]["msg"] == "halo"


def test_two_commands_in_one_packet_are_answered_in_order(served: Served) -> None:
    messi, token = auth(served, "messi")
    messi.say(
        f"send {token} henderson  a ", "foo", f"inbox {token} ", "auth messi x ", "auth zzz x ", "auth messi"
    )
    assert [message(reply) for reply in messi.heard()] == [
        ("OK", "Message Sent"),
        ("ERROR", "**Protocol Tidak Benar"),
        ("OK", None),
        ("ERROR", "Password Salah"),
        ("ERROR", "User Tidak Ada"),
        ("ERROR", "--Protocol Tidak Benar"),
    ]
