"""Bytes of files through the client's protocol: behind their lines, and never taken for lines."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from chatproto import errors
from chatproto.commands import Chunk, Download, Finish
from chatproto.errors import ConnectionUnavailable
from chatproto.events import Piece, Sent, Written
from chatproto.protocols import client
from tests.protocols.test_client import MESSAGE, Talk, error_of, ok

FILE = "alpha/1"
DATA = b'{"re":2}\r\n\x00\xff\n'


def pull(talk: Talk, size: int = 1000, offset: int = 0) -> list[Any]:
    return talk.ask(Download(file=FILE, offset=offset, size=size), Piece)


def piece(tag: int, data: bytes, offset: int = 0) -> bytes:
    line = b'{"re":%d,"status":"OK","file":"alpha/1","offset":%d,"size":%d}\r\n' % (tag, offset, len(data))
    return line + data


def test_a_chunk_leaves_with_its_bytes_behind_it() -> None:
    talk = Talk()
    first: list[Any] = []
    for offset in (0, len(DATA)):
        chunk = Chunk(file=FILE, offset=offset, size=len(DATA), data=DATA)
        talk.protocol.request(chunk, Written).addBoth(first.append)
    talk.clock.advance(0)
    line = b'{"do":"chunk","file":"alpha/1","offset":%d,"size":%d,"id":%d}\r\n'
    [written] = talk.transport.writes
    assert written == b"".join((line % (0, 13, 1), DATA, line % (13, 13, 2), DATA))
    talk.hear(b'{"re":1,"status":"OK","file":"alpha/1","offset":13}\r\n')
    talk.hear(b'{"re":2,"status":"ERROR","code":"bad-offset","message":"no"}\r\n')
    assert first[0] == Written(file=FILE, offset=13)
    assert type(error_of(first[1:])) is errors.BadOffset


@given(st.lists(st.integers(1, 1000), max_size=6))
def test_bytes_of_a_file_are_told_from_lines_wherever_reads_are_cut(cuts: list[int]) -> None:
    talk = Talk()
    outcomes = [pull(talk), talk.send(), pull(talk), pull(talk), pull(talk)]
    talk.turn()
    refused = b'{"re":5,"status":"ERROR","code":"no-such-file","message":"no"}\r\n'
    heard = b"".join(
        (piece(1, DATA), MESSAGE, ok(2), piece(3, b""), piece(4, MESSAGE, 7), MESSAGE, refused, MESSAGE)
    )
    at = [0, *sorted({min(cut, len(heard)) for cut in cuts}), len(heard)]
    for start, end in itertools.pairwise(at):
        talk.hear(heard[start:end])
    assert outcomes[0] == [Piece(file=FILE, offset=0, size=len(DATA), data=DATA)]
    assert outcomes[1] == [Sent(mid=FILE, seq=3)]
    assert outcomes[2] == [Piece(file=FILE, offset=0, size=0)]
    assert outcomes[3] == [Piece(file=FILE, offset=7, size=len(MESSAGE), data=MESSAGE)]
    assert type(error_of(outcomes[4])) is errors.NoSuchFile
    assert len(talk.events) == 3
    talk.lose()


def test_bytes_of_a_file_are_not_taken_for_a_tls_alert_where_a_read_begins() -> None:
    talk = Talk()
    outcome = pull(talk)
    talk.turn()
    heard = piece(1, b"\x15\x03\x03\n")
    talk.hear(heard[:-4])
    talk.hear(heard[-4:])
    assert outcome == [Piece(file=FILE, offset=0, size=4, data=b"\x15\x03\x03\n")]


def test_more_bytes_than_were_asked_for_end_the_connection() -> None:
    talk = Talk()
    outcome, other = pull(talk, size=3), talk.send()
    talk.turn()
    talk.hear(piece(1, b"four"), ok(2))
    assert talk.transport.aborted
    assert type(error_of(outcome)) is ConnectionUnavailable
    assert not other
    talk.lose()
    assert type(error_of(other)) is ConnectionUnavailable


def test_bytes_that_nobody_waits_for_any_more_are_taken_all_the_same() -> None:
    talk = Talk()
    pulled: Deferred[Piece] = talk.protocol.request(Download(file=FILE, offset=0, size=100), Piece)
    pulled.addErrback(lambda failure: None)
    other = talk.send()
    talk.turn()
    pulled.cancel()
    talk.hear(piece(1, DATA), ok(2))
    assert other == [Sent(mid=FILE, seq=3)]


def test_a_connection_that_is_lost_within_the_bytes_fails_who_waits_for_them() -> None:
    talk = Talk()
    outcomes = [pull(talk), pull(talk)]
    talk.turn()
    talk.hear(piece(1, DATA)[:-1])
    talk.lose()
    assert [type(error_of(outcome)) for outcome in outcomes] == [ConnectionUnavailable] * 2


def test_bytes_that_stop_coming_end_the_connection_too() -> None:
    talk = Talk()
    pull(talk)
    talk.turn()
    talk.hear(piece(1, DATA)[:-1])
    talk.clock.pump([5] * 6)
    assert talk.transport.aborted
    talk.lose()


def test_a_server_that_syncs_a_large_file_is_given_time() -> None:
    talk = Talk()
    talk.ask(Finish(file=FILE), Sent)
    talk.turn()
    talk.clock.pump([5] * 50)
    assert not talk.transport.aborted
    talk.clock.pump([5] * int(client.FINISH_SECONDS / 5))
    assert talk.transport.aborted
    talk.lose()
