"""What users here do to groups of other realms: an item for each, and a while to wait for what it comes to.

Only the home decides. What it did comes back as an entry of the group's log, and is told to everybody; a
refusal is told to whoever asked, or as a bounce if nobody waits any more.
"""

from __future__ import annotations

from chatproto.errors import BadToken, ChatError, NoSuchGroup, NoSuchUser
from chatproto.events import PENDING, GroupChanged
from chatproto.names import Address
from chatproto.realm.changes import Changes
from chatproto.realm.gate import Gate
from chatproto.realm.groups import Groups
from chatproto.realm.logins import Login
from chatproto.realm.mail import Mail
from chatproto.realm.routes import Routes
from chatproto.realm.waiters import Waiters
from chatproto.realm.welcome import Welcome
from chatproto.realm.writer import Writer

#: What has certainly an entry: whoever asked can go on only with that.
_ENTERED = ("join", "leave")


class Distant:
    """Sends what is done to groups elsewhere."""

    def __init__(
        self,
        routes: Routes,
        writer: Writer,
        changes: Changes,
        groups: Groups,
        mail: Mail,
        waiters: Waiters,
        welcome: Welcome,
    ) -> None:
        self._routes = routes
        self._writer = writer
        self._changes = changes
        self._groups = groups
        self._mail = mail
        self._waiters = waiters
        #: Also asked when the home says that somebody joined.
        self.welcome = welcome

    async def join(self, login: Login, name: str, gate: Gate) -> GroupChanged:
        """Join a group, and return when it is here.

        :raises ChatError: it is not to be; among others as :meth:`Groups.join`.
        """
        await self._groups.check_quota(login)
        return await self.act(login, name, gate, "join")

    async def act(self, login: Login, name: str, gate: Gate, kind: str, text: str = "") -> GroupChanged:
        """Do something to a group, and return when its home has said that it is done, or after a while.

        :raises NoSuchGroup: nothing can have that name.
        :raises NoSuchRealm: there is no link to its realm.
        :raises PeerBlocked: nothing goes there.
        :raises RateLimited: the account does too much.
        :raises ChatError: the home refuses it.
        """
        try:
            address = self._routes.any_address(name)
        except NoSuchUser:
            raise NoSuchGroup from None
        gate.message(login, 1, text)
        copy = await self._routes.group_ever(address.folded)
        to = str(address) if copy is None else copy.row.shown_a
        while True:
            await self._mail.prepare(address.realm)
            if not self._writer.full:
                break
            await self._writer.room()
        self._mail.check(address.realm, text)
        if login.ended:
            raise BadToken
        change = self._changes.begin()
        item = self._mail.add(change, login.address, login.device, to, kind, text)
        if kind == "join":
            self.welcome.asked(change, login.account, to)
        done = self._waiters.wait(item.mid, entry=kind in _ENTERED)
        await self._changes.save(change)
        certain = await done
        copy = await self._routes.group_ever(address.folded)
        shown = to if copy is None else copy.row.shown_a
        if certain:
            return GroupChanged(group=shown)
        return GroupChanged(group=shown, state=PENDING, mid=item.mid)

    async def find(self, name: str) -> str:
        """Return the address of a group of this name in a linked realm, in the order of their search.

        :raises NoSuchGroup: none that answers has an open one.
        """
        remotes = self._routes.remotes
        for realm in remotes.realms():
            try:
                found = await remotes.ask(realm, "group", name)
                address = Address.parse(str(found.get("group", "")), realm)
            except ChatError:  # it has none, or is away
                continue
            if address.realm == realm:
                return str(address)
        raise NoSuchGroup
