"""What fails on our own side, and is never told to a client as it is."""

from __future__ import annotations

from typing import ClassVar

from chatproto.errors.refusals import StoreFull, Unavailable


class StoreError(Exception):
    """A store cannot do its work. Never told to a peer."""


class StoreInUse(StoreError):
    """Another process has the store open. One process may serve a store at a time."""


class StoreFailed(StoreError):
    """The outcome of a commit is unknown or the store is broken: the process has to end."""


class StoreRefused(StoreError):
    """For now a store does not do what it was asked: its file is busy, its database away. Nothing was stored.

    ``told`` is the error that a client gets for it.
    """

    told: ClassVar[type[Unavailable]] = Unavailable


class DiskFull(StoreRefused):
    """There is no room for a batch."""

    told = StoreFull


class ConfigError(Exception):
    """A configuration is wrong; the message names the key and says what it should be."""


class CannotServe(Exception):
    """A realm, or a front, cannot be served; the message is one line for the operator."""
