"""Two services in one process that are linked over real sockets: how they meet, and how it ends."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.defer import fail
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from chatproto import store as store_module
from chatproto.client import ChatClient
from chatproto.configuration import PeerTable, Settings, configure
from chatproto.errors import CannotServe, StoreFailed
from chatproto.events import LinkState
from chatproto.interfaces import IStore
from chatproto.opening import LAB_PASSWORD
from chatproto.service import RealmService, realm_service
from tests.authority import Authority
from tests.conftest import LoggedFailures
from tests.test_metrics import Figures, request

reactor: Any = installed
SECRET = "wet paint, do not touch"
LOCAL = "tcp:0:interface=127.0.0.1"


class House:
    """One realm's service."""

    def __init__(self, name: str, peers: dict[str, PeerTable], peer: str = LOCAL, **more: Any) -> None:
        self.name = name
        settings = Settings(
            realm=name,
            lab=True,
            listen={"client": LOCAL, "peer": peer, "metrics": LOCAL},
            peers=peers,
            **{"store": "memory:", **more},
        )
        self.service: RealmService = realm_service(reactor, configure(settings))
        self.ports: dict[str, int] = {}

    async def start(self) -> None:
        self.service.startService()
        self.ports = {where.name: int(where.port) for where in await self.service.when_started()}

    async def link(self) -> LinkState:
        """Return how its only link stands."""
        assert self.service.realm is not None
        (link,) = await self.service.realm.links.states(clocks=True)
        return link

    async def wait_for(self, wanted: Callable[[LinkState], bool]) -> LinkState:
        until = reactor.seconds() + 20
        while not wanted(link := await self.link()):
            assert reactor.seconds() < until, link
            await deferLater(reactor, 0.02)
        return link

    def client(self, user: str) -> ChatClient:
        return ChatClient(reactor, f"tcp:127.0.0.1:{self.ports['client']}", user=user, password=LAB_PASSWORD)


@asynccontextmanager
async def served(*houses: House) -> AsyncIterator[None]:
    """Start houses that have to end well."""
    try:
        for house in houses:
            await house.start()
        yield
    finally:
        for house in houses:
            await house.service.stopService()
    for house in houses:
        await house.service.when_finished()


def tell(port: int, line: bytes) -> bytes:
    """Return all that is answered to a line."""
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        plain.sendall(line + b"\n")
        said = b""
        while piece := plain.recv(4096):
            said += piece
    return said


def ask(port: int, *lines: str) -> list[str]:
    """Return what an older client is answered to each of its lines."""
    with (
        socket.create_connection(("127.0.0.1", port), 20) as plain,
        plain.makefile("rw", newline="") as lined,
    ):
        said = []
        for line in lines:
            lined.write(f"{line}\r\n")
            lined.flush()
            said.append(lined.readline().rstrip())
            lined.readline()
        return said


@ensureDeferred
async def test_older_clients_are_told_where_a_group_is() -> None:
    alpha = House("alpha", {"beta": PeerTable(secret=SECRET)})
    async with served(alpha):
        connect = f"tcp:127.0.0.1:{alpha.ports['peer']}"
        beta = House("beta", {"alpha": PeerTable(secret=SECRET, connect=connect, neighbour=True)})
        async with served(beta):
            await beta.wait_for(lambda link: link.state == "linked")
            messi = alpha.client("messi")
            await messi.connect()
            await messi.groups.create("Room")
            auth = f"auth henderson {LAB_PASSWORD}"
            _, joined, local = await deferToThread(
                ask, beta.ports["client"], auth, "joingroup room", "creategroup here"
            )
            told = {"status": "OK", "message": "Add group successful"}
            assert json.loads(joined) == {**told, "group": "Room@alpha"}
            assert local == json.dumps(told)
            _, sent, box = await deferToThread(
                ask, beta.ports["client"], auth, "sendgroup Room@alpha halo", "inboxgroup Room@alpha"
            )
            assert (json.loads(sent)["status"], json.loads(box)["status"]) == ("OK", "OK")
            await messi.close()


@ensureDeferred
async def test_realms_are_linked_over_tls_and_count_what_passes(tmp_path: Path) -> None:
    authority = Authority()
    authority.write(tmp_path / "tls", "127.0.0.1")
    files = f"privateKey={tmp_path}/tls/privkey.pem:certKey={tmp_path}/tls/fullchain.pem"
    alpha = House("alpha", {"beta": PeerTable(secret=SECRET)}, f"ssl:0:interface=127.0.0.1:{files}")
    async with served(alpha):
        connect = f"tls:127.0.0.1:{alpha.ports['peer']}:trustRoots={authority.root(tmp_path)}"
        beta = House("beta", {"alpha": PeerTable(secret=SECRET, connect=connect)})
        async with served(beta):
            messi, henderson = alpha.client("messi"), beta.client("henderson")
            await henderson.connect()
            await messi.connect()
            await messi.send("henderson@beta", "halo")
            heard = await anext(henderson.messages())
            assert (heard.from_, heard.text) == ("messi@alpha", "halo")
            lost = await messi.send("nobody@beta", "halo")
            back = await anext(messi.messages())
            assert (back.kind, back.about, back.text) == ("bounce", lost.mid, "no-such-user")
            link = await alpha.wait_for(lambda link: link.items == 0)
            assert (link.state, link.trust, link.applied, link.refused) == ("linked", "secret", 1, 1)
            assert link.skew is not None
            assert abs(link.skew) < 5
            assert (await beta.link()).received == 1
            _, body = await deferToThread(request, alpha.ports["metrics"])
            figures = Figures(body.decode())
            assert figures("link_state", realm="beta", state="linked") == 1
            assert figures("link_waiting_items", realm="beta") == 0
            assert figures("link_messages_sent_total", realm="beta", result="ok") == 1
            assert figures("link_messages_sent_total", realm="beta", result="no-such-user") == 1
            assert figures("peer_connections_proved_total") == 1
            _, body = await deferToThread(request, beta.ports["metrics"])
            figures = Figures(body.decode())
            assert figures("link_messages_taken_total", realm="alpha", result="ok") == 1
            assert figures("link_messages_taken_total", realm="alpha", result="no-such-user") == 1
            assert figures("link_dials_total") == 1
            for client in (messi, henderson):
                await client.close()
        # Who speaks no TLS there is told so in the language of realms.
        said = await deferToThread(tell, alpha.ports["peer"], b'{"frame":"hello"}')
        assert json.loads(said)["reason"] == "tls-needed"
        assert (await alpha.wait_for(lambda link: link.state == "waiting")).error == "goodbye shutdown"


@ensureDeferred
async def test_another_secret_is_no_secret() -> None:
    alpha = House("alpha", {"beta": PeerTable(secret=SECRET)})
    async with served(alpha):
        connect = f"tcp:127.0.0.1:{alpha.ports['peer']}"
        beta = House("beta", {"alpha": PeerTable(secret=SECRET.upper(), connect=connect)})
        async with served(beta):
            assert (await beta.wait_for(lambda link: bool(link.error))).error == "bad-proof"
            link = await alpha.wait_for(lambda link: bool(link.error))
            assert (link.state, link.error) == ("waiting", "bad-proof")
            assert link.shown == beta.service.realm.links.fingerprint()  # type: ignore[union-attr]


@ensureDeferred
async def test_a_realm_with_another_key_than_the_pinned_one_is_parked() -> None:
    alpha = House("alpha", {"beta": PeerTable(secret=SECRET)})
    async with served(alpha):
        connect = f"tcp:127.0.0.1:{alpha.ports['peer']}"
        pin = f"ed25519:{'0' * 64}"
        beta = House("beta", {"alpha": PeerTable(pin=pin, connect=connect)})
        async with served(beta):
            link = await beta.wait_for(lambda link: link.state == "parked")
            assert (link.error, link.fingerprint) == ("wrong-key", pin)
            assert link.shown == alpha.service.realm.links.fingerprint()  # type: ignore[union-attr]


@ensureDeferred
async def test_a_store_that_fails_ends_the_links_without_a_word(
    monkeypatch: pytest.MonkeyPatch, logged_failures: LoggedFailures
) -> None:
    stores: list[IStore] = []

    def open_store(url: str, reactor: Any, newest: Path | None) -> IStore:
        stores.append(opened := real(url, reactor, newest))
        return opened

    real = store_module.open_store
    monkeypatch.setattr("chatproto.opening.open_store", open_store)
    alpha = House("alpha", {"beta": PeerTable(secret=SECRET)})
    async with served(alpha):
        connect = f"tcp:127.0.0.1:{alpha.ports['peer']}"
        beta = House("beta", {"alpha": PeerTable(secret=SECRET, connect=connect)})
        await beta.start()
        messi = alpha.client("messi")
        await messi.connect()
        await alpha.wait_for(lambda link: link.state == "linked")
        monkeypatch.setattr(stores[1], "commit", lambda batch: fail(StoreFailed("the disk is gone")))
        await messi.send("henderson@beta", "halo")
        with pytest.raises(CannotServe):
            await beta.service.when_finished()
        assert logged_failures.take(StoreFailed)
        # It said no goodbye, so that nothing of what it had taken counts.
        link = await alpha.wait_for(lambda link: link.state != "linked")
        assert (link.error, link.items, link.applied) == ("closed", 1, 0)
        await messi.close()
