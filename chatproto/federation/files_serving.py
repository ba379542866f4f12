"""What another realm fetches from this one, by one way: bytes go as far as it said that it takes them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from msgspec import Struct

from chatproto.errors import FileGone, FileNotHere, NoSuchFile, StoreError
from chatproto.federation.bounds import LOOKED_UP, PIECE_BYTES, REFUSED_PAUSE, SERVED, SERVED_LATER
from chatproto.federation.bulk import Bulk, Piece
from chatproto.federation.counting import FileCounts
from chatproto.federation.errand import Errand
from chatproto.federation.holding import Shares
from chatproto.federation.rules import Files
from chatproto.frames import Chunk, Frame, Freight, Got, Lacking, Want
from chatproto.names import RealmName
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer


class _Served(Struct, eq=False):
    """A file as far as it was sent, and as far as it may be."""

    sha256: str
    size: int
    offset: int
    until: int
    nonce: str


class Serving:
    """Gives one realm the bytes that it may have; see :class:`~chatproto.federation.bulk.Source`."""

    def __init__(
        self,
        realm: RealmName,
        files: Files,
        writer: Writer,
        clock: Clock,
        say: Callable[[Frame], bool],
        wrap: Callable[[Chunk, str], Chunk | Freight],
        counts: FileCounts,
    ) -> None:
        self._realm = realm
        self._files = files
        self._say = say
        self._lane: Bulk | None = None
        self._wrap = wrap
        self._counts = counts
        #: Wants of files that are to be looked up, the newest of each.
        self._asked: dict[str, Want] = {}
        #: What is being sent, by mid; whose turn it is comes first.
        self._served: dict[str, _Served] = {}
        self._looking = Errand(writer, clock, "looking for a file that is asked for", self._look)

    def move(self, lane: Bulk | None) -> None:
        """Send by another connection from now on, or by none for now."""
        if self._lane is not None and self._lane is not lane:
            self._lane.remove(self)
        self._lane = lane
        if lane is not None:
            lane.add(self)

    def clear(self) -> None:
        """Send no more of what was asked for so far."""
        self._asked.clear()
        self._served.clear()

    def close(self) -> None:
        """Send nothing any more."""
        self._looking.stop()
        self.clear()
        self.move(None)

    # -- what is asked for

    def want(self, want: Want) -> None:
        """Hear how much of a file the other realm takes now."""
        served = self._served.get(want.mid)
        if self._files.store is None:
            self._lack(want.mid, FileNotHere.code)
        elif not want.size:
            self._forget(want.mid)
        elif served is not None and want.offset == served.until:
            served.until = min(served.size, want.offset + want.size)
            served.nonce = want.nonce
            self._wake()
        elif want.mid in self._asked or len(self._asked) < LOOKED_UP:  # who asks for more asks again
            self._asked[want.mid] = want
            self._looking.wake()

    def got(self, got: Got) -> None:
        """Hear that the other realm needs no more of a file."""
        self._forget(got.mid)
        if got.code:
            self._counts.given_up += 1
        else:
            self._counts.served += 1

    def _forget(self, mid: str) -> None:
        self._served.pop(mid, None)
        self._asked.pop(mid, None)

    async def _look(self) -> None:
        """See whether the realm may have a file: one after the other, however many it names."""
        while self._asked:
            mid = next(iter(self._asked))
            found = await self._files.source(mid, self._realm)
            want = self._asked.pop(mid, None)
            if want is None:
                continue
            if isinstance(found, str):
                self._lack(mid, found)
                self._looking.rest(REFUSED_PAUSE)
                return
            if mid not in self._served and not self._make_room():
                self._lack(mid, FileNotHere.code)
                continue
            offset = min(want.offset, found.size)
            until = min(found.size, want.offset + want.size)
            self._served[mid] = _Served(found.sha256, found.size, offset, until, want.nonce)
            self._wake()

    def _make_room(self) -> bool:
        """Forget the oldest that waits for another want: its end may be lost, and who wants more says so."""
        if len(self._served) >= SERVED:
            idle = next((mid for mid, each in self._served.items() if each.offset == each.until), None)
            if idle is None:
                return False
            del self._served[idle]
        return True

    def _lack(self, mid: str, code: str) -> None:
        later = SERVED_LATER if code == FileNotHere.code else 0.0
        self._served.pop(mid, None)
        self._say(Lacking(mid=mid, code=code, retry_after=later))

    def _wake(self) -> None:
        if self._lane is not None:
            self._lane.wake()

    # -- what goes

    @property
    def ready(self) -> bool:
        """See :class:`~chatproto.federation.bulk.Source`."""
        return any(served.offset < served.until for served in self._served.values())

    async def next(self, most: int) -> Piece | None:
        """See :class:`~chatproto.federation.bulk.Source`."""
        found = ((mid, each) for mid, each in self._served.items() if each.offset < each.until)
        mid, served = next(found, ("", None))
        if served is None or self._files.store is None:
            return None
        del self._served[mid]
        self._served[mid] = served  # the others come first now
        offset = served.offset
        size = min(most, served.until - offset)
        try:
            data = await self._files.store.read(served.sha256, offset, size)
        except NoSuchFile:
            self._lack(mid, FileGone.code)
            return None
        except StoreError:
            self._lack(mid, FileNotHere.code)
            return None
        if self._served.get(mid) is not served or served.offset != offset:
            return None  # it is wanted no more, or from another place on
        if len(data) != size:
            self._lack(mid, FileGone.code)
            return None
        served.offset += size
        self._counts.sent_bytes += size
        return self._wrap(Chunk(mid=mid, offset=offset, size=size), served.nonce), data


class Forwarding:
    """Bytes that a gateway passes on by one connection; what there is no room for is dropped.

    Who wants them asks again, so nothing depends on it. Each neighbour that brings some has its share of the
    room and its turn in the lane, whatever origins it names.
    """

    def __init__(self, lane: Bulk, most: int, most_of_pair: int) -> None:
        self.lane = lane
        self._most_of_pair = most_of_pair
        self._shares = Shares(most)
        self._brought: dict[str, _Brought] = {}
        #: Pieces that there was no room for.
        self.dropped = 0

    def add(self, hop: str, frame: Freight, data: bytes) -> bool:
        """Let bytes that a neighbour brought go when there is time; False if there is no room for them."""
        brought = self._brought.setdefault(hop, _Brought(hop, self._shares))
        size = _memory(frame, data)
        if brought.of_pair(frame) + size > self._most_of_pair or self._shares.left(hop) < size:
            self.dropped += 1
            return False
        brought.add(frame, data)
        self.lane.add(brought)
        return True


def _memory(frame: Freight, data: bytes) -> int:
    """Return what a piece takes in memory at most, however few bytes of a file are in it."""
    texts = (frame.origin, frame.to, frame.mid, frame.nonce, *frame.via)
    return len(data) + PIECE_BYTES + 4 * sum(map(len, texts))


class _Brought:
    """What one neighbour brought; see :class:`~chatproto.federation.bulk.Source`."""

    def __init__(self, hop: str, shares: Shares) -> None:
        self._hop = hop
        self._shares = shares
        #: By pair of realms; whose turn it is comes first.
        self._waiting: dict[tuple[str, str], deque[tuple[Freight, bytes]]] = {}
        self._sizes: Counter[tuple[str, str]] = Counter()

    def of_pair(self, frame: Freight) -> int:
        """Return how many bytes wait between two realms."""
        return self._sizes[frame.origin, frame.to]

    def add(self, frame: Freight, data: bytes) -> None:
        """Keep a piece until it is its turn."""
        pair = frame.origin, frame.to
        self._waiting.setdefault(pair, deque()).append((frame, data))
        self._count(pair, _memory(frame, data))

    def _count(self, pair: tuple[str, str], size: int) -> None:
        self._shares.add(self._hop, size)
        self._sizes[pair] += size
        if not self._sizes[pair]:
            del self._sizes[pair]

    @property
    def ready(self) -> bool:
        """See :class:`~chatproto.federation.bulk.Source`."""
        return bool(self._waiting)

    async def next(self, most: int) -> Piece | None:
        """See :class:`~chatproto.federation.bulk.Source`."""
        if not self._waiting:
            return None
        pair, queue = next(iter(self._waiting.items()))
        piece = queue.popleft()
        del self._waiting[pair]
        if queue:
            self._waiting[pair] = queue  # the others come first now
        self._count(pair, -_memory(*piece))
        return piece
