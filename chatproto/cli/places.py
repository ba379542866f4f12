"""Where a realm listens, as people write it, and how it is known to be the one that is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import click
from msgspec import Struct
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from chatproto.endpoints import EndpointText, is_loopback
from chatproto.tls.connecting import client_endpoint, tls_endpoint
from chatproto.tls.fingerprints import Fingerprint
from chatproto.tls.trust import Trust


class Place(Struct, frozen=True):
    """A ``HOST:PORT``, with TLS or without, or anything else that is a client endpoint string."""

    text: str
    host: str = ""
    port: int = 0
    #: Whom to trust; None for a connection without TLS.
    trust: Trust | None = None

    @classmethod
    def parse(cls, text: str, *, tls: bool = False, pin: str | None = None, ca: Path | None = None) -> Self:
        """Return the place that ``localhost:8889``, ``[::1]:8889`` or ``tls:example.org:8889`` means.

        A ``pin`` or a file of authorities, ``ca``, ask for TLS too.

        :raises UsageError: it is none.
        """
        trust = _trust(pin, ca) if tls or pin or ca else None
        host, colon, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
        if colon and host and (bare != host or ":" not in host):
            if not port.isdecimal() or not 0 < int(port) < 65_536:
                raise click.UsageError(f"{text!r} is not HOST:PORT.")
            return cls(text, bare, int(port), trust)
        if not colon:
            raise click.UsageError(f"{text!r} is not HOST:PORT.")
        if trust is not None:
            raise click.UsageError("--tls, --pin and --ca belong to HOST:PORT; an endpoint says it itself.")
        return cls(text)

    @property
    def private(self) -> bool:
        """Whether nobody on the way can read along."""
        if self.host:
            return self.trust is not None or is_loopback(self.host)
        return EndpointText.parse(self.text).private

    def endpoint(self, reactor: object) -> IStreamClientEndpoint:
        """Return the endpoint that leads there.

        :raises UsageError: the text is no endpoint string, or a file of authorities cannot be used.
        """
        try:
            if self.trust is not None:
                return tls_endpoint(reactor, self.host, self.port, self.trust)
            if self.host:
                return HostnameEndpoint(reactor, self.host, self.port)
            return client_endpoint(reactor, self.text)
        except (ValueError, TypeError) as error:
            if self.host or self.text.startswith(("tls:", "ssl:")):
                raise click.UsageError(f"{self.text}: {error}.") from None
            raise click.UsageError(f"{self.text!r} is neither HOST:PORT nor an endpoint.") from None


def _trust(pin: str | None, ca: Path | None) -> Trust:
    try:
        return Trust(None if pin is None else Fingerprint.parse(pin), ca)
    except ValueError as error:
        raise click.UsageError(f"--pin: {error}.") from None
