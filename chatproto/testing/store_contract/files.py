"""Rows of files, and of uploads that are not finished."""

from __future__ import annotations

from pytest_twisted import ensureDeferred

from chatproto.interfaces import IStore
from chatproto.records import FileRow, FileState, UploadRow
from chatproto.testing.store_contract.rows import batch, entry


def file(
    seq: int,
    *,
    realm: str = "",
    sender: str = "messi@alpha",
    size: int = 10,
    sha256: str = "a",
    at: int = 5,
    state: FileState = FileState.STORED,
    mid: str = "",
) -> FileRow:
    """Return a file, all of which follows from its seq."""
    mid = mid or f"alpha/{seq}"
    return FileRow(mid, seq, 1, realm, sender, "ani@beta", "a.txt", size, sha256 * 64, "", at, state.value)


def upload(number: int, account: str = "messi", cid: str = "", began: int = 5) -> UploadRow:
    """Return an upload."""
    return UploadRow(f"alpha/{number}", account, cid, "ani@beta", "a.txt", 10, "", "text/plain", began)


class Files:
    """What is known of files."""

    @ensureDeferred
    async def test_a_file_is_found_by_its_mid_and_listed_by_its_seq(self, store: IStore) -> None:
        rows = [file(3, size=2**40), file(1), file(2, state=FileState.GONE)]
        await store.commit(batch(1, entry(*rows)))
        assert await store.file("alpha/3") == rows[0]
        assert await store.file("alpha/4") is None
        assert await store.files(0, 9) == [rows[1], rows[2], rows[0]]
        assert await store.files(1, 1) == [rows[2]]
        assert await store.commit(batch(2, entry(file(9, mid="alpha/1")))) == [0]
        await store.commit(batch(3, entry(puts=(file(7, mid="alpha/1"),))))
        assert [row.seq for row in await store.files(0, 9)] == [2, 3, 7]

    @ensureDeferred
    async def test_what_is_wanted_of_a_realm_is_listed_until_it_is_here(self, store: IStore) -> None:
        rows = [file(seq, realm="beta", state=FileState.WANTED) for seq in range(1, 5)]
        others = (
            file(5, realm="gamma", state=FileState.WANTED),
            file(6, realm="beta", state=FileState.OFFERED),
            file(7, realm="beta", state=FileState.REFUSED),
        )
        await store.commit(batch(1, entry(*reversed(rows), *others)))
        assert await store.wanted("beta", 0, 9) == rows
        assert await store.wanted("beta", 1, 2) == rows[1:3]
        await store.commit(batch(2, entry(puts=(file(2, realm="beta"),))))
        assert await store.wanted("beta", 0, 9) == [rows[0], *rows[2:]]
        assert await store.wanted("", 0, 9) == []

    @ensureDeferred
    async def test_a_content_has_as_many_references_as_files_that_are_stored(self, store: IStore) -> None:
        rows = (
            file(1),
            file(2, realm="beta"),
            file(3, realm="beta", state=FileState.WANTED),
            file(4, state=FileState.GONE),
            file(5, sha256="b"),
            file(6, sha256="c", state=FileState.GONE),
        )
        await store.commit(batch(1, entry(*rows)))
        a, b, c, d = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
        assert await store.references([a, c, d]) == {a: 2}
        assert await store.references([b, a, b]) == {a: 2, b: 1}
        assert await store.references([]) == {}

    @ensureDeferred
    async def test_what_was_sent_and_what_came_is_summed_up_since_a_time(self, store: IStore) -> None:
        rows = (
            file(1, size=2**40, at=4),
            file(2, size=2**41, at=5),
            file(3, size=3, at=6, state=FileState.GONE),
            file(4, size=100, sender="lineker@alpha"),
            file(5, size=200, realm="beta"),
            file(6, size=300, realm="beta", at=4),
            file(7, size=400, realm="gamma", state=FileState.WANTED),
            file(8, size=500, realm="beta", state=FileState.OFFERED),
            file(9, size=600, realm="beta", state=FileState.REFUSED),
        )
        await store.commit(batch(1, entry(*rows)))
        assert await store.sent_bytes("messi@alpha", 5) == 2**41 + 3
        assert await store.sent_bytes("messi@alpha", 7) == 0
        assert await store.sent_bytes("nobody@alpha", 0) == 0
        assert await store.came_bytes("beta", 5) == 200
        assert await store.came_bytes("beta", 0) == 500
        assert await store.came_bytes("gamma", 5) == 400
        assert await store.came_bytes("", 0) == 0

    @ensureDeferred
    async def test_uploads_are_listed_oldest_first_until_they_are_removed(self, store: IStore) -> None:
        rows = [upload(1, began=7), upload(2, cid="c1"), upload(3, "lineker", "c1", 6)]
        await store.commit(batch(1, entry(*rows)))
        assert await store.upload("alpha/2") == rows[1]
        assert await store.upload("alpha/4") is None
        assert await store.uploads("messi") == [rows[1], rows[0]]
        assert await store.uploads("") == [rows[1], rows[2], rows[0]]
        assert await store.uploads("amsal") == []
        await store.commit(batch(2, entry(removes=(rows[0], rows[2]))))
        assert await store.uploads("") == [rows[1]]

    @ensureDeferred
    async def test_an_account_begins_one_upload_with_a_cid(self, store: IStore) -> None:
        await store.commit(batch(1, entry(upload(1, cid="c"), upload(2), upload(3))))
        assert await store.commit(batch(2, entry(upload(4, cid="c")), entry(upload(5)))) == [0]
        await store.commit(batch(3, entry(upload(6, cid="c"), puts=(), removes=())))
        await store.commit(batch(4, entry(removes=(upload(1),))))
        assert await store.commit(batch(5, entry(upload(7, cid="c")))) == []
        assert [row.mid for row in await store.uploads("messi")] == [f"alpha/{n}" for n in (2, 3, 5, 7)]
