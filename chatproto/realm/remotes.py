"""Other realms, where there is none: what stands in for whoever carries messages to them."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from chatproto.errors import NoSuchRealm
from chatproto.interfaces import IRemotes
from chatproto.names import RealmName
from chatproto.records import MessageRow, OutboxRow, StreamRow


@implementer(IRemotes)
class NoRemotes:
    """A realm without links: there is no other one."""

    def prepare(self, realm: RealmName) -> Deferred[None]:
        """See :meth:`IRemotes.prepare`."""
        return fail(NoSuchRealm())

    def ready(self, realm: RealmName) -> bool:
        """See :meth:`IRemotes.ready`."""
        return False

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

    def verdict(self, realm: RealmName, number: int) -> Deferred[str]:
        """See :meth:`IRemotes.verdict`."""
        return fail(NoSuchRealm())

    def receipt(self, by: str, to: str, delivered: str = "", read: str = "") -> None:
        """See :meth:`IRemotes.receipt`."""

    def active(self, realm: RealmName) -> Deferred[tuple[list[tuple[str, str]], int]]:
        """See :meth:`IRemotes.active`."""
        return fail(NoSuchRealm())

    def realms(self) -> Sequence[RealmName]:
        """See :meth:`IRemotes.realms`."""
        return ()
