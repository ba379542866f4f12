"""What became of groups with members in several realms: one log, the same everywhere, and to whom it is open.

The home's own log decides. Copies, and what people heard, are compared with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Protocol

from chatproto.names import fold
from chatproto.records import (
    FILE,
    GroupRow,
    MemberRow,
    MessageRow,
    OutboxRow,
    ReplicaRow,
    SubscriptionRow,
)
from chatproto.testing.group_reading import Shown, differing
from chatproto.testing.mirror import Mirror

_ROLES = ("owner", "admin", "member")
#: What a bounce's mid has after that of its message, and the one code that does not say there is no entry.
_BOUNCED = ".bounce"
_UNKNOWN = "outcome-unknown"


class Post(Protocol):
    """A message to a group, as its sender knows it."""

    sender: str
    to: str
    text: str
    mid: str
    code: str
    excused: bool


class GroupLedger:
    """The groups of a simulation.

    ``reset`` are the realms whose store was replaced by an older copy, ``unsent`` are posts that such a copy
    says were never sent.
    """

    def __init__(
        self,
        mirrors: Mapping[str, Mirror],
        counts: Counter[str],
        broke: Callable[[str], None],
        reset: Container[str],
        unsent: Container[str],
    ) -> None:
        self._mirrors = mirrors
        self._counts = counts
        self._broke = broke
        self._reset = reset
        self._unsent = unsent
        #: Groups by folded address.
        self.names: set[str] = set()
        self._posts: list[Post] = []
        #: Of each post the seq by which its origin stored it.
        self._seqs: dict[str, int] = {}
        self._heard: dict[str, set[str]] = {}
        #: Posts whose entries were lost with a home.
        self._gone: set[str] = set()

    def has(self, address: str) -> bool:
        """Tell whether an address is a group."""
        return fold(address) in self.names

    def sent(self, posts: Sequence[Post]) -> None:
        """Hear that a user asks for this."""
        self._posts += [each for each in posts if self.has(each.to)]

    def heard(self, user: str, mid: str) -> None:
        """Hear that a user's client handed out a message."""
        self._heard.setdefault(user, set()).add(mid)

    def committed(self, realm: str, row: MessageRow) -> None:
        """Hear of a message on a realm's disk."""
        mirror = self._mirrors[realm]
        if row.kind == "bounce":
            code, _, mid = row.text.partition(" ")
            known = mid in self._seqs and mid not in self._unsent
            if code != _UNKNOWN and known and self._is_entry(mid):
                self._broke(f"one-end: {mid} bounced as {code}, and is in its group")
        elif not row.conversation:
            self._seqs.setdefault(row.mid, row.seq)
        elif mirror.is_of_group(row) and row.kind in ("text", FILE):
            self._counts["in groups"] += 1
            bounce = self._bounce(row.mid) if row.mid not in self._unsent else None
            if bounce is not None and not bounce.text.startswith(_UNKNOWN) and row.gseq:
                self._broke(f"one-end: {row.mid} is in its group, and bounced as {bounce.text}")

    def lost(self, realm: str, before: Mapping[str, object]) -> None:
        """Hear that a realm has an older copy of its store; ``before`` are the mids that it had."""
        here = {*self._mids(realm), *self._mirrors[realm].posts}
        for post in self._posts:
            if post.mid in before and post.mid not in here:
                if _realm_of(post.sender) == realm:
                    post.excused = True
                else:
                    self._gone.add(post.mid)

    def mids(self, realm: str) -> dict[str, object]:
        """Return what a realm has for :meth:`lost`."""
        return dict.fromkeys((*self._mids(realm), *self._mirrors[realm].posts))

    # -- what stands where

    def _mids(self, realm: str) -> Iterator[str]:
        for name in self.names:
            if _realm_of(name) == realm:
                yield from (row.mid for row in self._log(realm, name).values())

    def _log(self, realm: str, group: str) -> dict[int, MessageRow]:
        mirror = self._mirrors[realm]
        return mirror.logs.get(mirror.groups.get(group, 0), {})

    def _home(self, group: str) -> dict[int, MessageRow]:
        return self._log(_realm_of(group), group)

    def _is_entry(self, mid: str) -> bool:
        return any(row.mid == mid for name in self.names for row in self._home(name).values())

    def _bounce(self, mid: str) -> MessageRow | None:
        mirror = self._mirrors.get(mid.partition("/")[0])
        return None if mirror is None else mirror.by_mid.get(mid + _BOUNCED)

    def _members(self, realm: str, group: str) -> dict[str, str]:
        mirror = self._mirrors[realm]
        conversation = mirror.groups.get(group, 0)
        return {
            row.member: row.role
            for row in mirror.every(MemberRow)
            if row.conversation == conversation and not row.until and row.role in _ROLES
        }

    def _subscriptions(self, group: str) -> Iterator[SubscriptionRow]:
        mirror = self._mirrors[_realm_of(group)]
        conversation = mirror.groups.get(group, 0)
        yield from (row for row in mirror.every(SubscriptionRow) if row.conversation == conversation)

    # -- whether all is done

    def open(self, realms: Container[str]) -> Iterator[str]:
        """Return what is not yet as it has to be between these realms when all is at rest."""
        for group in sorted(self.names):
            if _realm_of(group) in realms:
                yield from self._differing(group, realms)
        entries = {row.mid for name in self.names for row in self._home(name).values()}
        for post in self._posts:
            origin, home = _realm_of(post.sender), _realm_of(post.to)
            if origin not in realms or home not in realms or not post.mid or post.excused:
                continue
            if post.mid not in entries and self._bounce(post.mid) is None and not self._is_over(post.mid):
                yield f"{post.mid} to {post.to}"

    def _is_over(self, mid: str) -> bool:
        """Tell whether an entry was lost with its home after its origin had kept the post long enough."""
        kept = self._mirrors[mid.partition("/")[0]].every(OutboxRow)
        return mid in self._gone and not any(item.mid == mid and item.seq for item in kept)

    def _differing(self, group: str, realms: Container[str]) -> Iterator[str]:
        home = _realm_of(group)
        here, members = self._home(group), self._members(home, group)
        fed = {row.realm: row for row in self._subscriptions(group) if not row.until}
        for realm in {_realm_of(member) for member in members} - {home, *fed}:
            if realm in realms:
                yield f"{group} has members in {realm} and gives it no copy"
        for realm, mirror in self._mirrors.items():
            if realm == home or realm not in realms:
                continue
            copy = mirror.find(ReplicaRow, group)
            if realm not in fed:
                if copy is not None and not copy.over:
                    yield f"{realm} has a copy of {group} that gets no entries"
                continue
            if copy is None or copy.over:
                yield f"{realm} has no copy of {group}"
                continue
            there = self._log(realm, group)
            for number in here:
                if number >= fed[realm].first and _content(here[number]) != _content(there.get(number)):
                    yield f"{group} has {here[number]} as {number}, and in {realm} is {there.get(number)}"
                    break
            if max(there, default=0) > max(here, default=0):
                yield f"{realm} has {max(there)} entries of {group}, which has {max(here, default=0)}"
            shown = Shown(home, group, self._mirrors[home])
            yield from differing(shown, Shown(realm, group, mirror), realm, fed[realm].first)
            if self._members(realm, group) != members:
                yield f"{realm} knows {self._members(realm, group)} in {group}, which has {members}"

    # -- what has to hold

    def check(self) -> None:
        """Check what must be so at any time."""
        for group in self.names:
            self._check_home(group)
            for realm, mirror in self._mirrors.items():
                for fault in Shown(realm, group, mirror).faults():
                    self._broke(f"shown: {fault}")
            for realm in self._mirrors:
                if realm != _realm_of(group) and _realm_of(group) not in self._reset:
                    self._check_copy(realm, group)
            if _realm_of(group) not in self._reset:
                self._check_windows(group)
        for post in self._posts:
            self._check_post(post)

    def settled(self, realms: Container[str]) -> None:
        """Check what must be so when everything between these realms is at rest."""
        for lost in self.open(realms):
            self._broke(f"groups: {lost}")

    def _check_home(self, group: str) -> None:
        """See that a log has no gaps, nothing twice, and each sender's order."""
        log = self._home(group)
        numbers = sorted(log)
        if numbers != list(range(1, len(numbers) + 1)):
            self._broke(f"numbers: {group} has {numbers}")
        mids: set[str] = set()
        newest: dict[str, int] = {}
        seq = 0
        for number in numbers:
            row = log[number]
            if row.mid in mids or row.seq < seq:
                self._broke(f"numbers: {group} has {row} as {number}")
            mids.add(row.mid)
            seq = row.seq
            original = self._seqs.get(row.mid, 0)
            if original and _realm_of(row.sender) not in self._reset:
                if original < newest.get(fold(row.sender), 0):
                    self._broke(f"order: {row.mid} stands in {group} behind a later one of {row.sender}")
                newest[fold(row.sender)] = original

    def _check_copy(self, realm: str, group: str) -> None:
        """See that a copy has what its home has, in the same order."""
        home = self._home(group)
        for number, row in sorted(self._log(realm, group).items()):
            if _content(row) != _content(home.get(number)):
                self._broke(f"copy: {realm} has {row} as {number} of {group}, which has {home.get(number)}")

    def _check_windows(self, group: str) -> None:
        """See that nobody heard, or may read, what was said while they were no member."""
        spells = self._spells(group)
        numbers = {row.mid: number for number, row in self._home(group).items()}
        for user, heard in self._heard.items():
            if _realm_of(user) not in self._reset:
                for mid in heard & numbers.keys():
                    if not _within(spells.get(fold(user), ()), numbers[mid]):
                        self._broke(f"window: {user} heard {mid}, {numbers[mid]} of {group}: {spells}")
        settings = self._mirrors[_realm_of(group)].find(GroupRow, group.partition("@")[0])
        if settings is None or settings.history == "all":
            return
        for realm in self._mirrors:
            if realm not in self._reset:
                self._check_readable(realm, group, spells)

    def _check_readable(self, realm: str, group: str, spells: Mapping[str, list[tuple[int, int]]]) -> None:
        log = self._log(realm, group)
        mirror = self._mirrors[realm]
        for row in mirror.every(MemberRow):
            is_here = row.conversation == mirror.groups.get(group) and _realm_of(row.member) == realm
            if not is_here or row.role == "invited":
                continue
            for number, message in log.items():
                readable = row.since < message.seq and (not row.until or message.seq <= row.until)
                if readable and not _within(spells.get(row.member, ()), number):
                    self._broke(f"window: {row} lets in {number} of {group}: {spells}")

    def check_reader(self, user: str, mid: str, group: str) -> None:
        """See that who was given the bytes of a file in a group was a member then."""
        realms = (_realm_of(group), _realm_of(user))
        settings = self._mirrors[realms[0]].find(GroupRow, group.partition("@")[0])
        if any(realm in self._reset for realm in realms) or settings is None or settings.history == "all":
            return
        row = next((row for row in self._home(group).values() if row.mid == mid), None)
        if row is None or not _within(self._spells(group).get(fold(user), ()), row.gseq):
            self._broke(f"file-access: {user} was given bytes of {row} in {group}: {self._spells(group)}")

    def _spells(self, group: str) -> dict[str, list[tuple[int, int]]]:
        """Return from which number to which who was a member, by the group's log."""
        log = self._home(group)
        spells: dict[str, list[tuple[int, int]]] = {}
        mirror = self._mirrors[_realm_of(group)]
        settings = mirror.find(GroupRow, group.partition("@")[0])
        since: dict[str, int] = {}
        if settings is not None:
            since[f"{settings.owner}@{_realm_of(group)}"] = 0
        for number in sorted(log):
            row = log[number]
            if row.kind == "joined":
                since.setdefault(fold(row.sender), number)
            elif row.kind in ("left", "kicked", "deleted"):
                who = fold(row.text if row.kind == "kicked" else row.sender)
                if who in since:
                    spells.setdefault(who, []).append((since.pop(who), number))
        for who, number in since.items():
            spells.setdefault(who, []).append((number, 2**53))
        return spells

    def _check_post(self, post: Post) -> None:
        if post.excused or _realm_of(post.to) in self._reset:
            return
        stored = [row for row in self._home(fold(post.to)).values() if row.text == post.text]
        if post.code and stored:
            self._broke(f"refused: {post.text[:40]} to {post.to} was refused {post.code}, and is stored")
        if len(stored) > 1:
            self._broke(f"once: {post.text[:40]} is in {post.to} as {[row.mid for row in stored]}")
        for row in stored:
            if fold(row.sender) != fold(post.sender) or (post.mid and row.mid != post.mid):
                self._broke(f"content: {row} is not what {post.sender} wrote")


def _content(row: MessageRow | None) -> tuple[str, ...] | None:
    return None if row is None else (row.mid, fold(row.sender), row.kind, row.text)


def _within(spells: Sequence[tuple[int, int]], number: int) -> bool:
    return any(first <= number <= last for first, last in spells)


def _realm_of(address: str) -> str:
    return address.rpartition("@")[2]
