"""Leaves to register, where not everybody may: each is for one account, within some time.

Its token is a secret that is told once; the store only has its hash.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from chatproto.errors import BadInvite, QuotaReached
from chatproto.events import InviteList, InviteMade, InviteState
from chatproto.interfaces import IStore
from chatproto.names import parse_shown
from chatproto.realm.cache import Cache
from chatproto.realm.logins import hash_token
from chatproto.realm.times import Clock, Timestamps
from chatproto.realm.writer import Writer
from chatproto.records import InviteRow

#: Leaves that may be open at a time: their list is one line to the operator.
_MOST = 500
#: Characters of the note to one.
_NOTE_CHARACTERS = 128


class Invites:
    """Makes, lists and takes back leaves to register, and lets each be used once."""

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
        #: As of the open batch; one that is used or taken back stays here for a while, as expired.
        self._known: Cache[bytes, InviteRow] = Cache(size, writer)

    async def make(self, seconds: int, note: str) -> InviteMade:
        """Make a leave that holds for some time.

        :raises QuotaReached: too many are open.
        :raises BadName: the note has characters that a line must not have.
        """
        shown = parse_shown(note, _NOTE_CHARACTERS, "a note")
        if len(await self._open()) >= _MOST:
            raise QuotaReached(f"at most {_MOST} invitations are open at a time")
        token = base64.urlsafe_b64encode(self._entropy(32)).rstrip(b"=").decode()
        now = self._now()
        row = InviteRow(hash_token(token), self._writer.next_serial(), now, now + seconds * 1000, shown)
        self._known.change(row.token_hash, row)
        await self._writer.save(inserts=(row,))
        return InviteMade(number=row.number, token=token, expires=Timestamps().text(row.expires))

    async def listed(self) -> InviteList:
        """Return the leaves that hold, by number."""
        text = Timestamps().text
        return InviteList(
            invites=[
                InviteState(
                    number=row.number, created=text(row.created), expires=text(row.expires), note=row.note
                )
                for row in await self._open()
            ]
        )

    async def _open(self) -> list[InviteRow]:
        now = self._now()
        return [row for row in await self._store.invites() if now < row.expires]

    async def revoke(self, number: int) -> None:
        """Take a leave back.

        :raises BadInvite: there is none of that number.
        """
        rows = [row for row in await self._store.invites() if row.number == number]
        if not rows:
            raise BadInvite("there is no invitation of that number")
        self._spend(rows[0])
        await self._writer.save(removes=rows)

    async def take(self, token: str) -> InviteRow:
        """Return the row of a leave, for the caller to remove it with what it stands for, or to give it back.

        :raises BadInvite: it is unknown, used, taken back or expired.
        """
        key = hash_token(token)
        row = await self._known.find(key, lambda: self._store.invite(key))
        if row is None or self._now() >= row.expires:
            raise BadInvite
        self._spend(row)
        return row

    def give_back(self, row: InviteRow) -> None:
        """Let a leave that was taken be used after all."""
        self._known.change(row.token_hash, row)

    def _spend(self, row: InviteRow) -> None:
        self._known.change(row.token_hash, InviteRow(row.token_hash, row.number, row.created, 0, row.note))

    def _now(self) -> int:
        return int(self._clock.seconds() * 1000)
