"""What the operator decided about other realms: in the configuration, and while this one ran."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from msgspec.structs import replace
from twisted.internet.defer import Deferred

from chatproto.endpoints import EndpointText
from chatproto.errors import (
    BadField,
    ChatError,
    LinkError,
    NoSuchRealm,
    NotAllowed,
    RefusedByPeer,
    StoreError,
)
from chatproto.federation.bounds import STRANGERS
from chatproto.federation.identity import parse_fingerprint
from chatproto.federation.setting import PeerSetting
from chatproto.federation.trust import Kind, Trust
from chatproto.names import RealmName
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import PeerRow

#: What stands before the endpoint of an original server in its row, and before its address if it has none.
_LEGACY = "legacy:"
_FROM = "legacy:from:"


class Standing(enum.Enum):
    """What was decided about another realm. The values are those of ``PeerRow.state``."""

    OPEN = "open"
    PENDING = "pending"  # its key waits for approval
    PARKED = "parked"  # it is not dialled
    BLOCKED = "blocked"  # nothing is sent to it or taken from it
    DROPPED = "dropped"  # there is no link, but what it had is remembered


class Standings:
    """Which realms there is a link to, and what each is trusted by; in a ``lab`` added ones as first met."""

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        settings: Sequence[PeerSetting],
        rows: Sequence[PeerRow],
        *,
        lab: bool = False,
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._settings = {each.realm: each for each in settings}
        self._rows = {RealmName(row.realm): row for row in rows}
        #: The same with what is on its way to the disk: what the next row is made of.
        self._newest: dict[RealmName, PeerRow] = {}
        self._lab = lab
        #: Keys that realms showed which are not trusted, and why not, newest last.
        self._shown: dict[RealmName, tuple[str, str]] = {}

    def realms(self) -> list[RealmName]:
        """Return the realms that were ever linked, those of the configuration first."""
        return list({**self._settings, **self._rows})

    def neighbours(self) -> list[RealmName]:
        """Return the linked realms in which bare names are searched for."""
        linked = (realm for realm in self.realms() if self.of(realm) is not Standing.DROPPED)
        return [realm for realm in linked if self.setting(realm).neighbour]

    def of(self, realm: RealmName) -> Standing:
        """Return what was decided about a realm; one that is not known was never linked."""
        row = self._rows.get(realm)
        if row is not None:
            standing = Standing(row.state)
            if standing is Standing.OPEN and row.introducer and not self._is_believed(row.introducer):
                return Standing.PENDING
            return standing
        return Standing.OPEN if realm in self._settings else Standing.DROPPED

    def _is_believed(self, introducer: str) -> bool:
        """Tell whether introductions by a realm are used: the operator may have changed his mind."""
        realm = RealmName(introducer)
        return self.setting(realm).introduced and self.of(realm) in (Standing.OPEN, Standing.PARKED)

    def is_new(self, realm: RealmName) -> bool:
        """Tell whether nothing was ever decided about a realm."""
        return realm not in self._rows and realm not in self._settings and realm not in self._newest

    def introduced(self) -> int:
        """Return how many realms are known by introduction."""
        return sum(bool(row.introducer) for row in self._rows.values())

    def row(self, realm: RealmName) -> PeerRow:
        """Return what is stored about a realm."""
        return self._rows.get(realm) or PeerRow(str(realm), self.of(realm).value)

    def endpoint(self, realm: RealmName) -> str:
        """Return where a realm is dialled, ``""`` if nowhere."""
        connect = self.row(realm).connect or self.setting(realm).connect
        return "" if connect.startswith(_FROM) else connect.removeprefix(_LEGACY)

    def is_legacy(self, realm: RealmName) -> bool:
        """Tell whether a realm is an original server of an older system."""
        return self.setting(realm).legacy or self.row(realm).connect.startswith(_LEGACY)

    def legacy_host(self, realm: RealmName) -> str:
        """Return the host of an original server, as it was configured or added."""
        connect = self.row(realm).connect
        if connect.startswith(_FROM):
            return connect.removeprefix(_FROM)
        parts = EndpointText.parse(self.endpoint(realm))
        return (*parts.values, parts.named.get("host", ""))[0]

    async def add_legacy(self, realm: RealmName, host: str, connect: str) -> None:
        """Link an original server that is at an endpoint; with ``""`` its host tells who it is."""
        place = f"{_LEGACY}{connect}" if connect else f"{_FROM}{host}"
        await self._save(realm, state=Standing.OPEN.value, reason="", connect=place, introducer="")

    def shown(self, realm: RealmName) -> tuple[str, str]:
        """Return the key that a realm showed and that is not trusted, and a code why not; empty if none."""
        return self._shown.get(realm, ("", ""))

    def strangers(self) -> list[tuple[RealmName, str]]:
        """Return the names and keys of those who dialled and are not linked."""
        return [
            (realm, key)
            for realm, (key, _) in self._shown.items()
            if self.of(realm) in (Standing.DROPPED, Standing.PENDING)
        ]

    def setting(self, realm: RealmName) -> PeerSetting:
        """Return what the configuration says of a realm, or what holds for those that it does not name."""
        found = self._settings.get(realm)
        if found is not None:
            return found
        return PeerSetting(realm=realm, trust=Trust(Kind.TOFU) if self._lab else None, neighbour=self._lab)

    # -- trust

    def trust_of(self, realm: RealmName, key: str) -> Trust | None:
        """Return what a realm that shows a key has to prove; None if there is no link to it."""
        if self.is_legacy(realm):
            return None
        if self.of(realm) not in (Standing.DROPPED, Standing.PENDING):
            trust, known = self.setting(realm).trust, self.row(realm).key
            if trust is not None and trust.kind is not Kind.PIN:
                return replace(trust, key=known or trust.key)
            if trust is not None or known:
                return trust or Trust.pin(known)
        self._show(realm, key, "not-linked")
        return None

    def key_of(self, realm: RealmName) -> str:
        """Return the key that a realm is known to have, ``""`` if none is."""
        trust = self.setting(realm).trust
        return (trust.key if trust is not None else "") or self.row(realm).key

    def refused(self, realm: RealmName, key: str, error: LinkError) -> None:
        """Hear that somebody dialled who said to be a realm and did not prove it."""
        self._show(realm, key, error.reason if isinstance(error, RefusedByPeer) else error.code)

    def _show(self, realm: RealmName, key: str, why: str) -> None:
        self._shown.pop(realm, None)
        self._shown[realm] = (key, why)
        if len(self._shown) > STRANGERS:
            del self._shown[next(iter(self._shown))]

    def approved(self, realm: RealmName, key: str) -> None:
        """Hear that a realm proved to have a key; from now on it has to be this one."""
        self._shown.pop(realm, None)
        row = self.row(realm)
        if not row.key and not self._is_pinned(realm):
            self._rows[realm] = replace(row, key=key)
            # If it is not stored, the next one who comes is believed, as this one was.
            Deferred.fromCoroutine(self._save(realm, key=key)).addErrback(
                lambda failure: None if self._writer.failure else failure.trap(ChatError, StoreError) and None
            )

    def _is_pinned(self, realm: RealmName) -> bool:
        trust = self.setting(realm).trust
        return trust is not None and trust.kind is Kind.PIN

    # -- decisions

    async def add(self, realm: RealmName, connect: str, pin: str) -> Standing:
        """Link a realm, or change where it is dialled and what it is trusted by.

        :raises BadField: the pin is none, or the realm an original server.
        """
        if self.is_legacy(realm):
            raise BadField("that is an original server; drop it, and choose another name")
        changes = {"introducer": ""}
        if connect:
            changes["connect"] = connect
        if pin:
            try:
                changes["key"] = parse_fingerprint(pin)
            except ValueError:
                raise BadField("a pin is ed25519: and 64 hexadecimal digits") from None
        known = pin or self.row(realm).key or self.setting(realm).trust is not None
        standing = Standing.OPEN if known else Standing.PENDING
        await self._save(realm, state=standing.value, reason="", **changes)
        return standing

    async def approve(self, realm: RealmName, key: str = "") -> None:
        """Trust the key that a realm showed, or that another one named, or a given one, from now on.

        :raises NoSuchRealm: it is not known, or showed none.
        :raises NotAllowed: the configuration pins another one.
        """
        if self._is_pinned(realm):
            raise NotAllowed("the configuration has a pin for this realm; change it there")
        row = self.row(realm)
        key = key or self.shown(realm)[0] or row.shown or (row.key if row.introducer else "")
        if not key:
            raise NoSuchRealm
        await self._save(realm, state=Standing.OPEN.value, key=key, shown="", reason="", introducer="")
        self._shown.pop(realm, None)

    async def introduce(self, realm: RealmName, connect: str, key: str, introducer: RealmName) -> None:
        """Link a realm as another one introduced it."""
        await self._save(
            realm, state=Standing.OPEN.value, connect=connect, key=key, introducer=str(introducer)
        )

    async def note_shown(self, realm: RealmName) -> None:
        """Store the key that a realm showed which waits for approval."""
        await self._save(realm, shown=self.shown(realm)[0])

    async def decide(self, realm: RealmName, standing: Standing, reason: str = "") -> None:
        """Store a decision about a realm.

        :raises NoSuchRealm: there is no link to it.
        """
        if self.of(realm) is Standing.DROPPED:
            raise NoSuchRealm
        if standing is Standing.OPEN and not self._is_approved(realm):
            standing = Standing.PENDING  # to dial it again is not to trust it
        await self._save(realm, state=standing.value, reason=reason)

    def _is_approved(self, realm: RealmName) -> bool:
        known = self._newest.get(realm) or self.row(realm)
        return (
            self.is_legacy(realm)
            or bool(known.key)
            or realm in self._settings
            or self.setting(realm).trust is not None
        )

    async def _save(self, realm: RealmName, **changes: str) -> None:
        """Change a row, which may have other changes on their way to the disk."""
        before = self._newest.get(realm) or self.row(realm)
        row = self._newest[realm] = replace(before, changed=self._now(), **changes)
        try:
            await self._writer.save(puts=[row])
        except ChatError:
            self._newest.pop(realm, None)  # neither are those after it
            raise
        self._rows[realm] = replace(self.row(realm), changed=row.changed, **changes)

    def _now(self) -> int:
        return int(self._clock.seconds() * 1000)
