"""Bytes of files between realms: they arrive once and whole, whatever happens on the way."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from chatproto.federation.bounds import FILE_WINDOW
from chatproto.names import RealmName
from tests.federation.cargo import MIB, came, content, kept, link, row, send_file, state
from tests.federation.country import Country


@pytest.fixture
def country() -> Country:
    country = Country("alpha", "beta")
    country.start()
    return country


class TestDirect:
    @pytest.mark.parametrize("size", [0, 1, 64 * 1024, 5 * MIB + 17])
    def test_a_file_arrives_whole(self, country: Country, size: int) -> None:
        data = content(size)
        mid = send_file(country, "messi@alpha", "amsal@beta", data)
        country.network.until(lambda: state(country, "beta", mid) == "stored")
        assert kept(country, "beta", mid) == data
        assert row(country, "beta", mid).realm == "alpha"
        assert not country.hosts["beta"].files.parts
        assert link(country, "beta", "alpha").file_counts.came_bytes == size
        country.network.run(5)
        assert link(country, "alpha", "beta").file_counts.served == 1

    def test_it_is_fetched_again_from_where_a_cut_left_it(self, country: Country) -> None:
        data = content(6 * MIB)
        mid = send_file(country, "messi@alpha", "amsal@beta", data)
        counts = link(country, "beta", "alpha").file_counts
        for cut in range(1, 5):
            came(country, "beta", "alpha", cut * MIB)
            assert state(country, "beta", mid) == "wanted"
            end = link(country, "beta", "alpha").end
            assert end is not None
            end.abort("cut")
        country.network.until(lambda: state(country, "beta", mid) == "stored", 600)
        assert kept(country, "beta", mid) == data
        assert counts.came_bytes <= len(data) + 4 * FILE_WINDOW

    @pytest.mark.parametrize("who", ["alpha", "beta"])
    def test_it_is_fetched_again_from_where_a_crash_left_it(self, country: Country, who: str) -> None:
        data = content(6 * MIB)
        mid = send_file(country, "messi@alpha", "amsal@beta", data)
        total = 0
        for _ in range(3):
            total += came(country, "beta", "alpha", MIB)
            link(country, "beta", "alpha").file_counts.came_bytes = 0
            assert state(country, "beta", mid) == "wanted"
            country.hosts[who].crash()
            country.network.run(5)
            country.network.wait(country.hosts[who].start())
        country.network.until(lambda: state(country, "beta", mid) == "stored", 600)
        assert kept(country, "beta", mid) == data
        total += link(country, "beta", "alpha").file_counts.came_bytes
        assert total <= len(data) + 3 * FILE_WINDOW

    def test_a_power_loss_costs_time_and_nothing_else(self, country: Country) -> None:
        data = content(4 * MIB)
        mid = send_file(country, "messi@alpha", "amsal@beta", data)
        counts = link(country, "beta", "alpha").file_counts
        country.network.until(lambda: counts.came_bytes >= 2 * MIB)
        country.hosts["beta"].crash(power=True)
        country.network.run(5)
        country.network.wait(country.hosts["beta"].start())
        country.network.until(lambda: state(country, "beta", mid) == "stored", 900)
        assert kept(country, "beta", mid) == data

    @pytest.mark.parametrize("point", ["end_before", "end_after"])
    def test_a_crash_while_it_becomes_known_that_it_is_here(self, country: Country, point: str) -> None:
        data = content(MIB)
        mid = send_file(country, "messi@alpha", "amsal@beta", data)
        counts = link(country, "beta", "alpha").file_counts
        country.network.until(lambda: counts.came_bytes >= MIB // 2)
        beta = country.hosts["beta"]
        setattr(beta.troubles, point, beta.crash)
        country.network.until(lambda: not beta.machine.running)
        country.network.run(5)
        country.network.wait(beta.start())
        country.network.until(lambda: state(country, "beta", mid) == "stored", 600)
        assert kept(country, "beta", mid) == data

    def test_what_waits_is_found_after_a_start(self, country: Country) -> None:
        mids = [send_file(country, "messi@alpha", "amsal@beta", content(100_000, n)) for n in range(9)]
        country.network.until(lambda: all(state(country, "beta", mid) for mid in mids))
        country.hosts["alpha"].crash()
        country.network.run(300)
        country.hosts["beta"].crash()
        country.network.wait(country.hosts["beta"].start())
        country.network.wait(country.hosts["alpha"].start())
        country.network.until(lambda: all(state(country, "beta", mid) == "stored" for mid in mids), 600)

    def test_a_full_disk_only_delays(self, country: Country) -> None:
        country.hosts["beta"].files.capacity = MIB
        data = content(3 * MIB)
        mid = send_file(country, "messi@alpha", "amsal@beta", data)
        country.network.run(200)
        assert state(country, "beta", mid) == "wanted"
        country.hosts["beta"].files.capacity = 100 * MIB
        country.network.until(lambda: state(country, "beta", mid) == "stored", 3600)
        assert kept(country, "beta", mid) == data

    def test_many_files_share_the_link(self, country: Country) -> None:
        mids = [send_file(country, "messi@alpha", "amsal@beta", content(MIB, n)) for n in range(10)]
        most = 0

        def all_there() -> bool:
            nonlocal most
            most = max(most, link(country, "beta", "alpha").fetching.under_way)
            return all(state(country, "beta", mid) == "stored" for mid in mids)

        country.network.until(all_there, 600)
        assert most == country.hosts["beta"].policy.limits.fetches


class TestWrongBytes:
    def spoil(self, country: Country, mid: str) -> bytes:
        """Let alpha have other bytes than it said; return what it had."""
        held = country.hosts["alpha"].files.contents[row(country, "alpha", mid).sha256]
        data, held.data = held.data, bytes(len(held.data))
        return data

    def test_it_is_fetched_once_more(self, country: Country) -> None:
        country.network.partition("alpha", "beta")
        mid = send_file(country, "messi@alpha", "amsal@beta", content(MIB))
        data = self.spoil(country, mid)
        country.network.heal()
        fetching = link(country, "beta", "alpha").fetching
        country.network.until(lambda: mid in fetching._tried and fetching._tried[mid].wrong == 1, 900)
        country.hosts["alpha"].files.contents[row(country, "alpha", mid).sha256].data = data
        country.network.until(lambda: state(country, "beta", mid) == "stored", 900)
        assert kept(country, "beta", mid) == data

    def test_what_stays_wrong_is_refused(self, country: Country) -> None:
        country.network.partition("alpha", "beta")
        mid = send_file(country, "messi@alpha", "amsal@beta", content(MIB))
        self.spoil(country, mid)
        country.network.heal()
        country.network.until(lambda: state(country, "beta", mid) == "refused", 900)
        assert link(country, "beta", "alpha").file_counts.came_bytes == 2 * MIB
        assert not country.hosts["beta"].files.parts
        country.network.run(60)
        assert link(country, "alpha", "beta").file_counts.given_up == 1
        later = send_file(country, "messi@alpha", "amsal@beta", content(MIB, 2))
        country.network.until(lambda: state(country, "beta", later) == "stored")

    def test_what_was_removed_never_comes(self, country: Country) -> None:
        country.network.partition("alpha", "beta")
        mid = send_file(country, "messi@alpha", "amsal@beta", content(MIB))
        country.hosts["alpha"].files.contents.clear()
        country.network.heal()
        country.network.until(lambda: state(country, "beta", mid) == "refused", 900)


class TestDecisions:
    def test_nothing_comes_from_a_blocked_realm_until_it_is_one_no_more(self, country: Country) -> None:
        data = content(4 * MIB)
        mid = send_file(country, "messi@alpha", "amsal@beta", data)
        came(country, "beta", "alpha", MIB)
        links = country.hosts["beta"].links
        assert links is not None
        country.network.wait(Deferred.fromCoroutine(links.peers.block(RealmName("alpha"))))
        country.network.run(300)
        assert link(country, "beta", "alpha").file_counts.came_bytes < 2 * MIB
        assert state(country, "beta", mid) == "wanted"
        country.network.wait(Deferred.fromCoroutine(links.peers.unblock(RealmName("alpha"))))
        country.network.until(lambda: state(country, "beta", mid) == "stored", 300)
        assert kept(country, "beta", mid) == data

    def test_a_blocked_realm_gets_nothing(self, country: Country) -> None:
        mid = send_file(country, "messi@alpha", "amsal@beta", content(4 * MIB))
        came(country, "beta", "alpha", MIB)
        links = country.hosts["alpha"].links
        assert links is not None
        country.network.wait(Deferred.fromCoroutine(links.peers.block(RealmName("beta"))))
        country.network.run(300)
        assert state(country, "beta", mid) == "wanted"
        country.network.wait(Deferred.fromCoroutine(links.peers.unblock(RealmName("beta"))))
        country.network.until(lambda: state(country, "beta", mid) == "stored", 3600)

    def test_nobody_waits_for_a_realm_that_is_dropped(self, country: Country) -> None:
        mid = send_file(country, "messi@alpha", "amsal@beta", content(4 * MIB))
        came(country, "beta", "alpha", MIB)
        links = country.hosts["beta"].links
        assert links is not None
        country.network.wait(Deferred.fromCoroutine(links.peers.drop(RealmName("alpha"))))
        country.network.run(10)
        assert state(country, "beta", mid) == "refused"
