"""Uploads: gone on with anywhere, sent once, and nothing is left of those that come to nothing."""

from __future__ import annotations

from typing import Any

import pytest

from chatproto import commands, events
from chatproto.errors import (
    BadName,
    BadOffset,
    Blocked,
    Busy,
    ChatError,
    CidReused,
    FileTooLarge,
    NoSuchFile,
    NoSuchRealm,
    NoSuchUser,
    NotLoggedIn,
    NotMember,
    NotSupported,
    QuotaReached,
    StoreFailed,
    StoreFull,
    Unavailable,
    WrongContent,
)
from chatproto.files import MemoryFileDisk
from chatproto.interfaces import IFileStore
from chatproto.limits import CHUNK_BYTES, Limits
from chatproto.realm.files.upload import WINDOW_BYTES
from chatproto.records import CidRow, FileRow, MessageRow, UploadRow
from tests.conftest import LoggedFailures
from tests.realm.filing import Files, SlowHouse, sha256
from tests.realm.house import PASSWORD, House, watch

DATA = bytes(range(256)) * 1024  # four chunks
HALF = DATA[: len(DATA) // 2]


@pytest.fixture
def messi(house: House) -> Files:
    house.add("henderson", "lineker")
    return Files(house.client("messi"))


def files_of(house: House) -> list[str]:
    return [row.text for row in house.rows(MessageRow) if row.kind == "file"]


def nothing_is_left(house: House, contents: int = 0) -> None:
    assert house.rows(UploadRow) == []
    assert house.file_disk.parts == {}
    assert len(house.file_disk.contents) == contents
    assert len(files_of(house)) == len(house.rows(FileRow)) == contents
    assert house.realm.files.busy == set()
    assert len(house.realm.files.uploads) == 0


class TestGoingOn:
    def begin(self, messi: Files, **fields: Any) -> str:
        begun = messi.upload("henderson", len(DATA), cid="c", **fields)
        assert (begun.offset, begun.window) == (0, WINDOW_BYTES)
        messi.fill(begun.file, HALF)
        return str(begun.file)

    def go_on(self, messi: Files, file: str, **fields: Any) -> None:
        again = messi.upload("henderson", len(DATA), cid="c", **fields)
        assert (again.file, again.offset) == (file, len(HALF))
        messi.fill(file, DATA, len(HALF))
        assert messi.finish(file).mid == file

    def test_on_another_connection(self, house: House, messi: Files) -> None:
        file = self.begin(messi)
        messi.client.session.closed()
        self.go_on(Files(house.client("messi")), file)
        nothing_is_left(house, 1)

    @pytest.mark.parametrize("how", ["restart", "crash"])
    def test_after_the_realm_was_away(self, house: House, messi: Files, how: str) -> None:
        file = self.begin(messi)
        getattr(house, how)()
        self.go_on(Files(house.client("messi")), file)
        assert Files(house.client("henderson")).fetch(file) == DATA
        nothing_is_left(house, 1)

    def test_without_a_cid_by_the_list(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", len(DATA), "a/plan.pdf", sha256=sha256(DATA), type="text/plain").file
        messi.fill(file, HALF)
        house.restart()
        messi = Files(house.client("messi"))
        (state,) = messi.uploads()
        assert (state.file, state.to, state.name, state.size) == (file, "henderson", "plan.pdf", len(DATA))
        assert (state.offset, state.sha256, state.cid) == (len(HALF), sha256(DATA), "")
        messi.fill(file, DATA, state.offset)
        messi.finish(file)
        assert messi.uploads() == []

    def test_after_a_while_nothing_is_open(self, house: House, messi: Files) -> None:
        file = self.begin(messi)
        assert house.realm.files.busy == {file}
        house.turn(61)
        house.turn(61)
        assert house.realm.files.busy == set()
        messi.fill(file, DATA, len(HALF))
        assert messi.finish(file).mid == file

    def test_others_cannot(self, house: House, messi: Files) -> None:
        file = self.begin(messi)
        lineker = Files(house.client("lineker"))
        assert lineker.uploads() == []
        assert lineker.upload("henderson", len(DATA), cid="c").file != file
        for ask in (
            lambda: lineker.chunk(file, len(HALF), b"x"),
            lambda: lineker.finish(file),
            lambda: lineker.client.ask(commands.Cancel(file=file)),
        ):
            with pytest.raises(NoSuchFile):
                ask()
        self.go_on(messi, file)

    def test_who_logged_out_has_to_log_in_again(self, house: House, messi: Files) -> None:
        file = self.begin(messi)
        messi.client.ask(commands.Logout())
        with pytest.raises(NotLoggedIn):
            messi.chunk(file, len(HALF), b"x")
        messi.client.log_in("messi")
        self.go_on(messi, file)

    def test_chunks_of_two_connections_are_not_mixed(self, house: House, messi: Files) -> None:
        file = self.begin(messi)
        other = Files(house.client("messi"))
        other.chunk(file, len(HALF), DATA[len(HALF) :][:10])
        with pytest.raises(BadOffset):
            messi.chunk(file, len(HALF), DATA[len(HALF) :][:10])
        other.fill(file, DATA, len(HALF) + 10)
        messi.finish(file)


class TestOnce:
    def test_a_repeated_upload_is_answered_as_the_first_was_finished(
        self, house: House, messi: Files
    ) -> None:
        sent = messi.send("henderson", DATA, cid="c")
        assert messi.upload("henderson", len(DATA), cid="c") == sent
        assert messi.finish(sent.mid) == sent
        house.restart()
        messi = Files(house.client("messi"))
        assert messi.upload("henderson", len(DATA), cid="c") == sent
        assert messi.finish(sent.mid) == sent
        nothing_is_left(house, 1)

    @pytest.mark.parametrize(
        "fields",
        [{"to": "lineker"}, {"name": "b"}, {"size": 1}, {"type": "text/plain"}, {"sha256": "0" * 64}],
    )
    def test_a_cid_is_one_upload(self, messi: Files, fields: dict[str, Any]) -> None:
        first: dict[str, Any] = {"to": "henderson", "name": "a", "size": len(DATA), "cid": "c"}
        file = messi.upload(**first).file
        with pytest.raises(CidReused):
            messi.upload(**first | fields)
        messi.fill(file, DATA)
        messi.finish(file)
        with pytest.raises(CidReused):
            messi.upload(**first | fields)

    def test_messages_and_uploads_share_cids(self, house: House, messi: Files) -> None:
        messi.client.send("henderson", cid="m:1")
        with pytest.raises(CidReused):
            messi.upload("henderson", 1, cid="m:1")
        messi.send("henderson", b"x", cid="m:2")
        with pytest.raises(CidReused):
            messi.client.send("henderson", cid="m:2")
        with pytest.raises(BadName):
            messi.upload("henderson", 1, cid="a b")

    def test_a_message_that_takes_the_cid_meanwhile_removes_nothing(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", 1, cid="c").file
        messi.chunk(file, 0, b"x")
        messi.client.send("henderson", cid="c")
        for _ in range(2):
            with pytest.raises(CidReused):
                messi.finish(file)
        assert [(state.file, state.offset) for state in messi.uploads()] == [(file, 1)]
        messi.client.ask(commands.Cancel(file=file))
        assert messi.uploads() == []

    def test_counted_cids_may_be_finished_in_any_order(self, house: House, messi: Files) -> None:
        files = [messi.upload("henderson", 1, cid=f"m:{number}").file for number in (1, 2)]
        messi.client.send("henderson", cid="m:3")
        for number in (1, 0):
            messi.chunk(files[number], 0, b"x")
            messi.finish(files[number])
        house.restart()
        messi = Files(house.client("messi"))
        assert [messi.upload("henderson", 1, cid=f"m:{n}").mid for n in (1, 2)] == files

    def test_who_repeats_while_it_is_finished_hears_the_same(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", 0, cid="c").file
        house.faults.hold()
        first = messi.client.begin(commands.Finish(file=file))
        second = messi.client.begin(commands.Finish(file=file))
        house.turn()
        third = messi.client.begin(commands.Upload(to="henderson", name="plan.pdf", size=0, cid="c"))
        with pytest.raises(BadOffset):
            messi.chunk(file, 0, b"x")
        house.turn()
        assert (first, second, third) == ([], [], [])
        house.faults.release()
        house.turn()
        assert [type(answer) for answer in first] == [events.Sent]
        assert first == second == third
        nothing_is_left(house, 1)

    def test_a_cancel_is_too_late_then(self) -> None:
        house = SlowHouse()
        house.add("henderson")
        messi = Files(house.client("messi"))
        file = messi.upload("henderson", 0).file
        house.files.slow = True
        answers = messi.client.begin(commands.Finish(file=file))
        with pytest.raises(Busy):
            messi.client.ask(commands.Cancel(file=file))
        house.files.rush()
        house.turn()
        assert [type(answer) for answer in answers] == [events.Sent]

    def test_a_crash_before_the_commit_leaves_an_upload(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", len(DATA), cid="c").file
        messi.fill(file, DATA)
        house.faults.hold()
        answers = messi.client.begin(commands.Finish(file=file))
        house.turn()
        house.crash()
        assert (answers, files_of(house)) == ([], [])
        messi = Files(house.client("messi"))
        assert messi.upload("henderson", len(DATA), cid="c").offset == len(DATA)
        assert messi.finish(file).mid == file
        nothing_is_left(house, 1)

    def test_a_crash_after_it_leaves_a_file(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", len(DATA), cid="c").file
        messi.fill(file, DATA)
        house.faults.hold(stored=True)
        answers = messi.client.begin(commands.Finish(file=file))
        house.turn()
        house.crash()
        assert answers == []
        messi = Files(house.client("messi"))
        assert messi.upload("henderson", len(DATA), cid="c").mid == file
        assert messi.finish(file).mid == file
        assert len(files_of(house)) == 1

    def test_a_store_that_refuses_leaves_an_upload(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", len(DATA), cid="c").file
        messi.fill(file, DATA)
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            messi.finish(file)
        assert messi.upload("henderson", len(DATA), cid="c").offset == len(DATA)
        assert messi.finish(file).mid == file
        nothing_is_left(house, 1)

    def test_a_store_that_fails_answers_nobody(
        self, house: House, messi: Files, logged_failures: LoggedFailures
    ) -> None:
        file = messi.upload("henderson", 0).file
        house.faults.fail_next()
        answers = messi.client.begin(commands.Finish(file=file))
        house.turn()
        assert answers == []
        logged_failures.take(StoreFailed)

    def test_a_limit_of_messages_leaves_an_upload(self) -> None:
        house = House(limits=Limits(messages=1, messages_burst=1), rates=True)
        house.add("henderson")
        messi = Files(house.client("messi"))
        file = messi.upload("henderson", 1).file
        messi.chunk(file, 0, b"x")
        messi.client.send("henderson")
        with pytest.raises(Unavailable):
            messi.finish(file)
        house.turn(5)
        messi.finish(file)


class TestToNothing:
    def test_a_wrong_hash(self, house: House, messi: Files) -> None:
        for begun, said in ((sha256(HALF), None), (None, sha256(HALF)), (sha256(DATA), sha256(HALF))):
            file = messi.upload("henderson", len(DATA), cid="c", sha256=begun).file
            messi.fill(file, DATA)
            with pytest.raises(WrongContent):
                messi.finish(file, said)
            nothing_is_left(house)
            with pytest.raises(NoSuchFile):
                messi.finish(file)
        assert house.rows(CidRow) == []

    def test_too_few_bytes(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", len(DATA)).file
        messi.fill(file, HALF)
        with pytest.raises(WrongContent):
            messi.finish(file)
        nothing_is_left(house)

    def test_more_bytes_than_were_said_are_not_taken(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", 10).file
        with pytest.raises(BadOffset):
            messi.chunk(file, 0, DATA[:11])
        messi.chunk(file, 0, DATA[:10])
        with pytest.raises(BadOffset):
            messi.chunk(file, 10, b"x")
        messi.finish(file)
        assert messi.fetch(file) == DATA[:10]

    def test_a_chunk_at_the_wrong_place_ends_nothing(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", len(DATA), cid="c").file
        messi.fill(file, HALF)
        with pytest.raises(BadOffset):
            messi.chunk(file, len(HALF) + CHUNK_BYTES, DATA[-CHUNK_BYTES:])
        with pytest.raises(BadOffset):
            messi.finish(file)
        assert messi.upload("henderson", len(DATA), cid="c").offset == len(HALF)
        messi.fill(file, DATA, len(HALF))
        messi.finish(file)
        assert messi.fetch(file) == DATA
        nothing_is_left(house, 1)

    def test_a_cancel(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", len(DATA), cid="c").file
        messi.fill(file, HALF)
        messi.client.ask(commands.Cancel(file=file))
        nothing_is_left(house)
        with pytest.raises(NoSuchFile):
            messi.client.ask(commands.Cancel(file=file))
        with pytest.raises(NoSuchFile):
            messi.chunk(file, len(HALF), b"x")
        assert messi.upload("henderson", len(DATA), cid="c").offset == 0

    def test_a_cancel_after_a_restart(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", len(DATA)).file
        messi.fill(file, HALF)
        house.restart()
        house.client("messi").ask(commands.Cancel(file=file))
        nothing_is_left(house)

    def test_a_deleted_account(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", len(DATA)).file
        messi.fill(file, HALF)
        messi.client.ask(commands.DeleteAccount(password=PASSWORD))
        nothing_is_left(house)

    def test_an_account_that_is_deleted_while_it_finishes(self) -> None:
        house = SlowHouse()
        house.add("henderson")
        messi, phone = Files(house.client("messi")), house.client("messi")
        file = messi.upload("henderson", 0).file
        house.files.slow = True
        finished = messi.client.begin(commands.Finish(file=file))
        phone.ask(commands.DeleteAccount(password=PASSWORD))
        house.files.rush()
        house.turn()
        assert [type(answer) for answer in finished] == [NoSuchFile]
        assert [files_of(house), house.rows(UploadRow), house.rows(FileRow)] == [[], [], []]
        assert house.file_disk.parts == {}

    def test_a_recipient_who_does_not_want_it(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", 1).file
        messi.chunk(file, 0, b"x")
        henderson = house.client("henderson")
        henderson.ask(commands.Block(address="messi"))
        with pytest.raises(Blocked):
            messi.finish(file)
        assert [files_of(house), house.rows(UploadRow), house.rows(FileRow)] == [[], [], []]
        assert house.file_disk.parts == {}
        with pytest.raises(Blocked):
            messi.upload("henderson", 1)

    @pytest.mark.parametrize(
        ("to", "error"),
        [("nobody", NoSuchUser), ("?", NoSuchUser), ("amsal@beta", NoSuchRealm), ("club", NotMember)],
    )
    def test_a_recipient_whom_nothing_reaches(
        self, house: House, messi: Files, to: str, error: type[ChatError]
    ) -> None:
        house.client("lineker").ask(commands.Create(group="club"))
        with pytest.raises(error):
            messi.upload(to, 1)
        nothing_is_left(house)

    def test_a_realm_without_files(self) -> None:
        class Bare(House):
            def make_files(self) -> IFileStore:
                return None  # type: ignore[return-value]

        house = Bare()
        house.add("henderson")
        messi = Files(house.client("messi"))
        with pytest.raises(NotSupported):
            messi.upload("henderson", 1)
        assert messi.uploads() == []
        with pytest.raises(NoSuchFile):
            messi.fetch("x")
        house.wait(house.realm.close())


class TestQuotas:
    def test_one_file(self) -> None:
        house = House(limits=Limits(file_bytes=10))
        house.add("henderson")
        messi = Files(house.client("messi"))
        messi.upload("henderson", 10)
        with pytest.raises(FileTooLarge):
            messi.upload("henderson", 11)

    def test_a_day(self) -> None:
        house = House(limits=Limits(file_bytes_a_day=10))
        house.add("henderson")
        messi = Files(house.client("messi"))
        messi.send("henderson", b"1234")
        messi.upload("henderson", 4)
        with pytest.raises(QuotaReached):
            messi.upload("henderson", 3)
        messi.upload("henderson", 2)
        Files(house.client("lineker")).upload("henderson", 10)
        house.turn(86401)
        messi.client.log_in("messi")
        messi.upload("henderson", 4)

    def test_uploads_at_a_time(self) -> None:
        house = House(limits=Limits(uploads=2))
        house.add("henderson")
        messi = Files(house.client("messi"))
        first = messi.upload("henderson", 1).file
        messi.upload("henderson", 1)
        with pytest.raises(QuotaReached):
            messi.upload("henderson", 1)
        messi.client.ask(commands.Cancel(file=first))
        messi.upload("henderson", 1)

    def test_several_connections_at_once_find_no_way_around_it(self) -> None:
        house = House(limits=Limits(uploads=2))
        house.add("henderson")
        clients = [house.client("messi") for _ in range(5)]
        answers = [client.begin(commands.Upload(to="henderson", name="a", size=1)) for client in clients]
        house.turn()
        kinds = sorted(type(answer).__name__ for (answer,) in answers)
        assert kinds == ["QuotaReached"] * 3 + ["Uploading"] * 2

    def test_files_in_lines_on_several_connections_at_once_find_no_way_around_it_either(self) -> None:
        house = House(limits=Limits(file_bytes_a_day=10))
        house.add("henderson")
        clients = [house.client("messi") for _ in range(4)]
        command = commands.SendFile(to="henderson", path="a", content="MTIzNA==")
        house.slow.slow = True
        answers = [client.begin(command) for client in clients]
        while not all(answers):
            house.turn()
            for call in [*house.slow.calls]:
                call.make()
            if house.slow.calls:
                house.slow.tell_oldest()
        kinds = sorted(type(answer).__name__ for (answer,) in answers)
        assert kinds == ["FileSent"] * 2 + ["QuotaReached"] * 2

    def test_the_same_cid_at_once_is_one_upload(self, house: House) -> None:
        house.add("henderson")
        clients = [house.client("messi") for _ in range(3)]
        command = commands.Upload(to="henderson", name="a", size=1, cid="c")
        answers = [client.begin(command) for client in clients]
        house.turn()
        assert len({answer.file for (answer,) in answers if isinstance(answer, events.Uploading)}) == 1
        assert len(house.rows(UploadRow)) == 1


class TestFullDisk:
    def test_there_is_no_room_to_begin(self, house: House, messi: Files) -> None:
        house.file_disk.capacity = len(DATA) - 1
        with pytest.raises(StoreFull):
            messi.upload("henderson", len(DATA))
        nothing_is_left(house)

    def test_it_fills_in_the_middle(self, house: House, messi: Files) -> None:
        file = messi.upload("henderson", len(DATA), cid="c").file
        messi.chunk(file, 0, DATA[:CHUNK_BYTES])
        house.file_disk.capacity = CHUNK_BYTES
        asked = [
            messi.client.begin(
                commands.Chunk(file=file, offset=n, size=CHUNK_BYTES, data=DATA[n : n + CHUNK_BYTES])
            )
            for n in (CHUNK_BYTES, 2 * CHUNK_BYTES)
        ]
        house.turn()
        assert [type(answer) for (answer,) in asked] == [StoreFull, BadOffset]
        with pytest.raises((StoreFull, BadOffset)):
            messi.finish(file)
        house.file_disk.capacity = MemoryFileDisk().capacity
        assert messi.upload("henderson", len(DATA), cid="c").offset == CHUNK_BYTES
        messi.fill(file, DATA, CHUNK_BYTES)
        messi.finish(file)
        assert messi.fetch(file) == DATA


class TestSlowDisk:
    def test_who_brings_more_than_the_window_has_to_wait(self) -> None:
        house = SlowHouse()
        house.add("henderson")
        messi = Files(house.client("messi"))
        size = 4 * WINDOW_BYTES
        file = messi.upload("henderson", size).file
        house.files.slow = True
        waiting = []
        for offset in range(0, size, CHUNK_BYTES):
            command = commands.Chunk(file=file, offset=offset, size=CHUNK_BYTES, data=bytes(CHUNK_BYTES))
            waiting.append(messi.client.session.handle(commands.Request(command), lambda answer: None))
        inside = WINDOW_BYTES // CHUNK_BYTES
        assert [each is None for each in waiting] == [True] * inside + [False] * (len(waiting) - inside)
        for each in waiting[inside:]:
            assert each is not None
            each.close()
        house.files.rush()
        house.turn()
        assert len(house.file_disk.parts[file].data) == size

    def test_closing_the_realm_waits_for_what_came(self) -> None:
        house = SlowHouse()
        house.add("henderson")
        messi = Files(house.client("messi"))
        file = messi.upload("henderson", len(DATA), cid="c").file
        house.files.slow = True
        messi.client.begin(commands.Chunk(file=file, offset=0, size=10, data=DATA[:10]))
        closed = watch(house.realm.close())
        house.turn()
        assert closed == []
        house.files.rush()
        house.turn()
        assert closed == [None]
        house.open()
        assert Files(house.client("messi")).upload("henderson", len(DATA), cid="c").offset == 10
