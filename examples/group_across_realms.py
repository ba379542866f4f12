"""python examples/group_across_realms.py: a group of alpha's, with a member in beta who posts and reads.

Both realms are in one process here, as in ``two_realms.py``.
"""

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
        return ChatClient(reactor, client, user="messi", password="surabaya", device="example"), peer

    here, peer = await serve("alpha", "beta")
    there, _ = await serve("beta", "alpha", connect=peer)
    for messi in (here, there):
        await messi.connect()
    await here.groups.create("bola", topic="tonight")
    await there.groups.join("bola@alpha")
    post = await there.send("bola@alpha", "halo semua")
    print("in beta the post is", post.state)
    async for message in there.messages():  # it comes back, with its place in the order of all
        print(f"{message.from_} in {message.to}: {message.kind} {message.text}".rstrip())
        if message.mid == post.mid:
            break
    page = await there.history("bola@alpha")  # from beta's own copy
    print("history in beta:", [message.text for message in page.messages if message.kind == "text"])


react(main)
