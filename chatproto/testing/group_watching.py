"""What realms say to each other of groups, read along and compared with their disks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chatproto.frames import Ack, Entry, Frame, PeerLimits, Ready, Start
from chatproto.names import fold
from chatproto.records import ITEMS, ReplicaRow, SubscriptionRow
from chatproto.testing.mirror import Mirror


class GroupSpeaker:
    """One end of a connection, as its words about groups tell."""

    def __init__(
        self, realm: str, peer: str, mirrors: Mapping[str, Mirror], broke: Callable[[str], None]
    ) -> None:
        self._realm = realm
        self._peer = peer
        self._mirrors = mirrors
        self._broke = broke
        self.other: GroupSpeaker
        self.limits = PeerLimits()
        #: Of each group the newest number that was sent, and that the other side said to have.
        self._sent: dict[str, int] = {}
        self._acked: dict[str, int] = {}

    def take(self, frame: Frame) -> bool:
        """Take what it says; tell whether that was about a group."""
        match frame:
            case Entry():
                self._take_entry(frame)
            case Ready() if frame.stream != ITEMS:
                self._take_ready(frame)
            case Start() if frame.stream != ITEMS:
                self._take_start(frame)
            case Ack() if frame.stream != ITEMS:
                self._take_ack(frame)
            case _:
                return False
        return True

    def _copy(self, group: str) -> ReplicaRow | None:
        return self._mirrors[self._realm].find(ReplicaRow, fold(group))

    def _take_ready(self, ready: Ready) -> None:
        row = self._copy(ready.stream)
        if row is None or (row.epoch, row.number) != (ready.epoch, ready.number):
            self._broke(f"durable-first: {ready}, and on disk is {row}")

    def _take_start(self, start: Start) -> None:
        if not start.over:
            self._sent[start.stream] = self._acked[start.stream] = start.next - 1

    def _take_entry(self, entry: Entry) -> None:
        mirror = self._mirrors[self._realm]
        row = mirror.logs.get(mirror.groups.get(fold(entry.stream), 0), {}).get(entry.number)
        if row is None or row.mid != entry.mid:
            self._broke(f"durable-first: {entry}, and on disk is {row}")
        key = (self._peer, mirror.groups.get(fold(entry.stream), 0))
        subscription = mirror.find(SubscriptionRow, key)
        if subscription is None or not _is_in(entry.number, subscription):
            self._broke(f"window: {entry}, which {subscription} does not have")
        if entry.number != self._sent.get(entry.stream, -1) + 1:
            self._broke(f"numbers: {entry} after {self._sent.get(entry.stream)}")
        self._sent[entry.stream] = entry.number
        under_way = sum(self._sent.values()) - sum(self._acked.values())
        if under_way > self.other.limits.entries:
            self._broke(f"credit: {entry} while {under_way} are not acked")

    def _take_ack(self, ack: Ack) -> None:
        row = self._copy(ack.stream)
        if not ack.refused and (row is None or ack.number > row.number):
            self._broke(f"durable-first: {ack}, and on disk is {row}")
        sender = self.other
        if ack.refused:
            sender._acked[ack.stream] = sender._sent.get(ack.stream, 0)
        else:
            sender._acked[ack.stream] = max(sender._acked.get(ack.stream, 0), ack.number)


def _is_in(number: int, subscription: SubscriptionRow) -> bool:
    return subscription.first <= number and (not subscription.until or number <= subscription.until)
