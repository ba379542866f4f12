"""Where a message went: what the own audit log says, and those of the realms on its way, which are asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, DeferredList

from chatproto.errors import BadName, NotAllowed
from chatproto.events import AuditPruned, TraceStep
from chatproto.interfaces import IRemotes, IStore
from chatproto.names import RealmName, fold
from chatproto.realm.audit import Audit
from chatproto.realm.copies import Copies
from chatproto.realm.policy import PeerPolicy
from chatproto.realm.remotes import NoRemotes
from chatproto.realm.routes import Routes
from chatproto.realm.times import Clock, Timestamps
from chatproto.realm.writer import Writer
from chatproto.records import AuditRow
from chatproto.records.audit import (
    APPLIED,
    DROPPED,
    ENTRY,
    EPOCH,
    HELD,
    OLDER,
    PASSED,
    PRUNED_APPLIED,
    PRUNED_ENTRY,
    PRUNED_SENT,
    REFUSED,
    RENEWED,
    SENT,
)

#: Rows of one message that are told: a group's entry has one, an item a few, on a route a few more.
_ROWS = 200
#: Realms that are asked about one message: more than routes are long. A group's copies are asked up to this.
_REALMS = 32
#: Rows of the log that are removed at once: so few that nobody waits for it.
_PORTION = 1000
_NUMBER = re.compile(r"[1-9][0-9]{0,15}")
#: A word of another realm's, as it may be told.
_WORD = re.compile(r"[a-z-]{1,64}")

#: The newest number of what is removed, by what it was: which rows stand for it from then on.
_REMOVED = {SENT: PRUNED_SENT, APPLIED: PRUNED_APPLIED, REFUSED: PRUNED_APPLIED, ENTRY: PRUNED_ENTRY}
_MARKS = frozenset(_REMOVED.values())
#: What explains differences to other logs for ever; there is little of it.
_KEPT = frozenset({OLDER, RENEWED, EPOCH, DROPPED})
#: Characters of another realm's names that are told: the longest address has so many.
_LONGEST = 128
#: Above every number, and above every time that can be written.
_END = 2**53
_NEVER = 2**45


class _Told(msgspec.Struct, frozen=True, array_like=True):
    """A row as it is told to another realm."""

    event: str
    at: int
    realm: str
    address: str
    number: int
    code: str


class Tracing:
    """Finds messages. What can be replaced is so once, before anybody asks."""

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        writer: Writer,
        clock: Clock,
        audit: Audit,
        copies: Copies,
        routes: Routes,
    ) -> None:
        self.remotes: IRemotes = NoRemotes()
        self.policy_of: Callable[[RealmName], PeerPolicy] = lambda _: PeerPolicy()
        #: The realm by which we reach another one, ``""`` if by none.
        self.via_of: Callable[[RealmName], str] = lambda _: ""
        self._realm = realm
        self._store = store
        self._writer = writer
        self._clock = clock
        self._audit = audit
        self._routes = routes
        self._copies = copies
        self._copies_of = copies.realms
        self._text = Timestamps().text
        #: What stands for rows that were removed since the start; a newer one takes the place of an older.
        self._marks: dict[tuple[str, str, str], AuditRow] = {}

    async def trace(self, mid: str) -> list[TraceStep]:
        """Return what happened to a message, by realm, its origin's first.

        :raises BadName: no message has such a mid.
        :raises Unavailable: not now.
        """
        origin, slash, rest = mid.partition("/")
        if not (slash and rest and _is_realm(origin)):
            raise BadName("a mid is the name of a realm, a slash and what that realm made up")
        own = await self._own(mid)
        known: dict[str, list[_Told] | None] = {str(self._realm): own}
        wanted = self._named(origin, own)
        # What was said here in a group that others have has no rows before it gets there.
        perhaps: set[str] = set()
        if not any(row.event == SENT for row in own):
            perhaps = {*map(str, self._copies_of(""))} - {*wanted}
        elif origin == self._realm:
            perhaps = await self._beside(own) - {*wanted}
        wanted += sorted(perhaps)
        places = _places(own)
        while wanted:
            asked = [realm for realm in dict.fromkeys(wanted) if realm not in known][: _REALMS - len(known)]
            found = await DeferredList([self._ask(realm, mid, places) for realm in asked], consumeErrors=True)
            wanted = []
            for realm, (fine, told) in zip(asked, found, strict=True):
                if fine and told:
                    known[realm] = told
                    places.update(_places(told))
                    wanted += self._named(origin, told)
                elif realm not in perhaps:
                    known[realm] = [] if fine else None
        if not any(row.event == ENTRY for row in own):
            own += await self._entry(mid, places.get(str(self._realm)))
        first = [origin] if origin in known else []
        order = dict.fromkeys([*first, *known])
        return [step for realm in order for step in self._steps(realm, known[realm])]

    async def _own(self, mid: str) -> list[_Told]:
        """Return what is known here. That it is in a group here is known from the group's log."""
        rows = [_told(row) for row in await self._store.traced(mid, _ROWS)]
        for group in [row.address for row in rows if row.event == APPLIED]:
            rows += await self._entry(mid, (group, 0))
        return rows

    async def _entry(self, mid: str, place: tuple[str, int] | None) -> list[_Told]:
        """Return the entry of a group here, if there is one.

        A row of the audit log for each would cost 2 to 3 us and 120 bytes, also where nobody ever asks.
        """
        found = await self._copies.entry_of(place[0], mid, place[1]) if place is not None else None
        if place is None or found is None:
            return []
        return [_Told(ENTRY, found.at, "", place[0], found.gseq, "")]

    async def _beside(self, own: Sequence[_Told]) -> set[str]:
        """Return the other realms that have a copy of the group elsewhere for which a message was."""
        found: set[str] = set()
        for address in [row.address for row in own if row.event == ENTRY and row.realm]:
            group = await self._routes.group_ever(fold(address))
            members = () if group is None else group.members
            found.update(member.partition("@")[2] for member in members)
        return found - {str(self._realm)}

    def _named(self, origin: str, rows: Sequence[_Told]) -> list[str]:
        """Return the realms that had to do with the message by its rows, and those on the way to them."""
        names = dict.fromkeys([origin, *(row.realm for row in rows)])
        names.update(dict.fromkeys(row.address for row in rows if row.event in (HELD, PASSED)))
        ways = [self.via_of(RealmName(row.realm)) for row in rows if row.event in (SENT, APPLIED, REFUSED)]
        copies = [realm for row in rows if row.event == APPLIED for realm in self._copies_of(row.address)]
        names.update(dict.fromkeys([*ways, *map(str, copies)]))
        return [name for name in names if name != self._realm and _is_realm(name)]

    def _ask(self, realm: str, mid: str, places: Mapping[str, tuple[str, int]]) -> Deferred[list[_Told]]:
        group, number = places.get(realm, ("", 0))
        # With the longest names that does not fit into the question.
        place = f"{number} {group}"[:_LONGEST] if number else ""
        asking = self.remotes.ask(RealmName(realm), "trace", mid, place)
        return asking.addCallback(lambda found: msgspec.convert(found["rows"], list[_Told])[:_ROWS])

    def _steps(self, realm: str, rows: Sequence[_Told] | None) -> list[TraceStep]:
        if rows is None:
            return [TraceStep(realm=realm, event="silent", code="unavailable")]
        return [
            TraceStep(
                realm=realm,
                event=_word(row.event),
                at=self._text(min(max(row.at, 0), _NEVER)),
                with_=row.realm[:_LONGEST],
                to=row.address[:_LONGEST],
                number=min(max(row.number, 0), _END - 1),
                code=_word(row.code) if row.code else "",
            )
            for row in rows
        ]

    # -- for other realms

    async def answer(self, peer: RealmName, mid: str, place: str = "") -> dict[str, Any]:
        """Tell a realm in which ``rows`` about a message it has a part, or all if the message is its own.

        ``place`` is its number in a group here, a blank and the group, if it is known there.

        :raises NotAllowed: it is no affair of that realm, or the operator tells it nothing.
        """
        if not self.policy_of(peer).trace:
            raise NotAllowed
        own = peer == mid.partition("/")[0]
        rows = await self._own(mid)
        number, _, group = place.partition(" ")
        # Only who gets that entry may have it looked for.
        if _NUMBER.fullmatch(number) and self._copies.reaches(peer, group, int(number)):
            rows += [row for row in await self._entry(mid, (group, int(number))) if row not in rows]
        rows = [row for row in rows if own or self._concerns(peer, row)]
        if not rows and not own:
            raise NotAllowed
        return {"rows": msgspec.to_builtins(rows)}

    def _concerns(self, peer: RealmName, row: _Told) -> bool:
        """Tell whether a row is of something in which another realm had a part.

        One row says nothing of the others: whoever names a mid in a log of its own makes one.
        """
        if peer == row.realm or (row.realm and peer == self.via_of(RealmName(row.realm))):
            return True
        if row.event in (HELD, PASSED):
            return peer == row.address
        if row.event == ENTRY and not row.realm:
            return self._copies.reaches(peer, row.address, row.number)
        return row.event == APPLIED and peer in self._copies_of(row.address)  # it is an entry there, too

    # -- removing

    async def prune(self, older: int) -> AuditPruned:
        """Remove the oldest rows that are older than so many seconds, a portion of them.

        What they were about is remembered by its numbers, so that nobody takes it for lost.

        :raises Unavailable: not now.
        """
        before = int((self._clock.seconds() - older) * 1000)
        page = await self._store.audit(0, _PORTION)
        old = list(takewhile(lambda row: row.at < before, page))
        gone = [row for row in old if row.event not in _KEPT]
        removed = sum(row.event not in _MARKS for row in gone)
        if not removed:
            return AuditPruned(removed=0, complete=True)
        marks = [
            self._audit.row(event, "", realm, address, number)
            for (event, realm, address), number in _newest(gone).items()
        ]
        replaced = [self._marks[key] for key in map(_key, marks) if key in self._marks]
        await self._writer.save(marks, removes=[*{row.serial: row for row in [*gone, *replaced]}.values()])
        self._marks.update((_key(row), row) for row in marks)
        return AuditPruned(removed=removed, complete=len(old) < _PORTION)


def _places(rows: Iterable[_Told]) -> dict[str, tuple[str, int]]:
    """Return by the home of a group which one it is, and the number in it, by what a copy says."""
    return {
        row.realm: (row.address, row.number)
        for row in rows
        if row.event == ENTRY and row.realm and 0 < row.number < _END
    }


def _told(row: AuditRow) -> _Told:
    return _Told(row.event, row.at, row.realm, row.address, row.number, row.code)


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else "unknown"


def _is_realm(text: str) -> bool:
    try:
        return RealmName.parse(text) == text
    except BadName:
        return False


def _newest(rows: Iterable[AuditRow]) -> dict[tuple[str, str, str], int]:
    """Return for each kind of rows that are removed what is to stand for them: their greatest number."""
    found: dict[tuple[str, str, str], int] = {}
    for row in rows:
        event = _REMOVED.get(row.event, row.event)
        if event in _MARKS:
            key = event, row.realm, row.address if event == PRUNED_ENTRY else ""
            found[key] = max(found.get(key, 0), row.number)
    return found


def _key(mark: AuditRow) -> tuple[str, str, str]:
    return mark.event, mark.realm, mark.address
