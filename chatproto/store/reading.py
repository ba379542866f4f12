"""What a SQL store is asked, one function per question, each inside a transaction of its caller's.

The statements are Core and stand still, so that SQLAlchemy compiles each once. They keep to what
SQLite and PostgreSQL have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import msgpack
from sqlalchemy import Connection, and_, bindparam, func, or_, select

from chatproto.records import (
    NOTICES,
    AccountRow,
    BlockRow,
    CidRow,
    ConversationRow,
    CursorRow,
    DeviceRow,
    EpochRow,
    GroupRow,
    InviteRow,
    LoginRow,
    MemberRow,
    Membership,
    MessageRow,
    NameRow,
    PasswordRow,
)
from chatproto.store.keys import MAXIMUM, VOID
from chatproto.store.schema import (
    accounts,
    blocks,
    cid_runs,
    cids,
    conversations,
    cursors,
    epochs,
    groups,
    invites,
    logins,
    members,
    messages,
)
from chatproto.store.selecting import find_row, list_rows, where

Outcome = tuple[tuple[str, int], ...]

_run = msgpack.Decoder(list[tuple[int, bytes, Outcome]])
_outcome = msgpack.Decoder(Outcome)


def name(connection: Connection, name: str) -> NameRow | None:
    """Answer :meth:`IStore.name <chatproto.interfaces.IStore.name>`; likewise all below."""
    return find_row(connection, NameRow, name)


def account(connection: Connection, name: str) -> AccountRow | None:
    """Find an account."""
    return find_row(connection, AccountRow, name)


_ACCOUNTS = (
    select(accounts)
    .where(accounts.c.name > bindparam("after"), accounts.c.deleted == 0)
    .order_by(accounts.c.name)
    .limit(bindparam("limit"))
)


def accounts_after(connection: Connection, after: str, limit: int) -> list[AccountRow]:
    """List accounts by name."""
    return list_rows(connection, AccountRow, _ACCOUNTS, after=after, limit=limit)


def password(connection: Connection, account: str) -> str | None:
    """Find the hash of a password."""
    row = find_row(connection, PasswordRow, account)
    return None if row is None else row.hash


def device(connection: Connection, account: str, name: str) -> int | None:
    """Find the number of a named device."""
    row = find_row(connection, DeviceRow, account, name)
    return None if row is None else row.device


def login(connection: Connection, token_hash: bytes) -> LoginRow | None:
    """Find a session by its token."""
    return find_row(connection, LoginRow, token_hash)


def invite(connection: Connection, token_hash: bytes) -> InviteRow | None:
    """Find an invitation to register by its token."""
    return find_row(connection, InviteRow, token_hash)


_INVITES = select(invites).order_by(invites.c.number)


def invites_all(connection: Connection) -> list[InviteRow]:
    """List the invitations to register."""
    return list_rows(connection, InviteRow, _INVITES)


_BLOCKS = where(blocks, "account").order_by(blocks.c.address)


def blocks_of(connection: Connection, account: str) -> list[BlockRow]:
    """List whom an account blocks."""
    return list_rows(connection, BlockRow, _BLOCKS, account=account)


_OLD_LOGINS = (
    select(logins)
    .where(
        or_(
            and_(logins.c.ended != 0, logins.c.ended < bindparam("before")),
            logins.c.expires < bindparam("before"),
            logins.c.used < bindparam("unused"),
        )
    )
    .order_by(logins.c.login)
    .limit(bindparam("limit"))
)


def old_logins(connection: Connection, before: int, unused: int, limit: int) -> list[LoginRow]:
    """List sessions that are over."""
    return list_rows(connection, LoginRow, _OLD_LOGINS, before=before, unused=unused, limit=limit)


_LOGINS = where(logins, "account").where(logins.c.ended == 0).order_by(logins.c.login)


def logins_of(connection: Connection, account: str) -> list[LoginRow]:
    """List the sessions of an account that have not ended."""
    return list_rows(connection, LoginRow, _LOGINS, account=account)


def group(connection: Connection, name: str) -> GroupRow | None:
    """Find a group."""
    return find_row(connection, GroupRow, name)


_GROUPS = (
    select(groups)
    .where(groups.c.name > bindparam("after"), groups.c.deleted == 0, groups.c.home == "")
    .order_by(groups.c.name)
    .limit(bindparam("limit"))
)


def groups_after(connection: Connection, after: str, limit: int) -> list[GroupRow]:
    """List groups by name."""
    return list_rows(connection, GroupRow, _GROUPS, after=after, limit=limit)


_CONVERSATION = where(conversations, "a", "b")


def conversation(connection: Connection, a: str, b: str) -> ConversationRow | None:
    """Find a conversation by its addresses."""
    found = list_rows(connection, ConversationRow, _CONVERSATION, a=a, b=b)
    return found[0] if found else None


_NEWEST = (
    select(messages.c.seq, messages.c.gseq)
    .where(messages.c.conversation == bindparam("conversation"))
    .order_by(messages.c.seq.desc())
    .limit(1)
)


def newest(connection: Connection, conversation: int) -> tuple[int, int]:
    """Find the newest (seq, gseq) of a conversation."""
    found = connection.execute(_NEWEST, {"conversation": conversation}).first()
    return (found.seq, found.gseq) if found else (0, 0)


def member(connection: Connection, conversation: int, member: str) -> MemberRow | None:
    """Find what an address may read of a conversation."""
    return find_row(connection, MemberRow, conversation, member)


_MEMBERS = where(members, "conversation").where(members.c.until == 0).order_by(members.c.member)


def members_of(connection: Connection, conversation: int) -> list[MemberRow]:
    """List the members of a conversation."""
    return list_rows(connection, MemberRow, _MEMBERS, conversation=conversation)


#: What the member of the same row may read.
READABLE = and_(
    messages.c.conversation == members.c.conversation,
    or_(members.c.until == 0, messages.c.seq <= members.c.until),
    messages.c.kind != VOID,
)

_NEWEST_READABLE = (
    select(messages.c.seq)
    .where(READABLE, messages.c.seq > members.c.since)
    .order_by(messages.c.seq.desc())
    .limit(1)
    .correlate(members)
    .scalar_subquery()
)

_MEMBERSHIPS = (
    select(conversations, members, func.coalesce(_NEWEST_READABLE, 0))
    .join(members, members.c.conversation == conversations.c.conversation)
    .where(members.c.member == bindparam("member"))
    .order_by(members.c.conversation)
)

_WIDTH = len(conversations.columns)


def memberships(connection: Connection, member: str) -> list[Membership]:
    """List the conversations of an address."""
    return [
        Membership(ConversationRow(*found[:_WIDTH]), MemberRow(*found[_WIDTH:-1]), found[-1])
        for found in connection.execute(_MEMBERSHIPS, {"member": member})
    ]


_RANGE = where(messages, "conversation").where(
    messages.c.seq > bindparam("after"),
    messages.c.seq < bindparam("before"),
    messages.c.kind != VOID,
)
_NOT_BUT = messages.c.sender.not_in(bindparam("but", expanding=True))
_FIRST = _RANGE.order_by(messages.c.seq).limit(bindparam("limit"))
_LAST = _RANGE.order_by(messages.c.seq.desc()).limit(bindparam("limit"))


def messages_between(
    connection: Connection,
    conversation: int,
    after: int,
    before: int,
    limit: int,
    newest: bool,
    but: Sequence[str] = (),
) -> list[MessageRow]:
    """Read a range of a conversation."""
    statement = _LAST if newest else _FIRST
    values: dict[str, Any] = {"conversation": conversation, "after": after, "before": before, "limit": limit}
    if but:
        statement = statement.where(_NOT_BUT)
        values["but"] = list(but)
    found = list_rows(connection, MessageRow, statement, **values)
    return found[::-1] if newest else found


_UNREAD = select(func.count()).select_from(
    select(messages.c.seq)
    .where(
        messages.c.conversation == bindparam("conversation"),
        messages.c.seq > bindparam("after"),
        messages.c.seq < bindparam("before"),
        _NOT_BUT,
        messages.c.kind.not_in((VOID, *NOTICES)),
    )
    .limit(bindparam("limit"))
    .subquery()
)


def unread(
    connection: Connection, conversation: int, after: int, until: int, but: Sequence[str], limit: int
) -> int:
    """Count messages of others."""
    values = {
        "conversation": conversation,
        "after": after,
        "before": until + 1 if until else MAXIMUM,
        "but": list(but),
        "limit": limit,
    }
    return connection.execute(_UNREAD, values).scalar_one()


def cursor(connection: Connection, account: str, kind: str, scope: int) -> int:
    """Read a cursor."""
    row = find_row(connection, CursorRow, account, kind, scope)
    return 0 if row is None else row.seq


_CURSORS = where(cursors, "account", "kind")


def cursors_of(connection: Connection, account: str, kind: str) -> dict[int, int]:
    """Read all cursors of a kind."""
    rows = list_rows(connection, CursorRow, _CURSORS, account=account, kind=kind)
    return {row.scope: row.seq for row in rows}


_CID = where(cids, "account", "cid")
_RUN = (
    where(cid_runs, "account", "prefix")
    .where(cid_runs.c.first <= bindparam("counter"))
    .order_by(cid_runs.c.first.desc())
    .limit(1)
)


def cid(connection: Connection, account: str, prefix: str, counter: int, ordered: bool) -> CidRow | None:
    """Find what a command with a cid came to."""
    if not ordered:
        single = connection.execute(_CID, {"account": account, "cid": prefix}).first()
        if single is None:
            return None
        return CidRow(account, prefix, counter, False, single.digest, _outcome.decode(single.outcome))
    values = {"account": account, "prefix": prefix, "counter": counter}
    run = connection.execute(_RUN, values).first()
    for number, digest, outcome in _run.decode(run.data) if run and counter <= run.last else ():
        if number == counter:
            return CidRow(account, prefix, counter, True, digest, outcome)
    return None


def newest_counter(connection: Connection, account: str, prefix: str) -> int | None:
    """Find the greatest counter of a prefix: within one, later runs are greater."""
    values = {"account": account, "prefix": prefix, "counter": MAXIMUM}
    run = connection.execute(_RUN, values).first()
    return None if run is None else run.last


_EPOCHS = select(epochs).order_by(epochs.c.number)


def epochs_all(connection: Connection) -> list[EpochRow]:
    """List every life of the store."""
    return list_rows(connection, EpochRow, _EPOCHS)
