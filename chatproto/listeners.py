"""Listening addresses as an operator writes them: a name, and a Twisted server endpoint string.

What matters about an address beside where it is: who can reach it, and whether others can read what
passes there. This module opens no port.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from msgspec import Struct
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory

from chatproto.endpoints import EndpointText, is_loopback
from chatproto.errors import ConfigError
from chatproto.limits import LOOPBACK, Limits
from chatproto.tls.certificates import TlsFiles, Weight, findings

#: The realm's figures over HTTP: the one listener that takes no part in the chat.
METRICS = "metrics"
#: Where clients connect.
CLIENT = "client"
#: Where other realms connect.
PEER = "peer"
#: System A's realm server and main server.
TIPE = ("tipe", "tipe-main")
#: What can listen, with the endpoint where nothing else is said.
LISTENERS = {
    CLIENT: "tcp:8889:interface=127.0.0.1",
    PEER: "tcp:8890:interface=127.0.0.1",
    "room": "tcp:12345:interface=127.0.0.1",
    METRICS: "tcp:9464:interface=127.0.0.1",
    "talk": "tcp:8080:interface=127.0.0.1",
    "tipe": "tcp:8001:interface=127.0.0.1",
    "tipe-main": "tcp:8000:interface=127.0.0.1",
}
#: What later versions will listen for.
_LATER = frozenset({"web"})
_EXAMPLE = LISTENERS[CLIENT]
_SSL = "ssl:PORT:privateKey=FILE:certKey=FILE[:extraCertChain=FILE] or ssl:PORT:selfSigned=FOLDER[:host=NAME]"
_PORTS = range(65536)
#: Endpoint types of which the string tells who can reach them. It does not tell what others open, such as a
#: socket of systemd's, or who stands before them, such as a proxy.
_KNOWN = frozenset({"tcp", "tcp6", "unix"})
#: What an ``ssl`` endpoint says of its certificate, and what of the port.
_FILES = ("privateKey", "certKey", "extraCertChain", "selfSigned", "host")
_TCP = ("interface", "backlog")


class Listener(Struct, frozen=True, kw_only=True):
    """One listening address and the bounds towards those who come from there.

    ``loopback``: only this machine reaches it, as far as the string tells. ``encrypted``: nobody on the
    way can read along.
    """

    name: str
    #: As it was written.
    endpoint: str
    #: What Twisted opens; TLS with the certificate in ``tls`` is put on top of it.
    opens: str
    loopback: bool
    encrypted: bool
    tls: TlsFiles | None = None
    limits: Limits = LOOPBACK


def parse_endpoint(name: str, text: str) -> Listener:
    """Return the listener ``name`` at a Twisted server endpoint string.

    :raises ConfigError: there is no such listener, or the string is not an endpoint.
    """
    if name in _LATER:
        raise ConfigError(f"listen.{name}: is not in this version")
    if name not in LISTENERS:
        raise ConfigError(f"listen.{name}: unknown listener; expected one of {', '.join(LISTENERS)}")
    # Programs may change their folder later, as twistd does.
    parts = EndpointText.parse(text).in_folder(Path.cwd())
    files = None
    if parts.kind == "tls":
        raise ConfigError(f"listen.{name}: expected {_SSL} for TLS, not {text!r}")
    if parts.kind == "ssl":
        files, parts = _tls(name, parts)
    probe = _Probe()
    try:
        # Whatever an endpoint type of a plugin fails with here only leaves the probe untouched.
        serverFromString(cast(Any, probe), str(parts)).listen(Factory()).addErrback(lambda _: None)
    except Exception as error:  # parsers of endpoint types raise what they like
        raise ConfigError(
            f"listen.{name}: expected a Twisted server endpoint such as {_EXAMPLE}, not {text!r} ({error})"
        ) from error
    if probe.port not in _PORTS:
        raise ConfigError(f"listen.{name}: expected a port from 0 to 65535, not {probe.port}")
    known = parts.kind in _KNOWN
    return Listener(
        name=name,
        endpoint=text,
        opens=str(parts),
        loopback=known and probe.loopback,
        encrypted=(known and probe.encrypted) or files is not None,
        tls=files,
    )


def check_certificates(listeners: Iterable[Listener]) -> None:
    """Find out early what would keep a listener from being opened.

    :raises ConfigError: a key or a certificate cannot be used.
    """
    for listener in listeners:
        for finding in findings(listener.tls) if listener.tls is not None else ():
            if finding.weight is Weight.ERROR:
                raise ConfigError(f"listen.{listener.name}: {finding.text}")


def _tls(name: str, parts: EndpointText) -> tuple[TlsFiles, EndpointText]:
    """Return the certificate of an ``ssl`` endpoint, and the endpoint below it."""
    named = dict(parts.named)
    files = {key: named.pop(key) for key in _FILES if key in named}
    wrong = [*(key for key in named if key not in _TCP), *parts.values[1:]]
    if wrong or len(parts.values) != 1:
        raise ConfigError(f"listen.{name}: expected {_SSL}" + (f", without {wrong[0]!r}" if wrong else ""))
    return _files(name, files), EndpointText("tcp", parts.values, named)


def _files(name: str, said: dict[str, str]) -> TlsFiles:
    folder, hosts = said.pop("selfSigned", ""), said.pop("host", "")
    if folder and not said:
        names = tuple(hosts.split(",")) if hosts else (socket.gethostname(), "localhost")
        return TlsFiles.self_signed(Path(folder), names)
    key, certificate = said.get("privateKey", ""), said.get("certKey", "")
    chain = said.get("extraCertChain", "")
    if folder or hosts or not key:
        raise ConfigError(f"listen.{name}: expected {_SSL}")
    return TlsFiles(key=Path(key), certificate=Path(certificate or key), chain=Path(chain) if chain else None)


class _Probe:
    """Stands in for the reactor, to learn what an endpoint would open without opening it."""

    port = 0
    loopback = False
    encrypted = False

    def listenTCP(self, port: int, factory: Factory, backlog: int = 50, interface: str = "") -> None:
        self.port = port
        self.loopback = is_loopback(interface)

    def listenUNIX(self, *arguments: object, **options: object) -> None:
        self.loopback = self.encrypted = True
