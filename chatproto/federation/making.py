"""What links are made of: the key of the realm, and the two streams of each."""

from __future__ import annotations

from collections.abc import Callable

from chatproto.federation.identity import make_seed
from chatproto.federation.incoming import IncomingStream
from chatproto.federation.link import PeerLink
from chatproto.federation.original_link import OriginalLink
from chatproto.federation.outgoing import OutgoingStream
from chatproto.federation.settling import Ended
from chatproto.federation.standing import Standing, Standings
from chatproto.frames import PeerLimits
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.realm.realm import Realm
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import AppliedRow, KeyRow

#: Who hears that a link is up, that it is down and why, and that an item has ended.
Hearing = tuple[Callable[[PeerLink], None], Callable[[PeerLink, str, float], None], Ended]
#: The name of the realm's own key.
_KEY = "realm"


async def own_seed(store: IStore, writer: Writer, clock: Clock, entropy: Callable[[int], bytes]) -> bytes:
    """Return the seed of the realm's key, which it gets now if it has none."""
    key = await store.key(_KEY)
    if key is None:
        key = KeyRow(_KEY, make_seed(entropy), int(clock.seconds() * 1000))
        await writer.save([key])
    return key.seed


def make_link(
    home: Realm,
    realm: RealmName,
    store: IStore,
    clock: Clock,
    entropy: Callable[[int], bytes],
    applied: AppliedRow | None,
    takes: PeerLimits,
    standings: Standings,
    hearing: Hearing,
) -> PeerLink:
    """Return the link of a realm to another, of whatever kind it is; nothing of it is read yet."""
    limits = home.policy.limits
    outgoing = OutgoingStream(
        realm, store, home.writer, limits, entropy, home.audit, lambda: int(clock.seconds() * 1000)
    )
    incoming = IncomingStream(
        realm,
        store,
        home.writer,
        clock,
        home.arrivals,
        takes,
        applied,
        lambda: standings.of(realm) is Standing.BLOCKED,
        home.audit,
        standings.setting(realm).messages,
    )
    kind = OriginalLink if standings.is_legacy(realm) else PeerLink
    return kind(home.name, realm, home, store, home.writer, clock, outgoing, incoming, *hearing, limits)
