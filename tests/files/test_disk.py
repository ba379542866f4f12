"""What is special about a folder: who may use it, what is left in it, and disks that are full or fail."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import DeferredList
from twisted.logger import capturedLogs

from chatproto.errors import BadField, NoSuchFile, StoreError, StoreFull, Unavailable, WrongContent
from chatproto.files import DiskFileStore
from chatproto.files.parts import DiskPart
from chatproto.testing.store_contract.contents import CHUNK, content, send, sha256, whole
from tests.conftest import LoggedFailures
from tests.files.places import FolderPlace
from tests.small_disk import small_disk


@pytest.fixture
def place(tmp_path: Path) -> FolderPlace:
    from twisted.internet import reactor as installed

    reactor: Any = installed
    return FolderPlace(tmp_path / "files", reactor)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def open_contents() -> int:
    """Count the contents that this process has open."""
    files = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum("/contents/" in str(path.readlink()) for path in files)


async def opened(place: FolderPlace) -> DiskFileStore:
    store = place.store()
    await store.open()
    return store


@ensureDeferred
async def test_a_content_is_under_its_hash_and_nobody_else_may_read_it(place: FolderPlace) -> None:
    files = await opened(place)
    found = await send(files, "alpha/1", b"halo")
    part = await files.part("alpha/2")
    await part.write(b"x")
    await part.close()
    await files.close()
    assert names(place.folder) == [f"contents/{found[:2]}/{found}", "lock", "parts/alpha%2F2.part", "realm"]
    for path in (place.folder, *place.folder.rglob("*")):
        assert not path.stat().st_mode & (0o033 if path.name == "realm" else 0o077)


@ensureDeferred
async def test_a_folder_is_one_realms(place: FolderPlace) -> None:
    await (await opened(place)).close()
    with pytest.raises(StoreError, match="are those of the realm 'alpha'"):
        await place.store("beta").open()
    await (await opened(place)).close()


@ensureDeferred
async def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("no folder")
    with pytest.raises(StoreError, match="cannot be opened: File exists"):
        await FolderPlace(tmp_path / "files").store().open()
    with pytest.raises(StoreError, match="cannot be opened: Not a directory"):
        await FolderPlace(tmp_path / "files" / "more").store().open()


@ensureDeferred
async def test_what_a_crash_left_of_small_files_is_removed(place: FolderPlace) -> None:
    await (await opened(place)).close()
    (place.folder / "new" / "put-1").write_bytes(b"half")
    await (await opened(place)).close()
    assert names(place.folder) == ["lock", "realm"]


@ensureDeferred
async def test_other_files_in_the_folder_are_left_alone(place: FolderPlace) -> None:
    files = await opened(place)
    found = await files.put(b"halo")
    (place.folder / "contents" / "README").write_text("what is this")
    for name in (".swp", "0" * 64, found.upper()):
        (place.folder / "contents" / found[:2] / name).write_text("what is this")
    (place.folder / "parts" / "other.txt").write_text("what is this")
    assert await files.contents("", 99) == [(found, 4)]
    assert await files.parts() == []
    await files.close()


@ensureDeferred
async def test_no_link_is_followed(place: FolderPlace, logged_failures: LoggedFailures) -> None:
    files = await opened(place)
    outside = place.folder.parent / "outside"
    outside.write_bytes(b"secret")
    (place.folder / "parts" / "alpha%2F1.part").symlink_to(outside)
    with pytest.raises(Unavailable):
        await files.part("alpha/1")
    fake = sha256(b"fake")
    (place.folder / "contents" / fake[:2] / fake).symlink_to(outside)
    with pytest.raises(Unavailable):
        await files.read(fake, 0, 9)
    # It is no content: one that comes takes its place.
    assert await files.put(b"fake") == fake
    assert await whole(files, fake) == b"fake"
    await files.close()
    assert outside.read_bytes() == b"secret"


@ensureDeferred
async def test_a_content_that_was_cut_is_mended_by_whoever_brings_it_again(place: FolderPlace) -> None:
    files = await opened(place)
    data = content(100_000)
    found = await files.put(data)
    path = place.folder / "contents" / found[:2] / found
    os.truncate(path, 70_000)
    assert await files.read(found, 0, CHUNK) == data[:CHUNK]
    os.truncate(path, 60_000)
    with pytest.raises(NoSuchFile):
        await files.read(found, 0, CHUNK)
    assert await send(files, "alpha/1", data) == found
    assert await whole(files, found) == data
    await files.close()


@ensureDeferred
async def test_a_content_whose_bytes_changed_is_replaced_by_what_was_verified(place: FolderPlace) -> None:
    files = await opened(place)
    data = content(100_000)
    path = place.folder / "contents" / sha256(data)[:2] / sha256(data)
    for bring in (lambda: files.put(data), lambda: send(files, "alpha/1", data)):
        found = await files.put(data)
        path.write_bytes(bytes(len(data)))
        assert await files.read(found, 0, CHUNK) == bytes(CHUNK)
        assert await bring() == found
        assert path.read_bytes() == await whole(files, found) == data
    await files.close()


@ensureDeferred
async def test_what_is_kept_twice_leaves_no_second_name(place: FolderPlace) -> None:
    files = await opened(place)
    part = await files.part("alpha/1")
    await part.write(b"halo")
    found = await part.keep(4, "")
    assert await part.keep(4, found) == found
    await part.drop()
    assert names(place.folder) == [f"contents/{found[:2]}/{found}", "lock", "realm"]
    await files.close()


@ensureDeferred
async def test_bytes_that_a_loss_of_power_changed_are_found(place: FolderPlace) -> None:
    files = await opened(place)
    part = await files.part("alpha/1")
    await part.write(content(3 * CHUNK))
    place.crash(files)
    with (place.folder / "parts" / "alpha%2F1.part").open("r+b") as file:
        file.seek(CHUNK)
        file.write(bytes(CHUNK))
    files = await opened(place)
    part = await files.part("alpha/1")
    assert part.size == 3 * CHUNK
    with pytest.raises(WrongContent):
        await part.keep(3 * CHUNK, sha256(content(3 * CHUNK)))
    assert await files.parts() == []
    await files.close()


@ensureDeferred
async def test_a_part_that_is_a_content_already_does_not_grow(place: FolderPlace) -> None:
    files = await opened(place)
    part = await files.part("alpha/1")
    await part.write(b"halo")
    found = await part.keep(4, "")
    place.crash(files)
    files = await opened(place)
    part = await files.part("alpha/1")
    with pytest.raises(WrongContent):
        await part.write(b"!")
    assert await part.keep(4, found) == found
    await part.drop()
    assert await whole(files, found) == b"halo"
    await files.close()


@ensureDeferred
async def test_many_contents_are_read_with_few_open_files(place: FolderPlace) -> None:
    files = await opened(place)
    found = [await files.put(content(100, start)) for start in range(100)]
    for name in found * 2:
        assert len(await files.read(name, 0, 100)) == 100
    assert 30 <= open_contents() <= 33
    await files.close()
    assert open_contents() == 0


@ensureDeferred
async def test_closing_waits_for_what_is_under_way(place: FolderPlace) -> None:
    files = await opened(place)
    part = await files.part("alpha/1")
    writing = [part.write(content(CHUNK)) for _ in range(40)]
    await files.close()
    assert [await each for each in writing][-1] == 40 * CHUNK
    files = await opened(place)
    assert (await files.part("alpha/1")).size == 40 * CHUNK
    await files.close()


@ensureDeferred
async def test_a_copy_is_made_of_what_is_undamaged_where_nothing_is(place: FolderPlace) -> None:
    files = await opened(place)
    data = content(3_000_000)
    found = await files.put(data)
    target = place.folder.parent / "copy"
    assert await files.export(found, str(target)) == len(data)
    assert target.read_bytes() == data
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadField, match="path: there is a file already"):
        await files.export(found, str(target))
    with pytest.raises(BadField, match="path: Not a directory"):
        await files.export(found, str(target / "more" / "copy"))
    target.unlink()
    with (place.folder / "contents" / found[:2] / found).open("r+b") as file:
        file.write(b"other")
    with pytest.raises(WrongContent):
        await files.export(found, str(target))
    with pytest.raises(NoSuchFile):
        await files.export(sha256(b"never"), str(target))
    assert not target.exists()
    await files.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return a file system of 4 MiB."""
    with small_disk(tmp_path / "small") as folder:
        yield folder


@ensureDeferred
async def test_a_full_disk_refuses_for_now_and_loses_nothing(
    small: Path, logged_failures: LoggedFailures
) -> None:
    from twisted.internet import reactor as installed

    reactor: Any = installed
    place = FolderPlace(small / "files", reactor)
    files = await opened(place)
    kept = await files.put(content(500_000))
    part = await files.part("alpha/1")
    data = content(4 * 1024 * 1024)
    writing = [part.write(data[at : at + CHUNK]) for at in range(0, len(data), CHUNK)]
    outcomes = await DeferredList(writing, consumeErrors=True)
    refusals: list[Any] = [result for fine, result in outcomes if not fine]
    assert 0 < len(refusals) < len(writing)
    assert all(each.check(StoreFull) and each.value.retry_after for each in refusals)
    assert part.size % CHUNK == 0
    with pytest.raises(StoreFull):
        await files.put(content(3_000_000))
    assert await files.room() < 3_000_000 < await files.capacity() < 4 * 1024 * 1024
    # There is room left for others, and what is there is as it was.
    assert os.statvfs(small).f_bavail > 0
    assert await whole(files, kept) == content(500_000)
    place.later = 7200
    await files.remove(kept)
    goal = part.size + 4 * CHUNK
    assert await files.room() >= goal - part.size
    while part.size < goal:
        await part.write(data[part.size : part.size + CHUNK])
    found = await part.keep(goal, sha256(data[:goal]))
    await part.drop()
    assert await whole(files, found) == data[:goal]
    assert names(small / "files") == [f"contents/{found[:2]}/{found}", "lock", "realm"]
    await files.close()


@ensureDeferred
async def test_a_disk_that_fails_is_told_to_the_log_once(
    place: FolderPlace, monkeypatch: pytest.MonkeyPatch, logged_failures: LoggedFailures
) -> None:
    files = await opened(place)
    part = await files.part("alpha/1")
    await part.write(b"halo")
    pwrite = os.pwrite

    def failing(file: int, data: bytes, offset: int) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwrite", failing)
    with capturedLogs() as events:
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                await part.write(b"!")
            assert "Input" not in str(caught.value)
    told = [(event["folder"], event["reason"]) for event in events if "reason" in event]
    assert told == [(str(place.folder), "Input/output error")]
    monkeypatch.setattr(os, "pwrite", pwrite)
    assert await part.write(b"!") == 5
    assert await part.keep(5, "") == sha256(b"halo!")
    await files.close()


@pytest.mark.parametrize("early", [True, False])
@ensureDeferred
async def test_bytes_that_the_disk_did_not_take_are_not_kept_later(
    place: FolderPlace, monkeypatch: pytest.MonkeyPatch, early: bool
) -> None:
    """The system tells that a sync failed only once."""
    monkeypatch.setattr("chatproto.files.parts._SYNC_BYTES", CHUNK if early else 2**40)
    sync = os.fdatasync

    def failing(file: int) -> None:
        monkeypatch.setattr(os, "fdatasync", sync)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)
    files = await opened(place)
    part = await files.part("alpha/1")
    await part.write(content(CHUNK))
    if not early:
        with pytest.raises(Unavailable):
            await part.keep(CHUNK, "")
    with pytest.raises(WrongContent):
        await part.keep(CHUNK, "")
    assert await files.parts() == []
    assert await files.contents("", 9) == []
    await files.close()


@ensureDeferred
async def test_a_name_that_the_disk_did_not_take_is_not_relied_on(
    place: FolderPlace, monkeypatch: pytest.MonkeyPatch, logged_failures: LoggedFailures
) -> None:
    """Whoever brings the content again gives it its name again."""
    sync = os.fsync
    synced: list[str] = []

    def failing(folder: int) -> None:
        monkeypatch.setattr(os, "fsync", succeeding)
        raise OSError(errno.EIO, "Input/output error")

    def succeeding(folder: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{folder}").readlink().relative_to(place.folder)))
        sync(folder)

    files = await opened(place)
    part = await files.part("alpha/1")
    await part.write(b"halo")
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(Unavailable):
        await part.keep(4, "")
    with pytest.raises(WrongContent):
        await part.keep(4, "")
    assert synced == []
    found = await send(files, "alpha/1", b"halo")
    assert synced == [f"contents/{found[:2]}"]
    await files.close()


@ensureDeferred
async def test_folders_are_durable_before_anything_is_in_them(
    place: FolderPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    mkdir = Path.mkdir

    def making(path: Path, *arguments: Any, **options: Any) -> None:
        made.append(path)
        mkdir(path, *arguments, **options)

    files = await opened(place)
    assert len([*(place.folder / "contents").iterdir()]) == 256
    monkeypatch.setattr(Path, "mkdir", making)
    for start in range(20):
        await files.put(content(100, start))
    assert not made
    await files.close()


WRITER = """
import sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from chatproto.executors import ThreadExecutor
from chatproto.files import DiskFileStore
from chatproto.files.parts import DiskPart
from chatproto.testing.store_contract.contents import content

async def main():
    files = DiskFileStore(Path(sys.argv[1]), "alpha", ThreadExecutor(reactor, "files", 4))
    await files.open()
    part = await files.part("alpha/1")
    while True:
        size = await part.write(content(65536, part.size // 4))
        print(size, flush=True)

Deferred.fromCoroutine(main())
reactor.run()
"""


@ensureDeferred
async def test_what_was_acknowledged_is_there_after_a_kill(place: FolderPlace) -> None:
    process = subprocess.Popen(  # noqa: ASYNC220 - nothing else happens here meanwhile
        [sys.executable, "-c", WRITER, str(place.folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 40 * CHUNK:
            process.send_signal(signal.SIGKILL)
            break
    last = int([line, *process.stdout.read().splitlines()][-1])
    process.wait()
    process.stdout.close()
    files = await opened(place)
    part = await files.part("alpha/1")
    assert part.size >= last
    size = part.size
    assert await part.keep(size, "") == sha256(content(size))
    await part.drop()
    await files.close()


@ensureDeferred
async def test_a_file_of_five_gib_is_written_and_read_by_its_offsets(place: FolderPlace) -> None:
    """Its holes are made by the file system. That it is kept, too, `benchmarks/file_store.py` shows."""
    size = 5 * 1024**3
    files = await opened(place)
    await (await files.part("alpha/1")).close()
    path = place.folder / "parts" / "alpha%2F1.part"
    os.truncate(path, size - 5)
    part = await files.part("alpha/1")
    assert part.size == size - 5
    assert await part.write(b"dunia") == size
    await part.close()
    name = sha256(b"as if")
    path.rename(place.folder / "contents" / name[:2] / name)
    assert await files.contents("", 9) == [(name, size)]
    assert await files.read(name, size - 6, 9) == b"\0dunia"
    assert await files.read(name, 2**32, 4) == bytes(4)
    await files.close()


@ensureDeferred
async def test_what_was_there_before_is_hashed_while_more_is_written(place: FolderPlace) -> None:
    data = content(20 * CHUNK)
    files = await opened(place)
    part = await files.part("alpha/1")
    await part.write(data[: 10 * CHUNK])
    await part.close()
    part = await files.part("alpha/1")
    for at in range(10 * CHUNK, len(data), CHUNK):
        await part.write(data[at : at + CHUNK])
    assert isinstance(part, DiskPart)
    assert part._file._hashed == part.size
    assert await part.keep(len(data), sha256(data)) == sha256(data)
    await files.close()
