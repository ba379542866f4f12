"""python examples/gateway.py: alpha and beta reach each other only by a gateway, and a message goes across.

All three are in one process here. The gateway has no users. It cannot change what it passes on, as alpha
signs it, and beta was told alpha's key.
"""

from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import react

from chatproto import ChatClient, PeerTable, Realm, RealmName, Settings, configure, realm_service

PORT = "tcp:0:interface=127.0.0.1"
SECRET = "at least 16 characters"


async def main(reactor: PosixReactorBase) -> None:
    listen: dict[str, str | list[str]] = {"client": PORT, "peer": PORT}

    async def serve(settings: Settings) -> tuple[Realm, list[str]]:
        service = realm_service(reactor, configure(settings))
        service.startService()
        places = [f"tcp:127.0.0.1:{where.port}" for where in await service.when_started()]
        assert service.realm is not None
        return service.realm, places

    async def end(name: str) -> tuple[Realm, ChatClient]:
        """Serve a realm that is linked only with the gateway, and goes by it to all others."""
        peers = {"gamma": PeerTable(secret=SECRET, connect=gateway)}
        ways = {"default": "gamma"}
        settings = Settings(realm=name, store="memory:", lab=True, listen=listen, peers=peers, routes=ways)
        realm, [place, _] = await serve(settings)
        return realm, ChatClient(reactor, place, user="messi", password="surabaya")

    known = dict.fromkeys(("alpha", "beta"), PeerTable(secret=SECRET))
    _, [_, gateway] = await serve(
        Settings(realm="gamma", store="memory:", relay=True, listen=listen, peers=known)
    )
    (alpha, messi), (beta, other) = await end("alpha"), await end("beta")
    await alpha.links.add(RealmName("beta"), "", beta.links.fingerprint())
    await beta.links.add(RealmName("alpha"), "", alpha.links.fingerprint())
    for client in (messi, other):
        await client.connect()
    await messi.send("messi@beta", "halo")
    print((await anext(other.messages())).text)


react(main)
