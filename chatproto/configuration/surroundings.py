"""What the environment says, for those who run a server in a container."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import msgspec

from chatproto.configuration.settings import Settings
from chatproto.endpoints import EndpointText
from chatproto.errors import ConfigError
from chatproto.listeners import LISTENERS

#: Where a server listens, and where a client finds it: the older systems' names.
HOST, PORT = "SERVER_IP", "SERVER_PORT"
_CLIENT = "client"


def in_surroundings(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Return settings whose client listener is where the environment says, if they do not say it themselves.

    :raises ConfigError: what the environment says is no address to listen on.
    """
    host, port = environ.get(HOST, ""), environ.get(PORT, "")
    if _CLIENT in settings.listen or not (host or port):
        return settings
    default = EndpointText.parse(LISTENERS[_CLIENT])
    host, port = host or default.named["interface"], port or default.values[0]
    try:
        kind = "tcp6" if ipaddress.ip_address(host).version == 6 else "tcp"
    except ValueError:
        raise ConfigError(f"{HOST}: expected an IP address of this machine, not {host!r}") from None
    if not (port.isascii() and port.isdigit()):
        raise ConfigError(f"{PORT}: expected a port, not {port!r}")
    client = str(EndpointText(kind, (port,), {"interface": host}))
    return msgspec.structs.replace(settings, listen={_CLIENT: client, **settings.listen})
