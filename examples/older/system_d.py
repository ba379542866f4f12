"""System D: its two realms side by side, with its users, as neighbours of each other.

python examples/older/system_d.py [PORT PORT]

Realm 1 is at port 8889 with messi, henderson and lineker, password surabaya. Realm 2 is at port 8899 with
amsal (jakarta), herbert (singapura) and napitupulu (surabaya). A client, or netcat, talks to its own realm:

nc 127.0.0.1 8899
auth amsal jakarta
send messi jadi main mes?
group bola
"""

import argparse
import sys

try:
    from twisted.internet.defer import Deferred
    from twisted.internet.posixbase import PosixReactorBase
    from twisted.internet.task import react

    from chatproto import PeerTable, Settings, configure, realm_service
    from chatproto.errors import CannotServe, ConfigError
except ModuleNotFoundError as error:
    sys.exit(f"no module {error.name}: this needs chatproto and what it requires (pip install .)")

USERS = {"amsal": "jakarta", "herbert": "singapura", "napitupulu": "surabaya"}


async def main(reactor: PosixReactorBase, first: str, second: str) -> None:
    try:
        await serve_both(reactor, first, second)
    except (CannotServe, ConfigError) as error:
        sys.exit(str(error))
    await Deferred()  # until somebody presses Ctrl-C


async def serve_both(reactor: PosixReactorBase, first: str, second: str) -> None:
    async def serve(name: str, client: str, other: str, connect: str | None = None) -> str:
        peer = PeerTable(secret="at least 16 characters", connect=connect, neighbour=True)
        listen: dict[str, str | list[str]] = {
            "client": f"tcp:{client}:interface=127.0.0.1",
            "peer": "tcp:0:interface=127.0.0.1",
        }
        # A lab has the users of realm 1. Like everything here it is for a course, on one machine.
        lab = connect is None
        settings = Settings(realm=name, store="memory:", lab=lab, listen=listen, peers={other: peer})
        service = realm_service(reactor, configure(settings))
        service.startService()
        clients, peers = await service.when_started()
        if not lab:
            assert service.realm is not None
            for user, password in USERS.items():
                await service.realm.add_user(user, password, user, "Indonesia")
        print("listening", name, clients.port, flush=True)
        return f"tcp:127.0.0.1:{peers.port}"

    await serve("realm-2", second, "realm-1", await serve("realm-1", first, "realm-2"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="System D's two realms.")
    parser.add_argument("first", nargs="?", default="8889", help="the port of realm 1")
    parser.add_argument("second", nargs="?", default="8899", help="the port of realm 2")
    said = parser.parse_args()
    react(main, (said.first, said.second))
