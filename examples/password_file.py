"""A realm whose users are the lines of a file, with a hash of each password.

PASSWORD=secret python examples/password_file.py messi >> passwords
python examples/password_file.py 8889 passwords
"""

import os
import sys

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from twisted.cred.checkers import FilePasswordDB
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import react

from chatproto import ChatServerFactory, CredAuthenticator, Realm, open_store


def check(user: bytes, typed: bytes, stored: bytes) -> bytes:
    """Return what stands in the file if the password is right, as FilePasswordDB wants it."""
    try:
        PasswordHasher().verify(stored.decode(), typed)
    except VerificationError:
        return b""
    return stored


async def main(reactor: PosixReactorBase, port: str, file: str) -> None:
    # The file is read at each login, and the hash keeps the realm waiting for some 50 ms: enough for a team.
    users = CredAuthenticator(FilePasswordDB(file, hash=check), f"in {file}, by its operator")
    realm = await Realm.open("alpha", open_store("memory:", reactor), reactor, authenticator=users)
    endpoint = serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1")
    listening = await endpoint.listen(ChatServerFactory(realm, reactor))
    print("listening", listening.getHost().port, flush=True)
    await Deferred()  # until somebody presses Ctrl-C


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(sys.argv[1], PasswordHasher().hash(os.environ["PASSWORD"]), sep=":")
    else:
        react(main, sys.argv[1:])
