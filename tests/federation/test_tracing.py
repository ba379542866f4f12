"""Who is told what became of a message, and what the audit log of two linked realms says."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chatproto.errors import NotAllowed
from chatproto.events import TraceStep
from chatproto.frames import Ask
from chatproto.names import RealmName
from chatproto.records import AuditRow
from chatproto.records.audit import APPLIED, ENTRY, HELD, PASSED
from tests.federation.town import ALPHA, BETA, Place, Town

GAMMA = RealmName("gamma")


@pytest.fixture
def town() -> Town:
    return Town()


def send(town: Town, to: str = "amsal@beta") -> str:
    """Let messi write to the other realm; return the mid."""
    mid = town.alpha.person("messi").send(to).mid
    town.turn()
    return str(mid)


def steps(place: Place, mid: str) -> list[tuple[str, str]]:
    found: list[TraceStep] = place.wait(place.realm.tracing.trace(mid))
    return [(step.realm, step.event) for step in found]


def answer(place: Place, peer: RealmName, mid: str) -> Any:
    return place.wait(place.realm.answer(peer, Ask(number=1, about="trace", name=mid)))["rows"]


def events(place: Place) -> list[str]:
    return [row.event for row in sorted(place.rows(AuditRow), key=lambda row: row.serial)]


def test_each_end_is_written_once_with_what_it_tells_of(town: Town) -> None:
    town.connect()
    mid = send(town)
    assert events(town.alpha) == ["sent", "settled"]
    assert [(row.event, row.mid, row.realm, row.address) for row in town.beta.rows(AuditRow)] == [
        ("applied", mid, "alpha", "amsal@beta")
    ]
    send(town, "nobody@beta")
    assert events(town.alpha) == ["sent", "settled", "sent", "bounced", "settled"]
    assert events(town.beta) == ["applied", "refused"]


def test_repeats_leave_no_rows(town: Town) -> None:
    wire = town.connect()
    wire.ports[BETA].held = True  # alpha hears of nothing
    send(town)
    wire.cut()
    town.turn()
    town.connect()
    assert (events(town.alpha), events(town.beta)) == (["sent", "settled"], ["applied"])


def test_a_message_is_traced_from_both_sides(town: Town) -> None:
    town.connect()
    mid = send(town)
    expected = [("alpha", "sent"), ("alpha", "settled"), ("beta", "applied")]
    assert steps(town.alpha, mid) == steps(town.beta, mid) == expected


def test_a_realm_that_is_away_is_silent(town: Town) -> None:
    mid = send(town)
    assert steps(town.alpha, mid) == [("alpha", "sent"), ("beta", "silent")]


def test_only_realms_on_the_way_are_told_and_nobody_against_the_policy(town: Town) -> None:
    town.connect()
    mid = send(town)
    assert [row[0] for row in answer(town.alpha, BETA, mid)] == ["sent", "settled"]
    assert [row[0] for row in answer(town.beta, ALPHA, mid)] == ["applied"]
    assert answer(town.beta, ALPHA, "alpha/unheard") == []
    for place in (town.alpha, town.beta):
        for other in (mid, "beta/unheard"):
            with pytest.raises(NotAllowed):
                answer(place, GAMMA, other)
    setting = town.beta.peers.standings.setting(ALPHA)
    town.beta.peers.standings._settings[ALPHA] = replace(setting, policy=replace(setting.policy, trace=False))
    with pytest.raises(NotAllowed):
        answer(town.beta, ALPHA, mid)
    assert steps(town.alpha, mid)[-1] == ("beta", "silent")


def test_a_row_that_a_realm_made_opens_no_others(town: Town) -> None:
    """Who has a group may name any mid in its log, and who brings a parcel any that it likes."""
    town.connect()
    make, mid = town.beta.realm.audit.row, "gamma/1"
    rows = [
        make(APPLIED, mid, "gamma", "amsal@beta", 1),
        make(ENTRY, mid, "alpha", "room@alpha", 2),
        make(HELD, mid, "gamma", "delta", 3),
        make(PASSED, mid, "epsilon", "delta", 3),
    ]
    town.beta.wait(town.beta.realm.writer.save(rows))
    told = {
        name: [row[0] for row in answer(town.beta, RealmName(name), mid)]
        for name in ("alpha", "gamma", "delta", "epsilon")
    }
    assert told == {
        "alpha": [ENTRY],
        "gamma": [APPLIED, ENTRY, HELD, PASSED],
        "delta": [HELD, PASSED],
        "epsilon": [PASSED],
    }
