"""One page of everything that an address may read past a position, over all its conversations.

The log is read where it is: a lookup per conversation tells where its next message is, and a heap
takes the conversations in the order of these. So a page costs a lookup for each conversation of the
member, and after that only those conversations are read whose messages are on the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heapreplace

from sqlalchemy import BindParameter, Connection, bindparam, case, select

from chatproto.records import ConversationRow, MemberRow, MessageRow, ReplayPage
from chatproto.store.keys import MAXIMUM
from chatproto.store.reading import READABLE, messages_between
from chatproto.store.schema import conversations, members, messages

#: Least messages read at once from one conversation. With many conversations on a page most give it
#: only a few, with few conversations more are read.
_LEAST = 16

_AFTER: BindParameter[int] = bindparam("after")
_START = case((members.c.joined > _AFTER, members.c.joined), else_=_AFTER)
_NEXT = (
    select(messages.c.seq)
    .where(READABLE, messages.c.seq > _START)
    .order_by(messages.c.seq)
    .limit(1)
    .correlate(members)
    .scalar_subquery()
    .label("next_seq")
)
_BEHIND = (
    select(conversations, members, _NEXT)
    .join(members, members.c.conversation == conversations.c.conversation)
    .where(members.c.member == bindparam("member"))
    .order_by(_NEXT.nulls_last())
    .limit(bindparam("conversations"))
)
_WIDTH = len(conversations.columns)


#: The seq of the next message, the message if it has been read already, and those after it.
_Place = tuple[int, MessageRow | None, Iterator[MessageRow]]


def replay(connection: Connection, member: str, after: int, limit: int) -> ReplayPage:
    """Answer :meth:`IStore.replay <chatproto.interfaces.IStore.replay>`."""
    # Each has at least one message, so no more find a place on the page; the one beyond tells of a next page.
    found = connection.execute(_BEHIND, {"member": member, "after": after, "conversations": limit + 1})
    behind = {row[0]: row for row in found if row[-1] is not None}
    chunk = max(_LEAST, limit // max(1, len(behind)))
    heap: list[_Place] = [
        (row[-1], None, _read(connection, MemberRow(*row[_WIDTH:-1]), row[-1], chunk))
        for row in behind.values()
    ]
    heapify(heap)
    page: list[MessageRow] = []
    while heap and len(page) < limit:
        _, message, rest = heap[0]
        page.append(message or next(rest))
        following = next(rest, None)
        if following is None:
            heappop(heap)
        else:
            heapreplace(heap, (following.seq, following, rest))
    mentioned = {
        number: ConversationRow(*behind[number][:_WIDTH]) for number in {row.conversation for row in page}
    }
    return ReplayPage(page, mentioned, not heap)


def _read(connection: Connection, member: MemberRow, first: int, chunk: int) -> Iterator[MessageRow]:
    before = member.until + 1 if member.until else MAXIMUM
    after = first - 1
    while rows := messages_between(connection, member.conversation, after, before, chunk, False):
        yield from rows
        after = rows[-1].seq
