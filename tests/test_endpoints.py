"""Endpoint strings: taken apart and put together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.endpoints import quoteStringArgument

from chatproto.endpoints import EndpointText, endpoint_in_folder, is_loopback

WORDS = st.text(min_size=1).filter(lambda text: "\0" not in text)
NAMES = st.text("abcXYZ", min_size=1)


@pytest.mark.parametrize(
    ("text", "values", "named"),
    [
        ("tcp:8889", ("8889",), {}),
        ("tcp:8889:127.0.0.1", ("8889", "127.0.0.1"), {}),
        ("tcp:8889:interface=127.0.0.1:backlog=9", ("8889",), {"interface": "127.0.0.1", "backlog": "9"}),
        (r"tcp:8889:interface=\:\:1", ("8889",), {"interface": "::1"}),
        ("tcp:8889:interface=::1", ("8889",), {"interface": "::1"}),
        ("tcp:8889:interface=::", ("8889",), {"interface": "::"}),
        ("tcp:8889:interface=fe80::1:backlog=9", ("8889",), {"interface": "fe80::1", "backlog": "9"}),
        ("tls:example.org:1:pin=sha256:ab", ("example.org", "1"), {"pin": "sha256:ab"}),
        ("unix:/tmp/a=b", (), {"/tmp/a": "b"}),
        (r"unix:/tmp/a\=b", ("/tmp/a=b",), {}),
        ("ssl:1:privateKey=a=b", ("1",), {"privateKey": "a=b"}),
        ("", (), {}),
    ],
)
def test_a_string_has_its_parts(text: str, values: tuple[str, ...], named: dict[str, str]) -> None:
    parts = EndpointText.parse(text)
    assert (parts.kind, parts.values, parts.named) == (text.partition(":")[0], values, named)


@given(WORDS, st.lists(WORDS), st.dictionaries(NAMES, WORDS))
def test_what_is_put_together_comes_apart_again(kind: str, values: list[str], named: dict[str, str]) -> None:
    parts = EndpointText(kind, tuple(values), named)
    assert EndpointText.parse(str(parts)) == parts


@given(st.lists(WORDS, min_size=1))
def test_what_twisted_quotes_is_understood(values: list[str]) -> None:
    quoted: Any = [quoteStringArgument(value.replace("=", "_")) for value in values]
    assert EndpointText.parse(":".join(["tcp", *quoted])).values == tuple(v.replace("=", "_") for v in values)


def test_paths_are_meant_from_a_folder() -> None:
    folder = Path("/etc/chatproto")
    told = "ssl:1:privateKey=key.pem:certKey=/other/cert.pem:interface=key.pem"
    assert endpoint_in_folder(told, folder) == (
        "ssl:1:privateKey=/etc/chatproto/key.pem:certKey=/other/cert.pem:interface=key.pem"
    )
    assert endpoint_in_folder("ssl:1:selfSigned=tls", folder) == "ssl:1:selfSigned=/etc/chatproto/tls"
    assert endpoint_in_folder("unix:alpha.sock:mode=600", folder) == "unix:/etc/chatproto/alpha.sock:mode=600"
    assert endpoint_in_folder("unix:address=alpha.sock", folder) == "unix:address=/etc/chatproto/alpha.sock"
    assert endpoint_in_folder("tcp:1:interface=::1", folder) == "tcp:1:interface=::1"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::ffff:192.0.2.1", False),
        ("localhost.example.org", False),
        ("127.1", False),
    ],
)
def test_this_machine_is_known_by_its_names(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
