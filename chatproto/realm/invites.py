"""Leaves to register, where not everybody may: each is for one account, within some time.

Its token is a secret that is told once; the store only has its hash.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import msgspec

from chatproto.errors import BadInvite, QuotaReached
from chatproto.events import InviteList, InviteMade, InviteState
from chatproto.interfaces import IStore
from chatproto.names import parse_shown
from chatproto.realm.cache import Cache
from chatproto.realm.logins import hash_token
from chatproto.realm.times import Clock, Timestamps
from chatproto.realm.writer import Writer
from chatproto.records import InviteRow

#: Leaves that may be open at a time: their list is one line to the operator, with the longest notes.
_MOST = 400
#: Characters of the note to one.
_NOTE_CHARACTERS = 128


class Invites:
    """Makes, lists and takes back invitations to register, and lets each be used once."""

    def __init__(
        self,
        store: IStore,
        writer: Writer,
        clock: Clock,
        entropy: Callable[[int], bytes],
        size: int,
    ) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._entropy = entropy
        #: As of the open batch; one that is taken back stays here for a while, as expired.
        self._known: Cache[bytes, InviteRow] = Cache(size, writer)
        #: By which somebody is registering just now.
        self._taken: set[bytes] = set()

    async def make(self, seconds: int, note: str) -> InviteMade:
        """Make a leave that holds for some time.

        :raises QuotaReached: too many are open.
        :raises BadName: the note has characters that a line must not have.
        """
        shown = parse_shown(note, _NOTE_CHARACTERS, "a note")
        now = self._now()
        rows = await self._store.invites()
        expired = [row for row in rows if now >= row.expires]
        if len(rows) - len(expired) >= _MOST:
            raise QuotaReached(f"at most {_MOST} invitations are open at a time")
        token = base64.urlsafe_b64encode(self._entropy(32)).rstrip(b"=").decode()
        row = InviteRow(hash_token(token), self._writer.next_serial(), now, now + seconds * 1000, shown)
        self._known.change(row.token_hash, row)
        await self._writer.save(inserts=(row,), removes=expired)
        return InviteMade(number=row.number, token=token, expires=Timestamps().text(row.expires))

    async def listed(self) -> InviteList:
        """Return the leaves that hold, by number."""
        text = Timestamps().text
        now = self._now()
        return InviteList(
            invites=[
                InviteState(
                    number=row.number, created=text(row.created), expires=text(row.expires), note=row.note
                )
                for row in await self._store.invites()
                if now < row.expires
            ]
        )

    async def revoke(self, number: int) -> None:
        """Take a leave back; who is registering by it just now may.

        :raises BadInvite: there is none of that number.
        """
        rows = [row for row in await self._store.invites() if row.number == number]
        if not rows:
            raise BadInvite("there is no invitation of that number")
        self._spend(rows[0])
        await self._writer.save(removes=rows)

    async def take(self, token: str) -> InviteRow:
        """Return the row of a leave, for the caller to remove with what it stands for, and then to release.

        :raises BadInvite: it is unknown, used, taken back or expired, or somebody is registering by it.
        """
        key = hash_token(token)
        row = await self._known.find(key, lambda: self._store.invite(key))
        if row is None or self._now() >= row.expires or key in self._taken:
            raise BadInvite
        self._taken.add(key)
        return row

    def release(self, row: InviteRow, *, used: bool) -> None:
        """Hear what became of a leave that was taken; one that was not used holds on."""
        self._taken.discard(row.token_hash)
        if used:
            self._spend(row)

    def _spend(self, row: InviteRow) -> None:
        self._known.change(row.token_hash, msgspec.structs.replace(row, expires=0))

    def _now(self) -> int:
        return int(self._clock.seconds() * 1000)
