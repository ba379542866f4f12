"""What members here may read of a copy whose home has an older copy of its store.

What the home lost is taken out of the copy's order. Who came, went or was let in to the past by that may read
again what it might before: it is found in what both still have of the log.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from chatproto.frames import Start
from chatproto.interfaces import IStore
from chatproto.names import RealmName, fold
from chatproto.realm.changes import Change, Changes
from chatproto.realm.conversations import Group
from chatproto.realm.copying import part
from chatproto.realm.log import entries_after
from chatproto.records import MemberRow, MessageRow, ReplicaRow


def _whom(message: MessageRow) -> str:
    """Return who comes or goes by an entry, ``""`` if nobody does."""
    if message.kind in ("joined", "left"):
        return fold(message.sender)
    return fold(message.text) if message.kind == "kicked" else ""


class Windows:
    """What members of a realm may read of a copy, from the beginning of its log to where it was read."""

    def __init__(self, realm: RealmName, conversation: int) -> None:
        self._at = f"@{realm}"
        self._conversation = conversation
        self.rows: dict[str, MemberRow] = {}
        #: What newcomers may read, as far as an entry says it; and who came before one did.
        self.history = ""
        self._early: set[str] = set()

    def take(self, message: MessageRow) -> None:
        """Take the next entry."""
        address = _whom(message)
        if message.kind == "history":
            self.begin("joined" if message.text == "all" else "all")
            self.history = "all" if message.text == "all" else "joined"
            if self.history == "all":
                self._open(lambda row: replace(row, since=0))
        elif message.kind == "deleted":
            self._open(lambda row: replace(row, until=message.seq, role="left"))
        elif address.endswith(self._at):
            self._move(address, message)

    def _open(self, make: Callable[[MemberRow], MemberRow]) -> None:
        self.rows.update({row.member: make(row) for row in self.rows.values() if not row.until})

    def _move(self, address: str, message: MessageRow) -> None:
        before, joined = self.rows.get(address), message.seq - 1
        if message.kind == "joined":
            since = 0 if self.history == "all" else joined
            self.rows[address] = MemberRow(self._conversation, address, since, 0, "member", joined)
            self._early.discard(address)
            if not self.history:
                self._early.add(address)
        elif before is not None and message.kind == "left":
            self.rows[address] = replace(before, until=message.seq, role="left")
        elif before is not None:
            only = {"since": joined, "joined": joined}
            self.rows[address] = replace(before, **only, until=message.seq, role="kicked")

    def begin(self, history: str) -> None:
        """Hear what newcomers might read before any entry said so."""
        if not self.history and history == "all":
            for address in self._early:
                if self.rows[address].role != "kicked":
                    self.rows[address] = replace(self.rows[address], since=0)
        self._early.clear()


class Rewinding:
    """Finds what a copy was at an earlier number, as far as that concerns who may read what."""

    def __init__(self, realm: RealmName, store: IStore, changes: Changes) -> None:
        self._realm = realm
        self._store = store
        self._changes = changes

    async def rewind(self, row: ReplicaRow, group: Group, seq: int, start: Start) -> None:
        """Let members have the windows that they had at the entry with a seq here.

        :raises Unavailable: not now.
        """
        lost: set[str] = set()
        kinds: set[str] = set()
        async for page in entries_after(self._store, row.conversation, seq):
            kinds.update(message.kind for message in page)
            lost.update(_whom(message) for message in page)
        whole = not kinds.isdisjoint(("history", "deleted"))
        lost = {address for address in lost if address.endswith(f"@{self._realm}")}
        if not lost and not whole:
            return
        windows = await self._windows(row, seq)
        windows.begin(start.history or group.settings.history)
        addresses = await self._known(group, {*windows.rows, *lost} if whole else lost)
        change = self._changes.begin()
        if group.settings.deleted:
            change.settings(group, replace(group.settings, deleted=0))
        for address in addresses:
            self._put_back(change, group, address, windows.rows.get(address))
        await self._changes.save(change)

    async def _known(self, group: Group, addresses: set[str]) -> list[str]:
        """Return who ever had a window here: the home's word alone gives nobody one."""
        return [
            address
            for address in sorted(addresses)
            if address in group.members or await self._changes.outsider(group, address) is not None
        ]

    async def _windows(self, row: ReplicaRow, seq: int) -> Windows:
        windows = Windows(self._realm, row.conversation)
        async for page in entries_after(self._store, row.conversation, 0):
            for message in page:
                if message.seq > seq:
                    return windows
                windows.take(message)
        return windows

    def _put_back(self, change: Change, group: Group, address: str, then: MemberRow | None) -> None:
        now = group.members.get(address)
        if then is not None and not then.until:
            change.member(group, then if now is None else replace(then, role=now.role))
        elif now is not None:  # and is told so; it may come again
            part(change, group, address, self._changes)
        elif then is not None:
            change.member(group, then)
