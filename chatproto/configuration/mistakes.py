"""Mistakes in settings, told with the key that is wrong and never with what might be a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

import msgspec

from chatproto.errors import ConfigError

#: Keys that later versions will take; saying so beats calling them misspelt.
_LATER = frozenset({"legacy"})

EXPECTED = {
    "realm": "a name of 1 to 63 of a-z, 0-9, dot and hyphen",
    "store": '"sqlite:///PATH", "postgresql://..." or "memory:"',
    "files": 'a folder, or with a store in memory "memory:"',
    "control": "the path of a Unix socket, of at most 107 bytes",
    "registration": '"open", "invite" or "closed"',
    "auth": 'a checker of twisted.cred such as "file:alpha.passwords"',
    "exact_bodies": "true or false",
    "file_entries": '"string" or "object"',
    "lab": "true or false",
    "insecure": "true or false",
    "relay": "true or false",
    "routes": 'a table such as default = "gamma"',
    "older": "a table such as live_lines = true",
    "limits": "a table of numbers",
    "listen": 'a table such as client = "tcp:8889:interface=127.0.0.1"',
    "fronts": "a table for each front with its secret or pin, such as [fronts.lobby]",
    "peers": "a table for each realm, such as [peers.beta]",
}

#: What stands in ``[older]``.
EXPECTED_OLDER = {
    "live_lines": "true or false",
    "address": '"HOST:PORT"',
    "room_brackets": '"angle" or "square"',
    "room_shared": "true or false",
    "tipe_open": "true or false",
}


def unknown(key: str, known: Iterable[str]) -> ConfigError:
    """Return the error of a key that is none; ``known`` are those that there are."""
    if key.rpartition(".")[2] in _LATER:
        return ConfigError(f"{key}: is not in this version")
    return ConfigError(f"{key}: unknown key; expected one of {', '.join(known)}")


def expected_and_key(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return what was expected, and the key, from a text such as ``Expected `int` - at `$.line_bytes```."""
    match = re.fullmatch(r"(.*?)(?: - at `\$\.?(.*)`)?", str(error))
    expected, key = cast(re.Match[str], match).groups()
    return expected[:1].lower() + expected[1:], key or ""
