"""What a log of groups means, told as simply as possible: to compare a realm with."""

from __future__ import annotations

from msgspec import Struct, field

from chatproto.names import fold
from chatproto.records import BlockRow, ConversationRow, GroupRow, MessageRow
from tests.realm.house import House

REALM = "@alpha"


class Window(Struct):
    """What of a group somebody may read: ``since < seq <= until``; what is past ``joined`` is news."""

    since: int
    joined: int
    until: int = 0
    shut: bool = False

    def holds(self, seq: int) -> bool:
        return self.since < seq and (not self.until or seq <= self.until)

    def is_news(self, seq: int) -> bool:
        return self.holds(seq) and seq > self.joined


class GroupModel(Struct):
    """A group, as its log tells it. Whatever is illegal in it fails here."""

    address: str
    #: Members by folded address, in the order in which they joined, with their roles.
    roles: dict[str, str]
    windows: dict[str, Window]
    log: list[MessageRow] = field(default_factory=list)
    invited: set[str] = field(default_factory=set)
    kicked: set[str] = field(default_factory=set)
    history: str = "joined"
    access: str = "open"
    deleted: bool = False
    #: Who has to be named as the new owner by the very next notice.
    heir: str = ""

    def apply(self, row: MessageRow) -> set[str]:
        """Take the next message; return who hears it."""
        assert row.gseq == len(self.log) + 1, "numbers of a group have no gaps"
        self.log.append(row)
        hearers = set(self.roles)
        sender, about = fold(row.sender), fold(row.text)
        if row.kind == "void":
            return set()
        assert not self.heir or (row.kind, about) == ("owner", self.heir), "the owner left, and who inherits?"
        assert not self.deleted
        if row.kind == "text":
            assert sender in self.roles
        elif row.kind == "joined":
            hearers.add(sender)
            self._join(sender, row.seq)
        elif row.kind == "left":
            self._end(sender, row.seq)
        elif row.kind == "deleted":
            self._check(sender, "owner")
            self.deleted = True
            for member in self.roles:
                self.windows[member].until = row.seq
            self.roles.clear()
        elif row.kind == "kicked":
            assert about != sender
            self._check(sender, *(("owner", "admin") if self.roles[about] == "member" else ("owner",)))
            self._end(about, row.seq)
            self.windows[about] = Window(row.seq - 1, row.seq - 1, row.seq, shut=True)
            self.kicked.add(about)
        else:
            self._change(row, sender, about)
        return hearers

    def _change(self, row: MessageRow, sender: str, about: str) -> None:
        if row.kind == "owner":
            if not self.heir:
                self._check(sender, "owner")
            self.heir = ""
            self.roles |= {member: "admin" for member, role in self.roles.items() if role == "owner"}
            assert about in self.roles
            self.roles[about] = "owner"
        elif row.kind in ("promoted", "demoted"):
            self._check(sender, "owner")
            before, after = ("member", "admin") if row.kind == "promoted" else ("admin", "member")
            assert self.roles[about] == before
            self.roles[about] = after
        else:
            self._check(sender, "owner", "admin")
            if row.kind == "access":
                self.access = row.text
            elif row.kind == "history":
                self.history = row.text
                if row.text == "all":
                    for member in self.roles:
                        self.windows[member].since = 0
            else:
                assert row.kind == "topic"

    def _check(self, sender: str, *roles: str) -> None:
        assert sender == self.address or self.roles.get(sender) in roles, (sender, roles, self.roles)

    def _join(self, sender: str, seq: int) -> None:
        assert sender not in self.roles
        assert sender in self.invited or (sender not in self.kicked and self.access == "open")
        self.invited.discard(sender)
        self.kicked.discard(sender)
        self.roles[sender] = "member" if self.roles else "owner"
        self.windows[sender] = Window(0 if self.history == "all" else seq - 1, seq - 1)

    def _end(self, member: str, seq: int) -> None:
        self.windows[member].until = seq
        if self.roles.pop(member) == "owner":
            heirs = [m for role in ("admin", "member") for m in self.roles if self.roles[m] == role]
            self.heir = heirs[0] if heirs else ""

    def invite(self, sender: str, user: str) -> None:
        assert sender in self.roles
        assert user not in self.roles
        assert user not in self.invited
        assert not self.deleted
        if self.access == "invited" or user in self.kicked:
            self._check(sender, "owner", "admin")
        self.invited.add(user)

    def may_read(self, member: str) -> bool:
        """Whether ``history`` has anything to say to somebody."""
        return member in self.windows and not self.windows[member].shut


class Model:
    """All that is on a disk, read from its log alone."""

    def __init__(self, house: House) -> None:
        numbers = {row.conversation: row for row in house.rows(ConversationRow)}
        self.groups = {
            row.conversation: GroupModel(
                f"{row.name}{REALM}",
                {f"{row.owner}{REALM}": "owner"},
                {f"{row.owner}{REALM}": Window(0, 0)},
            )
            for row in house.rows(GroupRow)
        }
        by_address = {group.address: group for group in self.groups.values()}
        #: The messages of conversations of two, by the two.
        self.direct: dict[tuple[str, str], list[MessageRow]] = {}
        #: Everything that somebody may have heard when it was said.
        self.ever: dict[str, set[int]] = {}
        self.blocks: dict[str, set[str]] = {}
        for block in house.rows(BlockRow):
            self.blocks.setdefault(f"{block.account}{REALM}", set()).add(block.address)
        self.rows = sorted(house.rows(MessageRow), key=lambda row: row.seq)
        for row in self.rows:
            group = self.groups.get(row.conversation)
            if group is not None:
                hearers = group.apply(row)
            else:
                pair = (numbers[row.conversation].a, numbers[row.conversation].b)
                hearers = set(pair)
                self.direct.setdefault(pair, []).append(row)
                if row.kind == "invitation":
                    (user,) = hearers - {fold(row.sender)}
                    by_address[fold(row.text)].invite(fold(row.sender), user)
            for hearer in hearers:
                self.ever.setdefault(hearer, set()).add(row.seq)
        for group in self.groups.values():
            assert not group.heir
            assert list(group.roles.values()).count("owner") == bool(group.roles)

    def news(self, user: str, but: set[str] | None = None) -> list[int]:
        """Return what a device that knows nothing is told; by default without whom the user blocks."""
        blocked = self.blocks.get(user, set()) if but is None else but
        found = [row.seq for pair, log in self.direct.items() if user in pair for row in log]
        for group in self.groups.values():
            window = group.windows.get(user)
            found += [
                row.seq
                for row in group.log
                if window is not None
                and window.is_news(row.seq)
                and row.kind != "void"
                and (fold(row.sender) not in blocked or (row.kind, fold(row.text)) == ("kicked", user))
            ]
        return sorted(found)

    def history(self, user: str, group: GroupModel) -> list[int]:
        """Return what a user may read of a group."""
        blocked = self.blocks.get(user, set())
        return [
            row.seq
            for row in group.log
            if group.windows[user].holds(row.seq) and row.kind != "void" and fold(row.sender) not in blocked
        ]

    def unread(self, user: str) -> dict[str, int]:
        """Return how many messages nobody has read, by the other one or the group; 0 is left out."""
        blocked = self.blocks.get(user, set())
        found = {
            next(iter({*pair} - {user})): sum(fold(row.sender) != user for row in log)
            for pair, log in self.direct.items()
            if user in pair
        }
        for group in self.groups.values():
            window = group.windows.get(user, Window(0, 2**53))
            found[group.address] = sum(
                row.kind == "text" and window.is_news(row.seq) and fold(row.sender) not in {user, *blocked}
                for row in group.log
            )
        return {address: count for address, count in found.items() if count}
