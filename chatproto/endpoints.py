"""Endpoint strings as people write them: taken apart, and put together as Twisted reads them.

Twisted wants a backslash before each colon inside a value. Here a part without ``=`` that follows a named
one belongs to its value, so that ``interface=::1`` and ``pin=sha256:ab`` need none.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from msgspec import Struct

#: One character, or one that a backslash takes its meaning from.
_CHARACTER = re.compile(r"\\(.)|(.)", re.DOTALL)
#: The values that are paths, by the type of an endpoint; a number is that of an unnamed value.
_PATHS: Mapping[str, tuple[str | int, ...]] = {
    "ssl": ("privateKey", "certKey", "extraCertChain", "dhParameters", "selfSigned", 1, 2),
    "tls": ("trustRoots",),
    "unix": ("address", 0),
}
#: IPv6 gives each customer at least so many bits to choose addresses from.
_NETWORK = 64


class EndpointText(Struct, frozen=True):
    """An endpoint string in its parts."""

    kind: str
    values: tuple[str, ...]
    named: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the parts of a string; which types there are, and what they take, is not looked at."""
        parts = _split(text)
        values: list[str] = []
        named: dict[str, str] = {}
        last = ""
        for name, value in parts[1:]:
            if name:
                last = name
                named[name] = value
            elif last:
                named[last] = f"{named[last]}:{value}"
            else:
                values.append(value)
        kind_name, kind = parts[0]
        return cls(f"{kind_name}={kind}" if kind_name else kind, tuple(values), named)

    def __str__(self) -> str:
        values = [_quote(value) for value in (self.kind, *self.values)]
        return ":".join([*values, *(f"{name}={_quote(value)}" for name, value in self.named.items())])

    @property
    def private(self) -> bool:
        """Whether nobody on the way to a server's endpoint can read along, as far as the string tells."""
        if self.kind == "tcp":
            return is_loopback((*self.values, self.named.get("host", ""))[0])
        return self.kind in ("tls", "unix")

    def in_folder(self, folder: Path) -> EndpointText:
        """Return the same endpoint with its relative paths meant from a folder."""
        paths = _PATHS.get(self.kind, ())
        values = tuple(
            _absolute(value, folder) if number in paths else value for number, value in enumerate(self.values)
        )
        named = {
            name: _absolute(value, folder) if name in paths else value for name, value in self.named.items()
        }
        return EndpointText(self.kind, values, named)


def _split(text: str) -> list[tuple[str, str]]:
    """Return the parts between colons, each as its name, empty if it has none, and its value."""
    parts = [("", "")]
    for match in _CHARACTER.finditer(text):
        escaped, plain = match.groups()
        name, value = parts[-1]
        if plain == ":":
            parts.append(("", ""))
        elif plain == "=" and not name:
            parts[-1] = (value, "")
        else:
            parts[-1] = (name, value + (escaped or plain))
    return parts


def _quote(value: str) -> str:
    return re.sub(r"([\\:=])", r"\\\1", value)


def _absolute(path: str, folder: Path) -> str:
    return str((folder / path).absolute()) if path else path


def endpoint_in_folder(text: str, folder: Path) -> str:
    """Return an endpoint string with its relative paths meant from a folder; others as they are."""
    parts = EndpointText.parse(text)
    return str(parts.in_folder(folder)) if parts.kind in _PATHS else text


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, as far as its name tells without asking anybody."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def network_of(address: str) -> str:
    """Return what is counted for an address: itself, or of IPv6 its network, which one person has whole."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _NETWORK), strict=False))
