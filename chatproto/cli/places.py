"""Where a realm listens, as people write it."""

from __future__ import annotations

from typing import Self

import click
from msgspec import Struct
from twisted.internet.endpoints import HostnameEndpoint, clientFromString
from twisted.internet.interfaces import IStreamClientEndpoint


class Place(Struct, frozen=True):
    """A ``HOST:PORT``, or anything else that is a client endpoint string."""

    text: str
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the place that ``localhost:8889``, ``[::1]:8889`` or ``tls:example.org:8889`` means.

        :raises UsageError: it is none.
        """
        host, colon, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
        if colon and host and (bare != host or ":" not in host):
            if not port.isdecimal() or not 0 < int(port) < 65_536:
                raise click.UsageError(f"{text!r} is not HOST:PORT.")
            return cls(text, bare, int(port))
        if not colon:
            raise click.UsageError(f"{text!r} is not HOST:PORT.")
        return cls(text)

    def endpoint(self, reactor: object) -> IStreamClientEndpoint:
        """Return the endpoint that leads there.

        :raises UsageError: the text is no endpoint string.
        """
        if self.host:
            return HostnameEndpoint(reactor, self.host, self.port)
        try:
            endpoint: IStreamClientEndpoint = clientFromString(reactor, self.text)
        except (ValueError, TypeError):
            raise click.UsageError(f"{self.text!r} is neither HOST:PORT nor an endpoint.") from None
        return endpoint
