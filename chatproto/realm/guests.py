"""What people of other realms do to groups here: the same as those of this one, by items, not commands.

The kind of an item is what it does, its text the argument. What it comes to stands in the group's log under
the mid of the item, by which it returns to the realm that sent it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from chatproto.errors import (
    BadName,
    Blocked,
    ChatError,
    NoSuchUser,
    NotMember,
    NotSupported,
    QuotaReached,
    RateLimited,
)
from chatproto.frames import Item
from chatproto.limits import Limits
from chatproto.names import Address, RealmName, fold
from chatproto.realm.accounts import Accounts
from chatproto.realm.actors import Guest
from chatproto.realm.blocks import Blocks
from chatproto.realm.changes import Change, Changes
from chatproto.realm.conversations import Group, Route
from chatproto.realm.groups import Groups
from chatproto.realm.mail import Mail
from chatproto.realm.moderation import Moderation
from chatproto.realm.offers import Offers
from chatproto.realm.rates import Buckets, Rate
from chatproto.realm.router import Router
from chatproto.realm.routes import Routes
from chatproto.realm.spelling import Spelling
from chatproto.records import MemberRow, Offer, offer_text

#: What ``configure`` may set, and to what.
_OPTIONS = {"history": ("joined", "all"), "access": ("open", "invited")}
_ROLES = ("admin", "member")
_HOUR = 3600.0


class _Prepared:
    """What was read for one item, to be used in that turn."""

    __slots__ = ("address", "before", "item", "route")

    def __init__(self, item: Item) -> None:
        self.item = item
        #: Whom it is about, folded, and as a stranger to the group.
        self.address = ""
        self.before: MemberRow | None = None
        #: The way to who is invited.
        self.route: Route | ChatError | None = None


class Guests:
    """Judges items for groups of this realm."""

    def __init__(
        self,
        realm: RealmName,
        accounts: Accounts,
        blocks: Blocks,
        routes: Routes,
        router: Router,
        changes: Changes,
        groups: Groups,
        moderation: Moderation,
        spelling: Spelling,
        mail: Mail,
        offers: Offers,
        limits: Limits,
    ) -> None:
        self._offers = offers
        self._realm = realm
        self._accounts = accounts
        self._blocks = blocks
        self._routes = routes
        self._router = router
        self._changes = changes
        self._groups = groups
        self._moderation = moderation
        self._spelling = spelling
        self._mail = mail
        self._limits = limits
        #: How often guests invited somebody.
        self._invited: Buckets[str] = Buckets(limits.cached_names)
        self._prepared: _Prepared | None = None
        self._verbs: dict[str, Callable[[Guest, Group, _Prepared], Change | None]] = {
            "join": self._join,
            "leave": lambda guest, group, about: groups.part(guest, group),
            "kick": lambda guest, group, about: groups.remove(guest, group, about.address),
            "topic": lambda guest, group, about: moderation.describe(guest, group, about.item.text),
            "transfer": lambda guest, group, about: moderation.pass_on(guest, group, about.address),
            "delete-group": lambda guest, group, about: moderation.end(guest, group),
            "role": self._role,
            "configure": self._configure,
            "invite": self._invite,
        }

    def knows(self, kind: str) -> bool:
        """Tell whether items of a kind are for groups, beside posts."""
        return kind in self._verbs

    def is_ready(self, item: Item) -> bool:
        """Tell whether what is needed to judge an item was read, in this turn; for posts nothing is."""
        return item.kind not in self._verbs or (self._prepared is not None and self._prepared.item is item)

    def judge(self, group: Group, item: Item, at: int, offer: Offer | None = None) -> Change | str | None:
        """Return what an item does to a group, or why it does nothing; None if it has to be prepared.

        ``offer`` is what it offers, if it is a file.
        """
        guest = Guest(item.from_, item.mid, at)
        if offer is not None:
            return self._offer(guest, group, offer)
        if item.kind == "text":
            return self._post(guest, group, item.text)
        verb = self._verbs.get(item.kind)
        if verb is None:
            return NotSupported.code
        prepared, self._prepared = self._prepared, None
        if prepared is None or not self._routes.holds(group):
            return None
        try:
            change = verb(guest, group, prepared)
        except ChatError as error:
            return error.code
        return self._changes.hand_over(change or self._changes.begin())

    def _post(self, guest: Guest, group: Group, text: str) -> Change | str:
        if fold(guest.address) not in group.members:
            return NotMember.code
        change = self._changes.begin()
        change.notice(guest, group, "text", text)
        return self._changes.hand_over(change)

    def _offer(self, guest: Guest, group: Group, offer: Offer) -> Change | str:
        if fold(guest.address) not in group.members:
            return NotMember.code
        change = self._changes.begin()
        message = change.notice(guest, group, "file", offer_text(offer))
        row = self._offers.wanted(message, offer, group.row.shown_a, fold(guest.address).rpartition("@")[2])
        change.put(row)  # instead of what another realm may have said under this mid
        change.then(partial(self._offers.on_wanted, row))
        return self._changes.hand_over(change)

    def _join(self, guest: Guest, group: Group, about: _Prepared) -> Change:
        most = max(1, self._limits.members_per_group // 2)
        if len(group.members) >= most:  # otherwise no realm can have so many
            _, at, realm = fold(guest.address).partition("@")
            if sum(member.endswith(at + realm) for member in group.members) >= most:
                raise QuotaReached(f"a group has at most {most} members of one other realm")
        return self._groups.admit(guest, group, about.before)

    def _role(self, guest: Guest, group: Group, about: _Prepared) -> Change | None:
        _, _, role = about.item.text.rpartition(" ")
        if role not in _ROLES:
            raise NotSupported
        return self._moderation.raise_to(guest, group, about.address, role)

    def _configure(self, guest: Guest, group: Group, about: _Prepared) -> Change | None:
        options = dict(part.partition("=")[::2] for part in about.item.text.split())
        if any(value not in _OPTIONS.get(name, ()) for name, value in options.items()):
            raise NotSupported
        return self._moderation.set_up(guest, group, options.get("history"), options.get("access"))

    def _invite(self, guest: Guest, group: Group, about: _Prepared) -> Change | None:
        route = about.route
        if route is None:
            raise NoSuchUser
        if isinstance(route, ChatError):
            raise route
        if not self._groups.may_invite(guest, group, about.address, about.before):
            return None
        if route.peer is not None:
            self._mail.check(route.peer, group.row.shown_a)
        often = Rate(self._limits.contacts_per_hour, _HOUR)
        if self._invited.take(fold(guest.address), often, self._changes.log.now() / 1000):
            raise RateLimited
        return self._groups.invited(guest, group, route, about.before)

    async def prepare(self, item: Item, group: Group) -> None:
        """Read what is needed for an item that is no post; it is judged in the turn in which this returns."""
        prepared = _Prepared(item)
        about = _address(item, self._realm)
        if about is not None:
            prepared.address = about.folded
            await self._groups.look_up(group, prepared.address)
            if item.kind == "invite":
                prepared.route = await self._way(item.from_, about)
            # Last, as it may change while something else is read.
            prepared.before = await self._changes.outsider(group, prepared.address)
        self._prepared = prepared

    async def _way(self, inviter: str, address: Address) -> Route | ChatError:
        """Return the way to somebody who is invited, or why there is none."""
        try:
            if address.realm != self._realm:
                if await self._routes.group_ever(address.folded) is not None:
                    raise NoSuchUser
                # One that is not linked is not looked for on the word of a guest.
                self._mail.check(address.realm, str(address))
                await self._mail.prepare(address.realm)
                nowhere = await self._routes.nowhere()
                return Route(nowhere, None, str(address), (), self._routes.generation, address.realm)
            account = await self._accounts.find(address.name)
            if account is None:
                raise NoSuchUser
            if await self._blocks.has(account.name, fold(inviter)):
                raise Blocked
        except ChatError as error:
            return error
        to = self._routes.shown(account.shown)
        conversation = await self._routes.between(inviter, to)
        return Route(conversation, None, to, (self._router.account(account.name),), self._routes.generation)

    async def is_invited(self, group: Group, address: str) -> bool:
        """Tell whether somebody was invited to a group."""
        row = await self._changes.outsider(group, address)
        return row is not None and row.role == "invited"

    async def drop(self, realm: RealmName) -> None:
        """Let all members of a realm leave its groups: nothing goes there any more.

        :raises Unavailable: not now; it can be called again.
        """
        for row in self._changes.copies.of(realm):
            name = fold(row.group).partition("@")[0]
            while (group := await self._routes.group_ever(name)) is not None:
                members = [member for member in group.members if member.endswith(f"@{realm}")]
                for member in members:
                    await self._groups.look_up(group, member)
                if self._routes.holds(group) and all(member in group.members for member in members):
                    change = self._changes.begin()
                    for member in members:
                        self._groups.depart(change, None, group, member)
                    await self._changes.save(change)
                    break
                if group.settings.deleted:
                    break


def _address(item: Item, home: RealmName) -> Address | None:
    """Return whom an item is about: its sender, unless it names another."""
    word = item.from_
    if item.kind in ("invite", "kick", "transfer", "role"):
        word = item.text.partition(" ")[0]
    try:
        return Address.parse(word, home) if "@" in word else None
    except BadName:
        return None
