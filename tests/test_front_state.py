"""What a front remembers between its starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatproto.errors import ConfigError
from chatproto.federation.trust import Kind, Trust
from chatproto.front import State

TOFU = Trust(Kind.TOFU)
SECRET = Trust(Kind.SECRET, secret="a long secret of both")
KEY, OTHER = "a" * 64, "b" * 64


@pytest.mark.parametrize("trust", [TOFU, SECRET])
def test_the_main_server_that_was_met_is_the_only_one(tmp_path: Path, trust: Trust) -> None:
    assert State(tmp_path).trust(trust).takes(OTHER)
    assert not State(tmp_path).met(trust, KEY).takes(OTHER)
    again = State(tmp_path).trust(trust)
    assert (again.takes(KEY), again.takes(OTHER), again.secret) == (True, False, trust.secret)


def test_a_pin_says_it_better(tmp_path: Path) -> None:
    State(tmp_path).met(TOFU, KEY)
    pin = Trust.pin(OTHER)
    assert State(tmp_path).trust(pin) == pin


@pytest.mark.parametrize("found", [b"", b"aa\n", b"\xff" * 64])
def test_a_key_that_cannot_be_read_is_no_reason_to_take_any(tmp_path: Path, found: bytes) -> None:
    (tmp_path / "main.key").write_bytes(found)
    with pytest.raises(ConfigError, match=r"main\.key"):
        State(tmp_path).trust(TOFU)


def test_a_file_is_written_whole_and_for_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "main.key").write_text("")
    (tmp_path / "main.key").chmod(0o644)
    before = (tmp_path / "main.key").open()
    State(tmp_path).met(TOFU, KEY)
    with before:
        assert before.read() == ""  # another file has taken its place
    assert [(each.name, each.stat().st_mode & 0o777) for each in tmp_path.iterdir()] == [("main.key", 0o600)]
    key = State(tmp_path).key().key
    assert State(tmp_path).key().key == key
