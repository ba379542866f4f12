"""Sessions as the store knows them: who proved to be whom, on which device, until when.

A token is 256 random bits (122 in the shape of a UUID4 where an older client needs that); the store has only
its SHA-256. One :class:`Login` object stands for one session, however many connections use it.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from chatproto.errors import BadToken, NoSuchSession
from chatproto.interfaces import IStore
from chatproto.limits import Limits
from chatproto.names import DeviceName, fold
from chatproto.realm.cache import Cache, Registry
from chatproto.realm.rates import Allowance
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import AccountRow, ConversationRow, DeviceRow, LoginRow

if TYPE_CHECKING:
    from chatproto.realm.conversations import Group, Route

#: How old the stored time of last use may get; exact times would cost a write for each command.
_USED_SECONDS = 3600
#: Likewise, as a part of the time without use after which a session ends: one that is used must not end.
_USED_SHARE = 8
#: Later than any clock says: nothing about the row of a guest ever has to be stored.
_NEVER = 2**52


class Login:
    """A session in memory."""

    __slots__ = (
        "__weakref__",
        "account",
        "address",
        "allowance",
        "device",
        "on_end",
        "room",
        "routes",
        "row",
    )

    def __init__(self, row: LoginRow, address: str) -> None:
        self.row = row
        #: The folded name of the account.
        self.account = row.account
        #: The full address of the account, as shown.
        self.address = address
        self.device = row.device
        #: The conversation of the room that it is in, if it is a guest, whom no store knows.
        self.room: ConversationRow | None = None
        #: What the account has used up of its rates, once it was looked for.
        self.allowance: Allowance | None = None
        #: Where this session's messages go, by ``to`` as the client writes it.
        self.routes: dict[str, Route] = {}
        #: Called when the session is ended, once: with whether somebody wanted its connections to end, too.
        self.on_end: set[Callable[[bool], None]] = set()

    def is_in(self, group: Group) -> bool:
        """Tell whether it may speak in a group."""
        if self.room is not None:
            return self.room.conversation == group.row.conversation
        return fold(self.address) in group.members

    @property
    def ended(self) -> bool:
        """Whether the session was ended."""
        return bool(self.row.ended)


def guest_of(writer: Writer, group: Group, address: str) -> Login:
    """Return who may speak in a group under an address: no account, and in no store."""
    number = writer.next_serial()
    row = LoginRow(
        token_hash=b"",
        login=number,
        account=f"~{number}",
        device=number,
        device_name=None,
        created=0,  # nobody asks
        used=_NEVER,
        expires=_NEVER,
        ended=0,
    )
    guest = Login(row, address)
    guest.room = group.row
    return guest


def hash_token(token: str) -> bytes:
    """Return what the store keeps of a token."""
    return hashlib.sha256(token.encode()).digest()


class Logins:
    """Begins, finds and ends sessions."""

    def __init__(
        self,
        store: IStore,
        writer: Writer,
        clock: Clock,
        limits: Limits,
        realm: str,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._idle = int(limits.session_idle_seconds * 1000)
        self._used = min(_USED_SECONDS * 1000, self._idle // _USED_SHARE)
        self._absolute = int(limits.session_seconds * 1000)
        self._most = limits.sessions_per_account
        self._realm = realm
        self._entropy = entropy
        #: Found again while a connection uses them; and a while longer, as older clients send a token
        #: with each command.
        self._devices: Cache[tuple[str, str], int] = Cache(limits.cached_names, writer)
        self._logins: Registry[bytes, Login] = Registry(limits.cached_names, writer, lasting=True)

    def known(self, token: str) -> Login | None:
        """Return a session that is in memory and has not ended."""
        login = self._logins.get(hash_token(token))
        return login if login is not None and self.touch(login) else None

    async def find(self, token: str) -> Login:
        """Return the session of a token.

        :raises BadToken: there is none, or it has ended or expired.
        """
        key = hash_token(token)
        login = await self._logins.find(key, lambda: self._load(key))
        if login is None or not self.touch(login):
            raise BadToken
        return login

    async def _load(self, key: bytes) -> Login | None:
        row = await self._store.login(key)
        account = None if row is None else await self._store.account(row.account)
        return None if row is None or account is None or account.deleted else self._login(row, account)

    async def begin(self, account: AccountRow, device: str | None, *, compact: bool) -> tuple[Login, str]:
        """Begin a session and return it with its token when it is stored.

        :raises BadName: the device's name is malformed.
        """
        name = None if device is None else DeviceName.parse(device)
        devices: list[DeviceRow] = []
        if name is None:
            number = self._writer.next_serial()
        else:
            number, devices = await self._device(account.name, name.folded)
        ended = self._mark_ended(await self._surplus(account.name), revoked=False)
        token = self._token(compact=compact)
        now = self._now()
        row = LoginRow(
            token_hash=hash_token(token),
            login=self._writer.next_serial(),
            account=account.name,
            device=number,
            device_name=None if name is None else str(name),
            created=now,
            used=now,
            expires=now + self._absolute,
            ended=0,
        )
        login = self._login(row, account)
        self._logins.change(row.token_hash, login)
        await self._writer.save(inserts=(row,), puts=[*devices, *ended])
        self._writer.meters.logins += 1
        return login, token

    async def _device(self, account: str, name: str) -> tuple[int, list[DeviceRow]]:
        """Return the number of a named device, with the row that gives it one if it is new."""
        number = await self._devices.find((account, name), lambda: self._store.device(account, name))
        if number is not None:
            return number, []
        number = self._writer.next_serial()
        self._devices.change((account, name), number)
        return number, [DeviceRow(account, name, number)]

    async def listed(self, account: str) -> list[LoginRow]:
        """Return the sessions of an account that have neither ended nor expired."""
        now = self._now()
        return [row for row in await self._store.logins(account) if now < self.deadline(row)]

    async def _surplus(self, account: str) -> list[LoginRow]:
        """Return the sessions that end for a new one: those not in use first, used longest ago first."""
        if not self._most:
            return []
        rows = await self.listed(account)
        excess = len(rows) + 1 - self._most
        return sorted(rows, key=self._last_use)[:excess] if excess > 0 else []

    def _last_use(self, row: LoginRow) -> tuple[bool, int, int]:
        login = self._logins.get(row.token_hash)
        if login is not None:
            row = login.row
        return login is not None and bool(login.on_end), row.used, row.login

    async def end(self, login: Login) -> None:
        """End a session, for every connection that uses it: a logout."""
        await self._writer.save(puts=self._mark_ended([login.row], revoked=False))

    async def end_all(self, account: str, but: Login | None = None) -> None:
        """End all sessions of an account but one, those of the open batch too."""
        rows = {row.token_hash: row for row in await self._store.logins(account)}
        rows |= {
            login.row.token_hash: login.row for login in self._logins.values() if login.account == account
        }
        if but is not None:
            rows.pop(but.row.token_hash, None)
        await self._end_rows(list(rows.values()))

    async def end_number(self, account: str, number: int) -> None:
        """End the session of an account that has a number.

        :raises NoSuchSession: the account has none of that number.
        """
        rows = [row for row in await self._store.logins(account) if row.login == number]
        if not rows:
            raise NoSuchSession
        await self._end_rows(rows)

    async def _end_rows(self, rows: list[LoginRow]) -> None:
        if rows:
            await self._writer.save(puts=self._mark_ended(rows))

    def _mark_ended(self, rows: list[LoginRow], *, revoked: bool = True) -> list[LoginRow]:
        """End sessions in memory, and return the rows to store."""
        now = self._now()
        ended = [msgspec.structs.replace(row, ended=now) for row in rows]
        for row in ended:
            # One that is not in memory may be on its way there, as it was. An ended one needs no address.
            login = self._logins.get(row.token_hash) or Login(row, "")
            login.row = row
            self._logins.change(row.token_hash, login)
            calls, login.on_end = login.on_end, set()
            for call in calls:
                call(revoked)
        return ended

    def _login(self, row: LoginRow, account: AccountRow) -> Login:
        return Login(row, f"{account.shown}@{self._realm}")

    def touch(self, login: Login) -> bool:
        """Tell whether a session may still be used; note that it is."""
        now = self._now()
        row = login.row
        if row.ended or now >= self.deadline(row):
            return False
        if now - row.used >= self._used:
            login.row = msgspec.structs.replace(row, used=now)
            # Nobody waits for it, and if it is lost the session only seems less used.
            self._writer.save(puts=(login.row,)).addErrback(lambda _: None)
        return True

    def deadline(self, row: LoginRow) -> int:
        """Return when a session ends if it is not used again."""
        return min(row.expires, row.used + self._idle)

    def _now(self) -> int:
        return int(self._clock.seconds() * 1000)

    def _token(self, *, compact: bool) -> str:
        if compact:
            return str(uuid.UUID(bytes=self._entropy(16), version=4))
        return base64.urlsafe_b64encode(self._entropy(32)).rstrip(b"=").decode()
