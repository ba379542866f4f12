"""Which dialect a line is in, and what a listener is told in: those that the factory was given."""

from __future__ import annotations

from chatproto import JsonDialect
from chatproto.limits import Limits
from examples.plain_dialect import PlainDialect
from tests.protocols.wires import Peer, Served
from tests.realm.house import PASSWORD


def served(limits: Limits | None = None) -> Served:
    served = Served(limits, dialects={b"{": JsonDialect(), b"": PlainDialect()})
    served.house.add("messi", "henderson")
    return served


def say(peer: Peer, *lines: str | bytes) -> list[str]:
    """Say lines and return those that come."""
    peer.say(*lines)
    taken, peer.wire.taken = peer.wire.taken, b""
    return taken.decode().splitlines()


def test_each_line_is_answered_in_the_dialect_of_its_first_byte() -> None:
    peer = served().peer()
    assert say(peer, f"login messi {PASSWORD}") == ["ok, you are messi@alpha"]
    assert say(peer, '{"do":"join","group":"x","id":1}') == [
        '{"re":1,"status":"ERROR","code":"no-such-group","message":"there is no such group"}'
    ]
    assert say(peer, "tell henderson halo anak") == ["ok, stored as 1"]
    assert say(peer, "shout") == ["no: try one of: new, login, group, join, who, listen, tell"]
    assert say(peer, b"\xff\r\n") == ["no: this is not UTF-8"]


def test_a_listener_is_told_in_the_dialect_of_its_listen() -> None:
    house = served()
    plain, json = house.peer(), house.peer("henderson")
    say(plain, f"login henderson {PASSWORD}")
    assert say(plain, "listen") == ["ok"]
    say(json, '{"do":"listen"}')
    say(house.peer("messi"), "tell henderson one", '{"do":"send","to":"henderson","text":"two\\nok"}')
    assert say(plain) == ["messi@alpha to henderson@alpha: one", "messi@alpha to henderson@alpha: two ok"]
    assert say(json)[0].startswith('{"event":"message","seq":1')
    # A later command in another dialect changes nothing; a later listen does.
    say(plain, '{"do":"hello"}')
    say(json, "who")
    say(house.peer("messi"), "tell henderson three")
    assert say(plain) == ["messi@alpha to henderson@alpha: three"]
    assert say(json)[0].startswith('{"event":"message","seq":3')
    say(plain, '{"do":"listen"}')
    say(house.peer("messi"), "tell henderson four")
    assert say(plain)[0].startswith('{"event":"message","seq":4')


def test_the_end_is_told_to_a_listener_in_its_dialect() -> None:
    house = served()
    peer = house.peer()
    say(peer, f"login messi {PASSWORD}", "listen")
    house.factory.drain()
    assert say(peer) == ["goodbye: shutdown"]


def test_what_comes_before_the_first_line_is_in_the_dialect_of_other_lines() -> None:
    house = served(Limits(connections=1, login_seconds=3))
    peer = house.peer()
    assert say(house.peer()) == ["no: too many connections"]
    house.house.clock.advance(4)
    assert say(peer) == ["no: no login in time"]
