"""How a realm is run: the settings of all sources, complete and checked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from chatproto.checkers import auth_in_folder, parse_auth
from chatproto.configuration.fronts import FrontsSetting, trust_in_fronts
from chatproto.configuration.mistakes import EXPECTED, expected_and_key, unknown
from chatproto.configuration.peers import peer_settings
from chatproto.configuration.places import locate, parse_address
from chatproto.configuration.routes import route_table
from chatproto.configuration.settings import OlderTable, Settings, WithSecrets
from chatproto.errors import ConfigError
from chatproto.federation.setting import PeerSetting, RouteTable
from chatproto.interfaces import IAuthenticator
from chatproto.limits import LOOPBACK, Limits
from chatproto.listeners import LISTENERS, METRICS, PEER, TIPE, Listener, parse_endpoint
from chatproto.names import RealmName
from chatproto.realm.policy import Registration
from chatproto.store.urls import is_postgresql
from chatproto.wire.text import FileEntries


class Config(WithSecrets, frozen=True, kw_only=True):
    """How a realm is run, complete and checked."""

    realm: RealmName
    #: ``memory:``, ``sqlite:///`` and an absolute path, or PostgreSQL's URL.
    store: str
    #: The folder of the files that people send, absolute, or ``memory:``; None: they are left alone.
    files: str | None
    #: The control socket; None for a store in memory, unless it was asked for.
    control: Path | None
    listeners: tuple[Listener, ...]
    #: The bounds of the realm itself; each listener has its own towards its clients.
    limits: Limits
    registration: Registration
    #: Who knows the passwords; None: the store.
    authenticator: IAuthenticator | None
    exact_bodies: bool
    #: What a file in an older client's box is.
    file_entries: FileEntries
    older: OlderTable = OlderTable()
    lab: bool
    insecure: bool = False
    #: The realms to be linked with, in the order of the file.
    peers: tuple[PeerSetting, ...] = ()
    #: By whom others are reached, and whether this realm passes on.
    routes: RouteTable = RouteTable()
    #: The fronts before this main server.
    fronts: FrontsSetting = FrontsSetting()

    @property
    def newest(self) -> Path | None:
        """The file that remembers the newest batch of a store in PostgreSQL, beside the control socket."""
        if self.control is None or not is_postgresql(self.store):
            return None
        return self.control.with_name(f"{self.control.name}.newest")


def configure(settings: Settings) -> Config:
    """Return the configuration that settings amount to.

    :raises ConfigError: something is missing, malformed, or unsafe and not asked for by ``insecure``.
    """
    where = locate(settings)
    if where.realm is None or where.store is None:
        raise ConfigError(f"realm: expected {EXPECTED['realm']}")
    lab, insecure = bool(settings.lab), bool(settings.insecure)
    listeners = _listeners(settings, lab)
    if settings.older is not None and settings.older.address:
        parse_address(settings.older.address)
    local = all(listener.loopback for listener in listeners)
    if not insecure:
        tipe_open = settings.older is not None and settings.older.tipe_open
        refuse_insecure(listeners, lab, tipe_open=tipe_open)
    return Config(
        realm=where.realm,
        store=where.store,
        files=where.files,
        control=where.control,
        listeners=listeners,
        limits=limits_for(settings.limits, loopback=local or lab),
        registration=_registration(settings, local=local or lab),
        authenticator=_authenticator(settings, lab=lab),
        exact_bodies=bool(settings.exact_bodies),
        file_entries=settings.file_entries or FileEntries.STRING,
        older=settings.older or OlderTable(),
        lab=lab,
        insecure=insecure,
        peers=peer_settings(settings.peers, where.realm, lab=lab, insecure=insecure),
        routes=route_table(settings.routes, where.realm, relay=bool(settings.relay)),
        fronts=FrontsSetting(
            trusts=trust_in_fronts(settings.fronts),
            near=limits_for(settings.limits, loopback=True),
            far=limits_for(settings.limits, loopback=lab),
        ),
    )


def _registration(settings: Settings, *, local: bool) -> Registration:
    if settings.auth is None:
        return settings.registration or (Registration.OPEN if local else Registration.CLOSED)
    if settings.registration not in (None, Registration.CLOSED):
        raise ConfigError("registration: nobody registers where `auth` knows the users; leave it out")
    return Registration.CLOSED


def _authenticator(settings: Settings, *, lab: bool) -> IAuthenticator | None:
    if settings.auth is None:
        return None
    if lab:
        raise ConfigError("auth: a lab has users and passwords of its own; leave one of the two out")
    return parse_auth(auth_in_folder(settings.auth, Path.cwd()))


def _listeners(settings: Settings, lab: bool) -> tuple[Listener, ...]:
    said = settings.listen
    if lab and not said:
        said = {name: endpoint for name, endpoint in LISTENERS.items() if name != METRICS}
    elif said.keys() <= {METRICS, PEER}:  # nobody runs a realm for its figures alone
        said = {"client": LISTENERS["client"], **said}
    if PEER not in said and any(
        peer.connect is None and peer.via is None for peer in settings.peers.values()
    ):
        said = {**said, PEER: LISTENERS[PEER]}  # somebody is waited for
    listeners = []
    for name, endpoints in said.items():
        for endpoint in [endpoints] if isinstance(endpoints, str) else endpoints:
            parsed = parse_endpoint(name, endpoint)
            limits = limits_for(settings.limits, loopback=parsed.loopback or lab)
            listeners.append(msgspec.structs.replace(parsed, limits=limits))
    if not listeners:
        raise ConfigError(f"listen: expected {EXPECTED['listen']}")
    return tuple(listeners)


def refuse_insecure(listeners: Iterable[Listener], lab: bool, *, tipe_open: bool = False) -> None:
    """Return if nothing that should stay on this machine can be read elsewhere.

    :raises ConfigError: it can.
    """
    for listener in listeners:
        if listener.loopback:
            continue
        if lab:
            raise ConfigError(
                f"listen.{listener.name}: a lab has users whose password all know; "
                "to open it to other machines, add `insecure`"
            )
        if tipe_open and listener.name in TIPE:
            raise ConfigError(
                "older.tipe_open: everybody could read and write in the name of everybody; "
                "to let other machines do so, add `insecure`"
            )
        if not listener.encrypted:
            what = "messages" if listener.name in (PEER, "room", "talk") else "passwords"
            raise ConfigError(
                f"listen.{listener.name}: {what} would cross the network in plain text; "
                "expected an address of this machine or an ssl endpoint, or add `insecure`"
            )


def limits_for(said: Mapping[str, int | float], *, loopback: bool) -> Limits:
    """Return the bounds towards those on this machine, or elsewhere, moved as an operator says.

    :raises ConfigError: there is no such bound, or it cannot have that value.
    """
    base = LOOPBACK if loopback else Limits()
    for name, value in said.items():
        if name not in Limits.__struct_fields__:
            raise unknown(f"limits.{name}", Limits.__struct_fields__)
        if not math.isfinite(value):
            raise ConfigError(f"limits.{name}: expected a finite number")
    try:
        return msgspec.convert({**msgspec.structs.asdict(base), **said}, Limits)
    except msgspec.ValidationError as error:
        expected, key = expected_and_key(error)
        raise ConfigError(f"limits.{key}: {expected}") from None
