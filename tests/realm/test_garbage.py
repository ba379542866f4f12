"""What nobody needs of files is removed; what somebody needs, or may need soon, stays."""

from __future__ import annotations

import hashlib

import pytest
from twisted.internet.defer import Deferred

from chatproto import commands, events
from chatproto.errors import FileGone, NoSuchFile, NotSupported, Unavailable
from chatproto.events import FilesCollected
from chatproto.files import GRACE_SECONDS, MemoryFileStore
from chatproto.interfaces import IFileStore
from chatproto.limits import Limits
from chatproto.realm.files.garbage import Garbage
from chatproto.records import FileRow, FileState, UploadRow
from tests.conftest import LoggedFailures
from tests.realm.house import Client, House, watch

HOUR = 3600.0
DAY = 86400.0


@pytest.fixture
def house() -> House:
    return House()


def begin(client: Client, data: bytes, to: str = "henderson", cid: str | None = None) -> str:
    """Upload all of a file, and return its id."""
    client.house.add(
        *(name for name in [to] if not client.house.wait(client.house.realm.accounts.find(name)))
    )
    upload = client.ask(commands.Upload(to=to, name="a.txt", size=len(data), cid=cid))
    if data:
        client.ask(commands.Chunk(file=upload.file, offset=0, size=len(data), data=data))
    file: str = upload.file
    return file


def send(client: Client, data: bytes, to: str = "henderson") -> str:
    """Send a file, and return its id."""
    file = begin(client, data, to)
    client.ask(commands.Finish(file=file))
    return file


def collect(house: House, older: int = 0, *, careful: bool = False) -> FilesCollected:
    """Do a whole round."""
    whole, cursor = FilesCollected(), ""
    while True:
        done = house.wait(house.realm.garbage.collect(cursor, older=older, careful=careful))
        whole = FilesCollected(
            gone=whole.gone + done.gone,
            uploads=whole.uploads + done.uploads,
            parts=whole.parts + done.parts,
            contents=whole.contents + done.contents,
            bytes=whole.bytes + done.bytes,
        )
        cursor = done.next
        if not cursor:
            return whole


def stranger(house: House, data: bytes) -> None:
    """Have a content that nothing refers to, as after a crash."""
    files = MemoryFileStore(house.file_disk, now=house.clock.seconds)
    files.keep(data)


def test_what_a_file_refers_to_stays(house: House) -> None:
    client = house.client("messi")
    file = send(client, b"halo")
    send(client, b"halo")
    stranger(house, b"nobody's")
    house.clock.advance(GRACE_SECONDS)
    assert collect(house) == FilesCollected(contents=1, bytes=8)
    assert [content.data for content in house.file_disk.contents.values()] == [b"halo"]
    assert client.ask(commands.Download(file=file, offset=0, size=9)).data == b"halo"


def test_what_was_kept_lately_stays_as_its_message_may_be_on_its_way(house: House) -> None:
    stranger(house, b"halo")
    house.clock.advance(GRACE_SECONDS - 1)
    assert collect(house) == FilesCollected()
    house.clock.advance(1)
    assert collect(house) == FilesCollected(contents=1, bytes=4)


def test_an_upload_that_was_not_finished_in_time_ends(house: House) -> None:
    client = house.client("messi")
    begin(client, b"old")
    house.clock.advance(6 * DAY)
    young = begin(client, b"young")
    house.clock.advance(2 * DAY)
    collect(house)  # the realm may have done it by itself
    assert [row.mid for row in house.rows(UploadRow)] == [young] == list(house.file_disk.parts)


def test_a_part_that_belongs_to_nothing_is_dropped(house: House) -> None:
    client = house.client("messi")
    begun = begin(client, b"halo")
    files = MemoryFileStore(house.file_disk, now=house.clock.seconds)
    house.restart()
    for mid, state in (("beta/1", FileState.WANTED), ("beta/2", FileState.REFUSED), ("beta/3", None)):
        if state is not None:
            row = FileRow(mid, 9, 1, "beta", "a@beta", "b@alpha", "a", 4, "0" * 64, "", 5, state.value)
            house.wait(house.realm.writer.save(puts=(row,)))
        house.wait(house.realm.files.store.part(mid))  # type: ignore[union-attr]  # it has one
    house.restart()
    assert sorted(house.file_disk.parts) == sorted([begun, "beta/1", "beta/2", "beta/3"])
    assert collect(house) == FilesCollected(parts=2)
    assert sorted(house.file_disk.parts) == sorted([begun, "beta/1"])
    assert not house.realm.files.busy
    assert files.disk is house.file_disk


def test_a_part_that_somebody_has_open_stays(house: House) -> None:
    house.realm.files.busy.add("beta/1")
    house.wait(house.realm.files.store.part("beta/1"))  # type: ignore[union-attr]  # it has one
    assert collect(house) == FilesCollected()
    assert list(house.file_disk.parts) == ["beta/1"]


def test_the_contents_of_old_files_go_where_the_operator_says_so(house: House) -> None:
    client = house.client("messi")
    old, same = send(client, b"old"), send(client, b"both")
    house.clock.advance(90 * DAY)
    client.log_in("messi")  # the session was over long ago
    again = send(client, b"both")
    assert collect(house) == FilesCollected()
    assert collect(house, 60 * int(DAY)) == FilesCollected(gone=2, contents=1, bytes=3)
    for file in (old, same):
        with pytest.raises(FileGone):
            client.ask(commands.Download(file=file, offset=0, size=9))
    assert client.ask(commands.Download(file=again, offset=0, size=9)).data == b"both"
    assert collect(house, 60 * int(DAY)) == FilesCollected()
    told = client.history("henderson").messages
    assert [item.file.name for item in told if item.file is not None] == ["a.txt"] * 3


def test_a_round_goes_in_portions(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatproto.realm.files.garbage._PORTION", 3)
    client = house.client("messi")
    for number in range(7):
        send(client, b"%d" % number)
        stranger(house, b"nobody's %d" % number)
        house.wait(house.realm.files.store.part(f"beta/{number}"))  # type: ignore[union-attr]
    house.restart()
    house.clock.advance(GRACE_SECONDS)
    first = house.wait(house.realm.garbage.collect(older=1800))
    assert (first.gone, first.next.partition(":")[0]) == (3, "old")
    assert collect(house, 1800) == FilesCollected(gone=4, parts=7, contents=14, bytes=7 * 11)
    assert not house.file_disk.contents


def test_a_running_realm_removes_by_itself(house: House) -> None:
    stranger(house, b"halo")
    house.turn(1.1 * HOUR)
    for _ in range(10):
        house.turn(1)
    assert not house.file_disk.contents


def test_what_looks_like_the_wrong_store_is_only_told(house: House, logged_failures: LoggedFailures) -> None:
    client = house.client("messi")
    send(client, b"halo")
    for number in range(20):
        stranger(house, b"%d" % number)
    house.clock.advance(GRACE_SECONDS)
    assert collect(house, careful=True) == FilesCollected()
    for number in range(30):
        send(client, b"more %d" % number)
    assert collect(house, careful=True).contents == 20
    assert len(house.file_disk.contents) == 31


def test_an_operator_lists_what_people_sent(house: House) -> None:
    client = house.client("messi")
    sent = [send(client, b"%d" % number) for number in range(60)]
    operator = Client(house, administrator=True)
    first = operator.ask(commands.FilesList())
    assert not first.complete
    second = operator.ask(commands.FilesList(after=first.files[-1].seq))
    assert second.complete
    found: list[events.StoredFile] = [*first.files, *second.files]
    assert [each.file for each in found] == sent
    assert (found[0].from_, found[0].to, found[0].name) == ("messi@alpha", "henderson@alpha", "a.txt")
    assert (found[0].state, found[0].sha256) == ("stored", hashlib.sha256(b"0").hexdigest())
    assert len(operator.ask(commands.FilesList(limit=2)).files) == 2


def test_a_realm_without_files_has_no_garbage() -> None:
    class Bare(House):
        def make_files(self) -> IFileStore:
            return None  # type: ignore[return-value]  # as a realm may be opened

    house = Bare()
    garbage: Garbage = house.realm.garbage
    assert not house.wait(garbage.portion())
    operator = Client(house, administrator=True)
    with pytest.raises(NotSupported):
        operator.ask(commands.FilesGc())
    with pytest.raises(NotSupported):
        operator.ask(commands.FilesExport(file="alpha/1", path="/tmp/none"))
    assert operator.ask(commands.FilesList()).files == []


def test_the_time_for_uploads_can_be_set() -> None:
    house = House(limits=Limits(upload_seconds=60.0))
    file = begin(house.client("messi"), b"halo")
    house.clock.advance(61)
    assert collect(house) == FilesCollected(uploads=1)
    with pytest.raises(NoSuchFile):
        house.client("messi").ask(commands.Finish(file=file))


class TestWhileContentsAreKept:
    def keep(self, house: House) -> Deferred[None]:
        """Keep a content until what is returned fires."""
        kept: Deferred[None] = Deferred()

        async def hold() -> None:
            async with house.realm.files.pins.held():
                await kept

        watch(hold())
        return kept

    def test_it_is_removed_between_those_that_overlap(self, house: House) -> None:
        stranger(house, b"nobody's")
        house.clock.advance(GRACE_SECONDS)
        first = self.keep(house)
        collected = watch(house.realm.garbage.collect("contents:"))
        house.turn(9)
        self.keep(house)
        assert collected == []
        first.callback(None)
        house.turn()
        assert collected == [FilesCollected(contents=1, bytes=8)]
        assert house.file_disk.contents == {}

    def test_it_is_not_waited_for_without_end(self, house: House) -> None:
        stranger(house, b"nobody's")
        house.clock.advance(GRACE_SECONDS)
        first = self.keep(house)
        collected = watch(house.realm.garbage.collect("contents:"))
        house.turn(11)
        (outcome,) = collected
        assert outcome.check(Unavailable)
        self.keep(house).callback(None)
        first.callback(None)
        house.turn()
        assert collect(house) == FilesCollected(contents=1, bytes=8)
