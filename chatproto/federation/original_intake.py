"""What an original server of an older system brings: each text is an item, judged as those of links are.

It has no numbers there, so it gets its mid here, and is durable before the server has its reply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatproto.errors import Conflict, NoSuchUser, NotSupported, TextTooLong, Unavailable
from chatproto.events import InboxEntry
from chatproto.federation.bounds import EXPIRES
from chatproto.federation.errand import Step, tell
from chatproto.frames import Item
from chatproto.limits import LISTED_NAMES
from chatproto.names import RealmName, clean_file_name
from chatproto.realm.arrivals import Arrival
from chatproto.realm.changes import Change
from chatproto.realm.contents import decode_content
from chatproto.realm.outbound import refusal
from chatproto.realm.realm import Realm
from chatproto.records import FILE, AccountRow, Offer, offer_text
from chatproto.records.audit import APPLIED

#: How often something is judged anew whose rules changed, or whose rows were lost with those of others.
_TRIES = 10


class _Stored(Step):
    """The rows of one item."""

    __slots__ = ("_effect",)

    def __init__(self, effect: Arrival | Change, size: int) -> None:
        super().__init__(effect.inserts, effect.puts, effect.otherwise, size=size)
        self._effect = effect

    def committed(self) -> None:
        """Tell the recipient."""
        tell(self._effect.told)
        super().committed()


class Intake:
    """Stores what original servers bring."""

    def __init__(self, realm: Realm, entropy: Callable[[int], bytes]) -> None:
        self._realm = realm
        #: What all mids begin with that are given here in this life.
        self._prefix = entropy(8).hex()
        self._mids = 0

    async def text(self, peer: RealmName, box: str, sender: str, to: Sequence[str], text: str) -> InboxEntry:
        """Store a text for all of a list, and return the entry of the first.

        :raises NoSuchUser: somebody of it is not known; nothing is stored.
        :raises ChatError: it is refused.
        """
        accounts = await self._known(to)
        for account in accounts:
            await self._store(peer, self._item(peer, box, sender, account, text))
        return InboxEntry(sender=sender, msg_from=sender, msg_to=accounts[0].display, msg=text)

    async def file(
        self, peer: RealmName, box: str, sender: str, to: Sequence[str], path: str, content: str
    ) -> None:
        """Store a file for all of a list; refused as :meth:`text` is, or as the content is."""
        accounts = await self._known(to)
        realm = self._realm
        store = realm.files.store
        if store is None:
            raise NotSupported("this realm keeps no files")
        data, plain = await decode_content(content, realm.policy.limits.sendfile_bytes, realm.clock)
        async with realm.files.pins.held():
            kept = await store.put(data)
            offer = Offer(name=clean_file_name(path), size=len(data), sha256=kept, plain=plain)
            for account in accounts:
                item = self._item(peer, box, sender, account, offer_text(offer), FILE)
                await self._store(peer, item)

    async def _known(self, names: Sequence[str]) -> list[AccountRow]:
        if len(names) > LISTED_NAMES:
            raise TextTooLong(f"a list has at most {LISTED_NAMES} names")
        found = {}
        for name in filter(None, names):
            account = await self._realm.accounts.find(name)
            if account is None:
                raise NoSuchUser(f"{NoSuchUser.message}: {name}")
            found[account.name] = account
        if not found:
            raise NoSuchUser
        return list(found.values())

    def _item(
        self, peer: RealmName, box: str, sender: str, to: AccountRow, text: str, kind: str = "text"
    ) -> Item:
        self._mids += 1
        now = int(self._realm.clock.seconds() * 1000)
        return Item(
            number=self._mids,
            mid=f"{peer}/{self._prefix}{self._mids}",
            from_=f"{sender}@{peer}",
            to=f"{to.shown}@{self._realm.name}",
            text=text,
            at=now,
            expires=now + EXPIRES,
            kind=kind,
            box=box,
        )

    async def _store(self, peer: RealmName, item: Item) -> None:
        arrivals, writer = self._realm.arrivals, self._realm.writer
        for _ in range(_TRIES):
            if writer.links_full:
                await writer.room()
            effect = arrivals.judge(peer, item)
            if effect is None:
                await arrivals.prepare(peer, item)
                effect = arrivals.judge(peer, item)  # in the same turn
            if isinstance(effect, str):
                raise refusal(effect)
            if effect is None:
                continue
            if isinstance(effect, Arrival):
                effect.is_here()
            step = _Stored(effect, len(item.text))
            step.inserts = [*step.inserts, self._realm.audit.row(APPLIED, item.mid, peer, item.to)]
            writer.append(step)
            error = await step.done
            if error is None:
                return
            if not isinstance(error, Conflict):
                break
        raise Unavailable
