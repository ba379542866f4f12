"""Base64 of older clients: only what comes out again as it was written, and never for long at a time."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatproto.errors import BadField, FileTooLarge
from chatproto.files.memory import MemoryFileDisk, MemoryFileStore
from chatproto.realm.contents import decode_content, encode_content, encoded_size

MOST = 8 * 1024 * 1024


def decode(content: str, most: int = MOST) -> tuple[bytes, bool]:
    clock = Clock()
    decoding = Deferred.fromCoroutine(decode_content(content, most, clock))
    while not decoding.called:
        clock.advance(0)
    outcome: list[Any] = []
    decoding.addBoth(outcome.append)
    if not isinstance(outcome[0], tuple):
        outcome[0].raiseException()
    result: tuple[bytes, bool] = outcome[0]
    return result


@given(st.binary(max_size=100))
def test_what_a_client_writes_is_read(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert decode(repr(base64.b64encode(data))) == (data, False)
    if data:
        assert decode(text) == (data, True)


def test_large_ones_are_read_in_pieces() -> None:
    for size in (MOST, MOST - 1, MOST - 2, 196_608, 196_609, 393_216):
        data = bytes(range(251)) * (size // 251 + 1)
        data = data[:size]
        assert decode(repr(base64.b64encode(data))) == (data, False)


@pytest.mark.parametrize(
    "content",
    [
        *("b'", "b'aGFsbw=='x", "b'aGFsbw==", "'aGFsbw=='", 'b"aGFsbw=="', "B'aGFsbw=='", "b'aGFsbw='"),
        *(
            "aGFsbw",
            "aGFsbw=",
            "aGFsbw===",
            "aGFs=bw=",
            "aG_s",
            "aG-s",
            "aGF\ts",
            "é",
            "aGFé",
            "a",
            "====",
            "=",
        ),
        # Bits that do not belong to any byte would not come back.
        *("aGFsbx==", "aGFsbwa="),
        "b'" + "aGFs" * 100_000 + "aG=='aGFs'",
        # Padding in the middle, where a piece ends.
        "aGFs" * 65_535 + "aG==" + "aGFs",
        "aGFs" * 65_536 + "aGF",
    ],
    ids=lambda content: content[:12],
)
def test_what_is_neither_is_refused(content: str) -> None:
    with pytest.raises(BadField):
        decode(content)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 6, 7])
def test_the_bound_is_of_the_bytes_themselves(size: int) -> None:
    content = repr(base64.b64encode(b"x" * size))
    assert decode(content, most=size)[0] == b"x" * size
    if size:
        with pytest.raises(FileTooLarge):
            decode(content, most=size - 1)


@pytest.mark.parametrize("size", [0, 1, 48 * 1024 - 1, 48 * 1024, 48 * 1024 + 1, 200_000])
def test_a_stored_file_is_put_together(size: int) -> None:
    store = MemoryFileStore(MemoryFileDisk())
    data = bytes(number % 256 for number in range(size))
    outcome: list[Any] = []

    async def put_and_get() -> None:
        await store.open()
        sha256 = await store.put(data)
        outcome.append(await encode_content(store, sha256, size))

    Deferred.fromCoroutine(put_and_get())
    assert outcome == [binascii.b2a_base64(data, newline=False)]
    assert len(outcome[0]) == encoded_size(size)
