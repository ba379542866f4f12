"""Who may speak as an original server, and who becomes one: by configuration, or by ``recvrealm``."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from chatproto.configuration import OlderTable, PeerTable, Settings, configure
from chatproto.errors import ConfigError
from tests.older_clients import clients
from tests.original_server import OriginalB
from tests.test_linked_services import LOCAL, SECRET, House, served

OK = {"status": "OK"}
UNKNOWN = {"status": "ERROR", "message": "**Protocol Tidak Benar"}
TOO_FEW = {"status": "ERROR", "message": "--Protocol Tidak Benar"}
EXISTS = {"status": "ERROR", "message": "Realm sudah ada"}
NOBODY = {"status": "ERROR", "message": "User Tidak Ditemukan"}

#: What only servers may say.
PEERS = (
    "recvrealmprivatemsg messi r2 henderson halo",
    "recvrealmgroupmsg messi r2 henderson,lineker halo",
    "recvfilerealm messi r2 henderson a.txt b'aGFsbw=='",
    "recvgroupfilerealm messi r2 henderson,lineker a.txt b'aGFsbw=='",
    "getrealmchat r2 henderson",
    "server send amsal messi halo",
    "recvrealmprivatemsg",
    "getrealmchat",
    "server",
)
#: What a server may not say that has another name for the link.
NOT_ITS_OWN = (
    "recvrealmprivatemsg amsal r3 henderson halo",
    "recvrealmgroupmsg amsal r3 henderson halo",
    "recvfilerealm amsal r3 henderson a.txt b'aGFsbw=='",
    "recvgroupfilerealm amsal r3 henderson a.txt b'aGFsbw=='",
    "getrealmchat r3 henderson",
)


class Plain(House):
    """A realm that is no lab."""

    def __init__(self, name: str, peers: dict[str, PeerTable]) -> None:
        super().__init__(name, peers)
        settings = Settings(realm=name, store="memory:", listen={"client": LOCAL, "peer": LOCAL}, peers=peers)
        self.service = type(self.service)(self.service._reactor, configure(settings))


@ensureDeferred
async def test_strangers_do_not_learn_that_there_are_such_commands() -> None:
    peers = {
        "beta": PeerTable(secret=SECRET, connect="tcp:127.0.0.1:9", neighbour=True)
    }  # ours opens nothing
    # Links between our own realms open nothing.
    for house, recvrealm in ((Plain("alpha", peers), UNKNOWN), (House("alpha", peers), TOO_FEW)):
        async with served(house), clients(house.ports["client"]) as (stranger,):
            assert await stranger("register ani rahasia") != UNKNOWN
            for line in PEERS:
                assert await stranger(line) == UNKNOWN, line
            assert await stranger("recvrealm r2") == recvrealm
            if recvrealm == UNKNOWN:
                assert await stranger("recvrealm r2 127.0.0.1 9") == UNKNOWN
            assert (await stranger("inbox T "))["messages"] == {}


@ensureDeferred
async def test_an_accepted_recvrealm_makes_a_peer_in_a_lab() -> None:
    ours = House("r2", {})  # which may be called so here, too
    async with served(ours), clients(*[ours.ports["client"]] * 2) as (peer, henderson):
        port = ours.ports["client"]
        await henderson("auth henderson surabaya ")
        assert await peer("recvrealm r2 127.0.0.1 x") == {"status": "ERROR", "message": "Gagal"}
        assert await peer(f"recvrealm r2 127.0.0.1 {port}") == OK
        assert await peer(f"recvrealm r2 127.0.0.1 {port}") == OK  # it was started anew
        sent = {"status": "OK", "message": "Message Sent to Realm"}
        assert await peer("recvrealmprivatemsg amsal r2 henderson halo  ya") == sent
        assert await peer("recvrealmprivatemsg amsal r2 zzz halo") == NOBODY
        for line in NOT_ITS_OWN:
            assert await peer(line) == UNKNOWN, line
        assert await peer("recvrealmprivatemsg amsal r2") == TOO_FEW
        group = {"status": "OK", "message": "Message Sent to Group in Realm"}
        assert await peer("recvrealmgroupmsg amsal r2 henderson,lineker, rapat") == group
        for listed in ("zzz,henderson,lineker", "henderson,zzz", "zzz,yyy", ","):
            assert await peer(f"recvrealmgroupmsg amsal r2 {listed} batal") == NOBODY
            assert await peer(f"recvgroupfilerealm amsal r2 {listed} c.txt aGFsbw==") == NOBODY
        file = {"status": "OK", "message": "File Received to Realm"}
        assert await peer("recvfilerealm amsal r2 henderson ..\\x/a.txt b'aGFsbw=='") == file
        assert await peer("recvgroupfilerealm amsal r2 henderson,lineker b.txt aGFsbw==") == group
        assert (await peer("recvfilerealm amsal r2 henderson a.txt b'???'"))["status"] == "ERROR"
        taken = await henderson("getrealminbox T r2")
        names = {"msg_from": "amsal", "msg_to": "Jordan Henderson"}
        assert taken["messages"] == [
            {**names, "msg": "halo  ya"},
            {**names, "msg": "rapat"},
            {**names, "file_name": "a.txt", "file_content": "b'aGFsbw=='"},
            {**names, "file_name": "b.txt", "file_content": "aGFsbw=="},
        ]
        assert (await henderson("inbox T"))["messages"] == {}
        # What is for it waits until it comes, and is given once; the mail of our own users never.
        assert (await henderson("sendprivaterealm T r2 amsal  satu"))["status"] == "OK"
        assert (await henderson("sendfilerealm T r2 amsal a.txt b'aGFsbw=='"))["status"] == "OK"
        assert (await henderson("sendprivaterealm T r2 herbert  dua"))["status"] == "OK"
        assert (await peer("getrealmchat r3 amsal")) == UNKNOWN
        assert (await peer("getrealmchat r2 henderson"))["messages"] == []
        names = {"msg_from": "Jordan Henderson", "msg_to": "amsal"}
        assert (await peer("getrealmchat r2 amsal"))["messages"] == [
            {**names, "msg": "satu"},
            {**names, "file_name": "a.txt", "file_content": "b'aGFsbw=='"},
        ]
        assert (await peer("getrealmchat r2 amsal"))["messages"] == []
        assert (await peer("getrealmchat r2 herbert"))["messages"][0]["msg"] == "dua"
        link = await ours.link()
        assert (link.items, link.applied, link.refused) == (0, 3, 0)


@ensureDeferred
async def test_a_server_that_says_where_it_is_is_brought_what_there_is() -> None:
    ours = House("alpha", {})
    with OriginalB() as theirs:
        async with served(ours), clients(*[ours.ports["client"]] * 2) as (peer, messi):
            await messi("auth messi surabaya ")
            assert await peer(f"recvrealm r2 127.0.0.1 {theirs.port}") == OK
            assert await peer("recvrealm r3 10.255.255.1 8889") == OK  # which is not dialled: it is only said
            assert await peer("recvrealm r3 10.255.255.1 8889") == OK
            assert (await messi("sendprivaterealm T r2 henderson  halo"))["status"] == "OK"
            # It did not know the name, and was told it.
            request = "recvrealmprivatemsg messi r2 henderson halo\r\n"
            introduction = f"recvrealm r2 127.0.0.1 {ours.ports['client']}\r\n"
            assert theirs.heard == [request, introduction, request]


@ensureDeferred
async def test_a_name_that_is_taken_stays_what_it_is() -> None:
    beta = House("beta", {"alpha": PeerTable(secret=SECRET)})
    async with served(beta):
        connect = f"tcp:127.0.0.1:{beta.ports['peer']}"
        alpha = House("alpha", {"beta": PeerTable(secret=SECRET, connect=connect)})
        async with served(alpha), clients(alpha.ports["client"]) as (peer,):
            assert await peer(f"recvrealm beta 127.0.0.1 {alpha.ports['client']}") == EXISTS
            assert await peer("recvrealmprivatemsg amsal beta messi halo") == UNKNOWN


@pytest.mark.parametrize("address", ["8889", "host:", "host:0", "host:70000", "a b:1", ":1"])
def test_an_address_of_our_own_is_a_host_and_a_port(address: str) -> None:
    with pytest.raises(ConfigError, match=r"older\.address: "):
        configure(Settings(realm="alpha", store="memory:", older=OlderTable(address=address)))


@ensureDeferred
async def test_the_address_that_a_server_is_told_may_be_set() -> None:
    ours = House("alpha", {}, older=OlderTable(address="chat.example.org:8889"))
    with OriginalB() as theirs:
        theirs.commands["recvrealm"] = lambda words: OK
        async with served(ours), clients(ours.ports["client"]) as (messi,):
            await messi("auth messi surabaya ")
            assert await messi(f"addrealm r2 127.0.0.1 {theirs.port} ") == OK
            assert theirs.heard[-1] == "recvrealm r2 chat.example.org 8889\r\n"


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (PeerTable(legacy=True), "connect"),
        (PeerTable(legacy=True, connect="tls:127.0.0.1:1"), "connect"),
        (PeerTable(legacy=True, connect="tcp:127.0.0.1:1", secret=SECRET), "secret"),
        (PeerTable(legacy=True, connect="tcp:10.0.0.1:1"), "connect"),
    ],
)
def test_what_cannot_be_meant_of_an_original_server_is_refused(table: PeerTable, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"peers\.s2\.{key}: "):
        configure(Settings(realm="alpha", store="memory:", peers={"s2": table}))
