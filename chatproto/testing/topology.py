"""How the realms of a simulation are linked: all with all, or some by others."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from msgspec import Struct


class Topology(enum.Enum):
    """Who is linked with whom."""

    #: All with all.
    MESH = "mesh"
    #: All with the last, which is the gateway of the others.
    GATEWAY = "gateway"
    #: Each with the one before and the one after it.
    CHAIN = "chain"
    #: All with all; and where a link is down, the last is the way.
    FALLBACK = "fallback"


class Place(Struct, frozen=True):
    """One realm's: who it is linked with, whom it reaches by whom, and whether it is a gateway."""

    peers: list[str]
    routes: dict[str, str]
    relay: bool


def place(topology: Topology, names: Sequence[str], index: int) -> Place:
    """Return the place of one of some realms."""
    others = [name for name in names if name != names[index]]
    last = index == len(names) - 1
    by_last = {} if last else dict.fromkeys(others[:-1], names[-1])
    if topology is Topology.MESH:
        return Place(others, {}, relay=False)
    if topology is Topology.FALLBACK:
        return Place(others, by_last, relay=last)
    if topology is Topology.GATEWAY:
        return Place(others if last else [names[-1]], by_last, relay=last)
    before, after = names[max(0, index - 1) : index], names[index + 1 : index + 2]
    ways = {far: near for near in before for far in names[: index - 1]}
    ways |= {far: near for near in after for far in names[index + 2 :]}
    return Place([*before, *after], ways, relay=0 < index < len(names) - 1)


def leaves(topology: Topology, names: Sequence[str]) -> Sequence[str]:
    """Return the realms that the others can do without."""
    if topology is Topology.MESH:
        return names
    return names[:-1] if topology is not Topology.CHAIN else (names[0], names[-1])
