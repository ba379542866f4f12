"""How much one account may bring: in one file, in a day, and at a time."""

from __future__ import annotations

from collections.abc import Sequence

from chatproto.errors import FileTooLarge, QuotaReached
from chatproto.interfaces import IStore
from chatproto.limits import Limits
from chatproto.realm.logins import Login
from chatproto.records import UploadRow

_DAY = 86400 * 1000


async def check_quota(
    store: IStore,
    login: Login,
    limits: Limits,
    size: int,
    now: int,
    begun: Sequence[UploadRow],
    copies: int = 1,
) -> None:
    """Return if an account may bring a file, by the limits of the listener that it comes by.

    What it has begun to bring counts as if it were there.

    :raises FileTooLarge: nobody may bring so large a one.
    :raises QuotaReached: it brought too much since yesterday.
    """
    if limits.file_bytes and size > limits.file_bytes:
        raise FileTooLarge(f"a file has at most {limits.file_bytes} bytes here")
    most = limits.file_bytes_a_day
    if most:
        sent = await store.sent_bytes(login.address, now - _DAY)
        if sent + sum(row.size for row in begun) + size * copies > most:
            raise QuotaReached(f"one may send {most} bytes of files in a day")
