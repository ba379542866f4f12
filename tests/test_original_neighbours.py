"""Original servers of system D as neighbours: who is not here is looked for there, and the reverse."""

from __future__ import annotations

import json

from pytest_twisted import ensureDeferred

from chatproto.configuration import PeerTable
from tests.older_clients import Older, clients, reactor
from tests.original_server import OriginalB, OriginalD
from tests.test_linked_services import SECRET, House, served

SENT = {"status": "OK", "message": "Message Sent"}
NOBODY = {"status": "ERROR", "message": "User Tidak Ditemukan"}


def neighbour(port: int) -> PeerTable:
    return PeerTable(connect=f"tcp:127.0.0.1:{port}", legacy=True, neighbour=True)


async def inbox(client: Older) -> dict[str, list[dict[str, str]]]:
    return dict((await client("inbox T "))["messages"])


@ensureDeferred
async def test_d1_both_ways() -> None:
    with OriginalD() as theirs:
        ours = House("alpha", {"s2": neighbour(theirs.port)})
        async with served(ours), clients(ours.ports["client"], theirs.port) as (messi, amsal):
            theirs.neighbour = ours.ports["client"]
            await messi("auth messi surabaya ")
            await amsal("auth amsal jakarta ")
            assert await messi("send T amsal  halo  amsal ") == SENT
            assert theirs.heard[-1] == "server send messi amsal halo  amsal \r\n"
            entry = {"msg_from": "messi", "msg_to": "Amsal", "msg": " halo  amsal \r\n"}
            assert await inbox(amsal) == {"messi": [entry]}
            assert await amsal("send T messi  jadi main mes? ") == SENT  # and its thread lives
            assert await inbox(messi) == {
                "amsal": [{"msg_from": "amsal", "msg_to": "Lionel Messi", "msg": "jadi main mes?"}]
            }
            assert await amsal("send T zzz halo ") == NOBODY
            assert await messi("send T zzz halo ") == NOBODY
            assert await inbox(messi) == {}
            # Who speaks JSON has it all in a conversation with a full address.
            client = ours.client("messi")
            await client.connect()
            page = await client.history("amsal@s2")
            assert [(each.from_, each.text) for each in page.messages] == [
                ("messi@alpha", "halo  amsal"),
                ("amsal@s2", "jadi main mes?"),
            ]
            await client.send("herbert@s2", "by the\r\nserver send x y address")
            await client.close()
            until = reactor.seconds() + 10
            while "server send messi herbert by the server send x y address \r\n" not in theirs.heard:
                assert reactor.seconds() < until, theirs.heard
                await amsal("inbox T ")


@ensureDeferred
async def test_exact_bodies_are_those_of_the_transcript() -> None:
    with OriginalD() as theirs:
        ours = House("alpha", {"s2": neighbour(theirs.port)}, exact_bodies=True)
        async with served(ours), clients(ours.ports["client"], ours.ports["client"]) as (messi, amsal):
            await messi("auth messi surabaya ")
            reply = await amsal("server send amsal messi jadi main mes? ")
            entry = {"msg_from": "amsal", "msg_to": "Lionel Messi", "msg": " jadi main mes? \r\n"}
            assert reply == {**SENT, "sendback": entry}
            assert await inbox(messi) == {"amsal": [entry]}
            await messi("send T amsal  jadi main mes? ")
            assert theirs.heard[-1] == "server send messi amsal jadi main mes? \r\n"


@ensureDeferred
async def test_neighbours_are_asked_in_their_order() -> None:
    """The first is away, the second knows no such request, the third is ours, the fourth has it as well."""
    beta = House("beta", {"alpha": PeerTable(secret=SECRET)})
    async with served(beta):
        with OriginalB() as second, OriginalD() as fourth:
            connect = f"tcp:127.0.0.1:{beta.ports['peer']}"
            peers = {
                "s1": neighbour(9),
                "s2": neighbour(second.port),
                "beta": PeerTable(secret=SECRET, connect=connect, neighbour=True),
                "s4": neighbour(fourth.port),
            }
            alpha = House("alpha", peers)
            async with served(alpha), clients(alpha.ports["client"], beta.ports["client"]) as (messi, other):
                await beta.wait_for(lambda link: link.state == "linked")
                await messi("auth messi surabaya ")
                await other("register amsal jakarta ")
                assert await messi("send T amsal  halo ") == SENT
                assert (await inbox(other))["messi@alpha"][0]["msg"] == "halo"
                assert fourth.heard == []
                assert await messi("send T herbert  halo ") == SENT
                assert fourth.heard == ["server send messi herbert halo \r\n"]
                assert second.heard == [f"server send messi {to} halo \r\n" for to in ("amsal", "herbert")]
                assert await messi("send T messi halo ") == SENT  # who is here needs no neighbour
                assert len(fourth.heard) == 1


@ensureDeferred
async def test_a_neighbour_that_never_answers_costs_an_error_and_no_time() -> None:
    with OriginalD() as theirs:
        theirs.commands["server"] = theirs.die
        ours = House("alpha", {"s2": neighbour(theirs.port)})
        async with served(ours), clients(ours.ports["client"]) as (messi,):
            await messi("auth messi surabaya ")
            began = reactor.seconds()
            reply = await messi("send T amsal  halo ")
            assert reply["status"] == "ERROR"
            assert "did not answer" in reply["message"]
            assert reactor.seconds() - began < 6
            del theirs.commands["server"]
            theirs.commands["server"] = theirs.server_send
            assert await messi("send T amsal  halo ") == SENT  # over a connection that was made anew


@ensureDeferred
async def test_the_user_of_an_original_server_never_passes_for_one_here() -> None:
    with OriginalD() as theirs:
        ours = House("alpha", {"s2": neighbour(theirs.port)})
        async with served(ours), clients(ours.ports["client"], ours.ports["client"]) as (messi, peer):
            await messi("auth messi surabaya ")
            reply = await peer("server send henderson messi kirim uang ")
            assert reply["sendback"]["msg_from"] == "henderson"
            entry = {"msg_from": "henderson", "msg_to": "Lionel Messi", "msg": "kirim uang"}
            assert await inbox(messi) == {"henderson@s2": [entry]}
            assert json.dumps(await peer("server send a@b messi halo ")).count("ERROR") == 1
            assert (await peer("server send amsal messi"))["status"] == "OK"  # a text may be empty
            assert await peer("server send amsal") == {"status": "ERROR", "message": "--Protocol Tidak Benar"}
            assert await peer("server x") == {"status": "ERROR", "message": "**Protocol Tidak Benar"}


@ensureDeferred
async def test_neighbours_that_are_away_cost_no_time() -> None:
    peers = {f"s{number}": neighbour(number) for number in range(9, 17)}
    ours = House("alpha", peers)
    async with served(ours), clients(ours.ports["client"], ours.ports["client"]) as (messi, peer):
        await messi("auth messi surabaya ")
        await peer("recvrealm r2 10.255.255.1 8889")  # which cannot be dialled
        for _ in range(3):
            began = reactor.seconds()
            assert await messi("send T amsal  halo ") == NOBODY
            assert reactor.seconds() - began < 1.5
