"""What a check finds, and what it is given."""

from __future__ import annotations

import enum
from pathlib import Path

from msgspec import Struct

from chatproto.configuration import Config


class Level(enum.Enum):
    """How much a finding matters; the value begins its line."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


class Finding(Struct, frozen=True):
    """One line for the operator: what was looked at, and what is with it or what to do about it."""

    level: Level
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.level.value:4} {self.what}: {' '.join(self.text.split())}"


def ok(what: str, text: str) -> Finding:
    """Return that nothing is wrong."""
    return Finding(Level.OK, what, text)


def warn(what: str, text: str) -> Finding:
    """Return that somebody should look at something."""
    return Finding(Level.WARN, what, text)


def fail(what: str, text: str) -> Finding:
    """Return that something does not work, or must not stay as it is."""
    return Finding(Level.FAIL, what, text)


class Running(Struct, frozen=True):
    """The realm that answers at the control socket."""

    pid: int
    realm: str
    version: str


class Setup(Struct, frozen=True, kw_only=True):
    """A set-up to be checked."""

    config: Config
    #: The configuration file, if there is one.
    file: Path | None = None
    #: The realm that runs from it, if one does.
    running: Running | None = None
    #: How many accounts' passwords are tried.
    passwords: int = 0

    @property
    def folder(self) -> Path | None:
        """Where the realm keeps files: beside its store, or beside its control socket."""
        path = self.database or self.config.control
        return None if path is None else path.parent

    @property
    def database(self) -> Path | None:
        """The file of the store, if it is one."""
        scheme, slashes, path = self.config.store.partition("///")
        return Path(path) if scheme == "sqlite:" and slashes else None
