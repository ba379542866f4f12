"""A realm and its server. It forgets everything when it ends; open_store("sqlite:///alpha.db", ...) does not.

python examples/one_realm.py 8889
chatproto chat 127.0.0.1:8889 --user messi --register
"""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import react

from chatproto import ChatServerFactory, Policy, Realm, Registration, open_store


async def main(reactor: PosixReactorBase, port: str = "8889") -> None:
    policy = Policy(registration=Registration.OPEN)
    realm = await Realm.open("alpha", open_store("memory:", reactor), reactor, policy=policy)
    endpoint = serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1")
    listening = await endpoint.listen(ChatServerFactory(realm, reactor))
    print("listening", listening.getHost().port, flush=True)
    await Deferred()  # until somebody presses Ctrl-C


if __name__ == "__main__":
    react(main, sys.argv[1:])
