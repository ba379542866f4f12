"""A gateway: what this realm passes on between others.

It believes nobody and is believed by nobody. What it holds was signed by the origin, what frees it by the
destination; it can lose time for them, and nothing else. What it holds is bounded, for each stream and in
all, and no neighbour's share is so large that others find no room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from chatproto.federation.bounds import FORWARDED_BYTES, FORWARDED_OF_PAIR, HELD_EXTRA, RUNS
from chatproto.federation.errand import come_to_rest
from chatproto.federation.files_serving import Forwarding
from chatproto.federation.holding import Fit, Key, Shares
from chatproto.federation.runs import Run
from chatproto.federation.verdicts import Verdicts
from chatproto.frames import Frame, Freight, Held, NoRoute, Noted, Parcel, Pass, Verdict
from chatproto.frames.routing import TTL, Letter, Ruling
from chatproto.interfaces import IStore
from chatproto.limits import Limits
from chatproto.names import RealmName
from chatproto.realm.audit import Audit
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import ITEMS, HeldRow
from chatproto.records import Run as Sum

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink

#: Above the size of every row.
_ALL = 2**53


class Ways(Protocol):
    """Who knows which realm is next."""

    def onward(self, realm: str, but: str) -> PeerLink | None:
        """Return the link by which something for a realm goes now, which is not where it came from."""
        ...

    def neighbour(self, realm: str) -> PeerLink | None:
        """Return the link to a realm, if it is up."""
        ...

    def refusal(self, hop: PeerLink, realm: str) -> str:
        """Return the code why nothing is passed on from one realm to another, ``""`` if it is."""
        ...


class Relaying:
    """What passes through this realm."""

    def __init__(
        self,
        home: RealmName,
        store: IStore,
        writer: Writer,
        clock: Clock,
        audit: Audit,
        limits: Limits,
        ways: Ways,
    ) -> None:
        self._home = home
        self.store = store
        self.writer = writer
        self.clock = clock
        self.audit = audit
        self.limits = limits
        self._ways = ways
        self._runs: dict[Key, Run] = {}
        #: The same by origin, destination and stream.
        self._of_stream: dict[tuple[str, str, str], list[Run]] = {}
        self.verdicts = Verdicts(store, writer, lambda verdict, hop: self._say(self._further(verdict), hop))
        #: Bytes of files on their way to the next realm, by that.
        self._freight: dict[str, Forwarding] = {}
        #: Bytes that are held, of all streams.
        self.shares = Shares(limits.held_total_bytes)

    async def load(self) -> None:
        """Learn what is held."""
        await self.verdicts.load()
        newest = {
            (found.hop, found.origin, found.realm, found.stream): found for found in await self.store.runs()
        }
        for key, found in newest.items():  # the newest epoch of each
            await self._know(self._add(key), found)

    async def read(self, run: Run) -> None:
        """Learn again what is held of one stream."""
        await come_to_rest(self.writer)
        runs = await self.store.runs()
        of_run = [each for each in runs if (each.hop, each.origin, each.realm, each.stream) == run.key]
        if of_run:
            await self._know(run, of_run[-1])
        else:
            run.forget()

    async def _know(self, run: Run, found: Sum) -> None:
        of_run = (*run.key, found.since)
        (first,) = await self.store.relayed(*of_run, found.first - 1, 1, _ALL)
        (last,) = await self.store.relayed(*of_run, found.last - 1, 1, _ALL)
        run.known(first, last, found.items, found.bytes)

    def _add(self, key: Key) -> Run:
        run = self._runs[key] = Run(self, key)
        self._of_stream.setdefault(key[1:], []).append(run)
        return run

    def _remove(self, run: Run) -> None:
        run.close()
        del self._runs[run.key]
        of_stream = self._of_stream[run.key[1:]]
        of_stream.remove(run)
        if not of_stream:
            del self._of_stream[run.key[1:]]

    def held_for(self, realm: str) -> tuple[int, int]:
        """Return how many items are held for a realm, and their bytes."""
        runs = [run for run in self._runs.values() if run.to == realm]
        return sum(run.items for run in runs), sum(run.bytes for run in runs)

    def close(self) -> None:
        """Pass nothing on any more."""
        for run in self._runs.values():
            run.close()

    # -- for runs

    def has_room(self, realm: str, but: str) -> bool:
        """Tell whether something can be passed on now."""
        link = self._ways.onward(realm, but)
        return link is not None and link.has_room

    def on(self, realm: str, but: str, frame: Frame) -> str | None:
        """Pass a frame on; return by which realm, None if there is no way now."""
        link = self._ways.onward(realm, but)
        if link is None:
            return None
        link.post(frame)
        return str(link.realm)

    def back(self, hop: str, frame: Frame) -> None:
        """Say something to a neighbour, if it is there."""
        link = self._ways.neighbour(hop)
        if link is not None:
            link.post(frame)

    # -- links

    def up(self, link: PeerLink) -> None:
        """Hear that a neighbour is there: what is for it, or goes by it, goes on."""
        for run in self._runs.values():
            if self._ways.onward(run.to, run.hop) is link:
                run.linked()
        self.verdicts.say_all(str(link.realm))

    def down(self, link: PeerLink) -> None:
        """Hear that a neighbour is gone."""
        self._freight.pop(str(link.realm), None)

    def drained(self, link: PeerLink) -> None:
        """Hear that a neighbour's connection has room again."""
        self.verdicts.say_on(str(link.realm))
        for run in self._runs.values():
            if run.pace.sent < run.on_disk and self._ways.onward(run.to, run.hop) is link:
                run.wake()

    # -- towards the destination

    def parcel(self, hop: PeerLink, parcel: Parcel, letter: Letter) -> None:
        """Hold a parcel, or pass a question on."""
        key = (str(hop.realm), parcel.origin, parcel.to, parcel.stream)
        run = self._runs.get(key)
        code = "loop" if self._is_loop(parcel) else self._ways.refusal(hop, parcel.to)
        if parcel.stream != ITEMS:
            code = "no-route"  # nobody would ever say that it has arrived
        if run is None and not code and letter.frame is not None:
            run = self._new_run(key)
            code = "" if run is not None else "queue-full"
        if code:
            if run is None or run.idle:
                answer = NoRoute(origin=parcel.origin, to=parcel.to, stream=parcel.stream, code=code)
                hop.post(answer)
            return
        if letter.frame is None:
            self._opening(hop, parcel, letter, run)
        elif run is not None:
            self._take(run, parcel, letter)

    def _is_loop(self, frame: Parcel | Verdict | Pass | Freight) -> bool:
        """Tell whether a frame goes no further: with more names the next realm could not read it."""
        been_far = frame.ttl == 0 or len(frame.via) >= TTL
        return been_far or self._home in frame.via or frame.origin == self._home

    def _further(self, frame: Parcel | Verdict | Pass) -> Parcel | Verdict | Pass:
        return replace(frame, via=[*frame.via, str(self._home)], ttl=frame.ttl - 1)

    def _new_run(self, key: Key) -> Run | None:
        of_hop = [run for run in self._runs.values() if run.hop == key[0]]
        if len(of_hop) >= RUNS:
            idle = next((run for run in of_hop if run.idle), None)
            if idle is None:
                return None
            self._remove(idle)
        return self._add(key)

    def _opening(self, hop: PeerLink, parcel: Parcel, letter: Letter, run: Run | None) -> None:
        """Say what is held, or that this realm is willing."""
        if run is not None and (run.unknown or run.epoch == letter.epoch):
            run.tell()
        else:
            self._welcome(hop, parcel, letter, again=False)
        self.verdicts.say_soon(str(hop.realm), (parcel.origin, parcel.to, parcel.stream))
        if self.has_room(parcel.to, hop.realm):
            self.on(parcel.to, hop.realm, self._further(parcel))

    def _welcome(self, hop: PeerLink, parcel: Parcel, letter: Letter, *, again: bool) -> None:
        """Take a stream of which nothing is held, from the first that is not settled."""
        hop.post(
            Held(
                origin=parcel.origin,
                to=parcel.to,
                stream=parcel.stream,
                epoch=letter.epoch,
                number=letter.settled,
                most=letter.settled + self.limits.held_items,
                again=again,
            )
        )

    def _take(self, run: Run, parcel: Parcel, letter: Letter) -> None:
        assert letter.frame is not None
        if run.unknown:
            run.tell(again=True)
            return
        fit = run.fit(letter, letter.frame.number)
        if fit is Fit.NEXT and not run.full and not self.writer.links_full:
            run.hold(self._row(run, parcel, letter), letter)
        elif fit is Fit.AGAIN:
            run.again(self._row(run, parcel, letter))
        elif fit is Fit.GAP and letter.epoch != run.epoch:
            link = self._ways.neighbour(run.hop)
            if link is not None:
                self._welcome(link, parcel, letter, again=True)
        elif fit is not Fit.OLD:
            run.tell(again=True)

    def _row(self, run: Run, parcel: Parcel, letter: Letter) -> HeldRow:
        assert letter.frame is not None
        return HeldRow(
            *run.key,
            since=letter.since,
            number=letter.frame.number,
            epoch=letter.epoch,
            mid=letter.frame.mid,
            via=",".join((*parcel.via, self._home)),
            ttl=parcel.ttl - 1,
            body=parcel.body,
            signature=parcel.signature,
            size=len(parcel.body.encode()) + HELD_EXTRA,
        )

    def held(self, hop: PeerLink, held: Held) -> None:
        """Hear what the next gateway holds."""
        for run in self._runs_of(held.origin, held.to, held.stream):
            if self._ways.onward(run.to, run.hop) is hop:
                run.held(held)

    def no_route(self, hop: PeerLink, frame: NoRoute) -> None:
        """Tell whoever brought a stream that it goes no further; what is held stays."""
        before = {run.hop for run in self._runs_of(frame.origin, frame.to, frame.stream)}
        if not before:
            link = self._ways.onward(frame.origin, hop.realm)
            before = {str(link.realm)} if link is not None and link.realm == frame.origin else set()
        for name in before - {str(hop.realm)}:
            self._say(frame, name)

    def passing(self, hop: PeerLink, frame: Pass) -> None:
        """Pass something on that nobody keeps, if there is room for it now."""
        refused = self._is_loop(frame) or self._ways.refusal(hop, frame.to)
        if not refused and self.has_room(frame.to, hop.realm):
            self.on(frame.to, hop.realm, self._further(frame))

    def freight(self, hop: PeerLink, freight: Freight, data: bytes) -> None:
        """Pass bytes of a file on when there is time, or drop them."""
        if self._is_loop(freight) or self._ways.refusal(hop, freight.to):
            return
        link = self._ways.onward(freight.to, str(hop.realm))
        if link is None or link.end is None:
            return
        forwarding = self._freight.get(str(link.realm))
        if forwarding is None or forwarding.lane is not link.end.lane:
            forwarding = Forwarding(link.end.lane, FORWARDED_BYTES, FORWARDED_OF_PAIR)
            self._freight[str(link.realm)] = forwarding
        via = [*freight.via, str(self._home)]
        forwarding.add(str(hop.realm), replace(freight, via=via, ttl=freight.ttl - 1), data)

    # -- back to the origin

    def verdict(self, hop: PeerLink, frame: Verdict, ruling: Ruling) -> None:
        """Free what the destination has, and tell the origin, now or when it is there."""
        runs = self._runs_of(frame.origin, frame.to, frame.stream)
        if self._is_loop(frame) or (not runs and self._ways.refusal(hop, frame.origin)):
            return
        before = {run.hop for run in runs if run.epoch} or self.verdicts.hop_of(frame)
        if not before:
            # Nothing of the stream was ever held here: nobody waits for what would be kept.
            if self.has_room(frame.origin, str(hop.realm)):
                self.on(frame.origin, str(hop.realm), self._further(frame))
            return
        missed = [name for name in before if not self._say(self._further(frame), name)]
        if self.verdicts.take(frame, ruling, min(before), hop):
            for run in runs:
                run.settled(ruling.epoch, ruling.since, ruling.number)
        for name in missed:
            self.verdicts.say_soon(name, (frame.origin, frame.to, frame.stream))

    def noted(self, hop: PeerLink, frame: Noted) -> None:
        """Forget a verdict that is on disk nearer to its origin."""
        self.verdicts.noted(hop, frame)

    def _say(self, frame: Frame, hop: str) -> bool:
        """Pass on what a neighbour said, if there is room for it now: it may say that all the time."""
        link = self._ways.neighbour(hop)
        if link is None or not link.has_room:
            return False
        link.post(frame)
        return True

    def _runs_of(self, origin: str, realm: str, stream: str) -> list[Run]:
        return self._of_stream.get((origin, realm, stream), [])

    def forget(self, realm: str) -> None:
        """Let go of what a realm brought, and of what is for it: the operator wants nothing to do with it."""
        for run in [run for run in self._runs.values() if realm in (run.hop, run.to)]:
            run.remove()
            self._remove(run)
        self.verdicts.forget(realm)
