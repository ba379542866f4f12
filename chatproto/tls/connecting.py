"""The client's side of TLS: a connection is made when the server is known to be the one that is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, clientFromString
from twisted.internet.error import NoProtocol
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.endpoints import EndpointText
from chatproto.errors import ChatError, ConnectionUnavailable, NoTls
from chatproto.tls.certificates import BadCertificate
from chatproto.tls.fingerprints import Fingerprint
from chatproto.tls.trust import Handshake, Trust

#: Who does not answer the handshake for so long does not speak TLS, or is not there any more.
HANDSHAKE_SECONDS = 8.0
#: What OpenSSL says of an answer that is not TLS.
_NO_TLS = frozenset(
    {"wrong version number", "packet length too long", "http request", "record layer failure"}
)


@implementer(IStreamClientEndpoint)
class TlsEndpoint:
    """A client endpoint that connects when the handshake is done and the server trusted.

    ``host`` is whom the certificate has to be for; ``inner`` leads there. ``connect`` fails with a
    :class:`~chatproto.errors.Distrust` if the server is not trusted.

    :raises BadCertificate: the trusted certificates cannot be read.
    """

    def __init__(self, clock: IReactorTime, inner: IStreamClientEndpoint, host: str, trust: Trust) -> None:
        self._clock = clock
        self._inner = inner
        self._host = host
        self._trust = trust
        self._options = optionsForClientTLS(host, trustRoot=trust.openssl_roots())

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803 - Twisted's name
        """Connect, shake hands, look at the server, and only then make the protocol.

        :raises Distrust: the server is not trusted.
        :raises ConnectionUnavailable: the handshake did not end.
        """
        handshake = Handshake(self._options, self._host, self._trust)
        greeting = _Greeting(self._clock, protocolFactory, handshake)
        wrapped = TLSMemoryBIOFactory(handshake, True, _One(greeting), self._clock)
        wrapped.protocol = TLSMemoryBIOProtocol  # what it adds, our protocols do themselves
        connecting = self._inner.connect(wrapped)
        greeting.begin(connecting)
        return greeting.done


def client_endpoint(reactor: Any, text: str) -> IStreamClientEndpoint:
    """Return the endpoint of a client endpoint string.

    ``tls:HOST:PORT`` verifies the server, with ``trustRoots=FILE`` by other authorities than the system's,
    with ``pin=sha256:DIGITS`` by its key alone. Everything else is Twisted's.

    :raises ValueError: the string is none, or a file that it names cannot be used.
    """
    parts = EndpointText.parse(text)
    if parts.kind == "ssl":
        raise ValueError("write tls:HOST:PORT, which verifies the server")
    if parts.kind != "tls":
        endpoint: IStreamClientEndpoint = clientFromString(reactor, str(parts))
        return endpoint
    named = dict(parts.named)
    pin, roots, timeout = (named.pop(name, None) for name in ("pin", "trustRoots", "timeout"))
    if named or len(parts.values) != 2 or not parts.values[1].isdecimal():
        raise ValueError(f"expected tls:HOST:PORT[:trustRoots=FILE][:pin=sha256:DIGITS], not {text!r}")
    trust = Trust(Fingerprint.parse(pin) if pin else None, Path(roots) if roots else None)
    host, port = parts.values[0], int(parts.values[1])
    return tls_endpoint(reactor, host, port, trust, float(timeout or 30))


def tls_endpoint(reactor: Any, host: str, port: int, trust: Trust, timeout: float = 30.0) -> TlsEndpoint:
    """Return the endpoint of a server that speaks TLS.

    :raises ValueError: the trusted certificates cannot be read, or the host is none.
    """
    try:
        return TlsEndpoint(reactor, HostnameEndpoint(reactor, host, port, timeout), host, trust)
    except BadCertificate as error:
        raise ValueError(str(error)) from error


class _One(Factory):
    """Gives one greeting away."""

    noisy = False

    def __init__(self, greeting: _Greeting) -> None:
        self._greeting = greeting

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Return the greeting, which learns where it is."""
        self._greeting.address = addr
        return self._greeting


@implementer(IHandshakeListener)
class _Greeting(Protocol):
    """Stands where the protocol will be until the handshake is done and judged."""

    def __init__(self, clock: IReactorTime, factory: IProtocolFactory, handshake: Handshake) -> None:
        self.address: IAddress | None = None
        #: The protocol, once it has the connection.
        self.done: Deferred[IProtocol] = Deferred(lambda _: self._give_up())
        self._clock = clock
        self._factory = factory
        self._handshake = handshake
        self._connecting: Deferred[IProtocol] | None = None
        self._deadline: IDelayedCall | None = None

    def begin(self, connecting: Deferred[IProtocol]) -> None:
        """Hear of the attempt to connect, whose failure is ours."""
        self._connecting = connecting
        connecting.addErrback(self._settle)

    def connectionMade(self) -> None:
        """Begin to count the time."""
        self._deadline = self._clock.callLater(HANDSHAKE_SECONDS, self._too_late)

    def handshakeCompleted(self) -> None:
        """Give the connection to its protocol, if the server is trusted."""
        tls: Any = self.transport
        wrong = self._handshake.verdict()
        protocol = None if wrong else self._factory.buildProtocol(cast(IAddress, self.address))
        if protocol is None:
            self._settle(Failure(wrong or NoProtocol()))
            tls.abortConnection()
            return
        tls.wrappedProtocol = protocol
        protocol.makeConnection(tls)
        self._settle(protocol)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Say why there was no handshake."""
        self._settle(Failure(_explained(self._handshake.host, reason)))

    def _too_late(self) -> None:
        host = self._handshake.host
        text = f"{host} did not answer a TLS handshake in {HANDSHAKE_SECONDS:g} s; is TLS spoken there?"
        self._settle(Failure(ConnectionUnavailable(text)))
        self._give_up()

    def _give_up(self) -> None:
        """End the attempt or the connection."""
        self._stop_deadline()
        if self.transport is not None:
            cast(Any, self.transport).abortConnection()
        elif self._connecting is not None:
            # It fails in ways of its own, by which nobody would know that it was we who gave it up.
            self._settle(Failure(CancelledError()))
            self._connecting.cancel()

    def _settle(self, result: IProtocol | Failure) -> None:
        self._stop_deadline()
        if not self.done.called:
            self.done.callback(result)  # a Failure becomes an errback by itself

    def _stop_deadline(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()


def _explained(host: str, reason: Failure) -> ChatError:
    """Return why a handshake did not end, in words for people."""
    error = reason.value
    if not isinstance(error, SSL.Error):
        return ConnectionUnavailable(f"{host} closed the connection in the TLS handshake")
    said = [str(each[-1]) for each in error.args[0]] if error.args else []
    if _NO_TLS.intersection(said):
        return NoTls(f"{host} answers on this port, but without TLS")
    return ConnectionUnavailable(
        f"the TLS handshake with {host} failed: {', '.join(said) or 'no reason told'}"
    )
