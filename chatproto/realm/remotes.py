"""Other realms, where there is none: what stands in for whoever carries messages to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from chatproto.errors import NoSuchRealm, NotAllowed, NotSupported
from chatproto.events import DeadLetterPage, LinkAdded, LinkState, QueuePage
from chatproto.interfaces import IAdding, ILinks, IRemotes
from chatproto.names import RealmName
from chatproto.records import MessageRow, OutboxRow, Outcome, StreamRow


@implementer(IRemotes)
class NoRemotes:
    """A realm without links: there is no other one."""

    def prepare(self, realm: RealmName) -> Deferred[None]:
        """See :meth:`IRemotes.prepare`."""
        return fail(NoSuchRealm())

    def ready(self, realm: RealmName) -> bool:
        """See :meth:`IRemotes.ready`."""
        return False

    def check_file(self, realm: RealmName, size: int) -> None:
        """See :meth:`IRemotes.check_file`."""
        raise NoSuchRealm

    def check(self, realm: RealmName, size: int) -> None:
        """See :meth:`IRemotes.check`."""
        raise NoSuchRealm

    def number(self, realm: RealmName, message: MessageRow, size: int) -> tuple[OutboxRow, StreamRow | None]:
        """See :meth:`IRemotes.number`."""
        raise NoSuchRealm

    def wake(self, realm: RealmName) -> None:
        """See :meth:`IRemotes.wake`."""

    def refused(self, address: str) -> str | None:
        """See :meth:`IRemotes.refused`."""
        return None

    def verdict(self, realm: RealmName, number: int) -> Deferred[Outcome]:
        """See :meth:`IRemotes.verdict`."""
        return fail(NoSuchRealm())

    def receipt(self, by: str, to: str, delivered: str = "", read: str = "") -> None:
        """See :meth:`IRemotes.receipt`."""

    def live(self, realm: RealmName, group: str, users: Sequence[str], number: int) -> None:
        """See :meth:`IRemotes.live`."""

    def active(self, realm: RealmName) -> Deferred[tuple[list[tuple[str, str]], int]]:
        """See :meth:`IRemotes.active`."""
        return fail(NoSuchRealm())

    def ask(self, realm: RealmName, about: str, name: str = "", after: str = "") -> Deferred[dict[str, Any]]:
        """See :meth:`IRemotes.ask`."""
        return fail(NoSuchRealm())

    def knows(self, realm: RealmName) -> bool:
        """See :meth:`IRemotes.knows`."""
        return False

    def realms(self) -> Sequence[RealmName]:
        """See :meth:`IRemotes.realms`."""
        return ()


@implementer(IAdding)
class NoAdding:
    """A realm whose users add no others."""

    def open(self) -> bool:
        """See :meth:`IAdding.open`."""
        return False

    def add(self, alias: str, host: str, port: str) -> Deferred[None]:
        """See :meth:`IAdding.add`."""
        return fail(NotAllowed("realms are added by the operator"))


@implementer(ILinks)
class NoLinks:
    """A realm without links: there is nothing to look after."""

    def fingerprint(self) -> str:
        """See :meth:`ILinks.fingerprint`."""
        raise NotSupported("this realm has no links")

    def states(self, clocks: bool = False) -> Deferred[list[LinkState]]:
        """See :meth:`ILinks.states`."""
        return succeed([])

    def add(self, realm: RealmName, connect: str, pin: str) -> Deferred[LinkAdded]:
        """See :meth:`ILinks.add`."""
        return fail(NotSupported("this realm has no links"))

    def approve(self, realm: RealmName, fingerprint: str) -> Deferred[None]:
        """See :meth:`ILinks.approve`."""
        return fail(NoSuchRealm())

    def retry(self, realm: RealmName) -> Deferred[None]:
        """See :meth:`ILinks.retry`."""
        return fail(NoSuchRealm())

    def park(self, realm: RealmName) -> Deferred[None]:
        """See :meth:`ILinks.park`."""
        return fail(NoSuchRealm())

    def block(self, realm: RealmName) -> Deferred[None]:
        """See :meth:`ILinks.block`."""
        return fail(NoSuchRealm())

    def drop(self, realm: RealmName) -> Deferred[int]:
        """See :meth:`ILinks.drop`."""
        return fail(NoSuchRealm())

    def queue(self, realm: RealmName, after: int, limit: int) -> Deferred[QueuePage]:
        """See :meth:`ILinks.queue`."""
        return fail(NoSuchRealm())

    def dead_letters(self, realm: str, after: int, limit: int) -> Deferred[DeadLetterPage]:
        """See :meth:`ILinks.dead_letters`."""
        return succeed(DeadLetterPage(letters=[], complete=True))
