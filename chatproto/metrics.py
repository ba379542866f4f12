"""The figures of a realm or a front in the text format of Prometheus, over HTTP. Needs the extra ``metrics``.

Nothing is counted here: the figures stand in :mod:`chatproto.realm.meters`, or are read off the realm and its
connections when somebody asks. A registry belongs to one of them, so that a process may run several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web.http import Request as HttpRequest
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from chatproto.figures import (
    Values,
    connection_figures,
    counter,
    gauge,
    histogram_of,
    info,
    lag,
    link_figures,
)
from chatproto.loop import LoopWatch
from chatproto.operating import Operating
from chatproto.protocols.factory import ChatServerFactory
from chatproto.protocols.front_end import MainLink
from chatproto.protocols.lines_factory import LinesFactory
from chatproto.protocols.peer_factory import RealmPeerFactory
from chatproto.realm import ClientSession, Realm
from chatproto.realm.times import Clock

#: One asks every so many seconds, some more may look by hand.
_CONNECTIONS = 16
#: What a scraper sends fits many times; it says nothing for no longer than this.
_IDLE_SECONDS = 10.0
#: No request needs a body; a small one is read to its end, so that it can be answered.
_BODY_BYTES = 4096
#: Answers within this time are one and the same, whoever asks how often: making one takes milliseconds.
_FRESH_SECONDS = 1.0


class RealmCollector(Collector):
    """Reads off the figures of one realm and its listeners.

    ``listeners`` are names and factories; it may grow later. Several of one name are added up. ``links`` and
    ``linking``, the factories of connections to other realms, are there if the realm is linked.
    """

    def __init__(
        self,
        realm: Realm,
        store: str,
        listeners: Sequence[tuple[str, ChatServerFactory]],
        loop: LoopWatch,
        links: Operating | None = None,
        linking: Sequence[RealmPeerFactory] = (),
    ) -> None:
        self._links = links
        self._linking = linking
        self._realm = realm
        self._store = store
        self._listeners = listeners
        self._loop = loop

    def describe(self) -> list[Metric]:
        """Return nothing: so it is not asked for figures when it is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Return all figures as they are now."""
        yield info(
            "realm", "The realm that these figures are of", realm=str(self._realm.name), store=self._store
        )
        yield lag(self._loop)
        yield from self._writing()
        yield from self._files()
        yield from self._reading()
        yield from self._people()
        yield from connection_figures(self._listeners)
        yield from self._sessions()
        if self._links is not None:
            yield from link_figures(self._links, self._linking, self._realm.clock.seconds())

    def _writing(self) -> Iterator[Metric]:
        meters, writer = self._realm.meters, self._realm.writer
        yield counter("messages", "Messages stored", meters.messages)
        yield histogram_of("batch_entries", "Commands in one commit", meters.entries)
        yield histogram_of(
            "batch_seconds", "From the first command of a commit until it is on disk", meters.batch_seconds
        )
        yield histogram_of(
            "commit_seconds", "What a commit took the store, with its sync", meters.commit_seconds
        )
        yield counter("batches_refused", "Commits that the store refused, as on a full disk", meters.refused)
        yield counter("entries_broken", "Commands that broke a constraint of the store", meters.broken)
        for what, now, most in zip(("rows", "bytes"), writer.load, writer.bounds, strict=True):
            yield gauge(f"open_{what}", f"{what.capitalize()} that wait for a commit or are in one", now)
            yield gauge(f"open_{what}_bound", f"Number of open {what} at which clients are not read", most)

    def _files(self) -> Iterator[Metric]:
        meters, uploads = self._realm.meters, self._realm.files.uploads
        yield counter("files", "Files that clients sent, once for each recipient", meters.files)
        moved: Values = {("in",): meters.file_bytes_in, ("out",): meters.file_bytes_out}
        yield counter("file_bytes", "Bytes of files from clients and to them", moved, "direction")
        yield gauge("uploads_open", "Uploads that have a file open", len(uploads))
        yield gauge("upload_bytes_waiting", "Bytes of uploads that wait for the disk", uploads.waiting)

    def _reading(self) -> Iterator[Metric]:
        asked = self._realm.meters.asked
        waiting = sum(each.waiting for each in asked.values())
        yield gauge("store_reads_waiting", "Questions to the store that are not answered yet", waiting)
        counts: Values = {(name,): each.count for name, each in asked.items()}
        yield counter("store_reads", "Questions to the store", counts, "question")
        seconds: Values = {(name,): each.seconds for name, each in asked.items()}
        yield counter("store_read_seconds", "Time that these questions took", seconds, "question")

    def _people(self) -> Iterator[Metric]:
        waiting, most = self._realm.hasher.load
        yield gauge("password_hashes_waiting", "Passwords that are being hashed or wait for it", waiting)
        yield gauge("password_hashes_bound", "Number of waiting hashes at which logins are refused", most)
        yield counter("password_hashes", "Passwords hashed", self._realm.hasher.done)
        failed = sum(factory.traffic.refusals.get("login-failed", 0) for _, factory in self._listeners)
        logins: Values = {("ok",): self._realm.meters.logins, ("failed",): failed}
        yield counter("logins", "Sessions begun, and logins with a wrong name or password", logins, "result")
        present = len(self._realm.present.accounts())
        yield gauge("accounts_present", "Accounts that have a connection", present)

    def _sessions(self) -> Iterator[Metric]:
        sessions: Counter[tuple[str, ...]] = Counter()
        states: Counter[tuple[str, ...]] = Counter()
        for name, factory in self._listeners:
            sessions[name,] += 0  # a listener that has none is told of too
            for connection in factory.connections():
                session = connection.session
                if isinstance(session, ClientSession):
                    sessions[name,] += len(session.logins)
                    if session.listener is not None:
                        states[name, session.listener.state.value] += 1
        yield gauge("sessions", "Sessions bound to connections", sessions, "listener")
        yield gauge("listening", "Connections that listen, by what they do now", states, "listener", "state")


class FrontCollector(Collector):
    """Reads off the figures of one front: of its clients, and of its link to the main server."""

    def __init__(
        self, name: str, link: MainLink, listeners: Sequence[tuple[str, LinesFactory]], loop: LoopWatch
    ) -> None:
        self._name = name
        self._link = link
        self._listeners = listeners
        self._loop = loop

    def describe(self) -> list[Metric]:
        """Return nothing: so it is not asked for figures when it is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Return all figures as they are now."""
        link = self._link
        yield info("front", "The front that these figures are of", front=self._name)
        yield lag(self._loop)
        yield gauge("main_link_up", "Whether there is a link to the main server", link.up)
        yield counter("main_links", "Links to the main server that stood", link.links)
        clients, requests, size = link.load
        yield gauge("main_link_clients", "Clients that have asked something", clients)
        yield gauge("main_link_requests", "Requests that are on their way to the main server", requests)
        yield gauge("main_link_unsent_bytes", "Bytes that wait for the main server to read", size)
        yield from connection_figures(self._listeners)


def registry_of(collector: Collector) -> CollectorRegistry:
    """Return a registry of its own for figures, with those of the process beside them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    ProcessCollector(registry=registry)
    return registry


class _Figures(Resource):
    """``/metrics``."""

    def __init__(self, make: Callable[[], bytes], clock: Clock) -> None:
        super().__init__()
        self._make = make
        self._clock = clock
        self._made = b""
        self._fresh_until = 0.0

    def render_GET(self, request: Request) -> bytes:
        """Return the figures; Twisted leaves them out for ``HEAD``."""
        now = self._clock.seconds()
        if now >= self._fresh_until or now < self._fresh_until - _FRESH_SECONDS:
            self._made = self._make()
            self._fresh_until = now + _FRESH_SECONDS
        request.setHeader(b"content-type", CONTENT_TYPE_LATEST.encode())
        return self._made


class _Request(Request):
    """A request that keeps no body worth speaking of."""

    def gotLength(self, length: int | None) -> None:
        """Refuse a large body, or one of unknown length, before it comes."""
        if length is not None and length <= _BODY_BYTES:
            super().gotLength(length)
            return
        super().gotLength(0)
        channel = cast("Any", self.channel)
        channel.transport.write(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n")
        channel.loseConnection()

    def handleContentChunk(self, data: bytes) -> None:
        """Keep nothing: what still comes after a refusal must not pile up."""


class _Site(Site):
    """A site without a log of its own: a line for every scrape tells nobody anything."""

    noisy = False

    def log(self, request: HttpRequest) -> None:
        """Say nothing."""


class MetricsFactory(WrappingFactory):
    """Serves the figures of a registry to a few connections at a time."""

    noisy = False

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        root = Resource()
        root.putChild(b"metrics", _Figures(lambda: generate_latest(registry), clock))
        super().__init__(_Site(root, _Request, timeout=_IDLE_SECONDS, reactor=clock))
        self._empty: list[Deferred[None]] = []

    def buildProtocol(self, addr: IAddress | None) -> ProtocolWrapper | None:  # type: ignore[override]
        """Return a connection's protocol, or none as any factory may: then it is closed."""
        return super().buildProtocol(addr) if len(self.protocols) < _CONNECTIONS else None

    def unregisterProtocol(self, p: ProtocolWrapper) -> None:
        """Hear that a connection is gone."""
        super().unregisterProtocol(p)
        if not self.protocols:
            empty, self._empty = self._empty, []
            for done in empty:
                done.callback(None)

    def drain(self, reason: str = "shutdown") -> Deferred[None]:
        """End all connections, and fire when they are gone."""
        done: Deferred[None] = Deferred()
        if self.protocols:
            self._empty.append(done)
            for protocol in list(self.protocols):
                protocol.transport.abortConnection()
        else:
            done.callback(None)
        return done
