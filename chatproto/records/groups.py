"""Rows of groups that have members in several realms.

The log of a group is numbered by its home realm (``gseq``). Each other realm with members has a copy of it,
the *replica*; the home's side of that is a *subscription*. A position in the log is a number and the life of
the home's store in which that number was given, as a store that is put back may give it again.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from chatproto.records.base import Record


class ReplicaRow(Record, frozen=True):
    """A copy of a group whose home is another realm. Key: ``group``, its folded address.

    ``first`` is the first number of this subscription; everything up to ``number``, which was given in
    ``epoch`` of the home's store, has its effect here. ``over``: nothing more comes.
    """

    group: str
    home: str
    conversation: int
    first: int
    epoch: str
    number: int
    over: bool = False


class LifeRow(Record, frozen=True):
    """The newest number of one life of the home's store that a replica has. Key: ``group, epoch``."""

    group: str
    epoch: str
    last: int


class SubscriptionRow(Record, frozen=True):
    """What another realm gets of a group whose home is here. Key: ``realm, conversation``.

    It gets everything from the number ``first`` on; up to ``until``, which removed its last member, unless
    that is 0. It has everything up to ``number``, given in ``epoch``, which is ``seq`` here; perhaps more.
    ``group`` is the address as shown.
    """

    realm: str
    conversation: int
    first: int
    until: int
    epoch: str
    number: int
    seq: int
    group: str = ""


class Position(Struct, frozen=True):
    """A place in the log of a group at its home."""

    epoch: str
    number: int
    seq: int


class MemberList(Struct, frozen=True):
    """Some members of a group by folded address, with their roles, as of a number of its log.

    ``changed`` is a number since which nobody came, went, or got another role: lists of one ``changed`` fit
    together.
    """

    members: Sequence[tuple[str, str]]
    number: int
    changed: int
    complete: bool
