"""python examples/two_realms.py: two realms in one process, and a message from one's messi to the other's."""

from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import react

from chatproto import ChatClient, PeerTable, Settings, configure, realm_service


async def main(reactor: PosixReactorBase) -> None:
    async def serve(name: str, other: str, connect: str | None = None) -> tuple[ChatClient, str]:
        peers = {other: PeerTable(secret="at least 16 characters", connect=connect)}
        listen: dict[str, str | list[str]] = dict.fromkeys(("client", "peer"), "tcp:0:interface=127.0.0.1")
        settings = Settings(realm=name, store="memory:", lab=True, listen=listen, peers=peers)
        service = realm_service(reactor, configure(settings))
        service.startService()
        client, peer = [f"tcp:127.0.0.1:{where.port}" for where in await service.when_started()]
        return ChatClient(reactor, client, user="messi", password="surabaya"), peer

    alpha, peer = await serve("alpha", "beta")
    beta, _ = await serve("beta", "alpha", connect=peer)
    for messi in (alpha, beta):
        await messi.connect()
    await alpha.send("messi@beta", "halo")
    print((await anext(beta.messages())).text)


react(main)
