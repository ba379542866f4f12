"""Other realms, as the rules of this one see them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from chatproto.errors import ChatError, NoSuchRealm, StoreRefused, Unavailable
from chatproto.federation.bounds import REFUSED_ADDRESSES, REFUSED_SECONDS
from chatproto.federation.link import PeerLink
from chatproto.federation.original_link import OriginalLink
from chatproto.federation.presence import Presence, There
from chatproto.federation.standing import Standing, Standings
from chatproto.interfaces import IRemotes
from chatproto.names import RealmName, fold
from chatproto.realm.times import Clock
from chatproto.records import MessageRow, OutboxRow, Outcome, Outgoing, StreamRow

#: Refusals that mean somebody, whoever writes. One who blocks a sender takes what others write.
_OF_ADDRESS = frozenset({"no-such-user"})


async def _not_found(realm: RealmName) -> None:
    """Find nobody."""


@implementer(IRemotes)
class Remotes:
    """Finds the link that something belongs to. The methods are those of :class:`IRemotes`."""

    def __init__(self, links: Mapping[RealmName, PeerLink], standings: Standings, clock: Clock) -> None:
        self._links = links
        self._standings = standings
        self._clock = clock
        #: Addresses that were refused, with the code and until when that is remembered; the oldest first.
        self._refused: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._presence = Presence(clock)
        #: Looks for a realm that is not linked; replaced once.
        self.find: Callable[[RealmName], Awaitable[None]] = _not_found

    def _link(self, realm: RealmName) -> PeerLink:
        link = self._links.get(realm)
        if link is None or link.standing is Standing.DROPPED:
            raise NoSuchRealm
        return link

    def prepare(self, realm: RealmName) -> Deferred[None]:
        """See :meth:`IRemotes.prepare`."""
        return Deferred.fromCoroutine(self._prepare(realm))

    async def _prepare(self, realm: RealmName) -> None:
        if realm not in self._links:
            await self.find(realm)
        try:
            await self._link(realm).prepare()
        except StoreRefused:
            raise Unavailable from None

    def ready(self, realm: RealmName) -> bool:
        """See :meth:`IRemotes.ready`."""
        link = self._links.get(realm)
        return link is not None and link.ready()

    def check(self, realm: RealmName, size: int) -> None:
        """See :meth:`IRemotes.check`."""
        self._link(realm).check(size)

    def check_file(self, realm: RealmName, size: int) -> None:
        """See :meth:`IRemotes.check_file`."""
        self._link(realm).check_file(size)

    def number(self, realm: RealmName, message: MessageRow, size: int) -> tuple[OutboxRow, StreamRow | None]:
        """See :meth:`IRemotes.number`."""
        return self._link(realm).outgoing.number(message, size), None  # the mark has an entry of its own

    def wake(self, realm: RealmName) -> None:
        """See :meth:`IRemotes.wake`."""
        link = self._links.get(realm)
        if link is not None:
            link.outgoing.on_marked()

    def refused(self, address: str) -> str | None:
        """See :meth:`IRemotes.refused`."""
        code, until = self._refused.get(address, ("", 0.0))
        return code if until > self._clock.seconds() else None

    def ended(self, item: Outgoing, code: str) -> None:
        """Hear that the end of an item is on disk."""
        address = fold(item.to)
        self._refused.pop(address, None)
        # An original server says the same of a sender whom it does not know.
        if code in _OF_ADDRESS and not isinstance(self._links.get(RealmName(item.row.realm)), OriginalLink):
            self._refused[address] = (code, self._clock.seconds() + REFUSED_SECONDS)
            if len(self._refused) > REFUSED_ADDRESSES:
                self._refused.popitem(last=False)

    def verdict(self, realm: RealmName, number: int) -> Deferred[Outcome]:
        """See :meth:`IRemotes.verdict`."""
        try:
            return self._link(realm).verdict(number)
        except ChatError:
            return fail()

    def receipt(self, by: str, to: str, delivered: str = "", read: str = "") -> None:
        """See :meth:`IRemotes.receipt`."""
        link = self._links.get(RealmName(fold(to.rpartition("@")[2])))
        if link is not None and link.standing is not Standing.DROPPED:
            link.receipt(by, to, delivered, read)

    def live(self, realm: RealmName, group: str, users: Sequence[str], number: int) -> None:
        """See :meth:`IRemotes.live`."""
        link = self._links.get(realm)
        if link is not None and link.standing is not Standing.DROPPED:
            link.receipts.add_live(group, users, number)
            link.send_receipts()

    def active(self, realm: RealmName) -> Deferred[There]:
        """See :meth:`IRemotes.active`."""
        try:
            link = self._link(realm)
            return self._presence.of(realm, lambda: link.ask("active"))
        except ChatError:
            return fail()

    def user(self, realm: RealmName, name: str) -> Deferred[dict[str, Any]]:
        """Fire with how somebody of another realm is called there.

        :raises NoSuchRealm: there is no link to it.
        :raises NoSuchUser: there is nobody of that name.
        :raises Unavailable: it does not answer.
        """
        try:
            return self._link(realm).ask("user", name)
        except ChatError:
            return fail()

    def ask(self, realm: RealmName, about: str, name: str = "", after: str = "") -> Deferred[dict[str, Any]]:
        """See :meth:`IRemotes.ask`."""
        try:
            return self._link(realm).ask(about, name, after)
        except ChatError:
            return fail()

    def knows(self, realm: RealmName) -> bool:
        """See :meth:`IRemotes.knows`."""
        link = self._links.get(realm)
        return link is not None and link.standing is not Standing.DROPPED

    def realms(self) -> Sequence[RealmName]:
        """See :meth:`IRemotes.realms`."""
        return self._standings.neighbours()
