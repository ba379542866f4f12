"""Commands that may be repeated: what became of the first one decides the repeat.

A cid ``prefix:counter`` whose counter is above all before it in its prefix is known to be new without
asking the store; that is what a client that counts gets for it. Any other cid is looked up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from chatproto.interfaces import IStore
from chatproto.names import COUNTER_DIGITS, OrderedCid, parse_cid
from chatproto.realm.cache import Cache
from chatproto.realm.writer import Writer
from chatproto.records import CidRow


def digest_of(to: str | list[str], text: str) -> bytes:
    """Return what tells one content from another: recipients as written, and the text."""
    # No name and no text that is stored has a NUL, so no two contents are written alike.
    recipients = to if isinstance(to, str) else "\0".join((*to, ""))
    return hashlib.blake2b(f"{recipients}\0{text}".encode(), digest_size=8).digest()


class Cids:
    """Decides whether a cid is new."""

    def __init__(self, store: IStore, writer: Writer, size: int) -> None:
        self._store = store
        #: The newest counter by account and prefix, as of the open batch.
        self._newest: Cache[tuple[str, str], int] = Cache(size, writer)

    def certainly_new(self, account: str, cid: str) -> OrderedCid | None:
        """Return the parts of a cid that is above all others of its prefix, if memory alone can tell."""
        prefix, _, digits = cid.rpartition(":")
        newest = self._newest.get((account, prefix))
        if newest is None or len(digits) > COUNTER_DIGITS or not digits.isdecimal():
            return None  # only prefixes of well-formed ordered cids are in memory
        counter = int(digits)
        return OrderedCid(prefix, counter) if counter > newest and str(counter) == digits else None

    def decided(self, account: str, cid: str) -> bool:
        """Tell whether memory still has what :meth:`find` went by: a lost batch may have taken it away."""
        parts = parse_cid(cid)
        return parts is None or self._newest.get((account, parts.prefix)) is not None

    async def find(self, account: str, cid: str) -> CidRow | None:
        """Return what became of an earlier command with this cid; None if there was none.

        :raises BadName: the cid is malformed.
        """
        parts = parse_cid(cid)
        if parts is not None:
            newest = await self._load_newest(account, parts.prefix)
            if parts.counter > newest:
                return None
            row = await self._store.cid(account, parts.prefix, parts.counter, True)
            if row is not None:
                return row
        return await self._store.cid(account, cid, 0, False)

    def claim(
        self,
        cid: tuple[str, str],
        ordered: OrderedCid | None,
        digest: bytes,
        outcome: Sequence[tuple[str, int]],
    ) -> CidRow:
        """Return the row that makes a cid (account, cid) of the open batch known.

        The caller found it to be new, and ``ordered`` if it is above all others of its prefix.
        """
        account, text = cid
        if ordered is None:
            return CidRow(account, text, 0, False, digest, outcome)
        prefix, counter = ordered
        self._newest.change((account, prefix), counter)
        return CidRow(account, prefix, counter, True, digest, outcome)

    async def _load_newest(self, account: str, prefix: str) -> int:
        async def read() -> int:
            stored = await self._store.newest_counter(account, prefix)
            return -1 if stored is None else stored

        newest = await self._newest.find((account, prefix), read)
        assert newest is not None
        return newest
