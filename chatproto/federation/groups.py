"""One connection's share in groups: those of this realm that the other has copies of, and the reverse.

Nothing of it is sent unless both sides say that they can do ``groups``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from chatproto.federation.errand import Errand
from chatproto.federation.groups_members import Correction
from chatproto.federation.groups_sending import GroupSender
from chatproto.federation.standing import Standing
from chatproto.frames import Ack, Digest, Entry, PeerLimits, Ready, Start
from chatproto.frames.opening import LIVES
from chatproto.names import RealmName
from chatproto.records import ReplicaRow

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink

#: What a hello says of who can do this.
CAPABILITY = "groups"


def waking(links: Mapping[RealmName, PeerLink]) -> Callable[[RealmName, int], None]:
    """Return what tells the link of a realm that a group has a new entry, or is to have a copy there."""

    def wake(realm: RealmName, conversation: int) -> None:
        link = links.get(realm)
        if link is None:
            return
        if link.group_end is not None:
            link.group_end.sender.entry(conversation)
        elif link.carrier is not None:
            link.carrier.group_entry(link)

    return wake


class GroupEnd:
    """Hears what is said of groups on one connection, and speaks of them."""

    def __init__(
        self,
        link: PeerLink,
        send: Callable[..., bool],
        flush: Callable[[], None],
        give_up: Callable[[str], None],
        limits: PeerLimits,
    ) -> None:
        self._link = link
        link.group_end = self
        self._replicas = link.rules.replicas
        self._receiver = link.groups
        self._write = send
        self._flush = flush
        self._give_up = give_up
        self._attached = False
        self._full = False
        self._closed = False
        #: Copies that are still to be told where they stand, the next one last.
        self._rows: list[ReplicaRow] = []
        self._telling = Errand(link.writer, link.clock, "telling where copies of groups stand", self._tell)
        self.sender = GroupSender(
            link.realm,
            link.rules.copies,
            link.writer,
            link.clock,
            link.rules.display_name,
            send,
            give_up,
            limits,
            lambda: link.standing is Standing.BLOCKED,
        )
        self._correction = Correction(link.realm, self._replicas, link.writer, link.clock, link.ask)

    def begin(self, rows: Sequence[ReplicaRow]) -> None:
        """Take groups, in the turn in which nothing of an older connection is on its way any more.

        ``rows`` are the copies that go on; their places are told one by one.
        """
        self._rows = list(reversed(rows))
        self._receiver.attach(self._flush, self._give_up, self._correction.doubt)
        self._attached = True
        self._telling.soon()

    async def _tell(self) -> None:
        while self._rows and not self._full:
            row = self._rows[-1]
            lives = await self._replicas.lives(row.group)
            if self._closed:
                return
            self._rows.pop()
            self._full = not self._write(
                Ready(
                    stream=row.group,
                    epoch=row.epoch,
                    number=row.number,
                    lives=list(lives[:LIVES]),
                    last=not self._rows,
                )
            )

    def received(self, frame: Ready | Start | Ack | Entry | Digest) -> None:
        """Take a frame of a group."""
        if isinstance(frame, Ready):
            self.sender.ready(frame)
        elif isinstance(frame, Ack):
            self.sender.acked(frame)
        elif not self._attached:
            self._give_up("unexpected-frame")  # it does not know yet where we stand
        elif isinstance(frame, Entry):
            self._receiver.entry(frame)
        elif isinstance(frame, Start):
            self._receiver.start(frame)
        else:
            self._receiver.digest(frame)

    def flush(self) -> None:
        """Send the acks that wait."""
        acks = self._receiver.acks()
        if acks:
            self._write(*acks)

    def wake(self) -> None:
        """Go on, as something that was decided about the realm may allow it."""
        self.sender.wake()
        self._receiver.wake()

    def drained(self) -> None:
        """Hear that the connection has room again."""
        self._full = False
        self._telling.wake()
        self.sender.drained()

    def close(self) -> None:
        """Begin nothing more."""
        self._closed = True
        if self._link.group_end is self:
            self._link.group_end = None
        self._telling.stop()
        self._correction.close()
        self.sender.close()
        if self._attached:
            self._receiver.detach()
