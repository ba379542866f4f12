"""What stands for groups across realms until there are rules for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatproto.errors import NoSuchGroup
from chatproto.frames import Digest, Entry, Start
from chatproto.names import RealmName
from chatproto.records import MemberList, MessageRow, Position, ReplicaRow, SubscriptionRow


class NoCopies:
    """No other realm has a copy of a group."""

    def __init__(self) -> None:
        self.on_entry: Callable[[RealmName, int], None] = lambda realm, conversation: None

    def of(self, realm: RealmName) -> Sequence[SubscriptionRow]:
        """Return nothing."""
        return ()

    def find(self, realm: RealmName, conversation: int) -> SubscriptionRow | None:
        """Find nothing."""
        return None

    def address(self, conversation: int) -> str:
        """Return nothing."""
        return ""

    def epoch_of(self, seq: int) -> str:
        """Return nothing."""
        return ""

    async def entries(self, conversation: int, after: int, limit: int, size: int) -> Sequence[MessageRow]:
        """Return nothing."""
        return ()

    async def resume(self, subscription: SubscriptionRow, lives: Sequence[tuple[str, int]]) -> Position:
        """Return the beginning."""
        return Position("", subscription.first - 1, 0)

    def settled(self, realm: RealmName, conversation: int, epoch: str, number: int, seq: int) -> None:
        """Hear nothing."""

    async def digest(self, conversation: int) -> Digest:
        """Return nothing."""
        return Digest(stream="", number=0, members="")

    async def members(self, realm: RealmName, group: str, after: str, limit: int) -> MemberList:
        """Find nothing.

        :raises NoSuchGroup: always.
        """
        raise NoSuchGroup


class NoReplicas:
    """There is no copy of a group of another realm."""

    def of(self, realm: RealmName) -> Sequence[ReplicaRow]:
        """Return nothing."""
        return ()

    async def lives(self, group: str) -> Sequence[tuple[str, int]]:
        """Return nothing."""
        return ()

    async def begin(self, realm: RealmName, start: Start) -> str:
        """Take nothing."""
        return "not-supported"

    def judge(self, realm: RealmName, entry: Entry) -> str | None:
        """Take nothing."""
        return "not-supported"

    async def prepare(self, realm: RealmName, entry: Entry) -> None:
        """Read nothing."""

    def suspect(self, group: str) -> None:
        """Suspect nothing."""

    def number(self, group: str) -> int:
        """Return the beginning."""
        return 0

    async def digest(self, group: str) -> str:
        """Return nothing."""
        return ""

    def settings(self, realm: RealmName, digest: Digest) -> None:
        """Take nothing."""

    async def correct(
        self, realm: RealmName, group: str, members: Sequence[tuple[str, str]], number: int
    ) -> bool:
        """Take nothing."""
        return True

    async def end(self, realm: RealmName, group: str) -> None:
        """End nothing."""
