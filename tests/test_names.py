"""Names: what one is, and that none can look like another, turn text around, or end a line."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatproto.errors import BadName
from chatproto.names import (
    Address,
    DeviceName,
    GroupName,
    LocalName,
    OrderedCid,
    RealmName,
    UserName,
    fold,
    is_uuid4,
    parse_cid,
    parse_display_name,
    parse_shown,
)

ALPHA = RealmName.parse("alpha")
UUID = "3f2b8c1e-9d4a-4f6b-8a2c-0e1d2c3b4a59"
#: Marks, embeddings, overrides and isolates: they turn around what stands after them.
BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
FIRST = set(string.ascii_letters + string.digits + "_")
PLAIN = FIRST | set(".-")


@pytest.mark.parametrize("kind", [LocalName, UserName, GroupName, DeviceName])
class TestLocalNames:
    @pytest.mark.parametrize("text", ["a", "7", "_", "A.b-c_9", "x" * 64, "messi", UUID[:-1]])
    def test_some_that_are(self, kind: type[LocalName], text: str) -> None:
        assert kind.parse(text) == text
        assert kind.parse(text).folded == text.lower()

    @pytest.mark.parametrize(
        "text",
        [
            *("", ".a", "-a", "x" * 65, "a b", "a@b", "a,b", UUID, UUID.upper()),
            *("a\n", "\na", "a\r", "a\0", "a\x1b[2J", "a\x7f", "a\u202eb"),
            *("m\u0435ssi", "mess\u0131", "messi\u0301", "\uff4dessi", "messi\u200b", "\u0660"),
        ],
    )
    def test_some_that_are_none(self, kind: type[LocalName], text: str) -> None:
        with pytest.raises(BadName):
            kind.parse(text)


@given(st.text(max_size=70) | st.text(st.characters(max_codepoint=127), max_size=70))
@example("a\r")
def test_exactly_plain_names_pass(text: str) -> None:
    plain = 1 <= len(text) <= 64 and text[0] in FIRST and set(text) <= PLAIN and not is_uuid4(text)
    for kind in (LocalName, UserName, GroupName, DeviceName):
        try:
            assert kind.parse(text) == text
        except BadName:
            assert not plain
        else:
            assert plain


@given(st.text(max_size=70) | st.from_regex(r"[a-z0-9.-]{0,66}"))
def test_exactly_plain_realms_pass(text: str) -> None:
    letters = set(string.ascii_lowercase + string.digits)
    plain = 1 <= len(text) <= 63 and text[0] in letters and set(text) <= letters | set(".-")
    try:
        RealmName.parse(text)
    except BadName:
        assert not plain
    else:
        assert plain


def test_names_differ_by_more_than_case_or_not_at_all() -> None:
    assert fold("MeSSi") == fold("messi")
    assert Address.parse("Messi", ALPHA).folded == Address.parse("mESSI@ALPHA", ALPHA).folded == "messi@alpha"
    assert str(Address.parse("Messi@beta", ALPHA)) == "Messi@beta"


@pytest.mark.parametrize(
    "text", ["", "@", "messi@", "@alpha", "messi@al pha", "messi@beta@gamma", "messi@\u0430lpha"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadName):
        Address.parse(text, ALPHA)


class TestDisplayNames:
    @pytest.mark.parametrize(
        "text", ["Lionel Messi", "梅西", "ميسي", "Мecси", "\U0001f468\u200d\U0001f469", "x" * 64]
    )
    def test_any_script_is_a_name(self, text: str) -> None:
        assert parse_display_name(text) == unicodedata.normalize("NFC", text)

    def test_ends_are_cut_and_letters_composed(self) -> None:
        assert parse_display_name("  e\u0301  ") == "\u00e9"

    @pytest.mark.parametrize("character", [*BIDIRECTIONAL, *"\0\t\n\r\x1b\x7f\x85\u2028\u2029", "\ud800"])
    def test_nothing_turns_text_around_or_ends_a_line(self, character: str) -> None:
        with pytest.raises(BadName):
            parse_display_name(f"a{character}b")

    def test_it_has_at_most_64_characters_after_composing(self) -> None:
        parse_display_name("e\u0301" * 64)
        with pytest.raises(BadName):
            parse_display_name("x" * 65)

    @given(st.text(max_size=80))
    def test_what_passes_is_one_line_and_passes_again(self, text: str) -> None:
        try:
            shown = parse_shown(text, 64, "a text")
        except BadName:
            return
        assert len(shown.splitlines()) <= 1
        assert not {unicodedata.category(each) for each in shown} & {"Cc", "Cs", "Zl", "Zp"}
        assert not set(BIDIRECTIONAL) & set(shown)
        assert parse_shown(shown, 64, "a text") == shown


class TestCids:
    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("a:1", OrderedCid("a", 1)),
            ("a:b:0", OrderedCid("a:b", 0)),
            ("a:01", None),
            (":1", None),
            ("a:1000000000000000", None),
            ("a", None),
            ("x" * 64, None),
        ],
    )
    def test_those_that_count_are_known(self, text: str, parts: OrderedCid | None) -> None:
        assert parse_cid(text) == parts

    @pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a\n", "a\0", "é", "a/b", "a:\u0661"])
    def test_some_that_are_none(self, text: str) -> None:
        with pytest.raises(BadName):
            parse_cid(text)
