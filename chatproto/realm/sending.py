"""Sending: from a command to rows of the open batch, and from the commit to the reply and the listeners.

This is the hot path. A ``send`` whose routes and cid are in memory is appended in one plain call; whatever
has to be read first is read by :meth:`Sending.send_slowly`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from itertools import cycle

import msgspec
from msgspec import Struct

from chatproto.commands import Send
from chatproto.errors import (
    BadField,
    Blocked,
    ChatError,
    CidReused,
    NoSuchGroup,
    NoSuchRealm,
    NoSuchUser,
    NotMember,
    PeerBlocked,
    TextTooLong,
)
from chatproto.events import Reply
from chatproto.limits import LISTED_NAMES, TEXT_BYTES
from chatproto.names import OrderedCid, fold
from chatproto.realm.cids import Cids, digest_of
from chatproto.realm.conversations import Route
from chatproto.realm.gate import Gate
from chatproto.realm.lists import mids_of_list
from chatproto.realm.log import Log
from chatproto.realm.logins import Login
from chatproto.realm.outbound import Outbound
from chatproto.realm.posting import FarPosting, Look, Posting, reply_of
from chatproto.realm.routes import Routes
from chatproto.realm.writer import Writer
from chatproto.records import FILE, BoxRow, FileRow, MessageRow, Record

#: Takes the one reply to a command, or the error that refuses it.
Answer = Callable[[Reply | ChatError], None]

#: Characters of an impossible recipient that are told back: the longest address has 128.
_NAMED = 128
#: What is wrong with a recipient, and not with the command.
_IMPOSSIBLE = (Blocked, NoSuchUser, NoSuchRealm, NotMember, PeerBlocked)
#: A character takes at most four bytes, so a shorter text needs no counting.
_SURELY_SHORT = TEXT_BYTES // 4


def check_text(text: str) -> None:
    """Return if text may be a message's.

    :raises TextTooLong: it has a NUL, or more than 16 KiB of UTF-8.
    """
    if (len(text) > _SURELY_SHORT and len(text.encode()) > TEXT_BYTES) or "\0" in text:
        raise TextTooLong


class Filing(Struct, frozen=True):
    """What makes the message of a command that of a file: its row, and rows that go with it."""

    #: Returns the row of the file for its message and the recipient as shown.
    row: Callable[[MessageRow, str], FileRow]
    #: What tells it from another command with the same cid.
    digest: bytes
    #: The mid that was given before; without one there may be several recipients.
    mid: str = ""
    removes: Sequence[Record] = ()


class Sending:
    """Stores messages of this realm's users."""

    def __init__(self, routes: Routes, log: Log, cids: Cids, writer: Writer, outbound: Outbound) -> None:
        self.outbound = outbound
        self.routes = routes
        self._log = log
        self._cids = cids
        self._writer = writer
        self.publish = log.publish
        #: Commands with a cid that are in the open batch or being committed, by account and cid.
        self.under_way: dict[tuple[str, str], Posting] = {}
        #: Cids that are being looked up; what is committed during a look may be missing in it.
        self.looks: dict[tuple[str, str], Look] = {}

    def send(self, login: Login, command: Send, answer: Answer, gate: Gate) -> bool:
        """Append a command to the open batch; False if something has to be read before that.

        ``answer`` is called once, when the messages are durable or certainly are not stored. What the gate
        takes for a message it keeps, also of one that then has to be read for, or is refused.

        :raises ChatError: the command is refused.
        """
        gate.message(login, 1 if isinstance(command.to, str) else len(command.to), command.text)
        ordered = None
        if command.cid is not None:
            first = self.under_way.get((login.account, command.cid))
            if first is not None:
                _check_same(first.digest, command)
                first.answers.append(answer)
                return True
            ordered = self._cids.certainly_new(login.account, command.cid)
            if ordered is None:
                return False
        routes = []
        far = False
        for to in (command.to,) if isinstance(command.to, str) else command.to:
            route = self.routes.known(login, to)
            if route is None:
                return False
            if route.peer is not None:
                far = True
            routes.append(route)
        check_text(command.text)
        if far and not self.outbound.open(routes, command.text):
            return False
        gate.delivery(login, routes, command.text)
        self._post(login, command, routes, ordered, answer, far)
        return True

    async def send_slowly(
        self,
        login: Login,
        command: Send,
        answer: Answer,
        gate: Gate,
        filing: Filing | None = None,
        box: str = "",
    ) -> None:
        """Read what a command needs, then append it, as soon as there is room, or answer it.

        With ``filing`` its text is an offer, and its message a file's. With ``box`` the messages, to users,
        are for their boxes of that name.

        :raises ChatError: the command is refused.
        """
        check_text(command.text)
        recipients = [command.to] if isinstance(command.to, str) else command.to
        cid = command.cid
        while True:
            # First, as a rule may have changed since the command came for the first time. And last: between
            # here and _post nothing waits, so nobody else can have taken the cid.
            if cid is not None and await self._answer_repeat(login, command, cid, answer, filing):
                return
            routes = [route for to in recipients if (route := self.routes.known(login, to)) is not None]
            known = len(routes) == len(recipients) and self.outbound.open(routes, command.text)
            if known and (cid is None or self._cids.decided(login.account, cid)):
                if self._writer.full:  # it was not when the command came, but many may have come with it
                    await self._writer.room()
                    continue
                gate.delivery(login, routes, command.text)
                ordered = None if cid is None else self._cids.certainly_new(login.account, cid)
                far = any(route.peer is not None for route in routes)
                self._post(login, command, routes, ordered, answer, far, filing, box)
                return
            await self._find(login, recipients)

    async def _answer_repeat(
        self, login: Login, command: Send, cid: str, answer: Answer, filing: Filing | None
    ) -> bool:
        """Answer a command whose cid is known with what became of the first one; tell whether it was."""
        key = (login.account, cid)
        look = self.looks.setdefault(key, Look())
        look.readers += 1
        try:
            row = await self._cids.find(login.account, cid)
        finally:
            look.readers -= 1
            if not look.readers:
                del self.looks[key]
        first = self.under_way.get(key)
        if first is not None:
            _check_same(first.digest, command, filing)
            first.answers.append(answer)
            return True
        done = look.done or row
        if done is not None:
            _check_same(done.digest, command, filing)
            answer(reply_of(command.to, done.outcome))
        return done is not None

    async def _find(self, login: Login, recipients: Sequence[str]) -> None:
        """Find the routes that are missing, or refuse all that cannot be found in one error."""
        impossible: dict[type[ChatError], list[str]] = {}
        for to in recipients:
            try:
                await self.way(login, to)
            except _IMPOSSIBLE as error:
                impossible.setdefault(type(error), []).append(to[:_NAMED])
        if impossible:
            why = "; ".join(f"{error.message}: {', '.join(names)}" for error, names in impossible.items())
            raise next(iter(impossible))(why)

    async def way(self, login: Login, to: str) -> Route:
        """Return the route of a session to an address, when a message to it can be numbered.

        :raises ChatError: nothing goes there, or not from this account.
        """
        route = self.routes.known(login, to) or await self.routes.find(login, to)
        await self.outbound.prepare(route)
        return route

    async def file_way(self, login: Login, to: str, size: int) -> None:
        """Return if a file of such a size may go to an address, as far as is known.

        :raises ChatError: it may not.
        """
        route = await self.way(login, to)
        if route.peer is not None:
            self.outbound.remotes.check_file(route.peer, size)

    async def keep(self, login: Login, to: str, text: str, answer: Answer) -> None:
        """Store a text that somebody of another realm has already, as sent there."""
        if self._writer.full:
            await self._writer.room()
        conversation = await self.routes.between(login.address, to)
        audiences = [self.routes.audience(login.account)]
        route = Route(conversation, None, to, audiences, self.routes.generation)
        self._post(login, Send(to=to, text=text), [route], None, answer, far=False)

    async def known_recipients(self, login: Login, target: str) -> str | list[str]:
        """Return what an older client's target stands for: a group or a user, or the known ones of a list.

        :raises NoSuchGroup: nobody is known.
        """
        if "," not in target:
            try:
                await self.way(login, target)
            except NoSuchUser:
                raise NoSuchGroup from None
            return target
        names = dict.fromkeys(target.split(","))
        if len(names) > LISTED_NAMES:
            raise BadField(f"a list has at most {LISTED_NAMES} names")
        known = []
        for name in names:
            with contextlib.suppress(*_IMPOSSIBLE):
                await self.way(login, name)
                known.append(name)
        if not known:
            raise NoSuchGroup
        return known

    def _post(
        self,
        login: Login,
        command: Send,
        routes: Sequence[Route],
        ordered: OrderedCid | None,
        answer: Answer,
        far: bool,
        filing: Filing | None = None,
        box: str = "",
    ) -> None:
        posting = (FarPosting if far else Posting)(self, routes, command.to, answer)
        now = self._log.now()
        text = command.text
        kind, mid = ("text", "") if filing is None else (FILE, filing.mid)
        listed = bool(box) and not isinstance(command.to, str)  # if it is a list of one, too
        mids = mids_of_list(self._log.next_mid(), len(routes)) if listed else [mid]
        inserts: list[Record] = []
        spare: list[Record] = []
        for route, mid in zip(routes, cycle(mids), strict=False):
            conversation = route.conversation
            if conversation.unborn:
                inserts.extend(self.routes.born(conversation))
            gseq = 0
            if route.group is not None:
                gseq = self.routes.next_gseq(route.group)
            message = self._log.entry(
                conversation.row.conversation, login.address, login.device, now, kind, gseq, text, mid
            )
            posting.messages.append(message)
            # A post to a group elsewhere has no place in what anybody reads here.
            posting.outcome.append((message.mid, message.seq if route.copy is None else 0))
            inserts.append(message)
            if filing is not None:
                inserts.append(filing.row(message, route.to))
                posting.removes = filing.removes
            if box and route.peer is None:
                inserts.append(BoxRow(fold(route.to.partition("@")[0]), message.seq, fold(box)))
            if gseq:
                spare.append(msgspec.structs.replace(message, kind="void", text=""))
        if command.cid is not None:
            posting.cid = cid = (login.account, command.cid)
            posting.digest = _digest(command, filing)
            self.under_way[cid] = posting
            inserts.append(self._cids.claim(cid, ordered, posting.digest, posting.outcome))
        posting.inserts = inserts
        posting.puts = ()
        posting.otherwise = spare
        if far:
            self._add_items(posting, command, box)
        posting.size = len(text) * len(routes)
        self._writer.append(posting)

    def _add_items(self, posting: Posting, command: Send, box: str) -> None:
        """Let a posting take along what other realms are to get of it."""
        assert isinstance(posting, FarPosting)
        posting.items, inserts, posting.puts, spare = self.outbound.number(
            posting.routes, posting.messages, box
        )
        posting.inserts = [*posting.inserts, *inserts]
        posting.otherwise = [*posting.otherwise, *spare]
        posting.wait = bool(command.wait) and command.cid is None
        posting.awaited = [message.mid for message in posting.messages] if box else ()


def _digest(command: Send, filing: Filing | None = None) -> bytes:
    return digest_of(command.to, command.text) if filing is None else filing.digest


def _check_same(digest: bytes, command: Send, filing: Filing | None = None) -> None:
    if digest != _digest(command, filing):
        raise CidReused
