"""Rows of realm boxes: by which other names links are known, and which messages stand under one."""

from __future__ import annotations

from chatproto.records.base import Record


class AliasRow(Record, frozen=True):
    """Another name of a realm, which both ends of a link know. Key: ``alias``, folded.

    ``shown`` is the alias as it was first given. ``realm`` may be this one.
    """

    alias: str
    shown: str
    realm: str
    at: int


class BoxRow(Record, frozen=True):
    """A message that stands in one of its reader's realm boxes, and not in the inbox. Key: ``account, seq``.

    ``account`` is a folded name, ``box`` the folded name by which its sender called the link; with ``""`` it
    stands nowhere, as its reader knows it.
    """

    account: str
    seq: int
    box: str
