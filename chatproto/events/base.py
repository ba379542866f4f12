"""What all replies have in common."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Reply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The base of all OK replies."""


class Done(Reply, frozen=True, kw_only=True):
    """The command was carried out and there is nothing to add.

    ``state`` is ``pending`` where another realm, whose group it is about, has not said yet that it was; if it
    refuses, a bounce is ``about`` this ``mid``.
    """

    state: str | None = None
    mid: str | None = None


class Refused(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields of an ERROR reply beside ``re`` and ``status``."""

    code: str
    message: str
    retry_after: float | None = None

    status: ClassVar[str] = "ERROR"
