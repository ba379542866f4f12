"""Rooms, whose people have no account: groups of the realm, and the guests who are in them now.

A guest is as long as its connection is. What it says is in the log under an address that no account can have.
The group of a room has no owner, and no member but those of the realm's users who join, where they may.
"""

from __future__ import annotations

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from chatproto.commands import Upload
from chatproto.endpoints import network_of
from chatproto.errors import FileTooLarge, GroupExists, NoSuchGroup, NotAllowed, QuotaReached, Unavailable
from chatproto.faults import Discreet
from chatproto.interfaces import IStore
from chatproto.limits import LIST_ITEMS, TOPIC_CHARACTERS, Limits
from chatproto.names import GroupName, clean_shown, guest_in_address, guest_name, room_group
from chatproto.realm.accounts import Accounts, Names
from chatproto.realm.changes import Changes
from chatproto.realm.conversations import Group
from chatproto.realm.files import Files
from chatproto.realm.logins import Login, guest_of
from chatproto.realm.policy import Policy
from chatproto.realm.rates import Buckets, Rate
from chatproto.realm.routes import Routes
from chatproto.realm.turns import Turns
from chatproto.realm.writer import Writer
from chatproto.records import GroupRow

#: What the names of all groups of rooms follow, and begin with.
_FIRST = "room-"
_DAY = 86400.0


class Rooms:
    """Lets guests into rooms; ``shared``: the realm's users may join them, too."""

    _log = Logger()

    def __init__(
        self,
        routes: Routes,
        names: Names,
        changes: Changes,
        accounts: Accounts,
        store: IStore,
        writer: Writer,
        files: Files,
        policy: Policy,
    ) -> None:
        self._routes = routes
        self._names = names
        self._changes = changes
        self._accounts = accounts
        self._store = store
        self._writer = writer
        self._files = files
        self._shared = policy.shared_rooms
        self._most = policy.limits.rooms
        #: How many there are, as counted last and since then.
        self._count = self._most
        self._turns = Turns()
        #: Guests who began to send a file.
        self._sending: set[str] = set()
        #: Bytes of files that guests brought, by the network from which they came.
        self._brought: Buckets[str] = Buckets(policy.limits.cached_names)

    async def enter(self, name: str, room: str) -> tuple[Login, Group, bool]:
        """Return a guest of a room, who may speak there, its group, and whether that is new.

        :raises NotAllowed: the group is one of the realm's users, who did not open it to guests.
        :raises GroupExists: the name of the group is taken, by an account, or for ever by a deleted group.
        :raises QuotaReached: there are too many rooms.
        """
        group_name = room_group(room)
        async with self._turns.alone(group_name):
            try:
                group, new = await self._routes.group(group_name), False
            except NoSuchGroup:
                group, new = await self._make(group_name, room), True
            await self._open(group)
        shown = guest_name(name)
        if (self._shared or group.members) and await self._accounts.ever(shown) is not None:
            shown = guest_in_address(shown)  # where its user may be, nobody else is called so
        address = self._routes.shown(guest_in_address(shown))
        return guest_of(self._writer, group, address), group, new

    async def _make(self, name: GroupName, room: str) -> Group:
        await self._check_number()
        await self._names.check_free(name, GroupExists)
        taken = self._names.claim(name, "group")
        said = clean_shown(room, TOPIC_CHARACTERS)
        settings = GroupRow(
            name.folded,
            str(name),
            0,
            "",
            self._changes.log.now(),
            topic="" if name == _FIRST + said else said,
            access=self._access,
        )
        group = self._routes.new_group(settings)
        change = self._changes.begin()
        change.insert(taken, group.row, group.settings)
        await self._changes.save(change)
        self._count += 1
        return group

    async def _check_number(self) -> None:
        if self._count < self._most:
            return
        after, self._count = _FIRST, 0
        while page := await self._store.groups(after, LIST_ITEMS):
            rooms = [row for row in page if row.name.startswith(_FIRST)]
            self._count += len(rooms)
            if len(rooms) < LIST_ITEMS:
                break
            after = page[-1].name
        if self._count >= self._most:
            raise QuotaReached(f"there are {self._most} rooms, and there may be no more")

    @property
    def _access(self) -> str:
        return "open" if self._shared else "invited"

    async def _open(self, group: Group) -> None:
        """See that users may join a room if rooms are shared, and that guests may be in it."""
        if group.settings.owner:
            if not self._shared or group.settings.access != "open":
                raise NotAllowed("this room is a group of the realm's users")
        elif group.settings.access != self._access:
            change = self._changes.begin()
            change.notice(None, group, "access", self._access)
            change.settings(group, msgspec.structs.replace(group.settings, access=self._access))
            await self._changes.save(change)

    def check_file(self, login: Login, command: Upload, limits: Limits, address: str) -> None:
        """Let a guest begin to send a file.

        :raises FileTooLarge: guests may send none so large.
        :raises QuotaReached: too much came from that address since yesterday.
        """
        if command.size > limits.room_file_bytes:
            raise FileTooLarge(f"a file in a room has at most {limits.room_file_bytes} bytes")
        rate, now = Rate(limits.file_bytes_a_day, _DAY), self._changes.log.now() / 1000
        if self._brought.take(network_of(address), rate, now, command.size):
            raise QuotaReached(f"one may send {limits.file_bytes_a_day} bytes of files in a day")
        self._sending.add(login.account)

    def left(self, login: Login) -> None:
        """Hear that a guest is gone: what it sent only a part of is thrown away."""
        if login.account in self._sending:
            self._sending.discard(login.account)
            done = Deferred.fromCoroutine(self._forget(login.account))
            done.addErrback(
                lambda failure: (
                    None
                    if failure.check(Unavailable)  # it ends by itself, as all that is not finished
                    else self._log.failure("an upload could not be ended", failure=Discreet(failure))
                )
            )

    async def _forget(self, account: str) -> None:
        for row in await self._store.uploads(account):
            await self._files.end_upload(row.mid)
