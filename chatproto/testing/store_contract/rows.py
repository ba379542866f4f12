"""Rows to put into a store under test, and the place where it lives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.records import (
    ARRIVED,
    Batch,
    CidRow,
    ConversationRow,
    Entry,
    LoginRow,
    MemberRow,
    MessageRow,
    OutboxRow,
    Record,
    RefusalRow,
)

ALPHA = RealmName("alpha")


class Place(Protocol):
    """Where a store outlives the objects that use it."""

    def store(self) -> IStore:
        """Return a new store object on what is there."""
        ...


def conversation(number: int, a: str = "", b: str = "") -> ConversationRow:
    """Return a conversation; a group's if no addresses are given."""
    a = a or f"group{number}@alpha"
    return ConversationRow(number, a, b, a.upper(), b.upper())


def member(number: int, name: str, since: int = 0, until: int = 0) -> MemberRow:
    """Return what an address may read."""
    return MemberRow(number, name, since, until, "member", since)


def message(
    seq: int,
    number: int = 1,
    text: str = "halo",
    sender: str = "messi@alpha",
    kind: str = "text",
    gseq: int = 0,
) -> MessageRow:
    """Return a message, all of which follows from its seq."""
    return MessageRow(seq, number, f"alpha/{seq}", sender, 3, 1_700_000_000_000 + seq, kind, gseq, text)


def arrival(seq: int, number: int = 1, mid: str = "beta/1") -> MessageRow:
    """Return a message that came over a link."""
    return MessageRow(seq, number, mid, "ani@beta", ARRIVED, 1_700_000_000_000 + seq, "text", 0, "halo")


def item(
    number: int, seq: int | None = None, realm: str = "beta", size: int = 10, box: str = ""
) -> OutboxRow:
    """Return an item for another realm, of the message with the same number if no other is named."""
    seq = number if seq is None else seq
    return OutboxRow(realm, number, f"alpha/{number}", seq, size, 1000 + number, 9000 + number, box=box)


def refusal(
    mid: str, recipient: str = "messi@alpha", number: int = 1, epoch: str = "e1", until: int = 50
) -> RefusalRow:
    """Return the refusal of an item from the realm beta."""
    return RefusalRow(mid, recipient, "beta", epoch, number, "no-such-user", until)


def login(number: int, account: str = "messi", ended: int = 0, token: bytes | None = None) -> LoginRow:
    """Return a session."""
    token = b"%032d" % number if token is None else token
    return LoginRow(token, number, account, 7, None, 10, 20, 30, ended)


def cid(prefix: str, counter: int = 0, ordered: bool = False, account: str = "messi") -> CidRow:
    """Return the outcome of a command."""
    outcome = ((f"alpha/{prefix}{counter}", counter + 100), ("alpha/other", counter + 101))
    return CidRow(account, prefix, counter, ordered, b"digest" + bytes([counter % 256]), outcome)


def entry(
    *inserts: Record,
    puts: Sequence[Record] = (),
    otherwise: Sequence[Record] = (),
    removes: Sequence[Record] = (),
) -> Entry:
    """Return the rows of one command."""
    return Entry(inserts, puts, otherwise, removes)


def batch(number: int, *entries: Entry, seq: int = 0, serial: int = 0) -> Batch:
    """Return what one commit makes durable."""
    return Batch(number, seq, serial, entries)
