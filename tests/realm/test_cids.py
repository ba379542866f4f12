"""Cids: which are certainly new, which have to be looked up, and what is remembered of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto.errors import BadName
from chatproto.names import parse_cid
from chatproto.realm.cids import Cids, digest_of
from chatproto.records import CidRow
from tests.realm.house import House


@pytest.fixture
def cids(house: House) -> Cids:
    return Cids(house.slow, house.realm.writer, 10)


def claim(house: House, cids: Cids, cid: str) -> CidRow:
    """Let a cid be taken by a command."""
    assert house.wait(cids.find("messi", cid)) is None
    row = cids.claim(("messi", cid), cids.certainly_new("messi", cid), b"d", [("alpha/1", 1)])
    house.wait(house.realm.writer.save(inserts=(row,)))
    return row


def test_nothing_is_certain_of_a_prefix_that_was_never_looked_up(house: House, cids: Cids) -> None:
    assert cids.certainly_new("messi", "c:1") is None
    assert house.wait(cids.find("messi", "c:1")) is None
    assert cids.certainly_new("messi", "c:1") == ("c", 1)
    assert cids.certainly_new("henderson", "c:1") is None


def test_only_counters_above_all_before_are_certainly_new(house: House, cids: Cids) -> None:
    assert claim(house, cids, "c:5").ordered
    assert cids.certainly_new("messi", "c:6") == ("c", 6)
    for cid in ("c:5", "c:4", "c:06", "c:", "c:x", "c", "c:6:", "c:\u0667", "c:" + "9" * 16):
        assert cids.certainly_new("messi", cid) is None


def test_what_is_out_of_order_stands_whole(house: House, cids: Cids) -> None:
    claim(house, cids, "c:5")
    row = claim(house, cids, "c:4")
    assert (row.prefix, row.counter, row.ordered) == ("c:4", 0, False)
    assert house.wait(cids.find("messi", "c:4")) == row
    assert house.wait(cids.find("messi", "c:3")) is None


def test_what_is_remembered_is_found_by_who_never_saw_it(house: House, cids: Cids) -> None:
    rows = [claim(house, cids, cid) for cid in ("c:5", "c:4", "random", "c:9")]
    fresh = Cids(house.slow, house.realm.writer, 10)
    assert [house.wait(fresh.find("messi", cid)) for cid in ("c:5", "c:4", "random", "c:9")] == rows


@pytest.mark.parametrize("cid", ["", "a b", "é:1", "c:\u0667", "a/b"])
def test_a_malformed_one_is_refused(house: House, cids: Cids, cid: str) -> None:
    with pytest.raises(BadName):
        house.wait(cids.find("messi", cid))


@given(st.text(st.sampled_from("a:0123456789"), min_size=1, max_size=20))
def test_memory_and_grammar_agree_on_what_is_ordered(cid: str) -> None:
    house = House()
    cids = Cids(house.slow, house.realm.writer, 10)
    house.wait(cids.find("messi", cid))
    assert cids.certainly_new("messi", cid) == parse_cid(cid)


def test_other_content_has_another_digest() -> None:
    texts = {digest_of(to, text) for to, text in (("a", "b"), ("a", "c"), ("b", "b"), ("ab", ""), ("a", ""))}
    lists = {digest_of(to, "b") for to in (["a", "b"], ["b", "a"], ["a", "b", "b"])}
    assert len(texts | lists) == 8
    assert digest_of(["a", "b"], "c") == digest_of(["a", "b"], "c")
