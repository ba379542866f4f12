"""Other realms, as they are configured: each table becomes what the links need to know."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from chatproto.configuration.routes import via_of
from chatproto.configuration.settings import PeerTable
from chatproto.endpoints import EndpointText
from chatproto.errors import BadName, ConfigError
from chatproto.federation.identity import parse_fingerprint
from chatproto.federation.setting import PeerSetting, parse_connect
from chatproto.federation.trust import Kind, Trust
from chatproto.names import Address, RealmName
from chatproto.realm.policy import Acceptance, PeerPolicy

#: Characters in a shared secret: who sees a handshake may try secrets as fast as machines can.
_SECRET_CHARACTERS = 16


def peer_settings(
    tables: Mapping[str, PeerTable], home: RealmName, *, lab: bool, insecure: bool
) -> tuple[PeerSetting, ...]:
    """Return what is configured about other realms.

    :raises ConfigError: something is malformed, or unsafe and not asked for.
    """
    return tuple(_setting(name, table, home, lab, insecure) for name, table in tables.items())


def _setting(name: str, table: PeerTable, home: RealmName, lab: bool, insecure: bool) -> PeerSetting:
    key = f"peers.{name}"
    try:
        realm = RealmName.parse(name)
    except BadName as error:
        raise ConfigError(f"{key}: {error.text}") from None
    if realm == home:
        raise ConfigError(f"{key}: is this realm itself")
    connect = ""
    if table.connect is not None:
        try:
            connect = parse_connect(table.connect, insecure=insecure)
        except ValueError as error:
            raise ConfigError(f"{key}.connect: {error}") from None
    if not (math.isfinite(table.messages) and table.messages >= 0):
        raise ConfigError(f"{key}.messages: expected a number of messages a second, or 0 for no bound")
    if table.bytes_a_day < 0:
        raise ConfigError(f"{key}.bytes_a_day: expected a number of bytes, or 0 for no bound")
    if table.legacy:
        _check_legacy(key, table)
    return PeerSetting(
        realm=realm,
        connect=connect,
        trust=None if table.legacy else _trust(key, table, lab),
        neighbour=table.neighbour,
        introduced=table.introduced,
        introduce=table.introduce,
        policy=PeerPolicy(
            accept=table.policy,
            addresses=frozenset(_addresses(key, table, realm)),
            bytes_a_day=table.bytes_a_day,
            trace=table.trace,
        ),
        messages=float(table.messages),
        via=via_of(key, realm, table, home),
        relay=table.relay,
        legacy=table.legacy,
    )


def _check_legacy(key: str, table: PeerTable) -> None:
    """Return if what is said of an original server can be meant."""
    if table.connect is None or EndpointText.parse(table.connect).kind != "tcp":
        raise ConfigError(
            f"{key}.connect: an original server is known by its address; expected tcp:HOST:PORT"
        )
    for name in ("secret", "pin", "via", "introduced", "introduce"):
        if getattr(table, name):
            raise ConfigError(f"{key}.{name}: an original server knows nothing of it; leave it out")


def _trust(key: str, table: PeerTable, lab: bool) -> Trust | None:
    pin = "" if table.pin is None else _pin(key, table.pin)
    if table.secret is not None:
        if len(table.secret) < _SECRET_CHARACTERS:
            raise ConfigError(f"{key}.secret: expected at least {_SECRET_CHARACTERS} characters")
        return Trust(Kind.SECRET, key=pin, secret=table.secret)
    if pin:
        return Trust.pin(pin)
    return Trust(Kind.TOFU) if lab else None


def _pin(key: str, text: str) -> str:
    try:
        return parse_fingerprint(text)
    except ValueError as error:
        raise ConfigError(f"{key}.pin: {error}") from None


def _addresses(key: str, table: PeerTable, realm: RealmName) -> Iterator[str]:
    if table.allow and table.policy is not Acceptance.ALLOW:
        raise ConfigError(f'{key}.allow: counts with policy = "allow" only; add that, or leave it out')
    for text in table.allow:
        try:
            address = Address.parse(text, realm)
        except BadName as error:
            raise ConfigError(f"{key}.allow: {text!r}: {error.text}") from None
        if address.realm != realm:
            raise ConfigError(f"{key}.allow: {text!r} is not of {realm}")
        yield address.folded
