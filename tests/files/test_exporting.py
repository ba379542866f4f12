"""Copies for the operator: whole or not there at all, whatever ends the process that makes them."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatproto.errors import BadField, WrongContent
from chatproto.files.exporting import export_bytes

PIECES = [b"halo" * 1000, b"dunia" * 1000]
SHA256 = hashlib.sha256(b"".join(PIECES)).hexdigest()
SIZE = sum(map(len, PIECES))

KILLED = """
import os, signal, sys
from chatproto.files.exporting import export_bytes

def pieces():
    yield b"halo" * 1000
    os.kill(os.getpid(), signal.SIGKILL)

export_bytes(pieces(), sys.argv[1], sys.argv[2])
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_copy_that_is_killed_has_no_name_and_the_next_one_replaces_it(tmp_path: Path) -> None:
    target = tmp_path / "laporan.pdf"
    killed = subprocess.run([sys.executable, "-c", KILLED, SHA256, str(target)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert names(tmp_path) == [f".laporan.pdf.{SHA256[:12]}.part"]
    assert export_bytes(PIECES, SHA256, str(target)) == SIZE
    assert target.read_bytes() == b"".join(PIECES)
    assert names(tmp_path) == ["laporan.pdf"]


def test_a_copy_gets_its_name_when_it_is_synced_and_the_name_is_synced_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, seen = os.fsync, []

    def syncing(file: int) -> None:
        seen.append((Path(f"/proc/self/fd/{file}").readlink().name, (tmp_path / "x").exists()))
        sync(file)

    monkeypatch.setattr(os, "fsync", syncing)
    export_bytes(PIECES, SHA256, str(tmp_path / "x"))
    assert seen == [(f".x.{SHA256[:12]}.part", False), (tmp_path.name, True)]


def test_what_comes_to_the_place_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "x"

    def pieces() -> Iterator[bytes]:
        yield from PIECES
        target.write_text("mine")

    with pytest.raises(BadField, match="there is a file already"):
        export_bytes(pieces(), SHA256, str(target))
    assert names(tmp_path) == ["x"]
    assert target.read_text() == "mine"


def test_a_file_in_the_place_is_told_before_anything_is_copied(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to(tmp_path / "nowhere")

    def pieces() -> Iterator[bytes]:
        pytest.fail("it was copied")
        yield b""

    with pytest.raises(BadField, match="path: there is a file already, and it is not overwritten"):
        export_bytes(pieces(), SHA256, str(tmp_path / "x"))


def test_two_do_not_write_one_copy(tmp_path: Path) -> None:
    part = tmp_path / f".x.{SHA256[:12]}.part"
    with part.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BadField, match="it is being written already"):
            export_bytes(PIECES, SHA256, str(tmp_path / "x"))
    assert names(tmp_path) == [part.name]


def test_what_is_damaged_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(WrongContent):
        export_bytes(PIECES[:1], SHA256, str(tmp_path / "x"))
    assert names(tmp_path) == []


def test_a_file_system_without_hard_links_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refused)
    export_bytes(PIECES, SHA256, str(tmp_path / ("é" * 100)))
    assert names(tmp_path) == ["é" * 100]
