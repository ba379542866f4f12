"""Who may have the bytes of a file, and what is told of those that are elsewhere."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chatproto import commands, events
from chatproto.errors import FileGone, FileNotHere, FileTooLarge, NoSuchFile, NoSuchUser
from chatproto.limits import Limits
from chatproto.names import RealmName
from chatproto.records import CursorRow, FileRow, FileState, MessageRow
from tests.realm.filing import Files, sha256
from tests.realm.house import Client, House

DATA = bytes(range(256)) * 300


@pytest.fixture
def messi(house: House) -> Files:
    house.add("henderson", "lineker")
    return Files(house.client("messi"))


def may(client: Client, file: str) -> bool:
    try:
        return Files(client).fetch(file) == DATA
    except NoSuchFile:
        return False


class TestWhoMay:
    def test_those_of_a_conversation(self, house: House, messi: Files) -> None:
        file = messi.send("henderson", DATA).mid
        clients = [house.client(name) for name in ("messi", "henderson", "lineker")]
        assert [may(client, file) for client in clients] == [True, True, False]
        with pytest.raises(NoSuchFile):
            messi.fetch("alpha/nothing")

    def test_what_was_received_stays_after_a_block(self, house: House, messi: Files) -> None:
        file = messi.send("henderson", DATA).mid
        henderson = house.client("henderson")
        henderson.ask(commands.Block(address="messi"))
        assert may(henderson, file)

    def test_a_file_to_oneself(self, messi: Files) -> None:
        assert may(messi.client, messi.send("messi", DATA).mid)

    def test_members_of_a_group_by_when_they_were_there(self, house: House, messi: Files) -> None:
        messi.client.ask(commands.Create(group="club"))
        henderson, lineker = house.client("henderson"), house.client("lineker")
        henderson.ask(commands.Join(group="club"))
        first = messi.send("club", DATA).mid
        lineker.ask(commands.Join(group="club"))
        assert (may(henderson, first), may(lineker, first)) == (True, False)
        henderson.ask(commands.Leave(group="club"))
        second = messi.send("club", DATA).mid
        assert (may(henderson, first), may(henderson, second), may(lineker, second)) == (True, False, True)
        messi.client.ask(commands.Kick(group="club", user="lineker"))
        assert not may(lineker, second)
        assert may(messi.client, second)

    def test_who_blocks_a_sender_does_not_see_its_files_in_groups(self, house: House, messi: Files) -> None:
        messi.client.ask(commands.Create(group="club"))
        henderson = house.client("henderson")
        henderson.ask(commands.Join(group="club"))
        file = messi.send("club", DATA).mid
        assert may(henderson, file)
        henderson.ask(commands.Block(address="messi"))
        assert not may(henderson, file)
        henderson.ask(commands.Unblock(address="messi"))
        assert may(henderson, file)


class TestTold:
    def test_a_file_is_a_message_wherever_messages_are(self, house: House, messi: Files) -> None:
        messi.client.ask(commands.Create(group="club"))
        henderson = house.client("henderson", "phone")
        henderson.ask(commands.Join(group="club"))
        listening = henderson.listen()
        sent = messi.send("club", DATA, name="../foto.jpg", type="image/jpeg")
        info = events.FileInfo(
            id=sent.mid, name="foto.jpg", size=len(DATA), sha256=sha256(DATA), type="image/jpeg"
        )
        (live,) = henderson.messages("file")
        (old,) = messi.client.history("club", limit=1).messages
        again = house.client("henderson", "tablet")
        again.listen(after=listening.seq)
        (replayed,) = again.messages("file")
        assert [each.file for each in (live, old, replayed)] == [info] * 3
        assert [each.text for each in (live, old, replayed)] == [""] * 3
        state = henderson.ask(commands.Conversations()).conversations[-1]
        assert (state.with_, state.unread) == ("club@alpha", 1)

    def test_about_a_file(self, house: House, messi: Files) -> None:
        sent = messi.send("henderson", DATA)
        about = house.client("henderson").ask(commands.About(file=sent.mid))
        assert about.file == messi.client.history("henderson").messages[0].file
        assert (about.from_, about.to, about.state) == ("messi@alpha", "henderson@alpha", "stored")
        assert about.seq == sent.seq
        with pytest.raises(NoSuchFile):
            house.client("lineker").ask(commands.About(file=sent.mid))

    @pytest.mark.parametrize(
        ("said", "told"), [("image/jpeg", "image/jpeg"), ("text/html; x", ""), ("\u202e", ""), ("", "")]
    )
    def test_a_media_type_is_one_or_nothing(self, messi: Files, said: str, told: str) -> None:
        messi.send("henderson", b"x", type=said)
        file = messi.client.history("henderson").messages[0].file
        assert file is not None
        assert file.type == told


class TestSmall:
    def send(
        self, client: Client, to: str | list[str], data: bytes = DATA, name: str = "C:\\a.txt"
    ) -> object:
        answers: list[object] = []
        files = client.house.realm.files
        gate, limits = client.session.gate, client.session.limits
        sending = files.store_small(
            client.login, to, "C:\\a.txt", data, answers.append, gate, limits, plain=True
        )
        client.house.wait(sending)
        (answer,) = answers
        return answer

    def test_to_one_and_to_a_list(self, house: House, messi: Files) -> None:
        one = self.send(messi.client, "henderson")
        assert isinstance(one, events.Sent)
        each = self.send(messi.client, ["henderson", "lineker"])
        assert isinstance(each, events.SentEach)
        assert [may(house.client("henderson"), mid) for mid in (one.mid, each.results[0].mid)] == [True, True]
        assert may(house.client("lineker"), each.results[1].mid)
        assert not may(house.client("lineker"), one.mid)
        assert {row.name for row in house.rows(FileRow)} == {"a.txt"}
        assert len(house.file_disk.contents) == 1
        assert all('"plain":true' in row.text for row in house.rows(MessageRow))

    def test_what_is_refused_leaves_nothing(self, house: House) -> None:
        house = House(limits=Limits(sendfile_bytes=10, file_bytes=5, file_bytes_a_day=5))
        house.add("henderson", "lineker")
        client = house.client("messi")
        with pytest.raises(FileTooLarge):
            self.send(client, "henderson", b"x" * 11)
        with pytest.raises(FileTooLarge):
            self.send(client, "henderson", b"x" * 6)
        with pytest.raises(NoSuchUser):
            self.send(client, "nobody", b"x")
        assert house.file_disk.contents == {}
        assert house.rows(FileRow) == []


class TestElsewhere:
    def offer(self, house: House, state: FileState, to: str = "henderson") -> FileRow:
        """Let a file of another realm be known, whose message is one of our own."""
        house.client("messi").send(to)
        message = house.rows(MessageRow)[-1]
        row = FileRow(
            mid=message.mid,
            seq=message.seq,
            conversation=message.conversation,
            realm="beta",
            sender="amsal@beta",
            recipient=f"{to}@alpha",
            name="a",
            size=len(DATA),
            sha256=sha256(DATA),
            type="",
            at=message.at,
            state=str(state),
        )
        house.wait(house.realm.writer.save(inserts=(row,)))
        return row

    def state(self, house: House, row: FileRow) -> str:
        return next(each.state for each in house.rows(FileRow) if each.mid == row.mid)

    def test_it_is_fetched_when_somebody_asks(self, house: House, messi: Files) -> None:
        wanted: list[FileRow] = []
        house.realm.files.elsewhere.on_wanted = wanted.append
        row = self.offer(house, FileState.OFFERED)
        henderson = Files(house.client("henderson"))
        with pytest.raises(FileNotHere) as raised:
            henderson.fetch(row.mid)
        assert raised.value.retry_after
        assert wanted == [replace(row, state="wanted")]
        assert self.state(house, row) == "wanted"
        with pytest.raises(FileNotHere):
            henderson.fetch(row.mid)
        assert len(wanted) == 1
        with pytest.raises(NoSuchFile):
            Files(house.client("lineker")).fetch(row.mid)

    def test_when_it_is_here_listeners_hear_of_it(self, house: House, messi: Files) -> None:
        henderson, lineker = house.client("henderson"), house.client("lineker")
        row = self.offer(house, FileState.WANTED)
        for client in (henderson, lineker, messi.client):
            client.listen()
        house.wait(house.realm.files.store.put(DATA))  # type: ignore[union-attr]
        house.wait(house.realm.files.arrived(row))
        assert henderson.pushed == [events.FileChange(file=row.mid, state="stored")]
        assert lineker.pushed == messi.client.pushed == []
        assert may(henderson, row.mid)
        house.wait(house.realm.files.refused(row, "wrong-content"))
        assert may(henderson, row.mid)  # what is here stays

    @pytest.mark.parametrize("state", [FileState.REFUSED, FileState.GONE])
    def test_it_never_comes(self, house: House, messi: Files, state: FileState) -> None:
        henderson = house.client("henderson")
        henderson.listen()
        row = self.offer(house, FileState.WANTED if state is FileState.REFUSED else state)
        del henderson.pushed[:]
        house.wait(house.realm.files.refused(row, "wrong-content"))
        with pytest.raises(FileGone):
            Files(henderson).fetch(row.mid)
        told = [events.FileChange(file=row.mid, state="refused")] if state is FileState.REFUSED else []
        assert henderson.pushed == told

    def test_a_content_that_is_gone(self, house: House, messi: Files) -> None:
        file = messi.send("henderson", DATA).mid
        henderson = Files(house.client("henderson"))
        henderson.fetch(file)
        house.file_disk.contents.clear()
        with pytest.raises(FileGone):
            henderson.fetch(file)

    def test_which_realms_may_have_it(self, house: House, messi: Files) -> None:
        row = self.offer(house, FileState.STORED)

        def source(mid: str, realm: str) -> object:
            return house.wait(house.realm.files.source(mid, RealmName(realm)))

        assert source(row.mid, "beta") == "no-such-file"
        far = replace(row, mid="alpha/far", recipient="amsal@beta")
        house.wait(house.realm.writer.save(inserts=(far,)))
        assert source(far.mid, "beta") == far
        assert source(far.mid, "gamma") == "no-such-file"
        assert source("alpha/none", "beta") == "no-such-file"
        for state, code in ((FileState.WANTED, "file-not-here"), (FileState.GONE, "file-gone")):
            house.wait(house.realm.writer.save(puts=(replace(far, state=str(state)),)))
            assert source(far.mid, "beta") == code


def test_rows_have_what_the_cursor_of_a_reader_needs(house: House, messi: Files) -> None:
    """Reading a file's message moves no box of its own."""
    henderson = house.client("henderson")
    sent = messi.send("henderson", DATA)
    assert sent.seq is not None
    henderson.ask(commands.Read(with_="messi", seq=sent.seq))
    house.turn(2)
    assert {row.seq for row in house.rows(CursorRow) if row.kind == "read"} == {sent.seq}
