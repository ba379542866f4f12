"""Opening a realm with its store and its links: what servers and single commands have in common."""

from __future__ import annotations

import contextlib

from twisted.internet.posixbase import PosixReactorBase

from chatproto.configuration import Config
from chatproto.errors import CannotServe, ConfigError, NameTaken, StoreError, StoreInUse
from chatproto.executors import ThreadExecutor
from chatproto.federation.adding import Adding
from chatproto.federation.peers import Peers
from chatproto.files import open_files
from chatproto.operating import Operating
from chatproto.realm import PasswordHasher, Policy, Realm
from chatproto.store import open_store
from chatproto.store.urls import shown
from chatproto.tls.connecting import client_endpoint

#: The users of a lab, with names and countries; the password is no secret.
LAB_USERS = {
    "messi": ("Lionel Messi", "Argentina"),
    "henderson": ("Jordan Henderson", "Inggris"),
    "lineker": ("Gary Lineker", "Inggris"),
}
LAB_PASSWORD = "surabaya"  # noqa: S105 - known to everybody who was in the course


class OpenRealm:
    """A realm and its links to others, which nobody is connected with yet; ``adding`` is for a lab."""

    def __init__(self, realm: Realm, peers: Peers, operating: Operating, adding: Adding | None) -> None:
        self.adding = adding
        self.realm = realm
        self.peers = peers
        self.operating = operating

    async def close(self) -> None:
        """Make everything durable, and close the store."""
        self.peers.close()
        await self.realm.close()


async def open_realm(reactor: PosixReactorBase, config: Config) -> OpenRealm:
    """Open the realm of a configuration with its store and its links, and nothing that listens or dials.

    :raises CannotServe: the store is in use, belongs to another realm, or cannot be opened.
    """
    hasher = None
    if config.lab:
        executor = ThreadExecutor(reactor, "passwords", 1)
        hasher = PasswordHasher(executor, cheap=True, waiting=config.limits.waiting_hashes)
    policy = Policy(
        limits=config.limits, registration=config.registration, shared_rooms=config.older.room_shared
    )
    files = None if config.files is None else open_files(config.files, config.realm, reactor)
    try:
        store = open_store(config.store, reactor, config.newest)
        realm = await Realm.open(
            config.realm,
            store,
            reactor,
            policy=policy,
            hasher=hasher,
            authenticator=config.authenticator,
            files=files,
        )
    except ConfigError as error:  # a missing package, or what only PostgreSQL's own library sees in a URL
        raise CannotServe(str(error)) from error
    except StoreInUse as error:
        raise CannotServe(f"store-in-use: another process has {shown(config.store)} open") from error
    except StoreError as error:
        raise CannotServe(f"store: {shown(config.store)}: {error}") from error
    try:
        peers = await Peers.open(realm, store, reactor, config.peers, lab=config.lab, table=config.routes)
    except BaseException:
        await realm.close()
        raise
    operating = Operating(
        peers,
        store,
        reactor,
        lambda text: client_endpoint(reactor, text),
        insecure=config.insecure,
    )
    realm.links = operating
    adding = None
    if config.lab:
        realm.older.adding = adding = Adding(realm, peers, reactor)
    return OpenRealm(realm, peers, operating, adding)


async def add_lab_users(realm: Realm) -> None:
    """Make the users of a lab that are missing."""
    for user, (name, country) in LAB_USERS.items():
        # A name that is taken has its user from the last time, or is somebody's own.
        with contextlib.suppress(NameTaken):
            await realm.add_user(user, LAB_PASSWORD, name, country)
