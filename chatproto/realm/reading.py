"""Reading the log: pages of one conversation, the list of conversations, and what is not read yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from chatproto.commands import Conversations, History
from chatproto.errors import NotMember
from chatproto.events import (
    ConversationPage,
    ConversationState,
    HistoryItem,
    HistoryPage,
)
from chatproto.interfaces import IStore
from chatproto.limits import HISTORY_ITEMS, LIST_ITEMS, PAGE_ITEMS, SERVER_LINE_BYTES, UNREAD
from chatproto.names import fold
from chatproto.realm.blocks import Blocks
from chatproto.realm.cursors import Cursors, Key
from chatproto.realm.log import told
from chatproto.realm.logins import Login
from chatproto.realm.others import Others, Progress
from chatproto.realm.routes import Routes
from chatproto.realm.times import Timestamps
from chatproto.records import ARRIVED, ConversationRow, MemberRow, Membership, ReplayPage

#: Above every seq.
_END = 2**53
#: Messages that are looked at for one that came over a link: the others are bounces.
_AMONG_BOUNCES = 16
#: Room in a page's line for what is not a message.
_FRAME_BYTES = 512

_encode = msgspec.json.Encoder().encode


def is_shut_out(member: MemberRow) -> bool:
    """Tell whether somebody may read nothing of a group: it was removed, or is invited and never was in."""
    return member.role == "kicked" or (member.role == "invited" and member.since + 1 >= member.until)


class Reading:
    """Gives clients what is stored."""

    def __init__(
        self,
        store: IStore,
        routes: Routes,
        blocks: Blocks,
        cursors: Cursors,
        others: Others,
        progress: Progress,
    ) -> None:
        self._others = others
        self._progress = progress
        self._store = store
        self._routes = routes
        self._blocks = blocks
        self._cursors = cursors
        self._timestamps = Timestamps()

    async def history(self, login: Login, command: History) -> HistoryPage:
        """Return a page of a conversation, as far as the account may read it and one line can hold."""
        window = await self._window(login, command.with_)
        if window is None:
            return HistoryPage(messages=[], complete=True)
        conversation, member = window
        newest = command.after is None
        limit = command.limit or HISTORY_ITEMS
        before = min(_END if command.before is None else command.before, (member.until or _END - 1) + 1)
        rows = await self._store.messages(
            conversation.conversation,
            max(command.after or 0, member.since),
            before,
            limit + 1,
            newest,
            await self._unheard(login, conversation),
        )
        complete = len(rows) <= limit
        rows = rows[-limit:] if newest else rows[:limit]
        items = [
            told(HistoryItem, row, conversation.recipient(row.sender), self._timestamps.text(row.at))
            for row in rows
        ]
        fitting = _fitting(items, newest=newest)
        return HistoryPage(messages=fitting, complete=complete and len(fitting) == len(items))

    async def _unheard(self, login: Login, conversation: ConversationRow) -> Sequence[str]:
        """Return whose messages an account does not want to see in a conversation."""
        return [*(await self._blocks.of(login.account)).values()] if conversation.is_group else ()

    async def replay(self, login: Login, after: int, limit: int = PAGE_ITEMS) -> ReplayPage:
        """Return the first page of everything that the account may read past a position."""
        if login.room is None:
            return await self._store.replay(fold(login.address), after, limit)
        number = login.room.conversation
        rows = await self._store.messages(number, after, _END, limit, False, ())
        return ReplayPage(rows, {number: login.room}, len(rows) < limit)

    async def groups(self, login: Login) -> list[int]:
        """Return the conversations of the groups that the account is a member of now."""
        if login.room is not None:
            return [login.room.conversation]
        memberships = await self._store.memberships(fold(login.address))
        return [
            entry.conversation.conversation
            for entry in memberships
            if entry.conversation.is_group and not entry.member.until
        ]

    async def conversations(self, login: Login, command: Conversations) -> ConversationPage:
        """Return conversations with a message after ``since``, the oldest news first, as one line can
        hold."""
        own = fold(login.address)
        since, limit = command.since or 0, command.limit or LIST_ITEMS
        memberships = await self._store.memberships(own)
        groups = {entry.conversation.a for entry in memberships if entry.conversation.is_group}
        # What is told of posts to a group elsewhere is a conversation with that group, and listed as that.
        found = [
            entry
            for entry in memberships
            if entry.newest > since
            and (
                entry.conversation.is_group or groups.isdisjoint((entry.conversation.a, entry.conversation.b))
            )
        ]
        found.sort(key=lambda entry: entry.newest)
        read = await self._cursors.of_kind(login.account, "read")
        states: list[ConversationState] = []
        room = SERVER_LINE_BYTES - _FRAME_BYTES
        for entry in found[:limit]:
            position = max(read.get(entry.conversation.conversation, 0), entry.member.joined)
            state = ConversationState(
                with_=_other(entry.conversation, own),
                seq=entry.newest,
                read=position,
                unread=await self._unread(login, entry, position),
                **await self._theirs(login, entry),
            )
            room -= len(_encode(state)) + 1
            if room < 0:
                break
            states.append(state)
        return ConversationPage(conversations=states, complete=len(found) == len(states))

    async def _theirs(self, login: Login, entry: Membership) -> dict[str, Any]:
        """Return how far the other one of two users has got, its devices and itself; unless it blocks us."""
        conversation = entry.conversation
        if conversation.is_group or conversation.a == conversation.b:
            return {}
        own = fold(login.address)
        address = _other(conversation, own)
        if self._routes.is_far(address):
            return await self._far(conversation.conversation, fold(address))
        other = fold(address).partition("@")[0]
        if await self._blocks.has(other, own):
            return {}
        devices = await self._cursors.of_kind(other, "device")
        seen = await self._cursors.load((other, "read", conversation.conversation))
        delivered = max(seen, *devices.values(), 0)
        return {"delivered": min(delivered, entry.newest), "seen": min(seen, entry.newest)}

    async def _far(self, conversation: int, other: str) -> dict[str, Any]:
        """Return what is known of one in another realm, and how far it has got."""
        row = await self._others.find(other)
        reached = self._progress.of(conversation)
        return {
            "stored": reached.stored,
            "delivered": max(reached.delivered, reached.read),
            "seen": reached.read,
            "name": None if row is None else row.name or None,
        }

    async def newest_from_afar(self, login: Login, conversation: int, seq: int) -> str:
        """Return the mid of the newest message up to a seq that came over a link, if it is among the last."""
        rows = await self._store.messages(conversation, 0, seq + 1, _AMONG_BOUNCES, True, (login.address,))
        return next((row.mid for row in reversed(rows) if row.device == ARRIVED), "")

    async def _unread(self, login: Login, entry: Membership, position: int) -> int:
        """Count what others wrote past a position; in a conversation with oneself everything counts."""
        if position >= entry.newest:
            return 0
        conversation = entry.conversation
        but: list[str] = [] if conversation.a == conversation.b else [login.address]
        but += await self._unheard(login, conversation)
        return await self._store.unread(conversation.conversation, position, entry.member.until, but, UNREAD)

    async def read_cursor(self, login: Login, name: str) -> tuple[Key, str] | None:
        """Return the account's reading cursor in a conversation, loaded, and the address it is with.

        None if there is no conversation.
        """
        window = await self._window(login, name)
        if window is None:
            return None
        key = (login.account, "read", window[0].conversation)
        await self._cursors.load(key)
        return key, _other(window[0], fold(login.address))

    async def _window(self, login: Login, name: str) -> tuple[ConversationRow, MemberRow] | None:
        """Return a conversation, and what of it the account may read; None if nothing was ever said.

        :raises NoSuchUser: nothing has the address.
        :raises NotMember: it is a group that the account never joined, or was removed from.
        """
        conversation = await self._routes.conversation(login, name)
        if conversation is None:
            return None
        member = await self._store.member(conversation.row.conversation, fold(login.address))
        if member is None:
            if conversation.row.is_group:
                raise NotMember
            return None  # its first message is not durable yet
        if is_shut_out(member):
            raise NotMember
        return conversation.row, member


def _other(conversation: ConversationRow, own: str) -> str:
    return conversation.shown_b if conversation.b and conversation.a == own else conversation.shown_a


def _fitting(items: list[HistoryItem], *, newest: bool) -> list[HistoryItem]:
    """Return as many items as a client has to accept in one line, from the end that was asked for."""
    room = SERVER_LINE_BYTES - _FRAME_BYTES
    count = 0
    for item in reversed(items) if newest else items:
        room -= len(_encode(item)) + 1
        if room < 0:
            break
        count += 1
    if count == len(items):
        return items
    return items[len(items) - count :] if newest else items[:count]
