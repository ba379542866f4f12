"""What an operator says, in a TOML file and in flags, and what follows from it.

Defaults give way to the file, the file to the flags. Whatever cannot be done as said is a
:class:`~chatproto.errors.ConfigError` that names the key: a setting is never ignored. This module
opens nothing but the file, and knows no command line: ``chatproto serve`` and ``twistd chatproto``
both turn their options into :class:`Settings`.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct

from chatproto.checkers import auth_in_folder, parse_auth, shown_auth
from chatproto.endpoints import endpoint_in_folder
from chatproto.errors import BadName, ConfigError
from chatproto.interfaces import IAuthenticator
from chatproto.limits import LOOPBACK, Limits
from chatproto.listeners import LISTENERS, METRICS, Listener, parse_endpoint
from chatproto.names import RealmName
from chatproto.realm.policy import Registration
from chatproto.store.urls import MEMORY, SQLITE, is_postgresql, shown

#: Sets of keys that later versions will take; saying so beats calling them misspelt.
_LATER = frozenset({"files", "relay", "peers", "routes"})
#: Linux refuses longer paths of Unix sockets (``sun_path`` has 108 bytes, one of them the NUL).
_SOCKET_PATH_BYTES = 107

_EXPECTED = {
    "realm": "a name of 1 to 63 of a-z, 0-9, dot and hyphen",
    "store": '"sqlite:///PATH", "postgresql://..." or "memory:"',
    "control": "the path of a Unix socket, of at most 107 bytes",
    "registration": '"open", "invite" or "closed"',
    "auth": 'a checker of twisted.cred such as "file:alpha.passwords"',
    "exact_bodies": "true or false",
    "lab": "true or false",
    "insecure": "true or false",
    "limits": "a table of numbers",
    "listen": 'a table such as client = "tcp:8889:interface=127.0.0.1"',
}


class _WithSecrets(Struct, frozen=True, kw_only=True):
    """What has the URL of a store, or a checker, among its fields, in which there may be a password."""

    def __repr__(self) -> str:
        fields = msgspec.structs.asdict(self)
        if fields["store"] is not None:
            fields["store"] = shown(fields["store"])
        if fields.get("auth") is not None:
            fields["auth"] = shown_auth(fields["auth"])
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


class Settings(_WithSecrets, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one source says, unchecked but for types; ``None`` and empty where it says nothing."""

    realm: str | None = None
    store: str | None = None
    control: str | None = None
    registration: Registration | None = None
    auth: str | None = None
    exact_bodies: bool | None = None
    lab: bool | None = None
    insecure: bool | None = None
    limits: dict[str, int | float] = {}
    listen: dict[str, str | list[str]] = {}

    def over(self, other: Settings) -> Settings:
        """Return the union of two sources, in which this one wins, key by key."""
        said = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None and not isinstance(value, dict)
        }
        return msgspec.structs.replace(
            other, **said, limits={**other.limits, **self.limits}, listen={**other.listen, **self.listen}
        )


class Config(_WithSecrets, frozen=True, kw_only=True):
    """How a realm is run, complete and checked."""

    realm: RealmName
    #: ``memory:``, ``sqlite:///`` and an absolute path, or PostgreSQL's URL.
    store: str
    #: The control socket; None for a store in memory, unless it was asked for.
    control: Path | None
    listeners: tuple[Listener, ...]
    #: The bounds of the realm itself; each listener has its own towards its clients.
    limits: Limits
    registration: Registration
    #: Who knows the passwords; None: the store.
    authenticator: IAuthenticator | None
    exact_bodies: bool
    lab: bool

    @property
    def newest(self) -> Path | None:
        """The file that remembers the newest batch of a store in PostgreSQL, beside the control socket."""
        if self.control is None or not is_postgresql(self.store):
            return None
        return self.control.with_name(f"{self.control.name}.newest")


class Place(_WithSecrets, frozen=True, kw_only=True):
    """Where a realm is to be found: as much as is known without reading its store."""

    realm: RealmName | None
    store: str | None
    control: Path | None


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
        settings = _convert(table)
        folder = path.absolute().parent
        return msgspec.structs.replace(
            settings,
            store=settings.store and _from_folder(settings.store, folder),
            control=settings.control and str(folder / settings.control),
            auth=settings.auth and auth_in_folder(settings.auth, folder),
            listen={name: _placed(endpoints, folder) for name, endpoints in settings.listen.items()},
        )
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


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


def configure(settings: Settings) -> Config:
    """Return the configuration that settings amount to.

    :raises ConfigError: something is missing, malformed, or unsafe and not asked for by ``insecure``.
    """
    where = locate(settings)
    if where.realm is None or where.store is None:
        raise ConfigError(f"realm: expected {_EXPECTED['realm']}")
    lab = bool(settings.lab)
    listeners = _listeners(settings, lab)
    local = all(listener.loopback for listener in listeners)
    if not settings.insecure:
        _refuse_insecure(listeners, lab)
    return Config(
        realm=where.realm,
        store=where.store,
        control=where.control,
        listeners=listeners,
        limits=_limits(settings.limits, loopback=local or lab),
        registration=_registration(settings, local=local or lab),
        authenticator=_authenticator(settings, lab=lab),
        exact_bodies=bool(settings.exact_bodies),
        lab=lab,
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


def locate(settings: Settings) -> Place:
    """Return where the realm is that settings speak of.

    :raises ConfigError: a name, URL or path is malformed.
    """
    realm = _realm(settings.realm)
    store = settings.store and _from_folder(settings.store, Path.cwd())
    if store is None and realm is not None:
        store = f"{SQLITE}{_data_folder() / f'{realm}.db'}"
    control = Path(settings.control).absolute() if settings.control else None
    if control is None and store:
        control = _control(store, realm)
    if control is not None and len(os.fsencode(control)) > _SOCKET_PATH_BYTES:
        raise ConfigError(f"control: expected {_EXPECTED['control']}, and {control} has more")
    return Place(realm=realm, store=store, control=control)


def _realm(text: str | None) -> RealmName | None:
    try:
        return None if text is None else RealmName.parse(text)
    except BadName:
        raise ConfigError(f"realm: expected {_EXPECTED['realm']}, not {text!r}") from None


def _from_folder(store: str, folder: Path) -> str:
    """Return a store's URL with an absolute path: programs may change their folder, as twistd does."""
    if store == MEMORY or (is_postgresql(store) and "\0" not in store):
        return store
    path = store.removeprefix(SQLITE)
    if path == store or not path or "?" in path or "\0" in path:
        raise ConfigError(f"store: expected {_EXPECTED['store']}, not {shown(store)!r}")
    return f"{SQLITE}{(folder / path).absolute()}"


def _control(store: str, realm: RealmName | None) -> Path | None:
    """Return where a realm's control socket is: beside its file, or where that would be by default."""
    if store.startswith(SQLITE):
        return Path(f"{store.removeprefix(SQLITE)}.control")
    return _data_folder() / f"{realm}.control" if is_postgresql(store) and realm is not None else None


def _placed(endpoints: str | list[str], folder: Path) -> str | list[str]:
    """Return what a listener listens at, with the paths of its files meant from a folder."""
    if isinstance(endpoints, str):
        return endpoint_in_folder(endpoints, folder)
    return [endpoint_in_folder(each, folder) for each in endpoints]


def _data_folder() -> Path:
    """Return the folder of the user's data, by the rule of the XDG base directories."""
    said = os.environ.get("XDG_DATA_HOME", "")
    # A relative one is to be ignored, says the rule.
    return (Path(said) if Path(said).is_absolute() else Path.home() / ".local" / "share") / "chatproto"


def _listeners(settings: Settings, lab: bool) -> tuple[Listener, ...]:
    said = settings.listen
    if said.keys() <= {METRICS}:  # nobody runs a realm for its figures alone
        said = {"client": LISTENERS["client"], **said}
    listeners = []
    for name, endpoints in said.items():
        for endpoint in [endpoints] if isinstance(endpoints, str) else endpoints:
            parsed = parse_endpoint(name, endpoint)
            limits = _limits(settings.limits, loopback=parsed.loopback or lab)
            listeners.append(msgspec.structs.replace(parsed, limits=limits))
    if not listeners:
        raise ConfigError(f"listen: expected {_EXPECTED['listen']}")
    return tuple(listeners)


def _refuse_insecure(listeners: Iterable[Listener], lab: bool) -> None:
    for listener in listeners:
        if listener.loopback:
            continue
        if lab:
            raise ConfigError(
                f"listen.{listener.name}: a lab has users whose password all know; "
                "to open it to other machines, add `insecure`"
            )
        if not listener.encrypted:
            raise ConfigError(
                f"listen.{listener.name}: passwords would cross the network in plain text; "
                "expected an address of this machine or an ssl endpoint, or add `insecure`"
            )


def _limits(said: Mapping[str, int | float], *, loopback: bool) -> Limits:
    base = LOOPBACK if loopback else Limits()
    for name, value in said.items():
        if name not in Limits.__struct_fields__:
            raise ConfigError(_unknown(f"limits.{name}", Limits.__struct_fields__))
        if not math.isfinite(value):
            raise ConfigError(f"limits.{name}: expected a finite number")
    try:
        return msgspec.convert({**msgspec.structs.asdict(base), **said}, Limits)
    except msgspec.ValidationError as error:
        expected, key = _parse_validation_error(error)
        raise ConfigError(f"limits.{key}: {expected[:1].lower()}{expected[1:]}") from None


def _convert(table: Mapping[str, Any]) -> Settings:
    """Return a table of plain values as settings, or name the key that is wrong."""
    for key in table:
        if key not in Settings.__struct_fields__:
            raise ConfigError(_unknown(key, Settings.__struct_fields__))
    try:
        return msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        _, key = _parse_validation_error(error)
        name = key.partition("[")[0].partition(".")[0]
        raise ConfigError(f"{name}: expected {_EXPECTED[name]}") from None


def _parse_validation_error(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return what was expected, and the key, from a text such as ``Expected `int` - at `$.line_bytes```."""
    match = re.fullmatch(r"(.*?)(?: - at `\$\.?(.*)`)?", str(error))
    expected, key = cast(re.Match[str], match).groups()
    return expected, key or ""


def _unknown(key: str, known: Iterable[str]) -> str:
    if key in _LATER:
        return f"{key}: is not in this version"
    return f"{key}: unknown key; expected one of {', '.join(known)}"


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
