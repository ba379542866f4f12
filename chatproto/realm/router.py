"""Who is listening: from accounts and groups to subscribers, and nothing else.

An event is handed to every subscriber in one plain loop, after it is durable. Routes hold on to audiences,
which are changed in place, so that somebody who comes or goes invalidates nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, succeed

from chatproto.events import Hint, Message
from chatproto.interfaces import ISubscriber


class Hearer(Protocol):
    """Whoever is told of messages when they are durable."""

    def deliver(self, message: Message, device: int) -> None:
        """Hear of a message, which a device sent."""
        ...


class Audience:
    """The subscribers of one account.

    ``blocked`` is whom the account does not want to hear in groups, while it has a subscriber.
    """

    __slots__ = ("__weakref__", "blocked", "subscribers")

    def __init__(self) -> None:
        self.subscribers: list[ISubscriber] = []
        self.blocked: Mapping[str, str] = {}

    def deliver(self, message: Message, device: int) -> None:
        """Hand an event to every subscriber."""
        for subscriber in self.subscribers:
            subscriber.deliver(message, device)

    def hint(self, event: Hint, but: ISubscriber | None = None) -> None:
        """Hand a passing event to every subscriber but one."""
        for subscriber in self.subscribers:
            if subscriber is not but:
                subscriber.hint(event)


class GroupAudience:
    """The subscribers of a group: the audiences of those members who have any."""

    __slots__ = ("__weakref__", "accounts")

    def __init__(self) -> None:
        self.accounts: dict[str, Audience] = {}

    def deliver(self, message: Message, device: int) -> None:
        """Hand an event to every subscriber of every member."""
        for audience in self.accounts.values():
            for subscriber in audience.subscribers:
                subscriber.deliver(message, device)


class _Present:
    """What an account with a subscriber keeps alive."""

    __slots__ = ("audience", "groups", "moves")

    def __init__(self, audience: Audience) -> None:
        self.audience = audience
        #: The audiences of its groups, by conversation.
        self.groups: dict[int, GroupAudience] = {}
        #: How often it began to join or to leave a group.
        self.moves = 0


class Router:
    """The audiences of a realm. They live as long as a route or a subscriber needs them."""

    def __init__(self, published: int) -> None:
        #: The newest message that subscribers were told of; every one up to it is durable.
        self.published = published
        self._accounts: WeakValueDictionary[str, Audience] = WeakValueDictionary()
        self._groups: WeakValueDictionary[int, GroupAudience] = WeakValueDictionary()
        self._present: dict[str, _Present] = {}
        #: Joins and leaves that are not durable yet, or not told, by account, and who waits for that.
        self._moving: Counter[str] = Counter()
        self._waiting: dict[str, list[Deferred[None]]] = {}

    def account(self, account: str) -> Audience:
        """Return the audience of an account."""
        audience = self._accounts.get(account)
        if audience is None:
            audience = self._accounts[account] = Audience()
        return audience

    def group(self, conversation: int) -> GroupAudience:
        """Return the audience of a group."""
        audience = self._groups.get(conversation)
        if audience is None:
            audience = self._groups[conversation] = GroupAudience()
        return audience

    def subscribe(self, account: str, subscriber: ISubscriber) -> None:
        """Start to deliver an account's events to a subscriber; its groups are added by :meth:`enter`."""
        audience = self.account(account)
        if account not in self._present:
            self._present[account] = _Present(audience)
        audience.subscribers = [*audience.subscribers, subscriber]

    def unsubscribe(self, account: str, subscriber: ISubscriber) -> None:
        """Stop to deliver to a subscriber."""
        present = self._present.get(account)
        if present is None:
            return
        audience = present.audience
        audience.subscribers = [other for other in audience.subscribers if other is not subscriber]
        if not audience.subscribers:
            del self._present[account]
            for group in present.groups.values():
                group.accounts.pop(account, None)

    def enter(self, account: str, conversation: int) -> None:
        """Let an account hear a group, if it has a subscriber."""
        present = self._present.get(account)
        if present is not None:
            group = present.groups[conversation] = self.group(conversation)
            group.accounts[account] = present.audience

    def exit(self, account: str, conversation: int) -> None:
        """Let an account no longer hear a group."""
        present = self._present.get(account)
        if present is not None:
            group = present.groups.pop(conversation, None)
            if group is not None:
                group.accounts.pop(account, None)

    def hears(self, account: str, conversation: int) -> bool:
        """Tell whether an account has a subscriber and hears a group."""
        present = self._present.get(account)
        return present is not None and conversation in present.groups

    def begin_moves(self, accounts: Sequence[str]) -> None:
        """Hear that accounts are about to enter or exit groups; the store may know it before the router."""
        for account in accounts:
            self._moving[account] += 1
            present = self._present.get(account)
            if present is not None:
                present.moves += 1

    def end_moves(self, accounts: Sequence[str]) -> None:
        """Hear that they did, or did not after all."""
        for account in accounts:
            self._moving[account] -= 1
            if not self._moving[account]:
                del self._moving[account]
                for rest in self._waiting.pop(account, ()):
                    rest.callback(None)

    def rest(self, account: str) -> Deferred[None]:
        """Fire when the store and the router agree about the groups of an account."""
        if account not in self._moving:
            return succeed(None)
        rest: Deferred[None] = Deferred()
        self._waiting.setdefault(account, []).append(rest)
        return rest

    def moves(self, account: str) -> int:
        """Count how often an account with a subscriber began to enter or exit groups."""
        present = self._present.get(account)
        return 0 if present is None else present.moves
