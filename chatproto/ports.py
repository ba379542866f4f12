"""The open ports of a server, with TLS where it is asked for."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.posixbase import PosixReactorBase
from twisted.logger import Logger

from chatproto.errors import CannotServe, TlsNeeded
from chatproto.frames import Goodbye
from chatproto.listeners import Listener
from chatproto.protocols.lines_factory import LinesFactory
from chatproto.protocols.peer_factory import RealmPeerFactory
from chatproto.tls.certificates import BadCertificate, TlsFiles
from chatproto.tls.serving import Certificates, TlsFactory
from chatproto.wire.peer import encode_frame


@contextmanager
def needing_metrics() -> Iterator[None]:
    """Import what shows figures.

    :raises CannotServe: its extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise CannotServe(
            f"listen.metrics: needs {error.name}, which is not installed; install 'chatproto[metrics]'"
        ) from error


class Listening(Struct, frozen=True):
    """An open port: the listener's name, and where it is. For a Unix socket ``unix`` and the path."""

    name: str
    host: str
    port: int | str


class Ports:
    """The ports of one server."""

    _log = Logger()

    def __init__(self, reactor: PosixReactorBase) -> None:
        self._reactor = reactor
        self._ports: list[IListeningPort] = []
        self._certificates: list[Certificates] = []

    def add(self, port: IListeningPort) -> None:
        """Close a port with the others."""
        self._ports.append(port)

    async def open(self, listener: Listener, factory: IProtocolFactory) -> Listening:
        """Open a listener's port for the connections of a factory.

        :raises CannotServe: it cannot be opened, or its certificate not be used.
        """
        if listener.tls is not None:
            factory = self._with_tls(listener.name, listener.tls, factory)
        try:
            port = await serverFromString(self._reactor, listener.opens).listen(factory)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            remedy = ""
            if getattr(error.socketError, "errno", None) == errno.EADDRINUSE:
                remedy = (
                    "; end the program that has this port, or name each listener you want with one that is "
                    f"free, such as --listen {listener.name}=tcp:PORT:interface=127.0.0.1"
                )
            raise CannotServe(
                f"listen.{listener.name}: cannot open {listener.endpoint}: {reason}{remedy}"
            ) from error
        self._ports.append(port)
        address = port.getHost()
        if isinstance(address, UNIXAddress):
            where = Listening(listener.name, "unix", os.fsdecode(address.name or b""))
        else:
            where = Listening(listener.name, address.host, address.port)
        self._log.info("listening {name} {host} {port}", name=where.name, host=where.host, port=where.port)
        return where

    def _with_tls(self, name: str, files: TlsFiles, factory: IProtocolFactory) -> TlsFactory:
        certificates = Certificates(name, files, self._reactor)
        try:
            certificates.load()
        except BadCertificate as error:
            raise CannotServe(f"listen.{name}: {error}") from error
        self._certificates.append(certificates)
        needed = b""
        if isinstance(factory, LinesFactory):
            needed = factory.dialect.encode_refusal(TlsNeeded(), None)
        elif isinstance(factory, RealmPeerFactory):
            needed = encode_frame(Goodbye(reason=TlsNeeded.code, message=TlsNeeded.message))
        return TlsFactory(certificates, factory, self._reactor, needed)

    def reload_certificates(self) -> None:
        """Read the certificates of all listeners again, now; changed ones are noticed without it as well."""
        for certificates in self._certificates:
            certificates.reload()

    async def close(self) -> None:
        """Accept no more connections."""
        for port in self._ports:
            try:
                await maybeDeferred(port.stopListening)
            except Exception:
                self._log.failure("could not stop listening")
