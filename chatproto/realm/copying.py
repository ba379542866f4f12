"""What each kind of entry does to a copy of a group, and how a copy is corrected.

It is the same as at the home, in the numbers of this realm: what a member here may read begins and ends with
the very entries with which it does so there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from chatproto.names import RealmName, fold
from chatproto.realm.changes import Change, Changes
from chatproto.realm.conversations import Group
from chatproto.records import MemberRow, MessageRow

_ROLES = ("owner", "admin", "member")


def _nothing(change: Change, group: Group, message: MessageRow, realm: RealmName) -> None:
    """Texts and files change nothing."""


def _joined(change: Change, group: Group, message: MessageRow, realm: RealmName) -> None:
    address = fold(message.sender)
    before = group.members.get(address)
    role = "member" if before is None else before.role
    since = 0 if group.settings.history == "all" else message.seq - 1
    change.member(group, MemberRow(group.row.conversation, address, since, 0, role, message.seq - 1))


def _left(change: Change, group: Group, message: MessageRow, realm: RealmName) -> None:
    member = group.members.get(fold(message.sender))
    if member is not None:
        change.member(group, replace(member, until=message.seq, role="left"))


def _kicked(change: Change, group: Group, message: MessageRow, realm: RealmName) -> None:
    member = group.members.get(fold(message.text))
    if member is not None:  # who reads of the group nothing but that
        only = message.seq - 1
        change.member(group, replace(member, since=only, joined=only, until=message.seq, role="kicked"))


def _with_role(role: str) -> Effect:
    def effect(change: Change, group: Group, message: MessageRow, realm: RealmName) -> None:
        member = group.members.get(fold(message.text))
        if member is not None:
            change.member(group, replace(member, role=role))

    return effect


def _owner(change: Change, group: Group, message: MessageRow, realm: RealmName) -> None:
    for member in list(group.members.values()):
        if member.role == "owner":
            change.member(group, replace(member, role="admin"))
    _with_role("owner")(change, group, message, realm)


def _topic(change: Change, group: Group, message: MessageRow, realm: RealmName) -> None:
    change.settings(group, replace(group.settings, topic=message.text))


def _history(change: Change, group: Group, message: MessageRow, realm: RealmName) -> None:
    history = "all" if message.text == "all" else "joined"
    change.settings(group, replace(group.settings, history=history))
    for member in list(group.members.values()) if history == "all" else ():
        if member.since and member.member.endswith(f"@{realm}"):
            change.member(group, replace(member, since=0))


def _access(change: Change, group: Group, message: MessageRow, realm: RealmName) -> None:
    change.settings(group, replace(group.settings, access="invited" if message.text == "invited" else "open"))


def _deleted(change: Change, group: Group, message: MessageRow, realm: RealmName) -> None:
    change.settings(group, replace(group.settings, deleted=max(1, message.at)))
    for member in list(group.members.values()):
        change.member(group, replace(member, until=message.seq, role="left"))


#: What an entry does beside being a message.
Effect = Callable[[Change, Group, MessageRow, RealmName], None]

EFFECTS: dict[str, Effect] = {
    "text": _nothing,
    "file": _nothing,
    "joined": _joined,
    "left": _left,
    "kicked": _kicked,
    "promoted": _with_role("admin"),
    "demoted": _with_role("member"),
    "owner": _owner,
    "topic": _topic,
    "history": _history,
    "access": _access,
    "deleted": _deleted,
}


def leave_all(change: Change, group: Group, changes: Changes, realm: RealmName) -> None:
    """Let all members of this realm leave a copy that does not go on."""
    for address in [member for member in group.members if member.endswith(f"@{realm}")]:
        part(change, group, address, changes)


def part(change: Change, group: Group, address: str, changes: Changes) -> None:
    """Let a member of this realm leave a copy, by a message that the home does not have."""
    log = changes.log
    message = log.entry(group.row.conversation, address, 0, log.now(), "left", 0, "")
    change.insert(message)
    change.publish(message, group.row.shown_a, changes.audiences(group))
    change.member(group, replace(group.members[address], until=message.seq, role="left"))


def correct(
    change: Change,
    group: Group,
    wanted: Mapping[str, str],
    before: Mapping[str, MemberRow | None],
    changes: Changes,
    realm: RealmName,
) -> None:
    """Let a copy have the members that the home says; ``before`` has those of this realm that were none."""
    for address in [member for member in group.members if member not in wanted]:
        if address.endswith(f"@{realm}"):
            part(change, group, address, changes)
        else:
            row = group.members[address]
            change.member(group, replace(row, until=max(1, changes.newest_seq), role="left"))
    for address, role in wanted.items():
        known = role if role in _ROLES else "member"
        member = group.members.get(address)
        if member is None:
            member = before.get(address) or _new(group, address, changes.newest_seq)
            change.member(group, replace(member, until=0, role=known))
        elif member.role != known:
            change.member(group, replace(member, role=known))


def _new(group: Group, address: str, newest: int) -> MemberRow:
    return MemberRow(group.row.conversation, address, newest, 0, "member", newest)
