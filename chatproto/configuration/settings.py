"""What one source says: the file, or the flags."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from chatproto.checkers import auth_in_folder, shown_auth
from chatproto.configuration.mistakes import EXPECTED, EXPECTED_OLDER, expected_and_key, unknown
from chatproto.configuration.places import files_in_folder, store_in_folder
from chatproto.endpoints import endpoint_in_folder
from chatproto.errors import ConfigError
from chatproto.realm.policy import Acceptance, Registration
from chatproto.store.urls import shown
from chatproto.wire.room import Brackets
from chatproto.wire.text import FileEntries


class WithSecrets(Struct, frozen=True, kw_only=True):
    """What has the URL of a store, or a checker, among its fields, in which there may be a password."""

    def __repr__(self) -> str:
        fields = msgspec.structs.asdict(self)
        if fields["store"] is not None:
            fields["store"] = shown(fields["store"])
        if fields.get("auth") is not None:
            fields["auth"] = shown_auth(fields["auth"])
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


class PeerTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said about one other realm, unchecked but for types; ``None`` and empty where nothing is."""

    connect: str | None = None
    secret: str | None = None
    pin: str | None = None
    neighbour: bool = False
    policy: Acceptance = Acceptance.OPEN
    allow: list[str] = []
    messages: int | float = 0
    bytes_a_day: int = 0
    trace: bool = True
    introduced: bool = False
    introduce: bool = False
    via: str | None = None
    relay: bool = True
    legacy: bool = False

    def __repr__(self) -> str:
        fields = msgspec.structs.asdict(self)
        if self.secret is not None:
            fields["secret"] = "***"  # noqa: S105 - what is shown instead of it
        return f"PeerTable({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


class FrontTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said about one front of this main server, unchecked but for types."""

    secret: str | None = None
    pin: str | None = None

    def __repr__(self) -> str:
        secret = None if self.secret is None else "***"
        return f"FrontTable(secret={secret!r}, pin={self.pin!r})"


class OlderTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How older clients are spoken to, where their systems differ or leave it open."""

    #: Whether what is shown in live mode ends with a line feed, for people at a terminal.
    live_lines: bool = False
    #: Where original servers reach our client port, HOST:PORT; ``""``: where they are dialled from.
    address: str = ""
    #: What stands around the names of those who say something in a room.
    room_brackets: Brackets = Brackets.ANGLE
    #: Whether users may join rooms, and guests be in groups that users opened under a room's name.
    room_shared: bool = False
    #: Whether system A's servers believe who is named in a request without a login.
    tipe_open: bool = False


class Settings(WithSecrets, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one source says, unchecked but for types; ``None`` and empty where it says nothing."""

    realm: str | None = None
    store: str | None = None
    files: str | None = None
    control: str | None = None
    registration: Registration | None = None
    auth: str | None = None
    exact_bodies: bool | None = None
    file_entries: FileEntries | None = None
    lab: bool | None = None
    insecure: bool | None = None
    relay: bool | None = None
    older: OlderTable | None = None
    limits: dict[str, int | float] = {}
    listen: dict[str, str | list[str]] = {}
    #: By the names of the realms, in the order in which bare names are looked for there.
    peers: dict[str, PeerTable] = {}
    #: By which realm others are reached, by their names; and ``default``.
    routes: dict[str, str] = {}
    #: By the names of the fronts.
    fronts: dict[str, FrontTable] = {}

    def over(self, other: Settings) -> Settings:
        """Return the union of two sources, in which this one wins, key by key."""
        said = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None and not isinstance(value, dict)
        }
        return msgspec.structs.replace(
            other,
            **said,
            limits={**other.limits, **self.limits},
            listen={**other.listen, **self.listen},
            peers={**other.peers, **self.peers},
            routes={**other.routes, **self.routes},
            fronts={**other.fronts, **self.fronts},
        )


def read_settings(path: Path) -> Settings:
    """Return what a TOML file says; relative paths in it are meant from its own folder.

    :raises ConfigError: the file cannot be read, is not TOML, or has an unknown or mistyped key.
    """
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    try:
        return _placed(_convert(table), path.absolute().parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _placed(settings: Settings, folder: Path) -> Settings:
    """Return settings with their paths meant from a folder."""
    return msgspec.structs.replace(
        settings,
        store=settings.store and store_in_folder(settings.store, folder),
        files=settings.files and files_in_folder(settings.files, folder),
        control=settings.control and str(folder / settings.control),
        auth=settings.auth and auth_in_folder(settings.auth, folder),
        listen={name: _endpoints(endpoints, folder) for name, endpoints in settings.listen.items()},
        peers={
            name: msgspec.structs.replace(
                peer, connect=peer.connect and endpoint_in_folder(peer.connect, folder)
            )
            for name, peer in settings.peers.items()
        },
    )


def _endpoints(endpoints: str | list[str], folder: Path) -> str | list[str]:
    if isinstance(endpoints, str):
        return endpoint_in_folder(endpoints, folder)
    return [endpoint_in_folder(each, folder) for each in endpoints]


def settings_from_flags(
    *, listen: Iterable[str] = (), limit: Iterable[str] = (), **others: str | bool | None
) -> Settings:
    """Return what flags say: ``listen`` are ``NAME=ENDPOINT``, ``limit`` are ``NAME=VALUE``.

    The other keywords are those of :class:`Settings`.

    :raises ConfigError: a pair is not one, or a limit not a number.
    """
    endpoints: dict[str, list[str]] = {}
    for pair in listen:
        name, endpoint = _pair("listen", "NAME=ENDPOINT", pair)
        endpoints.setdefault(name, []).append(endpoint)
    limits = dict(_number(*_pair("limit", "NAME=VALUE", pair)) for pair in limit)
    said = {name: value for name, value in others.items() if value is not None}
    return _convert({**said, "listen": endpoints, "limits": limits})


def _convert(table: Mapping[str, Any]) -> Settings:
    """Return a table of plain values as settings, or name the key that is wrong."""
    for key in table:
        if key not in Settings.__struct_fields__:
            raise unknown(key, Settings.__struct_fields__)
    # Their errors name the realm, too.
    peers = _peers(table.get("peers", {}))
    _check_older(table.get("older", {}))
    try:
        settings = msgspec.convert({**table, "peers": {}}, Settings)
    except msgspec.ValidationError as error:
        _, key = expected_and_key(error)
        name = key.partition("[")[0].partition(".")[0]
        raise ConfigError(f"{name}: expected {EXPECTED[name]}") from None
    return msgspec.structs.replace(settings, peers=peers)


def _check_older(table: Any) -> None:
    """Raise the error of the key in ``[older]`` that is wrong; whether it is a table is not asked here."""
    if not isinstance(table, dict):
        return
    for key in table:
        if key in ("exact_bodies", "file_entries"):
            raise ConfigError(f"older.{key}: stands at the top of the file, not in [older]")
        if key not in OlderTable.__struct_fields__:
            raise unknown(f"older.{key}", OlderTable.__struct_fields__)
        try:
            msgspec.convert({key: table[key]}, OlderTable)
        except msgspec.ValidationError:
            raise ConfigError(f"older.{key}: expected {EXPECTED_OLDER[key]}") from None


def _peers(tables: Any) -> dict[str, PeerTable]:
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise ConfigError(f"peers: expected {EXPECTED['peers']}")
    return {name: _peer(name, table) for name, table in tables.items()}


def _peer(name: str, table: dict[str, Any]) -> PeerTable:
    for key in table:
        if key not in PeerTable.__struct_fields__:
            raise unknown(f"peers.{name}.{key}", PeerTable.__struct_fields__)
    try:
        return msgspec.convert(table, PeerTable)
    except msgspec.ValidationError as error:
        expected, key = expected_and_key(error)
        raise ConfigError(f"peers.{name}.{key}: {expected}") from None


def _pair(flag: str, form: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ConfigError(f"--{flag}: expected {form}, not {text!r}")
    return name, value


def _number(name: str, text: str) -> tuple[str, int | float]:
    for number in (int, float):
        try:
            return name, number(text)
        except ValueError:
            continue
    raise ConfigError(f"limits.{name}: expected a number, not {text!r}")
