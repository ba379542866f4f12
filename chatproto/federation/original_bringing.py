"""What an original server of an older system is brought: the requests, and what its replies mean."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from chatproto.errors import NoSuchFile, Unavailable
from chatproto.federation.bounds import ORIGINAL_PUSHED
from chatproto.federation.original_requests import NotAnswered, NotAsked, Requests, Wire
from chatproto.federation.rules import Files
from chatproto.names import fold
from chatproto.realm.contents import encode_content
from chatproto.realm.lists import list_of
from chatproto.records import FILE, Outcome, Outgoing, read_offer
from chatproto.wire import older_peer
from chatproto.wire.older_peer import Answer

#: What a server says that does not know a request, or the name of the way. To somebody whom it does not know
#: it says the first of them to all requests of servers.
_NO_VERB = "**Protocol Tidak Benar"
_NO_REALM = "Realm Tidak Ditemukan"
#: What became of what was asked and not answered.
UNKNOWN = Outcome("outcome-unknown")
_NOT_SUPPORTED = Outcome("not-supported")
_FILE_GONE = Outcome("file-gone")


class Bringing:
    """Brings items to one server."""

    def __init__(self, requests: Requests, files: Files) -> None:
        self._requests = requests
        self._files = files
        #: Where it reaches us, as seen by a connection; None if it cannot.
        self.advertised: Callable[[Wire], tuple[str, int] | None] = lambda wire: None
        #: By which name the server knows the way, for the box that a sender named.
        self.alias_of: Callable[[str], str] = str
        #: Who was brought which texts, and how often, that the server may keep for its own users to ask for.
        self._brought: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        #: Names by which it was told of us once more over this connection, as it seemed not to know us.
        self._repeated: set[str] = set()

    def begin(self) -> None:
        """Hear of a new connection, or a new introduction: it may be another server."""
        self._repeated.clear()

    async def bring(self, batch: Sequence[Outgoing]) -> Mapping[int, Outcome]:
        """Give items to the server, and return what becomes of them.

        :raises NotAsked: there is no connection; nothing of it was taken.
        :raises NotAnswered: what became of it is unknown.
        """
        message = batch[0].message
        assert message is not None
        if message.kind not in ("text", FILE):
            return {item.row.number: _NOT_SUPPORTED for item in batch}
        ways = [self._into_boxes, *([self._into_inboxes] if message.kind == "text" else [])]
        outcomes: Mapping[int, Outcome] = {}
        for way in ways if batch[0].row.box else reversed(ways):
            outcomes = await way(batch)
            if all(each.code != _NOT_SUPPORTED.code for each in outcomes.values()):
                break
        return outcomes

    async def _into_inboxes(self, batch: Sequence[Outgoing]) -> Mapping[int, Outcome]:
        """Bring a text as servers of system D do; refused as ``not-supported`` if this is none."""
        message = batch[0].message
        assert message is not None
        outcomes = dict.fromkeys((item.row.number for item in batch), _NOT_SUPPORTED)
        begun = False
        for item in batch:
            try:
                answer = await self.server_send(message.sender, _name(item.to), message.text)
            except (NotAsked, NotAnswered):
                if not begun:
                    raise
                outcomes[item.row.number] = UNKNOWN
            else:
                begun = True
                outcomes[item.row.number] = Outcome(answer.code, answer.said)
        return outcomes

    async def _into_boxes(self, batch: Sequence[Outgoing]) -> Mapping[int, Outcome]:
        """Bring what there is as servers of system B do; refused as ``not-supported`` if this is none."""
        outcome = await self._into_box(batch)
        return dict.fromkeys((item.row.number for item in batch), outcome)

    async def server_send(self, sender: str, to: str, text: str) -> Answer:
        """Bring one text as servers of system D do.

        :raises NotAsked: there is no connection.
        :raises NotAnswered: what became of it is unknown.
        """
        return await self._requests.ask(older_peer.server_send(_name(sender), to, text))

    async def _into_box(self, batch: Sequence[Outgoing]) -> Outcome:
        message = batch[0].message
        assert message is not None
        alias = self.alias_of(batch[0].row.box)
        names = [_name(item.to) for item in batch]
        sender = _name(message.sender)
        listed = bool(list_of(message.mid))
        if message.kind == "text":
            request = older_peer.recv_text(sender, alias, names, message.text, listed=listed)
        else:
            offer, store = read_offer(message.text), self._files.store
            if offer is None or store is None:
                return _FILE_GONE
            try:
                content = await encode_content(store, offer.sha256, offer.size)
            except NoSuchFile:
                return _FILE_GONE
            file = (offer.name, content)
            request = older_peer.recv_file(sender, alias, names, *file, plain=offer.plain, listed=listed)
        answer = await self._requests.ask(request)
        if await self._is_told_again(alias, answer):
            answer = await self._requests.ask(request)
        if answer.ok and message.kind == "text":
            self._remember(names, message.text)
        return Outcome(answer.code, answer.said)

    async def _is_told_again(self, alias: str, answer: Answer) -> bool:
        """Introduce us to a server that does not seem to know us, as it was started anew, perhaps."""
        if answer.ok or answer.message not in (_NO_REALM, _NO_VERB):
            return False
        if answer.message == _NO_VERB:
            if alias in self._repeated:
                return False
            self._repeated.add(alias)
        try:
            return (await self.make_known(alias)).ok
        except (Unavailable, NotAsked, NotAnswered):  # it refused the request before that
            return False

    async def make_known(self, alias: str) -> Answer:
        """Make us known to the server by a name, and return what it says.

        :raises Unavailable: it could not reach us.
        :raises NotAsked: there is no connection.
        :raises NotAnswered: it said nothing.
        """
        wire = self._requests.wire
        if wire is None:
            raise NotAsked
        where = self.advertised(wire)
        if where is None:
            raise Unavailable("this realm has no client port that the other server could reach")
        return await self._requests.ask(older_peer.recv_realm(alias, *where))

    def _remember(self, names: Sequence[str], text: str) -> None:
        for name in names:
            key = (fold(name), _digest(text))
            self._brought[key] = self._brought.get(key, 0) + 1
            if len(self._brought) > ORIGINAL_PUSHED:
                self._brought.popitem(last=False)

    def may_keep(self, user: str) -> bool:
        """Tell whether the server may keep something for one of its users that was brought by us."""
        return any(name == fold(user) for name, _ in self._brought)

    def brought(self, user: str, text: str) -> bool:
        """Tell whether a text that the server kept for a user was brought by us, once for each time."""
        key = (fold(user), _digest(text))
        left = self._brought.pop(key, 0)
        if left > 1:
            self._brought[key] = left - 1
        return left > 0


def _digest(text: str) -> bytes:
    return sha256(text.strip().encode()).digest()


def _name(address: str) -> str:
    return address.partition("@")[0]
