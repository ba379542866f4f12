"""Files in groups: the home fetches them at once, the other realms when somebody there needs them."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from chatproto.names import RealmName
from chatproto.records import MessageRow
from tests.federation.cargo import MIB, content, kept, link, realm_of, row, send_file, state
from tests.federation.country import Country


@pytest.fixture
def country() -> Country:
    """Beta and gamma, both linked with alpha, where the group is."""
    country = Country("beta", "alpha", "gamma")
    country.hosts["alpha"].users = ("messi", "henderson")
    country.start()
    messi = country.client("messi", "alpha")
    country.network.wait(messi.groups.create("room"))
    for realm in ("beta", "gamma"):
        country.network.wait(country.client("amsal", realm).groups.join("room@alpha"))
    country.network.run(10)
    return country


def need(country: Country, realm: str, mid: str) -> None:
    """Let somebody in a realm ask for a file."""
    done: Deferred[Any] = Deferred.fromCoroutine(
        realm_of(country.hosts[realm]).files.need(row(country, realm, mid))
    )
    country.network.wait(done)


def entry(country: Country, realm: str, mid: str) -> MessageRow:
    """The message of a file in the copy of the group in a realm."""
    (found,) = [each for each in country.rows(realm, MessageRow) if each.mid == mid and each.gseq]
    return found


def test_one_of_the_home_is_offered_and_fetched_once(country: Country) -> None:
    data = content(2 * MIB)
    mid = send_file(country, "messi@alpha", "room", data)
    country.network.until(lambda: state(country, "gamma", mid) == "offered")
    country.network.run(60)
    assert state(country, "gamma", mid) == state(country, "beta", mid) == "offered"
    counts = link(country, "alpha", "gamma").file_counts
    assert counts.sent_bytes == 0
    need(country, "gamma", mid)
    need(country, "gamma", mid)
    country.network.until(lambda: state(country, "gamma", mid) == "stored")
    need(country, "gamma", mid)
    country.network.run(10)
    assert kept(country, "gamma", mid) == data
    assert counts.sent_bytes == len(data)
    assert state(country, "beta", mid) == "offered"


def test_one_of_a_third_realm_is_fetched_by_the_home_at_once(country: Country) -> None:
    data = content(2 * MIB)
    mid = send_file(country, "amsal@beta", "room@alpha", data)
    country.network.until(lambda: state(country, "alpha", mid) == "stored")
    assert row(country, "alpha", mid).realm == "beta"
    country.network.until(lambda: state(country, "gamma", mid) == "offered")
    assert row(country, "gamma", mid).realm == "alpha"
    need(country, "gamma", mid)
    country.network.until(lambda: state(country, "gamma", mid) == "stored")
    assert kept(country, "gamma", mid) == data
    # Where it came from it has been all the time; its row is now that of the entry.
    own, message = row(country, "beta", mid), entry(country, "beta", mid)
    assert (own.state, own.realm) == ("stored", "")
    assert (own.seq, own.conversation) == (message.seq, message.conversation)
    assert link(country, "beta", "alpha").file_counts.came_bytes == 0


def test_the_home_has_no_bytes_yet_when_they_are_asked_for(country: Country) -> None:
    data = content(MIB)
    mid = send_file(country, "amsal@beta", "room@alpha", data)
    country.network.until(lambda: state(country, "gamma", mid) == "offered")
    country.hosts["beta"].crash()
    assert state(country, "alpha", mid) == "wanted"
    need(country, "gamma", mid)
    country.network.run(100)
    assert state(country, "gamma", mid) == "wanted"
    country.network.wait(country.hosts["beta"].start())
    country.network.until(lambda: state(country, "gamma", mid) == "stored", 900)
    assert kept(country, "gamma", mid) == data


def test_who_has_no_copy_of_the_group_gets_nothing(country: Country) -> None:
    mid = send_file(country, "messi@alpha", "room", content(1000))
    private = send_file(country, "messi@alpha", "amsal@beta", content(1000, 1))
    country.network.until(lambda: state(country, "beta", private) == "stored")
    source = realm_of(country.hosts["alpha"]).files.source
    codes = [
        country.network.wait(Deferred.fromCoroutine(source(each, RealmName("gamma"))))
        for each in (mid, private)
    ]
    assert not isinstance(codes[0], str)
    assert codes[1] == "no-such-file"
    country.network.wait(country.client("amsal", "gamma").groups.leave("room@alpha"))
    country.network.run(10)
    later = send_file(country, "messi@alpha", "room", content(1000, 2))
    assert country.network.wait(Deferred.fromCoroutine(source(later, RealmName("gamma")))) == "no-such-file"


def test_one_that_was_sent_before_anybody_here_knew_that_it_goes_to_a_group(country: Country) -> None:
    data = content(1000)
    country.network.wait(country.client("messi", "alpha").groups.create("other"))
    amsal = country.client("amsal", "beta")
    country.network.partition("alpha", "beta", one_way=True)
    joining = amsal.groups.join("other@alpha")
    country.network.run(2)
    mid = send_file(country, "amsal@beta", "other@alpha", data)
    known = row(country, "beta", mid).conversation
    country.network.run(2)
    country.network.heal()
    country.network.wait(joining)
    country.network.until(lambda: row(country, "beta", mid).conversation != known)
    there = entry(country, "beta", mid)
    assert (there.kind, there.conversation) == ("file", row(country, "beta", mid).conversation)
    assert state(country, "beta", mid) == "stored"


def test_each_of_several_is_asked_for_again_that_were_not_here_yet(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    mids = [send_file(country, "messi@alpha", "room", content(1000, seed)) for seed in (1, 2)]
    country.network.until(lambda: all(state(country, "beta", mid) == "offered" for mid in mids))
    files = realm_of(country.hosts["alpha"]).files
    honest, missing = files.source, set(mids)

    async def source(mid: str, realm: RealmName) -> Any:
        return "file-not-here" if mid in missing else await honest(mid, realm)

    monkeypatch.setattr(files, "source", source)
    need(country, "beta", mids[0])
    country.network.run(4)
    need(country, "beta", mids[1])
    country.network.run(0.5)
    missing.clear()
    country.network.until(lambda: all(state(country, "beta", mid) == "stored" for mid in mids), 30)


def test_one_of_a_realm_that_was_dropped_is_not_waited_for(country: Country) -> None:
    mid = send_file(country, "messi@alpha", "room", content(1000))
    country.network.until(lambda: state(country, "gamma", mid) == "offered")
    links = country.hosts["gamma"].links
    assert links is not None
    country.network.wait(Deferred.fromCoroutine(links.peers.drop(RealmName("alpha"))))
    need(country, "gamma", mid)
    country.network.until(lambda: state(country, "gamma", mid) == "refused", 10)
