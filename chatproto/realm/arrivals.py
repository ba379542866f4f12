"""What comes from other realms: whether an item becomes a message here, and the rows of it if it does.

Whoever carries items numbers and acknowledges them; nothing of that is known here. An item that came before
has to be found out before it is judged: a judgement goes by the rules of now.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from chatproto.errors import BadName
from chatproto.frames import Item
from chatproto.interfaces import IStore
from chatproto.limits import TEXT_BYTES
from chatproto.names import Address, RealmName, fold, parse_display_name
from chatproto.realm.accounts import Accounts
from chatproto.realm.aliases import Aliases
from chatproto.realm.blocks import Blocks
from chatproto.realm.changes import Change
from chatproto.realm.conversations import Conversation, Group
from chatproto.realm.guests import Guests
from chatproto.realm.log import Log
from chatproto.realm.offers import Offers
from chatproto.realm.others import Others
from chatproto.realm.outbound import size_of
from chatproto.realm.policy import Acceptance, PeerPolicy
from chatproto.realm.rates import Buckets, Rate
from chatproto.realm.router import Audience, Router
from chatproto.realm.routes import Routes
from chatproto.realm.writer import Writer
from chatproto.records import (
    ARRIVED,
    FILE,
    BoxRow,
    ConversationRow,
    FileRow,
    FileState,
    MessageRow,
    Offer,
    Record,
    RemoteRow,
    offer_text,
)

#: A mid is kept for ever and told to everybody, so it is plain.
_MID = re.compile(r"[A-Za-z0-9._:-]{1,96}")
#: Pairs of who wrote to whom that are kept at hand: those who talk at the same time.
_WAYS = 4096
#: So long after an item expired its outcome is known for certain. Of an older one without a record it is not.
_RECORDED = 30 * 86400 * 1000
#: Messages that are looked at for one of the recipient: the sender may be written otherwise in some.
_AMONG_THEIRS = 16
_DAY = 86400.0
#: What may come for a user; all else is for groups.
_KINDS = ("text", FILE, "invitation")
#: What is said, in a group too.
_POSTS = ("text", FILE)
_END = 2**53


class Arrival:
    """The rows of an item that becomes a message: to be appended in the turn in which it was judged."""

    __slots__ = ("_file", "_log", "_message", "_on_wanted", "_way", "inserts", "otherwise", "puts")

    def __init__(
        self,
        log: Log,
        way: _Way,
        message: MessageRow,
        inserts: list[Record],
        puts: list[Record],
        file: FileRow | None,
        on_wanted: Callable[[FileRow], None],
    ) -> None:
        self._file = file
        self._on_wanted = on_wanted
        self._log = log
        self._way = way
        self._message = message
        self.inserts = inserts
        self.puts = puts
        self.otherwise: list[Record] = []

    def lost(self) -> None:
        """Hear that it is not stored: then nothing has happened."""

    def is_here(self) -> None:
        """Hear that the bytes of its file came with it."""
        file, self._file = self._file, None
        if file is not None:
            stored = msgspec.structs.replace(file, state=str(FileState.STORED))
            self.puts = [stored if row is file else row for row in self.puts]

    def told(self) -> None:
        """Tell the recipient's listeners: it is durable."""
        self._log.publish(self._message, self._way.to, (self._way.audience,))
        if self._file is not None:
            self._on_wanted(self._file)


class _Way:
    """Where items of one address to one other go, or the code with which they are refused."""

    __slots__ = ("audience", "code", "conversation", "generation", "group", "remote", "sender", "to", "wrote")

    def __init__(self, generation: int, sender: str, to: str, code: str) -> None:
        self.generation = generation
        #: Folded.
        self.sender = sender
        #: As shown.
        self.to = to
        self.code = code
        #: Whether the recipient ever wrote to the sender; None if nobody had to know.
        self.wrote: bool | None = None
        self.conversation: Conversation
        self.audience: Audience
        self.remote: RemoteRow | None = None
        #: The group that it is, and then no conversation of two.
        self.group: Group | None = None


class Arrivals:
    """Judges what other realms send. ``policy_of`` is replaced once, before anything comes."""

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        writer: Writer,
        accounts: Accounts,
        blocks: Blocks,
        routes: Routes,
        router: Router,
        log: Log,
        others: Others,
        guests: Guests,
        offers: Offers,
        aliases: Aliases,
        size: int,
    ) -> None:
        self._guests = guests
        self._offers = offers
        self._aliases = aliases
        self.policy_of: Callable[[RealmName], PeerPolicy] = lambda _: PeerPolicy()
        self._realm = realm
        self._store = store
        self._writer = writer
        self._accounts = accounts
        self._blocks = blocks
        self._routes = routes
        self._router = router
        self._log = log
        self._others = others
        self._ways: dict[tuple[str, str], _Way] = {}
        self._used: Buckets[RealmName] = Buckets(size)
        #: What realms had used before what is not durable yet, and the batch that this is in.
        self._before: dict[RealmName, tuple[float, int]] = {}
        writer.on_reset(self._give_back)

    def judge(self, peer: RealmName, item: Item) -> Arrival | Change | str | None:
        """Return what becomes of an item that an authenticated realm sent, and that did not come before.

        A code refuses it. None: :meth:`prepare` has to be awaited, and the item to be judged again in the
        same turn.
        """
        now = self._log.now()
        policy = self.policy_of(peer)
        code = self._unfit(peer, item, policy, now)
        if code:
            return code
        key = (item.from_, item.to)
        way = self._ways.get(key)
        if way is None or way.generation != self._routes.generation:
            return None
        if not way.code and not self._is_welcome(way, policy):
            if way.wrote is None:
                return None
            way.code = "refused"
        if way.code:
            del self._ways[key]  # the next one may be welcome: an account be made, a first message be written
            return way.code
        return self._act(peer, item, way, policy, now)

    def _act(
        self, peer: RealmName, item: Item, way: _Way, policy: PeerPolicy, now: int
    ) -> Arrival | Change | str | None:
        """Return what becomes of an item that is welcome."""
        if way.group is None and item.kind not in _KINDS:
            return "no-such-group" if self._guests.knows(item.kind) else "not-supported"
        if way.group is not None and not self._guests.is_ready(item):
            return None
        offer: Offer | None = None
        if item.kind == FILE:
            judged = self._offers.judge(peer, item)
            if not isinstance(judged, Offer):
                return judged
            offer = judged
        if not self._take(peer, policy, max(1, size_of(item.text)), now):
            return "quota-reached"
        at = min(item.at, now)
        if way.group is None:
            return self._arrival(peer, way, item, offer, at)
        verdict = self._guests.judge(way.group, item, at, offer)
        if isinstance(verdict, Change) and _is_news(way, item):
            verdict.put(*self._learn(way, item))
        return verdict

    def _unfit(self, peer: RealmName, item: Item, policy: PeerPolicy, now: int) -> str:
        """Return why an item is refused whatever the realm knows of its sender and recipient, or nothing."""
        realm, _, rest = item.mid.partition("/")
        if realm != peer or _MID.fullmatch(rest) is None or not item.from_.endswith(f"@{peer}"):
            return "not-yours"
        if policy.accept is Acceptance.BLOCK:
            return "blocked"
        if size_of(item.text) > TEXT_BYTES or "\0" in item.text:
            return "text-too-long"
        if now > item.expires:
            return "expired" if now <= item.expires + _RECORDED else "outcome-unknown"
        return ""

    def _is_welcome(self, way: _Way, policy: PeerPolicy) -> bool:
        return policy.accept is Acceptance.OPEN or way.sender in policy.addresses or bool(way.wrote)

    def _take(self, peer: RealmName, policy: PeerPolicy, size: int, now: int) -> bool:
        """Take from what a realm may send in a day, if it has so much left."""
        if not policy.bytes_a_day:
            return True
        _, batch = self._before.get(peer, (0.0, 0))
        if batch <= self._writer.committed:
            self._before[peer] = self._used.full(peer), self._writer.open_number
        return not self._used.take(peer, Rate(policy.bytes_a_day, _DAY), now / 1000, size)

    def _give_back(self) -> None:
        """Count nothing that was lost: it is judged again, and nobody's message may be refused for that."""
        for peer, (full, batch) in self._before.items():
            if batch > self._writer.committed:
                self._used.put(peer, full, self._log.now() / 1000)

    def _arrival(self, peer: RealmName, way: _Way, item: Item, offer: Offer | None, at: int) -> Arrival:
        inserts: list[Record] = []
        puts: list[Record] = []
        if _is_news(way, item):
            puts.extend(self._learn(way, item))
        if way.conversation.unborn:
            inserts.extend(self._routes.born(way.conversation))
        conversation = way.conversation.row.conversation
        text = item.text if offer is None else offer_text(offer)
        message = MessageRow(
            self._writer.next_seq(), conversation, item.mid, item.from_, ARRIVED, at, item.kind, 0, text
        )
        inserts.append(message)
        if item.box:
            account = fold(way.to.partition("@")[0])
            inserts.append(BoxRow(account, message.seq, self._aliases.box(peer, item.box)))
        file = None
        if offer is not None:
            file = self._offers.wanted(message, offer, way.to, str(peer))
            puts.append(file)  # instead of what another realm may have said under this mid
        return Arrival(self._log, way, message, inserts, puts, file, self._offers.on_wanted)

    def _learn(self, way: _Way, item: Item) -> list[Record]:
        """Return the rows that say how the sender is called now, where that is news."""
        if item.kind == "invitation":  # from a group
            return []
        try:
            name = parse_display_name(item.name)
        except BadName:
            name = ""  # no reason to lose what somebody wrote
        rows: list[Record] = []
        row = RemoteRow(way.sender, item.from_, name)
        if row != way.remote:
            way.remote = row
            self._others.change(row)
            rows.append(row)
        if way.group is None and item.from_ not in _both(way.conversation.row):
            rows.extend(self._routes.respell(way.conversation, item.from_))
        return rows

    async def prepare(self, peer: RealmName, item: Item) -> None:
        """Read what is needed to judge an item."""
        while True:
            generation = self._routes.generation
            way = await self._find(peer, item, generation)
            if way.group is not None and item.kind not in _POSTS:
                await self._guests.prepare(item, way.group)
            if item.kind == FILE and not way.code:
                await self._offers.prepare(peer, item)
            if generation == self._routes.generation:  # else a rule changed while this was read
                break
        if len(self._ways) >= _WAYS:
            self._ways.clear()
        self._ways[item.from_, item.to] = way

    async def _find(self, peer: RealmName, item: Item, generation: int) -> _Way:
        sender, recipient = _parse(item.from_, peer), _parse(item.to, self._realm)
        if sender is None:
            return _Way(generation, "", "", "not-yours")
        if recipient is None or "@" not in item.to:
            return _Way(generation, "", "", "no-such-user")
        if recipient.realm != self._realm:
            return _Way(generation, "", "", "no-such-realm")
        account = await self._accounts.find(recipient.name)
        if account is None:
            return await self._find_group(peer, item, generation, sender, recipient)
        way = _Way(generation, sender.folded, self._routes.shown(account.shown), "")
        if await self._blocks.has(account.name, way.sender):
            way.code = "refused"
            return way
        way.audience = self._router.account(account.name)
        way.conversation = await self._routes.between(way.to, item.from_)
        way.remote = await self._others.find(way.sender)
        if not self._is_welcome(way, self.policy_of(peer)):
            way.wrote = await self._has_written(way)
        return way

    async def _find_group(
        self, peer: RealmName, item: Item, generation: int, sender: Address, recipient: Address
    ) -> _Way:
        group = await self._routes.group_ever(recipient.name.folded)
        if group is None or group.settings.deleted:
            return _Way(generation, "", "", "no-such-user" if item.kind in _POSTS else "no-such-group")
        way = _Way(generation, sender.folded, group.row.shown_a, "")
        way.group = group
        way.remote = await self._others.find(way.sender)
        way.wrote = way.sender in group.members or await self._guests.is_invited(group, way.sender)
        return way

    async def _has_written(self, way: _Way) -> bool:
        """Tell whether the recipient ever wrote in the conversation."""
        row = way.conversation.row
        if way.conversation.unborn:
            return False
        found = await self._store.messages(
            row.conversation, 0, _END, _AMONG_THEIRS, False, (row.recipient(way.to),)
        )
        return any(fold(message.sender) == fold(way.to) for message in found)


def _is_news(way: _Way, item: Item) -> bool:
    """Tell whether the sender is called otherwise than before."""
    remote = way.remote
    return remote is None or remote.shown != item.from_ or remote.name != item.name


def _both(row: ConversationRow) -> tuple[str, str]:
    return row.shown_a, row.shown_b


def _parse(address: str, home: RealmName) -> Address | None:
    try:
        return Address.parse(address, home)
    except BadName:
        return None
