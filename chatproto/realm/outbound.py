"""Messages to other realms: what the sender's own transaction takes along, and what follows its commit.

The rows are numbered and carried by whoever is given as ``remotes``; here is what the rules ask of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from chatproto.errors import (
    AlreadyMember,
    BadName,
    Blocked,
    ChatError,
    NoSuchGroup,
    NoSuchRealm,
    NoSuchUser,
    NotAllowed,
    NotFoundThere,
    NotMember,
    NotSupported,
    PeerBlocked,
    QuotaReached,
    RealmRefused,
    TextTooLong,
)
from chatproto.events import Reply
from chatproto.interfaces import IRemotes
from chatproto.names import RealmName, fold
from chatproto.realm.audit import Audit
from chatproto.realm.conversations import Route
from chatproto.realm.others import Foretold, Progress
from chatproto.realm.remotes import NoRemotes
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import NOWHERE, MessageRow, Outcome, Record
from chatproto.records.audit import SENT

#: How long who gave ``wait`` waits for another realm: two round trips over a bad line, and a slow disk there.
#: An older client shows nothing meanwhile, and its user begins to wonder.
VERDICT_SECONDS = 3.0

#: What a client is told for the code of a refusal; others are named.
_REFUSALS: dict[str, type[ChatError]] = {
    refusal.code: refusal
    for refusal in (
        AlreadyMember,
        BadName,
        Blocked,
        NoSuchGroup,
        NoSuchUser,
        NotAllowed,
        NotFoundThere,
        NotMember,
        NotSupported,
        PeerBlocked,
        QuotaReached,
        TextTooLong,
    )
}

#: What the command of a kind is told in place of the text of the error, which is about one's own realm.
_WHY: dict[tuple[str, str], str] = {
    (NotAllowed.code, "join"): "this group is for those who are invited; somebody in it has to invite you",
    **dict.fromkeys(
        ((NotAllowed.code, kind) for kind in ("kick", "topic", "role", "transfer", "configure", "invite")),
        "your role in the group does not allow that",
    ),
    (NotAllowed.code, "delete-group"): "this is for the group's owner",
    (AlreadyMember.code, "invite"): "the user is a member already",
    **dict.fromkeys(
        ((NotMember.code, kind) for kind in ("kick", "role", "transfer")),
        "you, or the user, are not a member of the group",
    ),
}

_Answer = Callable[[Reply | ChatError], None]
#: The item of a message: its realm, and its number.
Item = tuple[RealmName, int]


def refusal(code: str, kind: str = "text", said: str = "") -> ChatError:
    """Return what a client is told of an item of a kind that was refused with a code, in words or not."""
    if code == NoSuchRealm.code and kind == "text":  # an original server does not know how we call it
        return NoSuchRealm(said)
    known = _REFUSALS.get(code)
    if known is None:
        return RealmRefused(said or f"the other realm does not take the message: {code}")
    why = said or ("the other realm does not allow that" if known is NotAllowed else "")
    return known(_WHY.get((code, kind), why))


class Outbound:
    """The way to other realms, as ``send`` goes it. ``remotes`` is replaced once, before anything is sent."""

    def __init__(self, clock: Clock, progress: Progress, audit: Audit, writer: Writer) -> None:
        self.remotes: IRemotes = NoRemotes()
        self._clock = clock
        self._progress = progress
        self._audit = audit
        self._writer = writer

    def open(self, routes: Sequence[Route], text: str) -> bool:
        """Tell whether messages may be numbered now; else :meth:`prepare` has to be asked for their routes.

        :raises ChatError: there is no room for one, or the other realm takes none of that size.
        """
        remotes = self.remotes
        far = [(route.peer, route.to) for route in routes if route.peer is not None]
        for peer, to in far:
            if not remotes.ready(peer) or remotes.refused(fold(to)) is not None:
                return False
        size = size_of(text)
        for peer, _ in far:
            remotes.check(peer, size)
        return True

    async def prepare(self, route: Route) -> None:
        """Return when a message to a route can be numbered.

        :raises ChatError: nothing goes there; or to this address, as its realm said not long ago.
        """
        if route.peer is None:
            return
        if not self.remotes.ready(route.peer):
            await self.remotes.prepare(route.peer)
        code = self.remotes.refused(fold(route.to))
        if code is not None:
            raise refusal(code)

    def number(
        self, routes: Sequence[Route], messages: Sequence[MessageRow], box: str = ""
    ) -> tuple[list[Item | None], list[Record], list[Record], list[Record]]:
        """Return the item of each message that goes to another realm, and rows that belong to it.

        These are to be inserted and put with it, and to be stored where its own cannot be. ``box`` is that of
        the messages in the other realm.
        """
        size = size_of(messages[0].text)
        items: list[Item | None] = []
        inserts: list[Record] = []
        spare: list[Record] = []
        marks: dict[RealmName, Record] = {}  # an entry puts no row twice
        for route, message in zip(routes, messages, strict=True):
            if route.peer is None:
                items.append(None)
                continue
            row, mark = self.remotes.number(route.peer, message, size)
            if message.conversation == NOWHERE:  # which does not tell to whom
                row = msgspec.structs.replace(row, to=route.to)
            if box:
                row = msgspec.structs.replace(row, box=box)
            items.append((route.peer, row.number))
            inserts.append(row)
            inserts.append(self._audit.row(SENT, message.mid, route.peer, route.to, row.number))
            spare.append(msgspec.structs.replace(row, seq=0))
            if mark is not None:
                marks[route.peer] = mark
        return items, inserts, list(marks.values()), spare

    def patient(self, items: Sequence[Item | None], answer: _Answer, awaited: Sequence[str] = ()) -> _Answer:
        """Return what answers a command when other realms have judged its messages, if all go to such.

        If none of those with the mids ``awaited`` is taken, nothing but the answer tells so.
        """
        if None in items:
            return answer
        verdicts = [self.remotes.verdict(*item) for item in items if item is not None]
        if awaited:
            foretold = Foretold(awaited)
            self._progress.awaited.update(dict.fromkeys(awaited, foretold))
            answer = partial(self._answer, answer, foretold)
        return _Verdicts(self._clock, verdicts, answer).reply

    def _answer(self, answer: _Answer, foretold: Foretold, outcome: Reply | ChatError) -> None:
        for mid in foretold.mids:
            self._progress.awaited.pop(mid, None)
        rows = foretold.known() if isinstance(outcome, ChatError) else []
        if not rows:
            answer(outcome)
            return
        # If they cannot be stored, the box tells it, too.
        self._writer.save(puts=rows).addBoth(lambda _: answer(outcome))

    def wake(self, routes: Sequence[Route], messages: Sequence[MessageRow]) -> None:
        """Let messages go: they are durable."""
        for route, message in zip(routes, messages, strict=True):
            if route.peer is not None and message.conversation != NOWHERE:
                self._progress.sent(message, route.to)
        for peer in dict.fromkeys(route.peer for route in routes if route.peer is not None):
            self.remotes.wake(peer)


class _Verdicts:
    """A command whose messages other realms still have to judge.

    One that is taken, or not judged in time, makes the command a success: it is stored either way.
    """

    def __init__(self, clock: Clock, verdicts: list[Deferred[Outcome]], answer: _Answer) -> None:
        self._clock = clock
        self._verdicts = verdicts
        self._answer: _Answer | None = answer
        self._left = len(verdicts)
        self._call: IDelayedCall | None = None

    def reply(self, reply: Reply | ChatError) -> None:
        """Give this answer in time, or a refusal."""
        if isinstance(reply, ChatError):
            self._finish(reply)
            return
        self._call = self._clock.callLater(VERDICT_SECONDS, self._finish, reply)
        for verdict in self._verdicts:
            verdict.addCallbacks(self._judged, self._unknown, callbackArgs=(reply,), errbackArgs=(reply,))

    def _judged(self, outcome: Outcome, reply: Reply) -> None:
        self._left -= 1
        if not outcome.code:
            self._finish(reply)
        elif not self._left:
            self._finish(refusal(outcome.code, said=outcome.said))

    def _unknown(self, _: Failure, reply: Reply) -> None:
        self._finish(reply)

    def _finish(self, reply: Reply | ChatError) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        if self._call is not None and self._call.active():
            self._call.cancel()
        answer(reply)
        for verdict in self._verdicts:
            verdict.cancel()


def size_of(text: str) -> int:
    """Return how many bytes a text has."""
    return len(text) if text.isascii() else len(text.encode())
