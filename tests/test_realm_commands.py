"""System B's realm commands between two of ours: section 8, flow B4, and what can go wrong."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

from tests.original_server import OriginalB
from tests.realm_commands import LOCAL, Lab, Older, Rude, labs, talk

HALO = "b'aGFsbw=='"
FROM_MESSI = {"msg_from": "Lionel Messi", "msg_to": "Jordan Henderson"}


def linked(one: Lab, two: Lab, alias: str = "r2", port: str = "client") -> tuple[Older, Older]:
    """Return messi at one lab, who added the other, and henderson there."""
    messi, henderson = Older(one.port, "messi"), Older(two.port, "henderson")
    assert messi.say(f"addrealm {alias} 127.0.0.1 {two.ports[port]} ") == {"status": "OK"}
    return messi, henderson


@pytest.mark.parametrize("port", ["client", "peer"])
@ensureDeferred
async def test_the_flow_b4(port: str) -> None:
    def play() -> None:
        messi, henderson = linked(one, two, port=port)
        assert messi.error(f"addrealm r2 127.0.0.1 {two.port} ") == "Realm sudah ada"
        assert henderson.error(f"addrealm R2 127.0.0.1 {one.port} ") == "Realm sudah ada"
        assert messi.say("sendprivaterealm T r2 henderson  halo") == {
            "status": "OK",
            "message": "Message Sent to Realm",
        }
        assert henderson.say("getrealminbox T r2 ") == {
            "status": "OK",
            "messages": [{**FROM_MESSI, "msg": "halo"}],
        }
        assert henderson.say("getrealminbox T r2 ")["messages"] == []
        assert henderson.message("sendprivaterealm T r2 messi  ya") == "Message Sent to Realm"
        assert [each["msg"] for each in messi.say("realminbox T r2 ")["messages"]] == ["ya"]
        assert messi.say("getrealminbox T r2 ")["messages"] == []
        for client in (messi, henderson):
            assert client.say("inbox T ")["messages"] == {}

    async with labs("alpha", "beta") as (one, two):
        await talk(play)


@ensureDeferred
async def test_lists_and_files_arrive_in_the_box_too() -> None:
    def play() -> None:
        messi, henderson = linked(one, two)
        lineker = Older(two.port, "lineker")
        assert messi.message("sendgrouprealm T r2 henderson,lineker  rapat  besok ") == (
            "Message Sent to Group in Realm"
        )
        for listed in ("nobody,zzz", "henderson,zzz", "zzz,lineker", ","):
            assert messi.error(f"sendgrouprealm T r2 {listed}  rapat ") == "User Tidak Ditemukan"
            assert messi.error(f"sendgroupfilerealm T r2 {listed} c.txt {HALO}") == "User Tidak Ditemukan"
        assert messi.message(f"sendfilerealm T r2 henderson a/surat.txt {HALO}") == "File Sent to Realm"
        assert messi.message(f"sendgroupfilerealm T r2 henderson,lineker b\\surat2.txt {HALO}") == (
            "Message Sent to Group in Realm"
        )
        assert messi.error(f"sendfilerealm T r2 nobody surat.txt {HALO}") == "User Tidak Ditemukan"
        assert messi.say("sendfilerealm T r2 henderson surat.txt %%%")["status"] == "ERROR"
        seen = henderson.say("getrealminbox T r2 ")["messages"]
        names = ("surat.txt", "surat2.txt")
        files = [{**FROM_MESSI, "file_name": name, "file_content": HALO} for name in names]
        assert seen == [{**FROM_MESSI, "msg": "rapat  besok"}, *files]
        theirs = [
            each.get("msg", each.get("file_name")) for each in lineker.say("getrealminbox T r2 ")["messages"]
        ]
        assert theirs == ["rapat  besok", "surat2.txt"]
        assert henderson.say("inbox T ")["messages"] == {}
        assert henderson.say("receivefile T ")["messages"] == []
        group = "Message Sent to Group in Realm"
        for words in ("henderson  satu", "henderson,henderson  dua"):
            assert messi.message(f"sendgrouprealm T r2 {words}") == group
        assert [each["msg"] for each in henderson.say("getrealminbox T r2 ")["messages"]] == ["satu", "dua"]
        assert henderson.message(f"sendgroupfilerealm T r2 messi surat.txt {HALO}") == group
        (file,) = messi.box("r2", 1)
        assert (file["file_name"], file["file_content"]) == ("surat.txt", HALO)

    async with labs("alpha", "beta") as (one, two):
        await talk(play)


@ensureDeferred
async def test_what_comes_in_one_batch_is_all_in_the_box() -> None:
    def play() -> None:
        messi, henderson = linked(one, two)
        crowd = [Older(one.port, "messi") for _ in range(12)]
        for turn in range(3):
            for number, each in enumerate(crowd):
                each.socket.sendall(
                    f"sendprivaterealm {each.token} r2 henderson  {turn}-{number}\r\n".encode()
                )
            for each in crowd:
                assert each.socket.recv(1024).startswith(b'{"status": "OK"')
        texts = {entry["msg"] for entry in henderson.box("r2", 36)}
        assert texts == {f"{turn}-{number}" for turn in range(3) for number in range(12)}
        assert henderson.say("inbox T ")["messages"] == {}
        for each in (messi, henderson, *crowd):
            each.close()

    async with labs("alpha", "beta") as (one, two):
        await talk(play)


@ensureDeferred
async def test_a_box_is_of_the_name_that_was_used() -> None:
    def play() -> None:
        messi, henderson = linked(one, two)
        assert messi.say(f"addrealm Two 127.0.0.1 {two.ports['peer']}") == {"status": "OK"}
        for name in ("r2", "two", "beta"):
            assert messi.message(f"sendrealm T {name} henderson  by {name}") == "Message Sent to Realm"
        for box, name in (("TWO", "two"), ("alpha", "beta"), ("R2", "r2")):
            assert [each["msg"] for each in henderson.say(f"getrealminbox T {box}")["messages"]] == [
                f"by {name}"
            ]
        assert henderson.error("getrealminbox T beta") == "Realm Tidak Ditemukan"

    async with labs("alpha", "beta") as (one, two):
        await talk(play)


@ensureDeferred
async def test_realms_can_be_called_what_they_are() -> None:
    def play() -> None:
        messi, henderson = linked(one, two, "r2")
        assert henderson.say(f"addrealm r1 127.0.0.1 {one.port}") == {"status": "OK"}
        assert messi.message("sendprivaterealm T r2 henderson  halo") == "Message Sent to Realm"
        assert [each["msg"] for each in henderson.say("getrealminbox T r2")["messages"]] == ["halo"]
        assert henderson.message("sendprivaterealm T r1 messi  ya") == "Message Sent to Realm"
        assert [each["msg"] for each in messi.say("getrealminbox T r1")["messages"]] == ["ya"]

    async with labs("r1", "r2") as (one, two):
        await talk(play)


@ensureDeferred
async def test_what_can_not_be_added_is_refused_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()[1]

    def play() -> None:
        messi = Older(one.port, "messi")
        assert messi.error(f"addrealm r2 127.0.0.1 {dead} ") == "Gagal"
        for port in ("0", "65536", "abc", "-1", "٣"):
            assert messi.error(f"addrealm r2 127.0.0.1 {port} ") == "Gagal"
        assert messi.error(f"addrealm r2 127.0.0.1 {one.port} ") == "Gagal"  # that is itself
        elsewhere = messi.say("addrealm r2 192.0.2.1 8889 ")
        assert (elsewhere["status"], elsewhere["code"]) == ("ERROR", "not-allowed")
        assert messi.error("addrealm r2 127.0.0.1") == "--Protocol Tidak Benar"
        assert Older(one.port).error(f"addrealm r2 127.0.0.1 {two.port} ") == "Informasi tidak ditemukan"
        for line in ("sendprivaterealm T r2 messi  x", "sendgrouprealm T r2 messi  x", "getrealminbox T r2"):
            assert messi.error(line) == "Realm Tidak Ditemukan"
        assert messi.error(f"sendfilerealm T r2 messi x.txt {HALO}") == "Realm Tidak Ditemukan"
        assert messi.error(f"sendgroupfilerealm T alpha messi x.txt {HALO}") == "Realm Tidak Ditemukan"
        assert messi.say(f"addrealm r2 127.0.0.1 {two.port} ") == {"status": "OK"}
        assert messi.error("sendprivaterealm T r2 nobody  x") == "User Tidak Ditemukan"
        assert messi.error("sendprivaterealm T r2 messi@beta  x") == "User Tidak Ditemukan"
        assert messi.say("inbox T ")["messages"] == {}

    async with labs("alpha", "beta") as (one, two):
        await talk(play)


@ensureDeferred
async def test_who_is_none_of_ours_is_an_original_server_or_nobody() -> None:
    def play() -> None:
        messi = Older(one.port, "messi")
        with OriginalB() as original:
            theirs = Older(original.port, "henderson")
            assert messi.say(f"addrealm r2 127.0.0.1 {original.port} ") == {"status": "OK"}
            assert messi.error(f"addrealm R2 127.0.0.1 {original.port} ") == "Realm sudah ada"
            assert messi.message("sendprivaterealm T r2 henderson  halo") == "Message Sent to Realm"
            assert messi.error("sendprivaterealm T r2 nobody  halo") == "User Tidak Ditemukan"
            assert theirs.message("sendprivaterealm T r2 messi  ya") == "Message Sent to Realm"
            assert messi.box("r2", 1) == [{"msg_from": "henderson", "msg_to": "Lionel Messi", "msg": "ya"}]
            assert any("halo" in line and "recvrealmprivatemsg" in line for line in original.heard)
            theirs.close()
        with Rude() as rude:
            assert messi.error(f"addrealm r3 127.0.0.1 {rude.port} ") == "Gagal"

    async with labs("alpha") as (one,):
        await talk(play)


@ensureDeferred
async def test_what_an_original_server_says_to_addrealm_is_passed_on() -> None:
    def play() -> None:
        messi = Older(one.port, "messi")
        for said, code, heard in (
            ("Aneh", "realm-refused", "Aneh"),
            ("User Tidak Ditemukan", "realm-refused", "User Tidak Ditemukan"),
            ("**Protocol Tidak Benar", "realm-refused", "**Protocol Tidak Benar"),
            ("Realm sudah ada", "realm-exists", "Realm sudah ada"),
            ("", "realm-unreachable", "Gagal"),
        ):
            with OriginalB() as original:
                original.commands["recvrealm"] = lambda _, said=said: {"status": "ERROR", "message": said}  # type: ignore[misc]
                reply = messi.say(f"addrealm r2 127.0.0.1 {original.port} ")
                assert reply == {"status": "ERROR", "message": heard, "code": code}
        with OriginalB() as original:
            assert messi.say(f"addrealm r2 127.0.0.1 {original.port} ") == {"status": "OK"}
            # Another name for the same, which it has already.
            original.commands["recvrealm"] = lambda _: {"status": "ERROR", "message": "Lain kali"}
            assert messi.error(f"addrealm r3 127.0.0.1 {original.port} ") == "Lain kali"

    async with labs("alpha") as (one,):
        await talk(play)


@ensureDeferred
async def test_outside_a_lab_nobody_adds_a_realm_and_nobody_is_told_who_is_there() -> None:
    hello = {
        "frame": "hello",
        "realm": "gamma",
        "to": "",
        "nonce": "00" * 32,
        "key": "11" * 32,
        "versions": [1],
    }

    def play() -> None:
        ani = Older(one.port)
        ani.ask("register ani surabaya")
        assert ani.ask(f"addrealm r2 127.0.0.1 {two.port} ")["code"] == "not-allowed"
        messi = Older(two.port, "messi")
        assert messi.error(f"addrealm r1 127.0.0.1 {one.port} ") == "**Protocol Tidak Benar"
        assert messi.error(f"addrealm r1 127.0.0.1 {one.ports['peer']} ") == "Gagal"
        line = json.dumps(hello, separators=(",", ":")).encode() + b"\n"
        with socket.create_connection(("127.0.0.1", one.ports["peer"]), 10) as plain:
            plain.sendall(line)
            assert b"alpha" not in plain.recv(4096)
        with socket.create_connection(("127.0.0.1", one.port), 10) as plain:
            plain.sendall(line)
            assert b'"status":"ERROR"' in plain.recv(4096)

    async with labs(Lab("alpha", lab=False, registration="open"), "beta") as (one, two):
        await talk(play)


@ensureDeferred
async def test_aliases_and_boxes_survive_a_restart(tmp_path: Path) -> None:
    def before() -> None:
        messi, henderson = linked(one, two)
        assert messi.message("sendprivaterealm T r2 henderson  satu") == "Message Sent to Realm"
        assert messi.message("sendprivaterealm T r2 henderson  dua") == "Message Sent to Realm"
        assert len(henderson.say("getrealminbox T r2")["messages"]) == 2
        assert messi.message("sendprivaterealm T r2 henderson  tiga") == "Message Sent to Realm"

    def after() -> None:
        messi, henderson = Older(one.port, "messi"), Older(two.port, "henderson")
        assert [each["msg"] for each in henderson.say("getrealminbox T r2")["messages"]] == ["tiga"]
        assert messi.error(f"addrealm r2 127.0.0.1 {two.port} ") == "Realm sudah ada"
        assert henderson.message("sendprivaterealm T r2 messi  ya") == "Message Sent to Realm"
        assert messi.box("r2", 1) == [{"msg_from": "Jordan Henderson", "msg_to": "Lionel Messi", "msg": "ya"}]

    one, two = (Lab(name, store=f"sqlite:///{tmp_path}/{name}.db") for name in ("alpha", "beta"))
    async with labs(one, two):
        await talk(before)
    two.settings.listen["client"] = f"tcp:{two.port}:interface=127.0.0.1"  # it is dialled there
    async with labs(one, two):
        await talk(after)
    two.settings.listen["client"] = LOCAL


@ensureDeferred
async def test_the_flow_d1_between_neighbours() -> None:
    def play() -> None:
        amsal = Older(two.port)
        amsal.token = str(amsal.ask("register amsal surabaya Amsal_Bin_Amsal Indonesia")["tokenid"])
        twin = Older(two.port)
        twin.token = str(twin.ask("register twin surabaya Tom_Twin Inggris")["tokenid"])
        local = Older(one.port)
        local.ask("register twin surabaya Local_Twin Inggris")
        messi, _ = linked(one, two)
        assert amsal.message("send T messi@alpha  jadi main mes? ") == "Message Sent"
        assert twin.message("send T messi@alpha  halo ") == "Message Sent"
        assert messi.say("inbox T ")["messages"] == {
            "amsal": [{"msg_from": "amsal", "msg_to": "Lionel Messi", "msg": "jadi main mes?"}],
            "twin@beta": [{"msg_from": "twin", "msg_to": "Lionel Messi", "msg": "halo"}],
        }

    async with labs("alpha", "beta") as (one, two):
        await talk(play)
