"""Many realms: what idle links cost, how dials are spread, and a hub that comes back to all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from chatproto.federation.bounds import DIAL_SPACING
from chatproto.federation.link import PeerLink, State
from chatproto.testing.hosts import RealmHost
from chatproto.testing.network import Network, Wire

REALMS = 100
#: Dials of one realm in a second of whatever phase.
MOST_DIALS = round(1 / DIAL_SPACING) + 1


class Star:
    """A hub and the realms that are linked to it; each side may dial."""

    def __init__(self, count: int, *, far: bool = False) -> None:
        self.network = Network(1)
        if far:
            self.network.on_wire.append(self._far)
        self.commits = 0
        #: Attempts by who made them and in which second.
        self.dials: Counter[tuple[str, int]] = Counter()
        self.network.on_dial.append(self._dialled)
        names = [f"realm{number}" for number in range(1, count)]
        self.hub = self.network.realm("hub", peers=names)
        self.hosts = [self.hub, *(self.network.realm(name, peers=["hub"]) for name in names)]
        for host in self.hosts:
            host.on_commit.append(self._committed)
            self.network.wait(host.start())

    def _dialled(self, who: str, to: str, port: str) -> None:
        self.dials[who, int(self.network.time.seconds())] += 1

    def _far(self, wire: Wire) -> None:
        for here, there in ((wire.here.name, wire.there.name), (wire.there.name, wire.here.name)):
            path = self.network.path(here, there)
            path.shortest, path.longest = 0.2, 0.4

    def _committed(self, host: RealmHost, *_: object) -> None:
        self.commits += 1

    def all_linked(self) -> bool:
        return all(link.state is State.UP for host in self.hosts for link in _links(host))

    def most_at_once(self, hub: bool) -> int:
        """The most dials in one second: of the hub, or of all others together."""
        seconds: Counter[int] = Counter()
        for (who, second), count in self.dials.items():
            if (who == "hub") is hub:
                seconds[second] += count
        return max(seconds.values(), default=0)


def _links(host: RealmHost) -> Iterator[PeerLink]:
    assert host.links is not None
    yield from host.links.peers.links.values()


@pytest.fixture(scope="module")
def star() -> Star:
    """A hundred realms, all linked for a while."""
    star = Star(REALMS)
    star.network.until(star.all_linked, 60)
    star.network.run(120)  # so long that failures are forgotten
    return star


def test_who_is_quiet_costs_a_sign_of_life_now_and_then(star: Star) -> None:
    steps, commits = star.network.time.steps, star.commits
    star.dials.clear()
    star.network.run(300)
    each = (star.network.time.steps - steps) / 300 / (2 * (REALMS - 1))
    # Each end looks at the time every 15 seconds, asks at most every 30, and a frame is a few steps here.
    assert each < 0.4
    assert star.commits == commits
    assert not star.dials
    assert star.all_linked()


def test_nobody_who_dials_at_once_with_all_others_is_turned_away() -> None:
    star = Star(REALMS, far=True)
    star.network.until(star.all_linked, 10)
    assert star.hub.links is not None
    assert star.hub.links.factory.traffic.turned_away == 0


@pytest.mark.parametrize("seconds", [20, 1800])
def test_a_hub_that_comes_back_is_not_drowned(star: Star, seconds: int) -> None:
    network, hub = star.network, star.hub
    hub.crash()
    star.dials.clear()
    network.run(seconds)
    # Each dials at once when the link is lost, and ever less often.
    if seconds > 60:
        last = {key for key in star.dials if key[1] >= network.time.seconds() - 600}
        assert len(last) <= 5 * REALMS
    star.dials.clear()
    begun = network.time.seconds()
    network.wait(hub.start())
    network.until(star.all_linked, 60)
    # The hub dials those who wait: it need not wait for them.
    assert network.time.seconds() - begun < 2 * DIAL_SPACING * REALMS + 5
    assert star.most_at_once(hub=True) <= MOST_DIALS
    assert star.most_at_once(hub=False) <= REALMS / 2
    assert sum(star.dials.values()) < 2 * REALMS
    network.run(120)
    assert star.all_linked()
