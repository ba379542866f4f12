"""What realms sign for others that they are not linked with: it may say nothing that their disks do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chatproto.frames import Frame, Noted, Parcel, Skip, Verdict
from chatproto.frames.routing import Letter, Ruling
from chatproto.records import (
    ITEMS,
    AppliedRow,
    HeldRow,
    OutboxRow,
    Record,
    RefusalRow,
    StreamRow,
    VerdictRow,
)
from chatproto.testing.mirror import Mirror
from chatproto.wire.letters import decode_body

Broke = Callable[[str], None]


class Keeping:
    """What gateways keep: of streams that somebody rules on, and verdicts of what they held."""

    def __init__(self) -> None:
        self._held: set[tuple[str, str, str]] = set()

    def check(self, realm: str, rows: Iterable[Record], broke: Broke) -> None:
        """Look at what is on a realm's disk now."""
        for row in rows:
            if not isinstance(row, HeldRow | VerdictRow):
                continue
            stream = (realm, row.origin, row.realm)
            if isinstance(row, HeldRow):
                self._held.add(stream)
            if row.stream != ITEMS or stream not in self._held:
                broke(f"gateway: {realm} keeps {row}")


def check_route(realm: str, mirror: Mirror, frame: Frame, broke: Broke) -> None:
    """Look at what a realm says as origin or as destination; what it passes on is not its own."""
    if isinstance(frame, Parcel) and frame.origin == realm:
        _check_letter(mirror, frame, decode_body(Letter, frame.body), broke)
    elif isinstance(frame, Verdict) and frame.to == realm:
        _check_ruling(mirror, frame, decode_body(Ruling, frame.body), broke)
    elif isinstance(frame, Noted) and frame.origin == realm:
        row = mirror.find(StreamRow, (frame.to, ITEMS))
        if row is not None and row.epoch == frame.epoch and frame.number > row.settled:
            broke(f"durable-first: {frame}, and on disk is {row}")


def _check_letter(mirror: Mirror, frame: Parcel, letter: Letter, broke: Broke) -> None:
    row = mirror.find(StreamRow, (frame.to, ITEMS))
    if row is not None and letter.since < row.since:
        return  # it was written before that epoch began, and goes out now
    if row is None or (letter.epoch, letter.since) != (row.epoch, row.since) or letter.settled > row.settled:
        broke(f"durable-first: {letter}, and on disk is {row}")
        return
    item = letter.frame
    if item is None:
        return
    kept = mirror.find(OutboxRow, (frame.to, item.number))
    if item.number > row.offered:
        broke(f"offered: {item}, and the mark on disk is {row.offered}")
    if kept is None or kept.mid != item.mid:
        broke(f"durable-first: {item}, and on disk is {kept}")
    elif isinstance(item, Skip) is bool(kept.seq) and item.number > row.settled:
        broke(f"skip: {item}, and on disk is {kept}")


def _check_ruling(mirror: Mirror, frame: Verdict, ruling: Ruling, broke: Broke) -> None:
    row = mirror.find(AppliedRow, (frame.origin, ITEMS))
    said, known = (ruling.since, ruling.number), (0, 0) if row is None else (row.since, row.number)
    if said > known:
        broke(f"durable-first: {ruling}, and on disk is {row}")
    told = {number for number, _ in ruling.refused}
    for refusal in mirror.every(RefusalRow):
        of_stream = refusal.realm == frame.origin and refusal.epoch == ruling.epoch and refusal.code
        if of_stream and ruling.settled < refusal.number <= ruling.number and refusal.number not in told:
            broke(f"refusals: {ruling} leaves out {refusal}")
