"""What realms say to each other, read along: no frame may say what its speaker's disk does not.

Each end of each connection between realms is looked at when it writes. What it writes is compared with the
commits of its store, so that a promise that runs ahead of the disk is noticed also if no crash made it a lie.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from chatproto.errors import LinkError
from chatproto.frames import (
    RAW,
    Ack,
    Auth,
    Chunk,
    Frame,
    Freight,
    Goodbye,
    Hello,
    Item,
    Noted,
    Parcel,
    PeerLimits,
    Ready,
    Skip,
    Start,
    Verdict,
)
from chatproto.names import fold
from chatproto.records import ITEMS, AppliedRow, Batch, OutboxRow, RefusalRow, StreamRow
from chatproto.testing.disks import rows_of
from chatproto.testing.file_watching import FileSpeaker
from chatproto.testing.group_watching import GroupSpeaker
from chatproto.testing.hosts import RealmHost
from chatproto.testing.ledger import Ledger, realm_of
from chatproto.testing.names import PEER
from chatproto.testing.network import Network, Wire
from chatproto.testing.schedule import Schedule
from chatproto.testing.watching_routes import Keeping, check_route
from chatproto.wire.peer import decode_frame

#: No realm sends a longer line.
_LINE_BYTES = 256 * 1024
#: What may be said to somebody who has proved nothing.
_TO_STRANGERS = (Hello, Auth, Goodbye)


class Speaker:
    """One end of a connection, as its words tell."""

    def __init__(self, watch: Watch, realm: str, peer: str, *, dialled: bool) -> None:
        self._watch = watch
        #: Whose end it is.
        self.realm = realm
        self._peer = peer
        self._dialled = dialled
        self.other: Speaker
        self._tail = b""
        #: What raw bytes belong to that come before the next line.
        self._raw: Chunk | Freight | None = None
        #: Whether it gave the proof of who it is.
        self.proved = False
        self.limits = PeerLimits()
        self.groups = GroupSpeaker(realm, peer, watch.ledger.mirrors, self._broke)
        self.files = FileSpeaker(realm, peer, watch.ledger.files, self._broke)
        #: Of the stream that it sends: the newest number, and up to where it said that it knows the verdicts.
        self.sent: int | None = None
        self.settled = 0
        self.acked = 0
        self.ready: Ready | None = None

    def wrote(self, data: bytes) -> None:
        """Take what it writes."""
        for line in self._lines(data):
            if len(line) > _LINE_BYTES:
                self._broke(f"bounds: a line of {len(line)} bytes")
            try:
                frame = decode_frame(line)
            except LinkError:
                self._broke(f"frame: {line[:200]!r}")
            else:
                self._raw = frame if isinstance(frame, RAW) else None
                if frame is not None:
                    self._take(frame)

    def _lines(self, data: bytes) -> Iterator[bytes]:
        """Return what is said, and take the raw bytes that follow some lines."""
        self._tail += data
        while True:
            raw = self._raw
            if raw is not None:
                if len(self._tail) < raw.size:
                    return
                self._raw = None
                bytes_, self._tail = self._tail[: raw.size], self._tail[raw.size :]
                if self.realm in self._watch.ledger.mirrors:
                    self.files.sent(raw, bytes_)
            line, end, rest = self._tail.partition(b"\n")
            if not end:
                return
            self._tail = rest
            yield line

    def overheard(self, data: bytes) -> None:
        """Take what somebody writes who need not keep to any rule."""
        for line in self._lines(data):
            try:
                frame = decode_frame(line)
            except LinkError:
                continue
            self._raw = frame if isinstance(frame, RAW) else None
            if frame is not None:
                self.files.take(frame)
            if isinstance(frame, Hello):
                self.limits = frame.limits
            elif isinstance(frame, Auth):
                self._take_proof()
            elif isinstance(frame, Ack | Start) and frame.stream != ITEMS:
                pass
            elif isinstance(frame, Ack):
                self.acked = max(self.acked, frame.number)
            elif isinstance(frame, Item | Skip | Start):
                self.sent = max(self.sent or 0, frame.next - 1 if isinstance(frame, Start) else frame.number)
                self.settled = max(self.settled, frame.settled or 0)

    def _take_proof(self) -> None:
        self.proved = True
        if self._dialled:
            self._watch.schedule.contacted(self._peer, self.realm)

    def _broke(self, what: str) -> None:
        name, _, rest = what.partition(": ")
        self._watch.ledger.broke(f"{name}: {self.realm} says to {self._peer}: {rest}")

    def _take(self, frame: Frame) -> None:
        self._watch.note(f"{self.realm} to {self._peer}: {frame}")
        if not isinstance(frame, _TO_STRANGERS) and not self._watch.may_hear(self.other, self._peer):
            self._broke(f"stranger: {frame}")
        self.files.take(frame)
        if self.groups.take(frame):
            return
        match frame:
            case Hello():
                self.limits = self.groups.limits = frame.limits
            case Auth():
                self._take_proof()
            case Ready():
                self._take_ready(frame)
            case Start():
                self._take_start(frame)
            case Item() | Skip():
                self._take_number(frame)
            case Ack():
                self._take_ack(frame)
            case Parcel() | Verdict() | Noted():
                check_route(self.realm, self._watch.ledger.mirrors[self.realm], frame, self._broke)
            case _:
                pass

    # -- as a sender

    def _row(self) -> StreamRow:
        found = self._watch.ledger.mirrors[self.realm].find(StreamRow, (self._peer, ITEMS))
        return found or StreamRow(self._peer, ITEMS, "", "", 1, 0, 0, 0)

    def _take_start(self, start: Start) -> None:
        row = self._row()
        if start.epoch != row.epoch or start.settled > row.settled or start.first != row.first:
            self._broke(f"durable-first: {start}, and on disk is {row}")
        ready = self.other.ready
        if ready is not None and ready.epoch == start.epoch and start.next != ready.number + 1:
            self._broke(f"resume: {start} after {ready}")
        self._watch.schedule.linked(self.realm, self._peer)
        self.sent = self.other.acked = start.next - 1
        self.settled = start.settled

    def _take_number(self, frame: Item | Skip) -> None:
        row = self._row()
        if frame.number > row.offered:
            self._broke(f"offered: {frame}, and the mark on disk is {row.offered}")
        if self.sent is None or frame.number != self.sent + 1:
            self._broke(f"numbers: {frame} after {self.sent}")
        self.sent = frame.number
        if frame.number - self.other.acked > self.other.limits.items:
            self._broke(f"credit: {frame} while {self.other.acked} is acked")
        if frame.settled is not None:
            if frame.settled > row.settled:
                self._broke(f"durable-first: {frame} says settled {frame.settled}, on disk is {row.settled}")
            self.settled = frame.settled
        self._check_item(frame)

    def _check_item(self, frame: Item | Skip) -> None:
        row = self._watch.ledger.mirrors[self.realm].find(OutboxRow, (self._peer, frame.number))
        if row is None or row.mid != frame.mid:
            self._broke(f"durable-first: {frame}, and on disk is {row}")
        elif isinstance(frame, Skip) is bool(row.seq):
            self._broke(f"skip: {frame}, and on disk is {row}")
        if isinstance(frame, Item) and {realm_of(frame.from_), realm_of(fold(frame.to))} != {
            self.realm,
            self._peer,
        }:
            self._broke(f"not-ours: {frame}")

    # -- as a receiver

    def _applied(self) -> AppliedRow | None:
        return self._watch.ledger.mirrors[self.realm].find(AppliedRow, (self._peer, ITEMS))

    def _take_ready(self, ready: Ready) -> None:
        row = self._applied()
        here = (ready.epoch, ready.number, ready.mid)
        if here != (("", 0, "") if row is None else (row.epoch, row.number, row.mid)):
            self._broke(f"durable-first: {ready}, and on disk is {row}")
        self.ready = ready
        self._watch.said_ready(self.realm, self._peer, self)

    def _take_ack(self, ack: Ack) -> None:
        row = self._applied()
        if row is None or row.epoch != ack.epoch or ack.number > row.number:
            self._broke(f"durable-first: {ack}, and on disk is {row}")
            return
        self.acked = max(self.acked, ack.number)
        if self._peer not in self._watch.ledger.mirrors or (self.realm, self._peer) in self._watch.routed:
            return  # who lies may use an epoch's name again
        known = max(row.settled, self.other.settled)
        told = {number for number, _ in ack.refused}
        for refusal in self._watch.ledger.mirrors[self.realm].every(RefusalRow):
            of_stream = refusal.realm == self._peer and refusal.epoch == ack.epoch
            if (
                refusal.code
                and of_stream
                and known < refusal.number <= ack.number
                and refusal.number not in told
            ):
                self._broke(f"refusals: {ack} leaves out {refusal}")


class Watch:
    """Reads along on all connections between realms. ``linked`` are the realms that may be talked to."""

    def __init__(self, network: Network, ledger: Ledger, linked: Container[str], schedule: Schedule) -> None:
        self.ledger = ledger
        self.schedule = schedule
        self.note = network.note
        self._linked = linked
        self._keeping = Keeping()
        #: Realms that reach each other by others, too: what came by a connection is not all that came.
        self.routed: set[tuple[str, str]] = set()
        #: Who told last where it stands as a receiver, by it and its peer.
        self._newest: dict[tuple[str, str], Speaker] = {}
        network.on_wire.append(self._connected)

    def _connected(self, wire: Wire) -> None:
        if wire.port != PEER:
            return
        here, there = wire.here.name, wire.there.name
        near = Speaker(self, here, there, dialled=True)
        far = Speaker(self, there, here, dialled=False)
        near.other, far.other = far, near
        near.groups.other, far.groups.other = far.groups, near.groups
        near.files.other, far.files.other = far.files, near.files
        # What others say is theirs; only realms are held to what they say.
        for end, speaker in ((wire.near, near), (wire.far, far)):
            end.taps.append(speaker.wrote if speaker.realm in self.ledger.mirrors else speaker.overheard)

    def committed(self, host: RealmHost, batch: Batch, failed: Sequence[int]) -> None:
        """Hear what is on a realm's disk; see :attr:`RealmHost.on_commit`."""
        rows = rows_of(batch, failed)
        for row in rows:
            if isinstance(row, AppliedRow):
                self._applied(host.name, row)
        self._keeping.check(host.name, rows, self.ledger.broke)

    def may_hear(self, speaker: Speaker, realm: str) -> bool:
        """Tell whether somebody has proved to be a linked realm."""
        return speaker.proved and realm in self._linked

    def said_ready(self, realm: str, peer: str, speaker: Speaker) -> None:
        """Hear on which connection a realm told last where it stands."""
        self._newest[realm, peer] = speaker

    def _applied(self, realm: str, row: AppliedRow) -> None:
        """See that nothing becomes durable that was not sent where the receiver told last where it stands."""
        speaker = self._newest.get((realm, row.realm))
        if (
            (realm, row.realm) in self.routed
            or speaker is None
            or speaker.ready is None
            or row.epoch != speaker.ready.epoch
        ):
            return
        if row.number > max(speaker.ready.number, speaker.other.sent or 0):
            self.ledger.broke(f"ready: {realm} said {speaker.ready}, and then applied {row}")
