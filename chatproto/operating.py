"""The links of a realm, for the operator: how they stand, and what is decided about them.

The links themselves are in :mod:`chatproto.federation`; this puts what they know into words.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.errors import BadField, ChatError, LinkError, NotLinked, StoreError
from chatproto.events import DeadLetter, DeadLetterPage, LinkAdded, LinkState, QueuedItem, QueuePage
from chatproto.faults import Discreet
from chatproto.federation import dialing
from chatproto.federation.connection import Connection, LinkEnd
from chatproto.federation.identity import Identity, fingerprint, parse_fingerprint
from chatproto.federation.link import PeerLink, State
from chatproto.federation.peers import Peers
from chatproto.federation.setting import parse_connect
from chatproto.federation.standing import Standing
from chatproto.federation.trust import Trust
from chatproto.interfaces import ILinks, IStore
from chatproto.names import RealmName
from chatproto.protocols.peer_factory import RealmPeerFactory
from chatproto.realm.times import Timestamps

T = TypeVar("T")

#: To look at a key takes one connection, and the operator waits for it.
_ASKING_SECONDS = 15.0
#: Bytes of text behind which a page of a queue ends: they are read, though not shown.
_PAGE_BYTES = 4 * 1024 * 1024
_STATES = {State.UP: "linked", State.OPENING: "opening"}
_DIALLING = frozenset({dialing.State.QUEUED, dialing.State.DIALLING})


@implementer(ILinks)
class Operating:
    """The links of one realm. ``connect`` makes an endpoint of what an operator wrote."""

    _log = Logger()

    def __init__(
        self,
        peers: Peers,
        store: IStore,
        reactor: IReactorTime,
        connect: Callable[[str], IStreamClientEndpoint],
        *,
        insecure: bool = False,
    ) -> None:
        self._peers = peers
        self._store = store
        self._reactor = reactor
        self._connect = connect
        self._insecure = insecure
        self._text = Timestamps().text
        #: When the oldest item was sent that waits for a realm, in milliseconds, as of the last look.
        self._oldest: dict[RealmName, int] = {}
        self._looking = False

    # -- how they stand

    def fingerprint(self) -> str:
        """See :meth:`ILinks.fingerprint`."""
        return self._peers.identity.fingerprint

    def states(self, clocks: bool = False) -> Deferred[list[LinkState]]:
        """See :meth:`ILinks.states`."""
        return Deferred.fromCoroutine(self._states(clocks))

    async def _states(self, clocks: bool) -> list[LinkState]:
        await self._look()
        skews = await self._skews() if clocks else {}
        known = self._peers.links
        states = [self._state(link, skews.get(link.realm)) for link in known.values()]
        for realm, key in self._peers.standings.strangers():
            if realm not in known:
                states.append(LinkState(realm=str(realm), state="stranger", shown=fingerprint(key)))
        return sorted(states, key=lambda state: state.realm)

    def _state(self, link: PeerLink, skew: float | None) -> LinkState:
        standings, counts = self._peers.standings, link.counts
        row, setting = standings.row(link.realm), standings.setting(link.realm)
        dialled, dial, error = self._peers.dialer.state_of(link.realm)
        trust = setting.trust
        key = trust.key if trust is not None and trust.key else row.key
        shown, why = standings.shown(link.realm)
        shown = shown or row.shown
        oldest = self._oldest.get(link.realm, 0)
        routes = self._peers.routes
        held, held_bytes = routes.relaying.held_for(str(link.realm))
        return LinkState(
            realm=str(link.realm),
            state=_word(link, dialled, routed=routes.is_open(link.realm)),
            since=self._text(int(link.since * 1000)),
            connect=standings.endpoint(link.realm),
            via=routes.via(link.realm),
            trust="" if trust is None else trust.kind.value,
            fingerprint=fingerprint(key) if key else "",
            shown=fingerprint(shown) if shown else "",
            neighbour=setting.neighbour,
            items=link.outgoing.waiting_items,
            bytes=link.outgoing.waiting_bytes,
            age=max(0, int(self._reactor.seconds() - oldest / 1000)) if oldest else 0,
            applied=counts.applied,
            refused=counts.refused,
            received=link.incoming.verdicts[""],
            held=held,
            held_bytes=held_bytes,
            fetching=link.fetching.under_way,
            came_bytes=link.file_counts.came_bytes,
            sent_bytes=link.file_counts.sent_bytes,
            failures=dial.failures,
            next=self._text(dial.next) if dialled is dialing.State.WAITING and dial.next else "",
            error=row.reason
            or why
            or routes.error(link.realm)
            or (link.last_reason if error in ("", "goodbye") else error),
            skew=skew,
            introducer=row.introducer,
        )

    async def _look(self) -> None:
        """Find out since when the oldest item of each realm waits."""
        oldest: dict[RealmName, int] = {}
        for link in list(self._peers.links.values()):
            if link.outgoing.waiting_items:
                waiting = await self._store.waiting(str(link.realm), link.outgoing.settled)
                oldest[link.realm] = waiting.oldest
        self._oldest = oldest

    def oldest(self) -> dict[RealmName, int]:
        """Return when the oldest waiting item of realms was sent, as of the last time that this was asked."""
        if not self._looking:
            self._looking = True
            looking = Deferred.fromCoroutine(self._look()).addErrback(self._not_seen)
            looking.addBoth(lambda _: setattr(self, "_looking", False))
        return self._oldest

    def _not_seen(self, failure: Failure) -> None:
        if not failure.check(StoreError):  # which others tell of
            self._log.failure("could not look at what waits", failure=Discreet(failure))

    @property
    def links(self) -> Sequence[PeerLink]:
        """All links, for the metrics."""
        return list(self._peers.links.values())

    def word(self, link: PeerLink) -> str:
        """Return the state of a link in a word."""
        routed = self._peers.routes.is_open(link.realm)
        return _word(link, self._peers.dialer.state_of(link.realm)[0], routed=routed)

    @property
    def dials(self) -> int:
        """How many dials were begun."""
        return self._peers.dialer.begun

    async def _skews(self) -> dict[RealmName, float]:
        """Return how far the clocks of linked realms are ahead."""
        up = [link.realm for link in self._peers.links.values() if link.state is State.UP]
        answers = await DeferredList(
            [Deferred.fromCoroutine(self._skew(realm)) for realm in up], consumeErrors=True
        )
        return {realm: skew for realm, (fine, skew) in zip(up, answers, strict=True) if fine}

    async def _skew(self, realm: RealmName) -> float:
        _, as_of = await self._peers.remotes.active(realm)
        return round(as_of / 1000 - self._reactor.seconds(), 1)

    # -- what waits and what came back

    def queue(self, realm: RealmName, after: int, limit: int) -> Deferred[QueuePage]:
        """See :meth:`ILinks.queue`."""
        return Deferred.fromCoroutine(self._queue(realm, after, limit))

    async def _queue(self, realm: RealmName, after: int, limit: int) -> QueuePage:
        stream = self._peers.link(realm).outgoing
        after = max(after, stream.settled)
        page = await self._store.outgoing(str(realm), after, limit, _PAGE_BYTES)
        items = []
        for item in page:
            row, message = item.row, item.message
            if message is None:  # its number is all that is left
                items.append(QueuedItem(number=row.number, mid=row.mid, sent=row.number <= stream.offered))
                continue
            items.append(
                QueuedItem(
                    number=row.number,
                    mid=row.mid,
                    from_=message.sender,
                    to=item.to,
                    size=row.size,
                    at=self._text(row.at),
                    expires=self._text(row.expires),
                    sent=row.number <= stream.offered,
                )
            )
        return QueuePage(items=items, complete=not page or page[-1].row.number >= stream.newest)

    def dead_letters(self, realm: str, after: int, limit: int) -> Deferred[DeadLetterPage]:
        """See :meth:`ILinks.dead_letters`."""
        return Deferred.fromCoroutine(self._dead_letters(realm, after, limit))

    async def _dead_letters(self, realm: str, after: int, limit: int) -> DeadLetterPage:
        rows = await self._store.dead_letters(realm, after, limit + 1)
        letters = [
            DeadLetter(
                seq=row.seq,
                mid=row.mid,
                realm=row.realm,
                from_=row.sender,
                to=row.recipient,
                code=row.code,
                at=self._text(row.at),
            )
            for row in rows[:limit]
        ]
        return DeadLetterPage(letters=letters, complete=len(rows) <= limit)

    # -- decisions

    def add(self, realm: RealmName, connect: str, pin: str) -> Deferred[LinkAdded]:
        """See :meth:`ILinks.add`."""
        return Deferred.fromCoroutine(self._add(realm, connect, pin))

    async def _add(self, realm: RealmName, connect: str, pin: str) -> LinkAdded:
        try:
            pinned = parse_fingerprint(pin) if pin else ""
            if connect or not pinned:
                connect = parse_connect(connect, insecure=self._insecure)
        except ValueError as error:
            raise BadField(str(error)) from None
        key, problem = await self._key_of(realm, connect) if connect else ("", "")
        shown = fingerprint(key) if pinned and key and key != pinned else ""
        if shown:
            problem = f"it shows another key, {shown}"
        standing = await self._peers.add(realm, connect, pin)
        if standing is Standing.PENDING and key:
            self._peers.trust_of(realm, key)  # which is not trusted, and remembered
            await self._peers.standings.note_shown(realm)
        key = pinned or key
        return LinkAdded(
            realm=str(realm),
            state=standing.value,
            fingerprint=fingerprint(key) if key else "",
            error=problem,
            shown=shown,
        )

    async def _key_of(self, realm: RealmName, connect: str) -> tuple[str, str]:
        """Return the key that a realm shows to whoever asks, and why there is none. Nothing is believed."""
        asking = _Asking(self._peers.identity)
        factory = RealmPeerFactory(asking, self._reactor)
        done: Deferred[LinkError] = Deferred()
        connecting = self._connect(connect).connect(factory.dialling(realm, done.callback))
        connecting.addErrback(lambda failure: None if done.called else done.errback(failure))
        try:
            end = await done.addTimeout(_ASKING_SECONDS, self._reactor)
        except DeferredTimeoutError:
            connecting.cancel()
            return "", f"no answer in {_ASKING_SECONDS:g} seconds"
        except ChatError as error:  # who is there is not the one whose certificate was expected
            return "", error.text
        except Exception as error:
            return "", f"no connection ({type(error).__name__})"
        finally:
            factory.abort()
        return asking.key, "" if isinstance(end, NotLinked) else end.text

    def approve(self, realm: RealmName, fingerprint: str) -> Deferred[None]:
        """See :meth:`ILinks.approve`."""
        return Deferred.fromCoroutine(self._approve(realm, fingerprint))

    async def _approve(self, realm: RealmName, text: str) -> None:
        if not text:
            if self._peers.link(realm).standing is not Standing.BLOCKED:
                raise BadField("expected the fingerprint of the key that is approved")
            await self._peers.unblock(realm)
            return
        try:
            key = parse_fingerprint(text)
        except ValueError as error:
            raise BadField(str(error)) from None
        await self._peers.approve(realm, key)

    def retry(self, realm: RealmName) -> Deferred[None]:
        """See :meth:`ILinks.retry`."""
        return _begun(self._peers.retry(realm))

    def park(self, realm: RealmName) -> Deferred[None]:
        """See :meth:`ILinks.park`."""
        return _begun(self._peers.park(realm))

    def block(self, realm: RealmName) -> Deferred[None]:
        """See :meth:`ILinks.block`."""
        return _begun(self._peers.block(realm))

    def drop(self, realm: RealmName) -> Deferred[int]:
        """See :meth:`ILinks.drop`."""
        return _begun(self._peers.drop(realm))


def _begun(work: Coroutine[Any, Any, T]) -> Deferred[T]:
    return Deferred.fromCoroutine(work)


def _word(link: PeerLink, dialled: dialing.State, *, routed: bool) -> str:
    if link.standing is not Standing.OPEN:
        return str(link.standing.value)
    if link.state in _STATES:
        return _STATES[link.state]
    if routed:
        return "routed"
    return "dialling" if dialled in _DIALLING else "waiting"


class _Asking:
    """Somebody who wants to see a realm's key, and trusts nobody."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.links = ()
        #: The key that was shown.
        self.key = ""

    def trust_of(self, realm: RealmName, key: str) -> Trust | None:
        """Note the key."""
        self.key = key
        return None

    def approved(self, realm: RealmName, key: str) -> None:
        """Never hear of it: nobody is trusted."""

    def authenticated(self, realm: RealmName, connection: Connection) -> LinkEnd | None:
        """Never hear of it: nobody is trusted."""
        return None

    def refused(self, realm: RealmName, key: str, error: LinkError) -> None:
        """Never hear of it: nobody dials here."""
