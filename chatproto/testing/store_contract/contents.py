"""The tests that every store of contents of files has to pass, for those who write one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred

from chatproto.errors import NoSuchFile, StoreError, Unavailable, WrongContent
from chatproto.files import GRACE_SECONDS
from chatproto.interfaces import IFileStore

CHUNK = 64 * 1024
#: What people send: nothing, a byte, and what is just below, at and above a chunk.
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5)
#: Names that no path may be made of as they are.
NAMES = ("alpha/1f/1", "../../x", "..", ".", "", "/etc/passwd", "a\0b", "C:\\x", "é" * 300, "a+b.part", "%2e")


class FilePlace(Protocol):
    """Where contents outlive the objects that use them. ``later`` is added to the time."""

    later: float

    def store(self) -> IFileStore:
        """Return a new store object on what is there."""
        ...

    def crash(self, store: IFileStore) -> None:
        """End the process that uses a store, which closes nothing."""
        ...


def content(size: int, start: int = 0) -> bytes:
    """Return bytes that differ from place to place."""
    return b"".join(number.to_bytes(4, "big") for number in range(start, start + size // 4 + 1))[:size]


def sha256(data: bytes) -> str:
    """Return the hash of a content."""
    return hashlib.sha256(data).hexdigest()


async def send(files: IFileStore, name: str, data: bytes) -> str:
    """Let a file come in whole, in chunks."""
    part = await files.part(name)
    writing = [part.write(data[at : at + CHUNK]) for at in range(0, len(data), CHUNK)]
    for number, done in enumerate(writing, 1):
        assert await done == min(number * CHUNK, len(data))
    found: str = await part.keep(len(data), sha256(data))
    await part.drop()
    return found


async def whole(files: IFileStore, name: str) -> bytes:
    """Read a content in pieces."""
    data = b""
    while piece := await files.read(name, len(data), CHUNK):
        data += piece
    return data


class FileStoreContract:
    """What every store of contents promises.

    The fixture ``place``, of the subclass or of its module, returns a new, empty :class:`FilePlace`.
    """

    @pytest.fixture
    def files(self, place: FilePlace) -> Iterator[IFileStore]:
        """Return an open store at the place."""
        files = place.store()
        pytest_twisted.blockon(files.open())
        yield files
        pytest_twisted.blockon(files.close())

    @ensureDeferred
    async def test_what_comes_in_is_read_as_it_was(self, files: IFileStore) -> None:
        for size in SIZES:
            data = content(size)
            found = await send(files, f"alpha/{size}", data)
            assert found == sha256(data)
            assert await files.has(found)
            assert await whole(files, found) == data
            assert await files.read(found, size, 1) == b""
            assert await files.read(found, size + 100, 1) == b""
            assert await files.read(found, max(0, size - 3), 100) == data[-3:]
        assert await files.parts() == []
        assert sorted(size for _, size in await files.contents("", 99)) == sorted(SIZES)

    @ensureDeferred
    async def test_a_small_file_is_put_at_once(self, files: IFileStore) -> None:
        data = content(200_000)
        assert await files.put(data) == sha256(data) == await files.put(data)
        assert await files.put(b"") == sha256(b"")
        assert await whole(files, sha256(data)) == data
        assert len(await files.contents("", 9)) == 2
        assert await files.parts() == []

    @ensureDeferred
    async def test_a_part_goes_on_where_it_was_left(self, files: IFileStore) -> None:
        data = content(5 * CHUNK + 7)
        for at in range(0, len(data), CHUNK):
            part = await files.part("alpha/1")
            assert part.size == at
            await part.write(data[at : at + CHUNK])
            await part.close()
        assert await files.parts() == ["alpha/1"]
        part = await files.part("alpha/1")
        assert await part.keep(len(data), "") == sha256(data)
        await part.drop()
        assert await files.parts() == []

    @ensureDeferred
    async def test_a_crash_keeps_what_was_written(self, place: FilePlace) -> None:
        files = place.store()
        await files.open()
        part = await files.part("alpha/1")
        await part.write(b"halo ")
        place.crash(files)
        files = place.store()
        await files.open()
        part = await files.part("alpha/1")
        assert part.size == 5
        await part.write(b"dunia")
        assert await part.keep(10, sha256(b"halo dunia")) == sha256(b"halo dunia")
        place.crash(files)
        files = place.store()
        await files.open()
        assert await whole(files, sha256(b"halo dunia")) == b"halo dunia"
        part = await files.part("alpha/1")
        assert await part.keep(10, "") == sha256(b"halo dunia")
        await part.drop()
        assert await files.parts() == []
        assert len(await files.contents("", 9)) == 1
        await files.close()

    @ensureDeferred
    async def test_wrong_bytes_leave_nothing_behind(self, files: IFileStore) -> None:
        for size, said in ((3, sha256(b"halo")), (5, ""), (4, sha256(b"hola"))):
            part = await files.part("alpha/1")
            await part.write(b"halo")
            with pytest.raises(WrongContent):
                await part.keep(size, said)
            assert await files.parts() == []
            with pytest.raises(NoSuchFile):
                await part.write(b"more")
        assert await files.contents("", 9) == []
        assert not await files.has(sha256(b"halo"))

    @ensureDeferred
    async def test_what_is_kept_does_not_change(self, files: IFileStore) -> None:
        part = await files.part("alpha/1")
        await part.write(b"halo")
        assert await part.keep(4, "") == await part.keep(4, sha256(b"halo"))
        with pytest.raises(WrongContent):
            await part.write(b"!")
        assert await files.read(sha256(b"halo"), 0, 9) == b"halo"
        await part.drop()

    @ensureDeferred
    async def test_a_part_that_is_dropped_is_gone(self, files: IFileStore) -> None:
        part = await files.part("alpha/1")
        writing = part.write(b"halo")
        dropping = part.drop()
        assert await writing == 4
        await dropping
        assert await files.parts() == []
        with pytest.raises(NoSuchFile):
            await part.write(b"halo")
        part = await files.part("alpha/1")
        assert part.size == 0
        await part.drop()

    @ensureDeferred
    async def test_one_at_a_time_has_a_part_open(self, files: IFileStore) -> None:
        part = await files.part("alpha/1")
        with pytest.raises(Unavailable):
            await files.part("alpha/1")
        await part.close()
        await (await files.part("alpha/1")).close()

    @ensureDeferred
    async def test_the_same_content_is_there_once(self, files: IFileStore) -> None:
        data = content(100_000)
        first, second = await files.part("alpha/1"), await files.part("alpha/2")
        for part in (first, second):
            await part.write(data)
        kept = [part.keep(len(data), sha256(data)) for part in (first, second)]
        assert [await each for each in kept] == [sha256(data)] * 2
        await first.drop()
        assert await files.contents("", 9) == [(sha256(data), len(data))]
        assert await whole(files, sha256(data)) == data
        await second.drop()
        assert await whole(files, sha256(data)) == data

    @ensureDeferred
    async def test_no_name_leads_anywhere_else(self, files: IFileStore) -> None:
        parts = [await files.part(name) for name in NAMES]
        for number, part in enumerate(parts):
            await part.write(b"%d" % number)
        assert await files.parts() == sorted(NAMES)
        for part in parts:
            await part.close()
        for number, name in enumerate(NAMES):
            part = await files.part(name)
            assert await part.keep(len(str(number)), "") == sha256(b"%d" % number)
            await part.drop()
        assert await files.parts() == []
        for name in (*NAMES, sha256(b"0").upper(), sha256(b"0")[:-1], f"{sha256(b'0')}\n"):
            assert not await files.has(name)
            with pytest.raises(NoSuchFile):
                await files.read(name, 0, 9)
            await files.remove(name)
        with pytest.raises(NoSuchFile):
            await files.read(sha256(b"never"), 0, 9)

    @ensureDeferred
    async def test_contents_are_listed_in_pages(self, files: IFileStore) -> None:
        found = sorted([(await files.put(content(size)), size) for size in range(20)])
        pages, after = [], ""
        while page := await files.contents(after, 7):
            pages += page
            after = page[-1][0]
        assert pages == found

    @ensureDeferred
    async def test_what_was_kept_lately_is_not_removed(self, place: FilePlace, files: IFileStore) -> None:
        name = await files.put(b"halo")
        assert await files.read(name, 0, 1) == b"h"
        await files.remove(name)
        assert await files.has(name)
        place.later = GRACE_SECONDS + 60
        await files.remove(name)
        assert not await files.has(name)
        with pytest.raises(NoSuchFile):
            await files.read(name, 0, 1)
        await files.remove(name)

    @ensureDeferred
    async def test_there_is_room(self, files: IFileStore) -> None:
        assert await files.capacity() >= await files.room() > CHUNK

    @ensureDeferred
    async def test_one_process_has_the_files_open(self, place: FilePlace, files: IFileStore) -> None:
        with pytest.raises(StoreError):
            await place.store().open()
