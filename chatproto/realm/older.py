"""What of a realm only the clients of older systems need: its parts, made and held together."""

from __future__ import annotations

from chatproto.interfaces import IStore
from chatproto.realm.accounts import Accounts
from chatproto.realm.blocks import Blocks
from chatproto.realm.cursors import Cursors
from chatproto.realm.filebox import FileBox
from chatproto.realm.inboxes import Inboxes
from chatproto.realm.others import Others
from chatproto.realm.routes import Routes


class Older:
    """The boxes of older clients."""

    def __init__(
        self,
        store: IStore,
        routes: Routes,
        accounts: Accounts,
        blocks: Blocks,
        cursors: Cursors,
        others: Others,
        files: FileBox,
    ) -> None:
        self.inboxes = Inboxes(store, routes, accounts, blocks, cursors, others, files)
