"""The boxes of older clients: what came since they last looked, taken out by moving a cursor.

Nothing is copied and nothing is deleted: an inbox is the messages past its own cursor, which is moved
durably before the reply is sent, one taking at a time for each account.
"""

from __future__ import annotations

from twisted.internet.defer import DeferredLock

from chatproto.errors import NotMember
from chatproto.events import InboxEntry, InboxTaken
from chatproto.interfaces import IStore
from chatproto.limits import INBOX_BYTES, PAGE_ITEMS
from chatproto.names import fold
from chatproto.realm.accounts import Accounts
from chatproto.realm.blocks import Blocks
from chatproto.realm.cursors import Cursors, Key
from chatproto.realm.logins import Login
from chatproto.realm.others import Others
from chatproto.realm.reading import is_shut_out
from chatproto.realm.routes import Routes
from chatproto.records import ConversationRow, MessageRow

#: JSON around the texts of an entry: keys, quotes, and the sender's key if it has none yet.
_AROUND_BYTES = 128


class Inboxes:
    """Takes messages out of boxes."""

    def __init__(
        self,
        store: IStore,
        routes: Routes,
        accounts: Accounts,
        blocks: Blocks,
        cursors: Cursors,
        others: Others,
    ) -> None:
        self._others = others
        self._store = store
        self._routes = routes
        self._blocks = blocks
        self._accounts = accounts
        self._cursors = cursors
        self._locks: dict[str, DeferredLock] = {}

    async def take_all(self, login: Login) -> InboxTaken:
        """Take everything received in any conversation, up to what one reply carries."""
        return await self._alone(login, (login.account, "inbox", 0), None)

    async def take_group(self, login: Login, name: str) -> InboxTaken:
        """Take what was said in one group, independently of :meth:`take_all`.

        :raises NoSuchGroup: there is no such group.
        :raises NotMember: the account never joined it.
        """
        group = await self._routes.any_group(name)
        number = group.row.conversation
        return await self._alone(login, (login.account, "inboxgroup", number), group.row)

    async def _alone(self, login: Login, key: Key, group: ConversationRow | None) -> InboxTaken:
        """Take from a box while nobody else takes from a box of this account."""
        lock = self._locks.setdefault(login.account, DeferredLock())
        await lock.acquire()
        try:
            return await self._take(login, key, group)
        finally:
            if not lock.waiting:
                self._locks.pop(login.account, None)
            lock.release()

    async def _take(self, login: Login, key: Key, group: ConversationRow | None) -> InboxTaken:
        start = position = await self._cursors.load(key)
        blocked = await self._blocks.of(login.account)
        entries: list[InboxEntry] = []
        room = INBOX_BYTES
        complete = False
        while not complete and room > 0:
            rows, conversations, complete = await self._page(login, position, group)
            for row in rows:
                conversation = conversations[row.conversation]
                if _is_received(row, conversation, login) and not (
                    conversation.is_group and fold(row.sender) in blocked
                ):
                    entry = await self._entry(row, conversation, login)
                    room -= _most_bytes(entry)
                    if room < 0 and entries:
                        break
                    entries.append(entry)
                position = row.seq
        if position != start:
            await self._cursors.move_now(key, position)
        return InboxTaken(entries=entries)

    async def _page(
        self, login: Login, after: int, group: ConversationRow | None
    ) -> tuple[list[MessageRow], dict[int, ConversationRow], bool]:
        own = fold(login.address)
        if group is None:
            page = await self._store.replay(own, after, PAGE_ITEMS)
            return page.messages, page.conversations, page.complete
        member = await self._store.member(group.conversation, own)
        if member is None or is_shut_out(member):
            raise NotMember
        before = member.until + 1 if member.until else 2**53
        rows = await self._store.messages(
            group.conversation, max(after, member.joined), before, PAGE_ITEMS, False, ()
        )
        return rows, {group.conversation: group}, len(rows) < PAGE_ITEMS

    async def _entry(self, row: MessageRow, conversation: ConversationRow, login: Login) -> InboxEntry:
        sender, name = await self._sender(row.sender)
        own = await self._accounts.find(login.account)
        to = conversation.recipient(row.sender)
        return InboxEntry(
            sender=sender,
            msg_from=name,
            msg_to=login.address if own is None else own.display,
            msg=row.text if row.kind == "text" else f"(not delivered: {row.text.partition(' ')[0]})",
            group=self._group(to) if conversation.is_group else None,
        )

    def _group(self, address: str) -> str:
        """Return what a group is called: one of another realm by its whole address."""
        return address if self._routes.is_far(address) else address.partition("@")[0]

    async def _sender(self, address: str) -> tuple[str, str]:
        """Return under which name a sender's messages stand, and which one is shown.

        One of another realm stands under the whole address: somebody here may have the name.
        """
        if self._routes.is_far(address):
            row = await self._others.find(fold(address))
            return address, address if row is None else row.name or address
        sender = address.partition("@")[0]
        account = await self._accounts.ever(sender)
        return sender, sender if account is None else account.display


def _is_received(row: MessageRow, conversation: ConversationRow, login: Login) -> bool:
    """Tell what an older client counts as mail: all texts of a group, and what the other one of two wrote.

    A bounce too, as nothing else tells an older client of it.
    """
    own = fold(login.address)
    if row.kind not in ("text", "bounce"):
        return False
    return conversation.is_group or fold(row.sender) != own or conversation.a == conversation.b


def _most_bytes(entry: InboxEntry) -> int:
    """Return what an entry takes at most in ASCII JSON: six bytes for every two in UTF-16."""
    texts = (entry.sender, entry.msg_from, entry.msg_to, entry.msg, entry.group or "")
    return _AROUND_BYTES + sum(3 * len(text.encode("utf-16-le")) for text in texts)
