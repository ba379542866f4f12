"""A realm as a service: its store, its rules and its listeners, opened and closed in order.

This is where the rooms are joined; it has no rules of its own. It prints nothing and ends no process:
whoever starts the service hears when it serves, and when and why it ended.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.posixbase import PosixReactorBase
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.configuration import Config
from chatproto.errors import CannotServe
from chatproto.fronts import fronts_of
from chatproto.limits import LOOPBACK, Limits
from chatproto.listeners import CLIENT, METRICS, PEER, Listener
from chatproto.loop import LoopWatch
from chatproto.older import MAKERS, reached_at
from chatproto.opening import LAB_PASSWORD, LAB_USERS, OpenRealm, add_lab_users, open_realm
from chatproto.ports import Listening, Ports, needing_metrics
from chatproto.protocols.factory import ChatServerFactory
from chatproto.protocols.front_main import FIRST, Fronts
from chatproto.protocols.meeting import HELLO, Finder
from chatproto.protocols.older_live import OlderRelays
from chatproto.protocols.older_peer import OlderPeerFactory
from chatproto.protocols.peer_factory import RealmPeerFactory
from chatproto.realm import Realm
from chatproto.store.urls import shown
from chatproto.tls.connecting import client_endpoint

__all__ = ["LAB_PASSWORD", "LAB_USERS", "Listening", "RealmService", "realm_service"]

T = TypeVar("T")


class _Outcome(Generic[T]):
    """Something that happens once and that any number of callers may wait for."""

    def __init__(self) -> None:
        self._result: T | Failure | None = None
        self._waiting: list[Deferred[T]] = []

    def tell(self, result: T | Failure) -> None:
        """Settle it; a later outcome changes nothing."""
        if self._result is None:
            self._result = result
            for deferred in self._waiting:
                deferred.callback(result)  # a Failure becomes an errback by itself
            self._waiting.clear()

    def wait(self) -> Deferred[T]:
        deferred: Deferred[T] = Deferred()
        if self._result is None:
            self._waiting.append(deferred)
        else:
            deferred.callback(self._result)
        return deferred


class RealmService(Service):
    """Opens a realm's store and listeners when started, and drains and closes them when stopped.

    If opening fails, or the store breaks later, it closes everything by itself. A stopped service
    is not started again: make another one.
    """

    _log = Logger()

    def __init__(self, reactor: PosixReactorBase, config: Config) -> None:
        self._reactor = reactor
        self._config = config
        self._started: _Outcome[tuple[Listening, ...]] = _Outcome()
        self._told_to_stop: _Outcome[str] = _Outcome()
        self._finished: _Outcome[str] = _Outcome()
        self._ports = Ports(reactor)
        self._drains: list[Callable[[str], Deferred[None]]] = []
        #: The names and factories of what clients connect to, for the metrics.
        self._serving: list[tuple[str, ChatServerFactory]] = []
        #: The factories of connections to other realms, for the metrics too.
        self._linking: list[RealmPeerFactory] = []
        self._loop = LoopWatch(reactor)
        self._fronts: Fronts | None = None
        self._opened: OpenRealm | None = None

    @property
    def realm(self) -> Realm | None:
        """The realm while it is open, for whoever embeds the service."""
        return None if self._opened is None else self._opened.realm

    def startService(self) -> None:
        """Begin to open everything, as soon as the reactor runs."""
        super().startService()
        self._reactor.callWhenRunning(lambda: Deferred.fromCoroutine(self._live()))

    def stopService(self) -> Deferred[None]:
        """Drain and close everything; the Deferred never fails."""
        super().stopService()
        self._told_to_stop.tell("shutdown")
        return self._finished.wait().addBoth(lambda _: None)

    def when_started(self) -> Deferred[tuple[Listening, ...]]:
        """Return a Deferred of the open ports, which fires when connections are accepted.

        :raises CannotServe: a store or port could not be opened; everything is closed again.
        """
        return self._started.wait()

    def when_finished(self) -> Deferred[None]:
        """Return a Deferred that fires when everything is closed after ``stopService``.

        :raises CannotServe: something could not be opened, or the store broke.
        """
        return self._finished.wait().addCallback(lambda _: None)

    async def _live(self) -> None:
        """Open, serve until there is a reason to end, close: the one way through a service's life."""
        end: str | Failure
        try:
            where = await self._open()
            self._log.info("realm {realm} is ready", realm=self._config.realm)
            self._started.tell(where)
            end = await self._told_to_stop.wait()
        except CannotServe:
            end = Failure()
        except BaseException:
            end = Failure()
            self._log.failure("realm {realm} failed", failure=end, realm=self._config.realm)
            end = Failure(CannotServe(f"realm {self._config.realm} failed; the log says why"))
        opened = self._opened is not None
        await self._close("failure" if isinstance(end, Failure) else end)
        if opened:
            self._log.info("realm {realm} is closed", realm=self._config.realm)
        if isinstance(end, Failure):
            # Whoever waits for the start hears of it only when everything is closed again.
            self._started.tell(end)
        self._finished.tell(end)

    async def _open(self) -> tuple[Listening, ...]:
        config = self._config
        self._opened = opened = await open_realm(self._reactor, config)
        opened.realm.when_failed().addErrback(self._store_failed)
        self._loop.start()
        if config.lab:
            await add_lab_users(opened.realm)
        if config.control is not None:
            self._open_control(opened.realm, config.control)
        self._fronts = fronts_of(opened, config, self._reactor)
        where = tuple([await self._listen(opened, listener) for listener in config.listeners])
        # Whoever is dialled may dial back, and its messages may be for those who connect first.
        dialling = self._peer_factory(opened, config.limits)
        connect = partial(client_endpoint, self._reactor)
        opened.peers.originals.serve(
            connect, partial(OlderPeerFactory, self._reactor), reached_at(config, where)
        )
        opened.realm.live.relays = OlderRelays(connect, self._reactor)
        if opened.adding is not None:
            opened.adding.find = Finder(dialling, connect).find
        opened.peers.start(connect, dialling.dialling)
        return where

    def _store_failed(self, failure: Failure) -> None:
        self._told_to_stop.tell(
            Failure(CannotServe(f"the store {shown(self._config.store)} failed; the log says why"))
        )

    async def _listen(self, opened: OpenRealm, listener: Listener) -> Listening:
        return await self._ports.open(listener, self._factory(opened, listener))

    def _factory(self, opened: OpenRealm, listener: Listener) -> IProtocolFactory:
        if listener.name == METRICS:
            return self._metrics(opened)
        if listener.name == PEER:
            peers = self._peer_factory(opened, listener.limits)
            self._take_fronts(peers)
            return peers
        make = MAKERS.get(listener.name, self._client_factory)
        factory = make(opened.realm, self._reactor, listener, self._config)
        if self._config.lab:
            self._take_fronts(factory)
            if listener.name == CLIENT:
                factory.successors[HELLO] = self._peer_factory(opened, listener.limits).take
        self._serving.append((listener.name, factory))
        self._drains.append(factory.drain)
        return factory

    def _take_fronts(self, factory: ChatServerFactory | RealmPeerFactory) -> None:
        """Let fronts connect where others do."""
        if self._fronts is not None:
            factory.successors[FIRST] = self._fronts.take

    def _client_factory(
        self, realm: Realm, reactor: PosixReactorBase, listener: Listener, config: Config
    ) -> ChatServerFactory:
        return ChatServerFactory(
            realm,
            reactor,
            limits=listener.limits,
            exact_bodies=config.exact_bodies,
            file_entries=config.file_entries,
            live_lines=config.older.live_lines,
            tls=listener.tls is not None,
            proxied=listener.opens.startswith("haproxy:"),
        )

    def _peer_factory(self, opened: OpenRealm, limits: Limits) -> RealmPeerFactory:
        """Return a factory of connections to other realms, which end with the store."""
        meet = None if opened.adding is None else opened.adding.meet
        factory = RealmPeerFactory(opened.peers, self._reactor, limits=limits, meet=meet)
        opened.realm.writer.on_fatal(lambda _: factory.abort())
        self._linking.append(factory)
        self._drains.append(factory.drain)
        return factory

    def _metrics(self, opened: OpenRealm) -> IProtocolFactory:
        with needing_metrics():
            from chatproto import metrics  # noqa: PLC0415 - needs an extra
        store = self._config.store.partition(":")[0]
        collector = metrics.RealmCollector(
            opened.realm, store, self._serving, self._loop, opened.operating, self._linking
        )
        factory = metrics.MetricsFactory(metrics.registry_of(collector), self._reactor)
        self._drains.append(factory.drain)
        return factory

    def reload_certificates(self) -> None:
        """Read the certificates of all listeners again, now; changed ones are noticed without it as well."""
        self._ports.reload_certificates()

    def _open_control(self, realm: Realm, path: Path) -> None:
        """Open the control socket. The store is ours by now, so a socket that is there is a dead one's."""
        factory = ChatServerFactory(realm, self._reactor, limits=LOOPBACK, administrator=True)
        # The file's mode is the whole guard; with the mask it never has another, not even for a moment.
        mask = os.umask(0o177)
        try:
            if path.is_socket():
                path.unlink()
            port = self._reactor.listenUNIX(str(path), factory, mode=0o600)
        except (OSError, CannotListenError) as error:
            reason = getattr(error, "socketError", error)
            raise CannotServe(
                f"control: cannot open {path}: {getattr(reason, 'strerror', reason)}"
            ) from error
        finally:
            os.umask(mask)
        self._ports.add(port)
        self._serving.append(("control", factory))
        self._drains.append(factory.drain)

    async def _close(self, reason: str) -> None:
        """Accept no more, answer what is under way, make the last batch durable, say goodbye."""
        await self._ports.close()
        if self._opened is not None:
            self._opened.peers.close(reason)
        drains = [drain(reason) for drain in self._drains]
        await self._quietly("drain the connections", DeferredList(drains, consumeErrors=True))
        if self._opened is not None:
            await self._quietly("close the realm", self._opened.close())
            self._opened = None
        self._loop.stop()

    async def _quietly(self, what: str, step: Awaitable[object]) -> None:
        """Do one step of closing; the next ones come whatever becomes of it."""
        try:
            await step
        except Exception:
            self._log.failure("could not {what}", what=what)


def realm_service(reactor: PosixReactorBase, config: Config) -> RealmService:
    """Return the service that runs the realm of a configuration."""
    return RealmService(reactor, config)
