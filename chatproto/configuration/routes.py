"""By which realm others are reached, as it is configured."""

from __future__ import annotations

from collections.abc import Mapping

from chatproto.configuration.settings import PeerTable
from chatproto.errors import BadName, ConfigError
from chatproto.federation.setting import RouteTable
from chatproto.names import RealmName

_DEFAULT = "default"


def route_table(ways: Mapping[str, str], home: RealmName, *, relay: bool) -> RouteTable:
    """Return what is configured about routes, beside what the tables of realms say.

    :raises ConfigError: a name is malformed, or a way leads nowhere.
    """
    default = None
    named: dict[RealmName, RealmName] = {}
    for name, hop in ways.items():
        if name == _DEFAULT:
            default = _realm("routes.default", hop, home)
        else:
            named[_realm("routes", name, home)] = _other(f"routes.{name}", hop, name, home)
    return RouteTable(ways=named, default=default, relay=relay)


def via_of(key: str, name: RealmName, table: PeerTable, home: RealmName) -> RealmName | None:
    """Return the realm by which another one is reached.

    :raises ConfigError: it is none, or nothing that came by it could be believed.
    """
    if table.via is None:
        return None
    if table.pin is None and table.connect is None:
        raise ConfigError(f"{key}.via: needs `pin`, as what comes by others is known by its key alone")
    return _other(f"{key}.via", table.via, name, home)


def _other(key: str, text: str, name: str, home: RealmName) -> RealmName:
    realm = _realm(key, text, home)
    if realm == name:
        raise ConfigError(f"{key}: is that realm itself")
    return realm


def _realm(key: str, text: str, home: RealmName) -> RealmName:
    try:
        realm = RealmName.parse(text)
    except BadName as error:
        raise ConfigError(f"{key}: {error.text}") from None
    if realm == home:
        raise ConfigError(f"{key}: is this realm itself")
    return realm
