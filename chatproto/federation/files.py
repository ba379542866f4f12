"""One way's share in files: what another realm fetches from this one by it, and what this one fetches.

Nothing of it is sent unless both sides say that they can do ``files``. What is to be fetched belongs to the
link and the store, and stays when a way is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError, NoSuchRealm, StoreError
from chatproto.faults import Discreet
from chatproto.federation.bounds import FILES, ROUTES, UNASKED_BYTES
from chatproto.federation.bulk import Bulk
from chatproto.federation.files_serving import Serving
from chatproto.federation.groups import CAPABILITY
from chatproto.federation.standing import Standing
from chatproto.frames import Chunk, Frame, Freight, Got, Lacking, Want
from chatproto.names import RealmName
from chatproto.realm.realm import Realm
from chatproto.records import FileRow

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink


_log = Logger()


def abilities(realm: Realm) -> tuple[str, ...]:
    """Return what a realm can do beyond the least, as its hello says it."""
    return (CAPABILITY, ROUTES) if realm.files.store is None else (CAPABILITY, ROUTES, FILES)


def attend(realm: Realm, links: Mapping[RealmName, PeerLink]) -> None:
    """Let the links of a realm hear of what is to be fetched."""

    def wanted(row: FileRow) -> None:
        realm.files.rows_changed()  # it may stand where another realm's file was
        for link in links.values():
            if link.realm != row.realm:
                link.fetching.elsewhere(row.mid)
        source = links.get(RealmName(row.realm))
        if source is not None and source.standing is not Standing.DROPPED:
            source.fetching.wanted(row)
        else:  # if that cannot be stored now, it is done with what else the realm had
            refusing = Deferred.fromCoroutine(realm.files.refused(row, NoSuchRealm.code))
            refusing.addErrback(_not_refused, realm)

    realm.offers.on_wanted = realm.files.elsewhere.on_wanted = wanted


def _not_refused(failure: Failure, realm: Realm) -> None:
    if realm.writer.failure is None and not failure.check(ChatError, StoreError):
        _log.failure("a file of a realm that was dropped was not refused", failure=Discreet(failure))


class FileEnd:
    """Hears what is said of files by one way, and speaks of them."""

    def __init__(
        self,
        link: PeerLink,
        say: Callable[[Frame], bool],
        lane: Callable[[], Bulk | None],
        wrap: Callable[[Chunk, str], Chunk | Freight],
        window: int,
        wrong: int,
    ) -> None:
        """``lane`` is where bytes go now, ``wrap`` makes a frame of this way, with a want's nonce.

        For the rest see :class:`~chatproto.federation.files_fetch.Way`.
        """
        self._link = link
        self._lane = lane
        self.say = say
        self.window = window
        self.wrong = wrong
        self.serving = Serving(
            link.realm, link.rules.files, link.writer, link.clock, say, wrap, link.file_counts
        )
        #: Bytes that came, and were of no use, since some were.
        self._unasked = 0

    def begin(self) -> None:
        """Fetch by this way, unless nothing is wanted of the realm."""
        if self._link.standing is Standing.BLOCKED:
            self.detach()
        else:
            self._link.fetching.attach(self)

    def received(self, frame: Want | Lacking | Got) -> None:
        """Take what is said of a file."""
        if isinstance(frame, Lacking):
            self._link.fetching.lacking(frame)
        elif isinstance(frame, Got):
            self.serving.got(frame)
        elif self._link.standing is not Standing.BLOCKED:
            self.serving.move(self._lane())
            self.serving.want(frame)

    def chunk(self, frame: Chunk | Freight, data: bytes) -> bool:
        """Take bytes of a file; False if far too many came that nobody asked for."""
        fetching = self._link.fetching
        if fetching.way is self and fetching.chunk(frame.mid, frame.offset, data):
            self._unasked = 0
        else:
            self._unasked += len(data)
        return self._unasked <= UNASKED_BYTES

    def detach(self) -> None:
        """Send and fetch nothing more by this way for now."""
        self._link.fetching.detach(self)
        self.serving.clear()

    def close(self) -> None:
        """Send and fetch nothing more by this way."""
        self.detach()
        self.serving.close()
