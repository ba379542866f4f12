"""What an original server comes for stays until its reply is ready, and somebody is there to get it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chatproto.errors import Unavailable
from chatproto.events import InboxEntry
from chatproto.federation.original_waiting import hand_out
from chatproto.federation.setting import PeerSetting
from chatproto.records import Outgoing
from tests.federation.town import BETA, Place, Town


async def show(items: Sequence[Outgoing]) -> list[InboxEntry]:
    texts = [item.message.text for item in items if item.message is not None]
    return [InboxEntry(sender="messi", msg_from="messi", msg_to="amsal", msg=text) for text in texts]


async def fail(items: Sequence[Outgoing]) -> list[InboxEntry]:
    raise Unavailable


@pytest.fixture
def place() -> Place:
    alpha = Town().alpha
    alpha.setting = PeerSetting(realm=BETA, connect="tcp:127.0.0.1:9", legacy=True, neighbour=True)
    alpha.crash()
    alpha.person("messi").send("amsal@beta", "one")
    alpha.turn()
    return alpha


def test_it_waits_on_until_it_is_handed_out(place: Place) -> None:
    with pytest.raises(Unavailable):
        place.wait(hand_out(place.link, "alpha", "amsal", fail, lambda: False))
    assert place.wait(hand_out(place.link, "alpha", "amsal", show, lambda: True)) == []
    assert place.link.outgoing.waiting_items == 1
    taken = place.wait(hand_out(place.link, "alpha", "amsal", show, lambda: False))
    assert [entry.msg for entry in taken] == ["one"]
    assert place.link.outgoing.waiting_items == 0
