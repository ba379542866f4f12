"""Realms and original servers of system B, each in the role of the other: real sockets, real threads."""

from __future__ import annotations

from pathlib import Path

from pytest_twisted import ensureDeferred

from chatproto.names import RealmName
from tests.older_clients import clients
from tests.original_server import OriginalB
from tests.test_linked_services import House, served


async def add(house: House, alias: str, port: int) -> None:
    """Do what `addrealm` does when it has found an original server."""
    assert house.service.realm is not None
    older = house.service.realm.older
    await older.aliases.add(alias, await older.originals.add(alias, "127.0.0.1", port))


OK = {"status": "OK"}
SENT = {"status": "OK", "message": "Message Sent to Realm"}


def error(message: str) -> dict[str, str]:
    return {"status": "ERROR", "message": message}


@ensureDeferred
async def test_a_user_here_adds_an_original_server_and_both_sides_talk() -> None:
    ours = House("alpha", {})
    with OriginalB() as theirs:
        async with served(ours), clients(ours.ports["client"], theirs.port) as (messi, henderson):
            await messi("auth messi surabaya ")
            await henderson("auth henderson surabaya ")
            assert await messi(f"addrealm r2 127.0.0.1 {theirs.port} ") == OK
            assert theirs.heard[-1] == f"recvrealm r2 127.0.0.1 {ours.ports['client']}\r\n"
            assert await messi(f"addrealm r2 127.0.0.1 {theirs.port} ") == error("Realm sudah ada")
            assert await messi("addrealm r9 127.0.0.1 9") == error("Gagal")
            assert await messi("sendprivaterealm T r2 henderson  halo  kawan") == SENT
            assert theirs.heard[-1] == "recvrealmprivatemsg messi r2 henderson halo  kawan\r\n"
            taken = await henderson("getrealminbox T r2 ")
            assert taken["messages"] == [
                {"msg_from": "Lionel Messi", "msg_to": "Jordan Henderson", "msg": " halo  kawan\r\n"}
            ]
            for _ in range(2):
                assert await messi("sendprivaterealm T r2 henderson  hai") == SENT
            taken = await henderson("getrealminbox T r2 ")
            assert [each["msg"] for each in taken["messages"]] == [" hai\r\n"] * 2
            assert await henderson("sendprivaterealm T r2 messi  ya") == SENT
            taken = await messi("getrealminbox T r2 ")
            assert taken["messages"] == [{"msg_from": "henderson", "msg_to": "Lionel Messi", "msg": "ya"}]
            assert (await messi("getrealminbox T r2 "))["messages"] == []
            assert (await henderson("getrealminbox T r2 "))["messages"] == []


@ensureDeferred
async def test_an_original_server_adds_ours_and_both_sides_talk() -> None:
    ours = House("alpha", {})
    with OriginalB() as theirs:
        async with served(ours), clients(ours.ports["client"], theirs.port) as (messi, henderson):
            await messi("auth messi surabaya ")
            await henderson("auth henderson surabaya ")
            assert await henderson(f"addrealm r2 127.0.0.1 {ours.ports['client']}") == OK
            assert await henderson("sendprivaterealm T r2 messi  halo") == SENT
            taken = await messi("getrealminbox T r2 ")
            assert taken["messages"] == [{"msg_from": "henderson", "msg_to": "Lionel Messi", "msg": "halo"}]
            assert await messi("sendprivaterealm T r2 henderson  ya  ya ") == SENT
            taken = await henderson("getrealminbox T r2 ")
            assert taken["messages"] == [{"msg_from": "Lionel Messi", "msg_to": "henderson", "msg": "ya  ya"}]
            assert (await henderson("getrealminbox T r2 "))["messages"] == []


@ensureDeferred
async def test_lists_go_in_one_request_and_files_are_refused_as_the_original_does() -> None:
    ours = House("alpha", {})
    with OriginalB() as theirs:
        async with served(ours), clients(ours.ports["client"], theirs.port) as (messi, henderson):
            await messi("auth messi surabaya ")
            await henderson("auth henderson surabaya ")
            await add(ours, "r2", theirs.port)
            group = {"status": "OK", "message": "Message Sent to Group in Realm"}
            assert await messi("sendgrouprealm T r2 henderson,lineker  rapat") == group
            assert theirs.heard[-1] == "recvrealmgroupmsg messi r2 henderson,lineker rapat\r\n"
            assert [each["msg"] for each in (await henderson("getrealminbox T r2"))["messages"]] == [
                " rapat\r\n"
            ]
            assert await messi("sendprivaterealm T r2 zzz  halo") == error("User Tidak Ditemukan")
            refused = error("Informasi tidak ditemukan")  # it takes the sender's name for a token
            assert await messi("sendfilerealm T r2 henderson my_a.txt b'aGFsbw=='") == refused
            assert theirs.heard[-1] == "recvfilerealm messi r2 henderson my_a.txt b'aGFsbw=='\r\n"
            assert await messi("sendgroupfilerealm T r2 henderson,lineker a.txt aGFsbw==") == refused
            assert theirs.heard[-1] == "recvgroupfilerealm messi r2 henderson,lineker a.txt aGFsbw==\r\n"
            assert await henderson("sendgrouprealm T r2 messi,lineker  hadir") == group
            taken = await messi("getrealminbox T r2")  # and nothing of what the replies told
            assert [each["msg"] for each in taken["messages"]] == ["hadir"]
            assert (await henderson("sendfilerealm T r2 messi b.txt b'aGFsbw=='"))["status"] == "OK"
            (file,) = (await messi("getrealminbox T r2"))["messages"]
            assert (file["file_name"], file["file_content"]) == ("b.txt", "b'aGFsbw=='")


@ensureDeferred
async def test_a_server_whose_thread_dies_costs_an_error_and_nothing_is_sent_twice() -> None:
    ours = House("alpha", {})
    with OriginalB() as theirs:
        async with served(ours), clients(ours.ports["client"]) as (messi,):
            await messi("auth messi surabaya ")
            await add(ours, "r2", theirs.port)
            reply = await messi("sendgrouprealm T r2 henderson,zzz  halo")
            assert (reply["status"], "outcome-unknown" in reply["message"]) == ("ERROR", True)
            assert await messi("sendprivaterealm T r2 henderson  lagi") == SENT
            said = [line for line in theirs.heard if "halo" in line]
            assert said == ["recvrealmgroupmsg messi r2 henderson,zzz halo\r\n"]


@ensureDeferred
async def test_what_is_for_a_server_that_is_away_waits_and_it_is_told_our_name_again() -> None:
    ours = House("alpha", {})
    async with served(ours), clients(ours.ports["client"]) as (messi,):
        await messi("auth messi surabaya ")
        with OriginalB() as theirs:
            await add(ours, "r2", theirs.port)
            assert await messi("sendprivaterealm T r2 henderson  satu") == SENT
        await ours.wait_for(lambda link: link.state != "linked")
        assert await messi("sendprivaterealm T r2 henderson  dua") == SENT
        assert (await ours.link()).items == 1
        with OriginalB(theirs.port) as theirs:  # which remembers nothing
            await ours.wait_for(lambda link: link.items == 0)
            request = "recvrealmprivatemsg messi r2 henderson dua\r\n"
            introduction = f"recvrealm r2 127.0.0.1 {ours.ports['client']}\r\n"
            assert theirs.heard == [request, introduction, request]
            async with clients(theirs.port) as (henderson,):
                await henderson("auth henderson surabaya ")
                (entry,) = (await henderson("getrealminbox T r2"))["messages"]
                assert entry["msg"] == " dua\r\n"


@ensureDeferred
async def test_a_link_outlives_a_restart_and_an_operator_sees_it(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/alpha.db"
    with OriginalB() as theirs:
        ours = House("alpha", {}, store=store)
        async with served(ours):
            await add(ours, "R2", theirs.port)
            await add(ours, "r3", theirs.port)  # another name for the same
            link = await ours.link()
            assert (link.realm, link.state, link.connect) == (
                "r2",
                "linked",
                f"tcp:127.0.0.1:{theirs.port}",
            )
        ours = House("alpha", {}, store=store)
        async with served(ours), clients(ours.ports["client"]) as (messi,):
            await messi("auth messi surabaya ")
            assert await messi("sendprivaterealm T r3 henderson  halo") == SENT
            assert theirs.heard[-1] == "recvrealmprivatemsg messi r3 henderson halo\r\n"
            assert ours.service.realm is not None
            links = ours.service.realm.links
            await links.block(RealmName("r2"))
            refused = await messi("sendprivaterealm T r3 henderson  halo")
            assert refused["status"] == "ERROR"
            assert await messi("recvrealmprivatemsg amsal r3 messi halo") == error("**Protocol Tidak Benar")
            await links.approve(RealmName("r2"), "")
            assert await messi("sendprivaterealm T R2 henderson  halo") == SENT
            await links.drop(RealmName("r2"))
            assert await messi("recvrealmprivatemsg amsal r3 messi halo") == error("**Protocol Tidak Benar")


@ensureDeferred
async def test_a_link_takes_a_name_that_somebody_registered_with() -> None:
    ours = House("alpha", {})
    with OriginalB() as theirs:
        async with served(ours), clients(ours.ports["client"], theirs.port) as (messi, henderson):
            await messi("auth messi surabaya ")
            assert ours.service.realm is not None
            aliases = ours.service.realm.older.aliases
            for word in ("r2", "r3"):
                await aliases.add(word, RealmName("alpha"))
            assert await messi(f"addrealm r2 127.0.0.1 {theirs.port} ") == OK
            assert await henderson(f"addrealm r3 127.0.0.1 {ours.ports['client']}") == OK
            assert [aliases.find(word) for word in ("r2", "r3")] == ["r2", "r3"]
