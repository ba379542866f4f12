"""What of a realm only the clients of older systems need: its parts, made and held together."""

from __future__ import annotations

from chatproto.interfaces import IAdding, IRemotes, IStore
from chatproto.names import RealmName
from chatproto.realm.accounts import Accounts
from chatproto.realm.aliases import Aliases
from chatproto.realm.blocks import Blocks
from chatproto.realm.cursors import Cursors
from chatproto.realm.filebox import FileBox
from chatproto.realm.inboxes import Inboxes
from chatproto.realm.originals import NoOriginals, Originals
from chatproto.realm.others import Others
from chatproto.realm.pickups import Pickups
from chatproto.realm.policy import Policy
from chatproto.realm.realms import Realms
from chatproto.realm.registering import Registering
from chatproto.realm.remotes import NoAdding, NoRemotes
from chatproto.realm.rooms import Rooms
from chatproto.realm.routes import Routes
from chatproto.realm.screens import Screens
from chatproto.realm.times import Clock
from chatproto.realm.undelivered import Undelivered
from chatproto.realm.writer import Writer


class Older:
    """The boxes of older clients, the servers that these had, and rooms of those without an account.

    :ivar originals: who keeps the links to those; replaced once.
    """

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        writer: Writer,
        clock: Clock,
        routes: Routes,
        accounts: Accounts,
        blocks: Blocks,
        cursors: Cursors,
        others: Others,
        files: FileBox,
        rooms: Rooms,
        policy: Policy,
    ) -> None:
        self.originals: Originals = NoOriginals()
        self.rooms = rooms
        self.pickups = Pickups(store, blocks, cursors)
        self.screens = Screens(cursors)
        self.inboxes = Inboxes(store, routes, accounts, blocks, cursors, others, files, self.screens)
        #: What was taken through fronts.
        self.undelivered = Undelivered(clock)
        self.aliases = Aliases(realm, store, writer, clock)
        self.realms = Realms(realm, self.aliases, accounts, clock)
        #: Who links realms that users add; set by whoever runs the links.
        self.adding: IAdding = NoAdding()
        self.registering = Registering(
            realm, accounts, self.aliases, policy, clock, NoRemotes(), lambda: self.adding
        )

    async def load(self) -> None:
        """Read what there is, before anybody asks."""
        await self.aliases.load()

    def link(self, remotes: IRemotes) -> None:
        """Hear who carries messages to other realms."""
        self.aliases.remotes = self.inboxes.remotes = self.registering.remotes = remotes
