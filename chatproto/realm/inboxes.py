"""The boxes of older clients: what came since they last looked, taken out by moving a cursor.

Nothing is copied and nothing is deleted: an inbox is the messages past its own cursor, which is moved
durably before the reply is sent, one taking at a time for each account.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from msgspec import Struct

from chatproto.errors import NotMember
from chatproto.events import FilesTaken, InboxEntry, InboxTaken, RealmBoxTaken
from chatproto.interfaces import IRemotes, IStore
from chatproto.limits import INBOX_BYTES, PAGE_ITEMS
from chatproto.names import RealmName, fold
from chatproto.realm.accounts import Accounts
from chatproto.realm.blocks import Blocks
from chatproto.realm.boxroom import Share
from chatproto.realm.cursors import Cursors, Key
from chatproto.realm.filebox import FileBox
from chatproto.realm.logins import Login
from chatproto.realm.others import Others
from chatproto.realm.reading import is_shut_out
from chatproto.realm.remotes import NoRemotes
from chatproto.realm.routes import Routes
from chatproto.realm.screens import Screens
from chatproto.realm.turns import Turns
from chatproto.records import FILE, ConversationRow, MessageRow, ReplayPage

#: JSON around the texts of an entry: keys, quotes, and the sender's key if it has none yet.
_AROUND_BYTES = 128

#: Reads messages past a position, as :meth:`IStore.replay` does.
Read = Callable[[int], Awaitable[ReplayPage]]
#: Whether a message belongs into a box.
Belongs = Callable[[MessageRow, ConversationRow, Login], bool]
#: Whether a message of a group was shown in live mode.
WasShown = Callable[[MessageRow], bool]


class Box(Struct, frozen=True):
    """A box: its cursor, how what may be in it is read, and what of that belongs there."""

    key: Key
    read: Read
    belongs: Belongs
    #: Whether all in it are of one realm, so that names need no realm.
    is_realms: bool = False
    #: Whether what was shown in live mode is in it.
    has_shown: bool = True


class Inboxes:
    """Takes messages out of boxes. ``remotes`` is replaced once, before anybody asks."""

    def __init__(
        self,
        store: IStore,
        routes: Routes,
        accounts: Accounts,
        blocks: Blocks,
        cursors: Cursors,
        others: Others,
        files: FileBox,
        screens: Screens,
    ) -> None:
        self.remotes: IRemotes = NoRemotes()
        self._others = others
        self._files = files
        self._screens = screens
        self.room = files.room
        self._store = store
        self._routes = routes
        self._blocks = blocks
        self._accounts = accounts
        self._cursors = cursors
        self._turns = Turns()

    async def take_all(self, login: Login, share: Share) -> InboxTaken:
        """Take everything received in any conversation and not shown, up to what one reply carries."""
        box = Box((login.account, "inbox", 0), partial(self._mail, login), _is_mail, has_shown=False)
        return InboxTaken(entries=await self._alone(login, box, share))

    async def take_group(self, login: Login, name: str, share: Share) -> InboxTaken:
        """Take what was said in one group, independently of :meth:`take_all`.

        :raises NoSuchGroup: there is no such group.
        :raises NotMember: the account never joined it.
        """
        group = await self._routes.any_group(name)
        key = (login.account, "inboxgroup", group.row.conversation)
        read = partial(self._of_group, login, group.row)
        return InboxTaken(entries=await self._alone(login, Box(key, read, _is_mail), share))

    async def take_box(self, login: Login, name: str, share: Share) -> RealmBoxTaken:
        """Take what is in a realm box, which is in no other."""
        key = (login.account, f"realm {name}", 0)

        def read(after: int) -> Awaitable[ReplayPage]:
            return self._store.box(login.account, name, after, PAGE_ITEMS)

        box = Box(key, read, _is_mail, is_realms=True)
        return RealmBoxTaken(entries=await self._alone(login, box, share))

    async def take_files(self, login: Login, share: Share) -> FilesTaken:
        """Take the files that others sent, independently of :meth:`take_all`."""
        box = Box((login.account, "files", 0), partial(self._mail, login), _is_file)
        return FilesTaken(entries=await self._alone(login, box, share))

    async def _alone(self, login: Login, box: Box, share: Share) -> list[InboxEntry]:
        """Take from a box while nobody else takes from a box of this account."""
        async with self._turns.alone(login.account):
            return await self._take(login, box, share)

    async def _take(self, login: Login, box: Box, share: Share) -> list[InboxEntry]:
        start = position = await self._cursors.load(box.key)
        blocked = await self._blocks.of(login.account)
        entries: list[InboxEntry] = []
        room = INBOX_BYTES
        was_shown: WasShown | None = _nothing if box.has_shown else None
        complete = False
        while not complete:
            page = await box.read(position)
            complete = page.complete
            for row in page.messages:
                conversation = page.conversations[row.conversation]
                if conversation.is_group and was_shown is None:
                    was_shown = await self._screens.shown(login.account)
                hidden = conversation.is_group and (
                    fold(row.sender) in blocked or (was_shown is not None and was_shown(row))
                )
                if box.belongs(row, conversation, login) and not hidden:
                    fits = not entries or row.kind != FILE or self._files.size(row) <= room
                    entry = await self._entry(row, conversation, login, share, box) if fits else None
                    room -= 0 if entry is None else most_bytes(entry)
                    if entry is None or (room < 0 and entries):
                        complete = True
                        break
                    entries.append(entry)
                position = row.seq
        if position != start:
            await self._cursors.move_now(box.key, position)
        return entries

    async def _mail(self, login: Login, after: int) -> ReplayPage:
        """Read what stands in no realm box; where that is nothing, go on."""
        while True:
            page = await self._store.replay(fold(login.address), after, PAGE_ITEMS)
            if not page.messages:
                return page
            last = page.messages[-1].seq
            boxed = frozenset(await self._store.boxed(login.account, after, last))
            rows = [row for row in page.messages if row.seq not in boxed]
            if rows or page.complete:
                return ReplayPage(rows, page.conversations, page.complete)
            after = last

    async def _of_group(self, login: Login, group: ConversationRow, after: int) -> ReplayPage:
        member = await self._store.member(group.conversation, fold(login.address))
        if member is None or is_shut_out(member):
            raise NotMember
        before = member.until + 1 if member.until else 2**53
        rows = await self._store.messages(
            group.conversation, max(after, member.joined), before, PAGE_ITEMS, False, ()
        )
        return ReplayPage(rows, {group.conversation: group}, len(rows) < PAGE_ITEMS)

    async def _entry(
        self, row: MessageRow, conversation: ConversationRow, login: Login, share: Share, box: Box
    ) -> InboxEntry | None:
        """Return the entry of a message; None if it is a file that is still worth waiting for."""
        file = None
        text = row.text if row.kind == "text" else f"(not delivered: {row.text.partition(' ')[0]})"
        if row.kind == FILE:
            open_ = self._files.soon if box.is_realms else self._files.open
            found = await open_(login.account, row, share)
            if found is None:
                return None
            text, file = (found, None) if isinstance(found, str) else ("", found)
        sender, name = await self._sender(row, conversation, bare=box.is_realms)
        own = await self._accounts.find(login.account)
        to = conversation.recipient(row.sender)
        return InboxEntry(
            sender=sender,
            msg_from=name,
            msg_to=login.address if own is None else own.display,
            msg=text,
            group=self._group(to) if conversation.is_group else None,
            file=file,
        )

    def _group(self, address: str) -> str:
        """Return what a group is called: one of another realm by its whole address."""
        return address if self._routes.is_far(address) else address.partition("@")[0]

    async def _sender(self, row: MessageRow, conversation: ConversationRow, *, bare: bool) -> tuple[str, str]:
        """Return under which name a sender's messages stand, and which one is shown.

        One of another realm stands under the whole address: somebody here may have the name. System D has but
        names of users, so one of a neighbour who writes to one here stands under that, if nobody here has it,
        or had, and it is shown. In a group there are others, and that a message did not get there is no word
        of theirs.
        """
        address = row.sender
        sender, _, realm = address.partition("@")
        if not self._routes.is_far(address):
            account = await self._accounts.ever(sender)
            return sender, sender if account is None else account.display
        theirs = row.kind != "bounce" and not conversation.is_group and not bare
        if theirs and RealmName(fold(realm)) in self.remotes.realms():
            return sender if await self._is_only_one(fold(address)) else address, sender
        other = await self._others.find(fold(address))
        name = "" if other is None else other.name
        return address, name or (sender if bare else address)

    async def _is_only_one(self, address: str) -> bool:
        """Tell whether nobody else has a name: here, or in a neighbour that is asked before."""
        name, _, realm = address.partition("@")
        if await self._accounts.ever(name) is not None:
            return False
        for neighbour in self.remotes.realms():
            if neighbour == realm:
                return True
            if await self._others.find(f"{name}@{neighbour}") is not None:
                return False
        return True


def _nothing(_: MessageRow) -> bool:
    return False


def _is_mail(row: MessageRow, conversation: ConversationRow, login: Login) -> bool:
    """Tell what an older client counts as mail: all that is said in a group, and by the other one of two.

    A bounce too, as nothing else tells an older client of it.
    """
    if row.kind not in ("text", "bounce", FILE):
        return False
    return conversation.is_group or _is_from_another(row, conversation, login)


def _is_file(row: MessageRow, conversation: ConversationRow, login: Login) -> bool:
    """Tell what an older client is to receive as a file: what others sent, also in a group."""
    return row.kind == FILE and _is_from_another(row, conversation, login)


def _is_from_another(row: MessageRow, conversation: ConversationRow, login: Login) -> bool:
    """Tell whether somebody else sent a message, or its reader to itself."""
    return fold(row.sender) != fold(login.address) or conversation.a == conversation.b


def most_bytes(entry: InboxEntry) -> int:
    """Return what an entry takes at most in ASCII JSON: six bytes for every two in UTF-16.

    Base64 stays as it is.
    """
    texts = (entry.sender, entry.msg_from, entry.msg_to, entry.msg, entry.group or "")
    size = _AROUND_BYTES + sum(3 * len(text.encode("utf-16-le")) for text in texts)
    if entry.file is not None:
        size += 3 * len(entry.file.name.encode("utf-16-le"))
        size = 2 * size + len(entry.file.content)  # it may be a string within a string
    return size
