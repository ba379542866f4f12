"""The fronts of a main server, as they are configured."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from chatproto.configuration.settings import FrontTable
from chatproto.errors import ConfigError
from chatproto.federation.identity import parse_fingerprint
from chatproto.federation.trust import Kind, Trust
from chatproto.limits import LOOPBACK, Limits

#: What a front may be called.
FRONT_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
#: Characters in a shared secret: who sees a handshake may try secrets as fast as machines can.
SECRET_CHARACTERS = 16


class FrontsSetting(Struct, frozen=True, kw_only=True):
    """Whom a main server takes for a front, and the bounds of their clients by where these come from."""

    trusts: Mapping[str, Trust] = {}
    #: On this machine.
    near: Limits = LOOPBACK
    #: Elsewhere.
    far: Limits = Limits()


def trust_in_fronts(tables: Mapping[str, FrontTable]) -> dict[str, Trust]:
    """Return what each front has to prove.

    :raises ConfigError: something is malformed or missing.
    """
    return {name: _trust(f"fronts.{name}", name, table) for name, table in tables.items()}


def _trust(key: str, name: str, table: FrontTable) -> Trust:
    if FRONT_NAME.fullmatch(name) is None:
        raise ConfigError(f"{key}: a front's name has 1 to 63 of a-z, 0-9, dot and hyphen")
    return make_trust(key, table.secret, table.pin)


def make_trust(key: str, secret: str | None, pin: str | None) -> Trust:
    """Return the trust by a secret, the fingerprint of a key, or both.

    :raises ConfigError: they are malformed, or there is neither.
    """
    try:
        public = "" if pin is None else parse_fingerprint(pin)
    except ValueError as error:
        raise ConfigError(f"{key}.pin: {error}") from None
    if secret is not None:
        if len(secret) < SECRET_CHARACTERS:
            raise ConfigError(f"{key}.secret: expected at least {SECRET_CHARACTERS} characters")
        return Trust(Kind.SECRET, key=public, secret=secret)
    if not public:
        raise ConfigError(f"{key}: expected a secret, or the pin of its key")
    return Trust.pin(public)
