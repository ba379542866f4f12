"""Two realms and what carries items between them: as little as the rules can be tried with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from zope.interface import implementer

from chatproto.errors import ChatError, NoSuchRealm, QueueFull, TextTooLong
from chatproto.frames import Item, Receipt
from chatproto.interfaces import IRemotes
from chatproto.names import RealmName
from chatproto.realm.arrivals import Arrival
from chatproto.realm.bounces import Bounce, Ending
from chatproto.realm.changes import Change
from chatproto.realm.writer import Work
from chatproto.records import ITEMS, NOWHERE, MessageRow, OutboxRow, Outcome, Outgoing, Record, StreamRow

if TYPE_CHECKING:
    from chatproto.realm import Realm
from tests.realm.house import House

Taken = Arrival | Change

BETA = RealmName("beta")
ALPHA = RealmName("alpha")
#: How long an item may be under way.
LIFE = 7 * 86400 * 1000


@implementer(IRemotes)
class Links:
    """Numbers items for realms that are linked, and remembers what it was asked for."""

    def __init__(self, realm: Realm, clock: Clock, *linked: str) -> None:
        self._clock = clock
        self.linked = {RealmName(name) for name in linked}
        self.prepared: set[RealmName] = set()
        self.numbers: dict[RealmName, int] = {}
        self.woken: list[tuple[RealmName, int]] = []
        self.remembered: dict[str, str] = {}
        self.verdicts: dict[tuple[RealmName, int], Deferred[Outcome]] = {}
        self.receipts: list[Receipt] = []
        self.lives: list[tuple[RealmName, str, list[str]]] = []
        self.error: ChatError | None = None
        self.present: tuple[list[tuple[str, str]], int] = ([], 0)
        self.most = 16 * 1024
        self.room = 2**53
        realm.writer.on_reset(self.forget)
        self._newest = lambda: realm.router.published

    def forget(self) -> None:
        """A batch was lost: numbers are read again when somebody prepares."""
        self.prepared.clear()

    def prepare(self, realm: RealmName) -> Deferred[None]:
        if self.error is not None:
            return fail(self.error)
        if realm not in self.linked:
            return fail(NoSuchRealm())
        self.prepared.add(realm)
        return succeed(None)

    def ready(self, realm: RealmName) -> bool:
        return realm in self.prepared

    def check(self, realm: RealmName, size: int) -> None:
        if size > self.most:
            raise TextTooLong
        if self.room <= 0:
            raise QueueFull(retry_after=30.0)

    def check_file(self, realm: RealmName, size: int) -> None:
        """Take every file."""

    def number(self, realm: RealmName, message: MessageRow, size: int) -> tuple[OutboxRow, StreamRow | None]:
        assert realm in self.prepared
        number = self.numbers[realm] = self.numbers.get(realm, 0) + 1
        now = int(self._clock.seconds() * 1000)
        row = OutboxRow(realm, number, message.mid, message.seq, size, now, now + LIFE)
        return row, StreamRow(realm, ITEMS, "epoch", "", 1, 0, 0, number)

    def wake(self, realm: RealmName) -> None:
        self.woken.append((realm, self._newest()))

    def refused(self, address: str) -> str | None:
        return self.remembered.get(address)

    def verdict(self, realm: RealmName, number: int) -> Deferred[Outcome]:
        verdict = self.verdicts[realm, number] = Deferred()
        return verdict

    def receipt(self, by: str, to: str, delivered: str = "", read: str = "") -> None:
        self.receipts.append(Receipt(by=by, to=to, delivered=delivered, read=read))

    def live(self, realm: RealmName, group: str, users: Sequence[str], number: int) -> None:
        self.lives.append((realm, group, list(users)))

    def active(self, realm: RealmName) -> Deferred[tuple[list[tuple[str, str]], int]]:
        return succeed(self.present) if realm in self.linked else fail(NoSuchRealm())

    def ask(self, realm: RealmName, about: str, name: str = "", after: str = "") -> Deferred[dict[str, Any]]:
        return fail(NoSuchRealm())

    def knows(self, realm: RealmName) -> bool:
        return realm in self.linked

    def realms(self) -> Sequence[RealmName]:
        return sorted(self.linked)


class Effect(Work):
    """What came of an item, on its way to the disk."""

    def __init__(self, effect: Taken | Bounce | Ending, *, removes: Sequence[Record] = ()) -> None:
        if isinstance(effect, Bounce | Ending):
            super().__init__(effect.inserts, removes=removes)
            self.lost = lambda: None
        else:
            super().__init__(effect.inserts, effect.puts, effect.otherwise)
            self.lost = effect.lost
        self.told = effect.told
        self.errors: list[ChatError] = []

    def committed(self) -> None:
        self.told()

    def failed(self, error: ChatError) -> None:
        self.errors.append(error)
        self.lost()


def linked(house: House, *names: str) -> Links:
    """Link a realm to others that are nowhere."""
    links = Links(house.realm, house.clock, *names)
    house.realm.link(links)
    return links


def item(**fields: object) -> Item:
    """Return an item from amsal in beta to messi in alpha."""
    given = {
        "number": 1,
        "mid": "beta/00112233445566771",
        "from_": "amsal@beta",
        "to": "messi@alpha",
        "text": "halo",
        "at": 1_700_000_000_000,
        "expires": 1_700_000_000_000 + LIFE,
        "name": "Amsal",
    }
    return Item(**{**given, **fields})  # type: ignore[arg-type]  # any of them


def arrive(house: House, peer: RealmName, arrived: Item) -> str:
    """Let an item come, and return the code with which it is refused; "" if it is taken."""

    async def judged() -> Taken | str | None:
        verdict = house.realm.arrivals.judge(peer, arrived)
        if verdict is None:
            await house.realm.arrivals.prepare(peer, arrived)
            verdict = house.realm.arrivals.judge(peer, arrived)
        if isinstance(verdict, Arrival | Change):
            house.realm.writer.append(Effect(verdict))
        return verdict

    verdict = house.wait(judged())
    assert verdict is not None
    house.turn()
    return verdict if isinstance(verdict, str) else ""


def tell(house: House, make: Callable[[], Bounce | Ending], ended: Outgoing | None = None) -> Bounce | Ending:
    """Make something that a sender is told, and let it be stored."""
    if ended is not None:
        house.wait(house.realm.bounces.prepare([ended]))
    bounce = make()
    message = None if ended is None else ended.message
    gone = [message] if message is not None and message.conversation == NOWHERE else []
    house.realm.writer.append(Effect(bounce, removes=gone))
    house.turn()
    return bounce


def outgoing(house: House, realm: str, after: int = 0) -> list[Outgoing]:
    """Return the items that wait for a realm."""
    return house.wait(house.slow.outgoing(realm, after, 1000, 2**30))


def carry(each: Outgoing, origin: House, target: House, links: Links) -> str:
    """Bring an item to where it goes, and what becomes of it back; return the code if it was refused."""
    message = each.message
    if message is None:
        return ""
    arrived = Item(
        number=each.row.number,
        mid=message.mid,
        from_=message.sender,
        to=each.to,
        text=message.text,
        at=message.at,
        expires=each.row.expires,
        kind=message.kind,
        name=origin.wait(origin.realm.display_name(message.sender)),
    )
    code = arrive(target, RealmName(origin.name), arrived)
    verdict = links.verdicts.pop((RealmName(target.name), each.row.number), None)
    if verdict is not None:
        verdict.callback(Outcome(code))
    if code:
        tell(origin, lambda: origin.realm.bounces.bounce(each, code), each)
    else:
        origin.realm.bounces.stored([each])
    origin.turn()
    return code


class Pair:
    """Alpha and beta on one clock, and a carrier that is asked to go."""

    def __init__(self) -> None:
        self.alpha = House()
        self.beta = House(name="beta", clock=self.alpha.clock)
        self.to_beta = linked(self.alpha, "beta")
        self.to_alpha = linked(self.beta, "alpha")
        self._carried: dict[str, int] = {}

    def carry(self) -> None:
        """Bring everything that waits to where it goes, with receipts, until nothing is left."""
        self._carry(self.alpha, self.beta, self.to_beta)
        self._carry(self.beta, self.alpha, self.to_alpha)

    def _carry(self, origin: House, target: House, links: Links) -> None:
        peer = RealmName(origin.name)
        for each in outgoing(origin, target.name, self._carried.get(target.name, 0)):
            self._carried[target.name] = each.row.number
            carry(each, origin, target, links)
        receipts, links.receipts = links.receipts, []
        for receipt in receipts:
            target.realm.bounces.receipt(peer, receipt)
