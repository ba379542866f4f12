"""How much each account and each connection may ask of a realm, and how soon it may come back.

What was used up is the realm's knowledge; how much there is, is said by the listener through which somebody
came. So one :class:`Usage` stands for the realm, and one :class:`Gate` for each set of limits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from chatproto import commands
from chatproto.commands import Command
from chatproto.endpoints import network_of
from chatproto.errors import RateLimited
from chatproto.limits import RATES, Limits
from chatproto.realm.conversations import Route
from chatproto.realm.logins import Login
from chatproto.realm.rates import Allowance, Allowances, Buckets, Rate
from chatproto.realm.times import Clock

_HOUR = 3600.0
#: What a command costs; others cost 1. Messages have rates of their own, files are bounded by bytes (and a
#: chunk that is refused makes those after it useless), and cursors and hints are moved all
#: the time. What a whole group hears of costs more, as do lists for which everybody is looked up.
_COSTS: dict[type[Command], float] = {
    commands.Send: 0.0,
    commands.SendGroup: 0.0,
    commands.Chunk: 0.0,
    commands.Finish: 0.0,
    commands.Download: 0.02,
    commands.Ack: 0.02,
    commands.Read: 0.02,
    commands.Typing: 0.1,
    commands.Create: 10.0,
    commands.Join: 5.0,
    commands.Leave: 5.0,
    commands.EnterGroup: 10.0,
    commands.EnterRoom: 10.0,
    commands.SetTopic: 5.0,
    commands.Configure: 5.0,
    commands.SetRole: 5.0,
    commands.Transfer: 5.0,
    commands.Invite: 5.0,
    commands.Kick: 5.0,
    commands.DeleteGroup: 5.0,
    commands.Live: 5.0,
    commands.Inbox: 2.0,
    commands.PickUp: 2.0,
    commands.As: 0.0,
    commands.ReceiveFile: 2.0,
    commands.Active: 5.0,
    commands.Info: 10.0,
}


class Usage:
    """What a realm's accounts and groups, and the addresses they come from, have used up."""

    def __init__(self, size: int) -> None:
        self.accounts = Allowances(size)
        self.groups: Buckets[int] = Buckets(size)
        #: Accounts that strangers tried to make, by address and from everywhere.
        self.registrations: Buckets[str] = Buckets(size)
        self.registrations_in_all = 0.0


def refused(what: str, wait: float) -> RateLimited:
    """Return the refusal of what may be repeated after a time."""
    return RateLimited(f"too many {what}", retry_after=math.ceil(wait * 1000) / 1000)


class Gate:
    """The rates of one set of limits, asked before anything is done. What they refuse costs nothing."""

    def __init__(self, limits: Limits, usage: Usage, clock: Clock) -> None:
        self._usage = usage
        self._clock = clock
        self._seconds = clock.seconds
        self._messages = Rate(limits.messages, burst=limits.messages_burst)
        self._bytes = Rate(limits.message_bytes, burst=limits.message_bytes_burst)
        self._message_interval, self._message_depth = self._messages.interval, self._messages.depth
        self._byte_interval, self._byte_depth = self._bytes.interval, self._bytes.depth
        self._groups = Rate(limits.group_messages, burst=limits.group_messages_burst)
        self._contacts = Rate(limits.contacts_per_hour, _HOUR)
        self._commands = Rate(limits.commands, burst=limits.commands_burst)
        self._registrations = Rate(limits.registrations_per_hour, _HOUR)
        self._registrations_in_all = Rate(limits.registrations_per_hour_in_all, _HOUR)
        #: Whether there is any rate to ask for.
        self.open = not any(getattr(limits, name) for name in RATES)

    def command(self, stranger: Allowance, login: Login | None, command: Command) -> None:
        """Let a command pass: at the cost of its account, or of the stranger who gives it.

        :raises RateLimited: there were too many.
        """
        cost = _COSTS.get(type(command), 1.0)
        if cost and not self.open:
            allowance = stranger if login is None else self.of(login)
            now = self._clock.seconds()
            wait = self._commands.wait(allowance.commands, now, cost)
            if wait:
                raise refused("commands", wait)
            allowance.commands = self._commands.taken(allowance.commands, now, cost)

    def message(self, login: Login, recipients: int, text: str) -> None:
        """Let a message pass.

        :raises RateLimited: the account sent too many, or too much.
        """
        if self.open:
            return
        allowance = login.allowance or self.of(login)
        now = self._seconds()
        size = len(text) if text.isascii() else len(text.encode())
        if recipients == 1:
            # This is the hot path: what `Rate.taken` says, without four calls.
            messages = allowance.messages
            messages = (messages if messages > now else now) + self._message_interval
            volume = allowance.bytes
            volume = (volume if volume > now else now) + size * self._byte_interval
            if messages <= now + self._message_depth and volume <= now + self._byte_depth:
                allowance.messages = messages
                allowance.bytes = volume
                return
        self._take(allowance, now, recipients, recipients * size)

    def _take(self, allowance: Allowance, now: float, count: int, size: int) -> None:
        wait = self._messages.wait(allowance.messages, now, count)
        wait = max(wait, self._bytes.wait(allowance.bytes, now, size))
        if wait:
            raise refused("messages", wait)
        allowance.messages = self._messages.taken(allowance.messages, now, count)
        allowance.bytes = self._bytes.taken(allowance.bytes, now, size)

    def delivery(self, login: Login, routes: Sequence[Route], text: str) -> None:
        """Let a message, which has passed, go where it is to go.

        :raises RateLimited: too much is said in a group, or the account writes to too many strangers. The
            message has then cost nothing.
        """
        if self.open:
            return
        for route in routes:
            if route.group is not None or route.conversation.unborn:
                break
        else:
            return  # the hot path ends here
        now = self._clock.seconds()
        allowance = self.of(login)
        strangers = {id(route.conversation) for route in routes if route.conversation.unborn}
        groups = [route.conversation.row.conversation for route in routes if route.group is not None]
        wait = self._contacts.wait(allowance.contacts, now, len(strangers)) if strangers else 0.0
        what = "messages to people whom you never wrote to"
        for group in set(groups):
            longer = self._groups.wait(self._usage.groups.full(group), now, groups.count(group))
            if longer > wait:
                wait, what = longer, "messages in the group"
        if wait:
            size = len(routes) * (len(text) if text.isascii() else len(text.encode()))
            allowance.messages -= len(routes) * self._messages.interval
            allowance.bytes -= size * self._bytes.interval
            raise refused(what, wait)
        if strangers:
            allowance.contacts = self._contacts.taken(allowance.contacts, now, len(strangers))
        for group in groups:
            self._usage.groups.take(group, self._groups, now)

    def registration(self, address: str, *, by_invitation: bool = False) -> None:
        """Let a stranger try to make an account.

        Where that takes an invitation, these bound the accounts of all addresses: else who has none could
        keep those out who have one.

        :raises RateLimited: from this address, or from everywhere, too many were made.
        """
        now = self._clock.seconds()
        usage = self._usage
        in_all = 0.0
        if not by_invitation:
            in_all = self._registrations_in_all.wait(usage.registrations_in_all, now)
        wait = in_all or usage.registrations.take(network_of(address), self._registrations, now)
        if wait:
            raise refused("registrations", wait)
        if not by_invitation:
            usage.registrations_in_all = self._registrations_in_all.taken(usage.registrations_in_all, now)

    def of_network(self, address: str) -> Allowance:
        """Return what the guests and original servers of an address's network have used up together."""
        return self._usage.accounts.of(f"~{network_of(address)}")

    def of(self, login: Login) -> Allowance:
        """Return what a session's account has used up."""
        if login.allowance is None:
            login.allowance = self._usage.accounts.of(login.account)
        return login.allowance
