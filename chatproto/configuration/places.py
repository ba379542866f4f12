"""Where a realm is to be found: its store, its files, and its control socket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from chatproto.configuration.mistakes import EXPECTED
from chatproto.errors import BadName, ConfigError
from chatproto.names import RealmName
from chatproto.store.urls import MEMORY, SQLITE, is_postgresql, shown

if TYPE_CHECKING:
    from chatproto.configuration.settings import Settings

#: Linux refuses longer paths of Unix sockets (``sun_path`` has 108 bytes, one of them the NUL).
_SOCKET_PATH_BYTES = 107


class Place(Struct, frozen=True, kw_only=True):
    """Where a realm is to be found: as much as is known without reading its store."""

    realm: RealmName | None
    store: str | None
    #: A folder, or ``memory:``.
    files: str | None
    control: Path | None

    def __repr__(self) -> str:
        store = self.store and shown(self.store)
        return f"Place(realm={self.realm!r}, store={store!r}, files={self.files!r}, control={self.control!r})"


def locate(settings: Settings) -> Place:
    """Return where the realm is that settings speak of.

    :raises ConfigError: a name, URL or path is malformed.
    """
    realm = _realm(settings.realm)
    store = settings.store and store_in_folder(settings.store, Path.cwd())
    if store is None and realm is not None:
        store = f"{SQLITE}{_data_folder() / f'{realm}.db'}"
    control = Path(settings.control).absolute() if settings.control else None
    if control is None and store:
        control = _control(store, realm)
    if control is not None and len(os.fsencode(control)) > _SOCKET_PATH_BYTES:
        raise ConfigError(f"control: expected {EXPECTED['control']}, and {control} has more")
    return Place(
        realm=realm, store=store, files=_files(settings.files, store, realm, control), control=control
    )


def _realm(text: str | None) -> RealmName | None:
    try:
        return None if text is None else RealmName.parse(text)
    except BadName:
        raise ConfigError(f"realm: expected {EXPECTED['realm']}, not {text!r}") from None


def store_in_folder(store: str, folder: Path) -> str:
    """Return a store's URL with an absolute path: programs may change their folder, as twistd does.

    :raises ConfigError: it is no store's URL.
    """
    if store == MEMORY or (is_postgresql(store) and "\0" not in store):
        return store
    path = store.removeprefix(SQLITE)
    if path == store or not path or "?" in path or "\0" in path:
        raise ConfigError(f"store: expected {EXPECTED['store']}, not {shown(store)!r}")
    return f"{SQLITE}{(folder / path).absolute()}"


def files_in_folder(files: str, folder: Path) -> str:
    """Return where files are with an absolute path.

    :raises ConfigError: it is no path.
    """
    if "\0" in files:
        raise ConfigError(f"files: expected {EXPECTED['files']}")
    return files if files == MEMORY else str((folder / files).absolute())


def _files(said: str | None, store: str | None, realm: RealmName | None, control: Path | None) -> str | None:
    """Return where a realm's files are: beside its store, or its control socket, if nothing else is said."""
    if said:
        files = files_in_folder(said, Path.cwd())
        # One of the two would know of what the other has forgotten.
        if store is not None and (files == MEMORY) != (store == MEMORY):
            raise ConfigError(f"files: expected {EXPECTED['files']}, not {said!r}")
        return files
    if store is None or store == MEMORY:
        return store
    if store.startswith(SQLITE):
        return f"{store.removeprefix(SQLITE)}.files"
    return None if realm is None or control is None else str(control.with_name(f"{realm}.files"))


def _control(store: str, realm: RealmName | None) -> Path | None:
    """Return where a realm's control socket is: beside its file, or where that would be by default."""
    if store.startswith(SQLITE):
        return Path(f"{store.removeprefix(SQLITE)}.control")
    return _data_folder() / f"{realm}.control" if is_postgresql(store) and realm is not None else None


def _data_folder() -> Path:
    """Return the folder of the user's data, by the rule of the XDG base directories."""
    said = os.environ.get("XDG_DATA_HOME", "")
    # A relative one is to be ignored, says the rule.
    return (Path(said) if Path(said).is_absolute() else Path.home() / ".local" / "share") / "chatproto"


def parse_address(text: str) -> tuple[str, int]:
    """Return the host and the port of an address as an operator writes it.

    :raises ConfigError: it is none.
    """
    host, _, port = text.rpartition(":")
    if (
        not host
        or set(host) & set(" []")
        or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)
    ):
        raise ConfigError(f"older.address: expected HOST:PORT, not {text!r}")
    return host, int(port)
