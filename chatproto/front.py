"""A front: a server that keeps the clients' connections and sessions, and holds no data.

Everything is done by its main server, over one link. While that is down the front stays, and so do its
clients: they are told that the main server is away, and go on when it is back.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IProtocolFactory
from twisted.internet.posixbase import PosixReactorBase
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.backoff import Backoff
from chatproto.endpoints import is_loopback
from chatproto.errors import ConfigError, LinkError
from chatproto.federation.fronts import FrontHandshake, Main
from chatproto.federation.identity import Key, make_seed
from chatproto.federation.trust import Kind, Trust
from chatproto.limits import Limits
from chatproto.listeners import METRICS, Listener
from chatproto.loop import LoopWatch
from chatproto.ports import Listening, Ports, needing_metrics
from chatproto.protocols.front_end import MainLink
from chatproto.protocols.front_factory import FrontFactory
from chatproto.protocols.front_main import FIRST, Fronts
from chatproto.telling import Telling, why_lost, why_not_met
from chatproto.tls.connecting import client_endpoint
from chatproto.wire.text import FileEntries

#: The longest time between two attempts to reach the main server: people wait for it.
_LONGEST = 1.5
_SHORTEST = 0.2
#: Clients that come at once should find the main server, if it is there; so long it is waited for.
_FIRST_SECONDS = 2.0
#: A link that stood for so long was a good one.
_ESTABLISHED = 5.0
#: A public key, as it is remembered.
_KEY = re.compile(r"[0-9a-f]{64}")


class FrontConfig(Struct, frozen=True, kw_only=True):
    """How a front is run, complete and checked."""

    name: str
    #: The client endpoint string of the main server.
    main: str
    #: What the main server has to prove. Its secret, if there is one, is also that of fronts before this one.
    trust: Trust
    listeners: tuple[Listener, ...]
    limits: Limits
    #: The folder of its key, and of its main server's; None: it has a new key at each start.
    state: Path | None = None
    exact_bodies: bool = False
    file_entries: FileEntries = FileEntries.STRING
    live_lines: bool = False


class State:
    """What a front remembers: its own key, and that of the main server that it met first."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def key(self) -> Key:
        """Return the front's key, which is made if there is none.

        :raises ConfigError: the folder cannot be used.
        """
        seed = self._read("front.key")
        if seed is None:
            seed = make_seed().hex()
            self._write("front.key", seed)
        try:
            return Key(bytes.fromhex(seed))
        except ValueError:
            raise ConfigError(f"state: {self._folder}/front.key is no key") from None

    def trust(self, trust: Trust) -> Trust:
        """Return what the main server has to prove, if it was met before.

        :raises ConfigError: its key was remembered, and cannot be read: it is not to be met anew.
        """
        known = None if trust.key else self._read("main.key")
        if known is None:
            return trust
        if _KEY.fullmatch(known) is None:
            raise ConfigError(
                f"state: {self._folder}/main.key is no key; remove it to trust whoever answers next"
            )
        return replace(trust, key=known)

    def met(self, trust: Trust, key: str) -> Trust:
        """Remember the key of the main server, if any was taken.

        :raises ConfigError: the folder cannot be used.
        """
        if trust.key or self._folder is None:
            return trust
        self._write("main.key", key)
        return replace(trust, key=key)

    def _read(self, name: str) -> str | None:
        if self._folder is None:
            return None
        try:
            return (self._folder / name).read_text("ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            raise ConfigError(f"state: {self._folder}/{name} cannot be read") from None

    def _write(self, name: str, text: str) -> None:
        """Write a file that is there whole or as it was, also after a crash, and is for nobody else."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            opened, beside = tempfile.mkstemp(dir=self._folder, prefix=f".{name}.")
            try:
                with os.fdopen(opened, "w") as file:
                    file.write(f"{text}\n")
                    file.flush()
                    os.fsync(file.fileno())
                Path(beside).replace(self._folder / name)
            except BaseException:
                Path(beside).unlink()
                raise
        except OSError as error:
            raise ConfigError(f"state: {self._folder}: {error.strerror}") from error


class Front:
    """A running front."""

    _log = Logger()

    def __init__(self, reactor: PosixReactorBase, config: FrontConfig) -> None:
        self._reactor = reactor
        self._config = config
        self._state = State(config.state)
        self._key = self._state.key()
        self._trust = self._state.trust(config.trust)
        self._main = Main("")
        self._ports = Ports(reactor)
        #: The names and factories of what clients connect to.
        self._serving: list[tuple[str, FrontFactory]] = []
        self._drains: list[Callable[[], Deferred[None]]] = []
        self._loop = LoopWatch(reactor)
        self._link = MainLink(reactor, config.limits, self._handshake, self._met, self._gone)
        self._backoff = Backoff(shortest=_SHORTEST, longest=_LONGEST)
        self._met_at = float("inf")
        self._telling = Telling(reactor, config.main)
        self._again: IDelayedCall | None = None
        self._connecting: Deferred[Any] | None = None
        self._stopped = False
        #: Fires when the main server was met, or not, for the first time, or will not be.
        self._first: Deferred[None] = Deferred()
        self._fronts = Fronts(
            lambda: self._main,
            self._key,
            self._trust_of,
            self._link.new_session,
            reactor,
            config.limits,
        )

    async def open(self) -> tuple[Listening, ...]:
        """Listen for clients, and begin to look for the main server, which may come later.

        :raises CannotServe: a port cannot be opened.
        """
        where = []
        try:
            for listener in self._config.listeners:
                make = self._metrics if listener.name == METRICS else self._factory
                where.append(await self._ports.open(listener, make(listener)))
        except BaseException:
            await self._ports.close()
            raise
        self._loop.start()
        self._dial()
        late = self._reactor.callLater(_FIRST_SECONDS, self._late)
        await self._first
        if late.active():
            late.cancel()
        return tuple(where)

    async def close(self) -> None:
        """Accept no more, answer what was read, say goodbye, and end the link."""
        await self._ports.close()
        for drain in self._drains:
            await drain()
        self._loop.stop()
        self._stopped = True
        if self._again is not None and self._again.active():
            self._again.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        self._telling.stop()
        self._link.close()
        self._tried()

    def reload_certificates(self) -> None:
        """Read the certificates of all listeners again."""
        self._ports.reload_certificates()

    def _factory(self, listener: Listener) -> FrontFactory:
        config = self._config
        factory = FrontFactory(
            self._link.new_session,
            self._reactor,
            listener.limits,
            exact_bodies=config.exact_bodies,
            file_entries=config.file_entries,
            live_lines=config.live_lines,
            tls=listener.tls is not None,
            proxied=listener.opens.startswith("haproxy:"),
        )
        factory.successors[FIRST] = self._fronts.take
        self._serving.append((listener.name, factory))
        self._drains.append(factory.drain)
        return factory

    def _metrics(self, listener: Listener) -> IProtocolFactory:
        with needing_metrics():
            from chatproto import metrics  # noqa: PLC0415 - needs an extra
        collector = metrics.FrontCollector(self._config.name, self._link, self._serving, self._loop)
        factory = metrics.MetricsFactory(metrics.registry_of(collector), self._reactor)
        self._drains.append(factory.drain)
        return factory

    # -- the main server

    def _handshake(self) -> FrontHandshake:
        return FrontHandshake(self._config.name, self._key, self._trust, secrets.token_bytes)

    def _trust_of(self, name: str, key: str, address: str) -> Trust | None:
        """Return what a front before this one has to prove: what this one had to."""
        secret = self._config.trust.secret
        if secret:
            return Trust(Kind.SECRET, secret=secret)
        return Trust(Kind.TOFU) if self._main.lab and is_loopback(address) else None

    def _met(self, main: Main, key: str) -> None:
        try:
            self._trust = self._state.met(self._trust, key)
        except ConfigError as error:
            self._log.error("the main server's key is not remembered: {why}", why=str(error))
        self._main = main
        self._met_at = self._reactor.seconds()
        for _, factory in self._serving:
            factory.speak_for(main.realm)
        self._tried()
        self._telling.linked(main.realm)

    def _late(self) -> None:
        self._telling.away("it has not answered yet")
        self._tried()

    def _tried(self) -> None:
        if not self._first.called:
            self._first.callback(None)

    def _dial(self) -> None:
        self._again = None
        endpoint = client_endpoint(self._reactor, self._config.main)
        self._connecting = connecting = endpoint.connect(self._link.factory())
        connecting.addCallbacks(lambda _: self._connected(), self._unconnected)

    def _connected(self) -> None:
        self._connecting = None

    def _unconnected(self, failure: Failure) -> None:
        self._connecting = None
        self._try_again(f"cannot connect: {failure.getErrorMessage().rstrip('.')}")

    def _gone(self, error: LinkError | None) -> None:
        if self._met_at == float("inf"):
            self._try_again(why_not_met(error, self._config.name, self._key.fingerprint))
            return
        if self._reactor.seconds() - self._met_at >= _ESTABLISHED:
            self._backoff.reset()
        self._met_at = float("inf")
        self._try_again(why_lost(error))

    def _try_again(self, why: str) -> None:
        """Try again in a while: there is no link."""
        self._tried()
        if self._stopped:
            return
        self._telling.away(why)
        self._again = self._reactor.callLater(self._backoff.next(), self._dial)
