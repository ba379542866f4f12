"""Files through ChatClient on virtual time, with a real disk: whatever fails, whole, right, and once."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from chatproto import errors
from chatproto.backoff import Backoff
from chatproto.client import ChatClient, FileInfo, Progress, Sent, Stage
from chatproto.client.pace import CHUNK, MOST, Pace
from chatproto.executors import InlineExecutor
from tests.fake_files import FakeFileRealm
from tests.fake_realm import Connection, Fault, drop_after, drop_before, fine, refuse
from tests.test_client import error_of, heard

FILE = "alpha/file"
#: Some blocks, some chunks and something more; no two chunks are the same.
BYTES = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(45_000))


class Talk:
    """A client, its realm, and how far it is."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.realm = FakeFileRealm(self.clock)
        self.told: list[Progress] = []
        options = {"user": "amsal", "password": "secret"} | options
        self.client = ChatClient(
            self.clock, self.realm, backoff=Backoff(lambda: 0.5), executor=InlineExecutor(), **options
        )
        heard(self.client.connect())
        self.turn()

    def turn(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds)
        for _ in range(400):
            self.clock.advance(0)

    def live(self) -> None:
        """Let as much time pass as lost connections and short pauses take."""
        for _ in range(20):
            self.turn(0.5)

    def send(self, path: Path, to: str = "messi", **options: Any) -> list[Any]:
        return heard(self.client.send_file(to, path, progress=self.told.append, **options))

    def save(self, info: FileInfo, folder: Path, **options: Any) -> list[Any]:
        return heard(self.client.save(info, folder, progress=self.told.append, **options))

    def offer(self, data: bytes = BYTES, name: str = "plan.pdf") -> FileInfo:
        self.realm.files[FILE] = data
        return FileInfo(id=FILE, name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())

    def did(self, name: str) -> list[dict[str, Any]]:
        return [command for command in self.realm.commands if command["do"] == name]

    def stages(self) -> list[Stage]:
        told = [progress.stage for progress in self.told]
        return [stage for number, stage in enumerate(told) if told[number - 1 : number] != [stage]]

    def close(self) -> None:
        closed = heard(self.client.close())
        self.live()
        assert closed == [None]
        assert not self.clock.getDelayedCalls()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "plan.pdf"
    path.write_bytes(BYTES)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "saved"
    folder.mkdir()
    return folder


def meanwhile(action: Callable[[], object]) -> Fault:
    """Let something happen when a command is carried out."""

    def fault(connection: Connection, command: dict[str, Any]) -> bool:
        action()
        return True

    return fault


def failure_of(outcome: list[Any]) -> Exception:
    assert isinstance(outcome[0], Failure)
    assert isinstance(outcome[0].value, Exception)
    return outcome[0].value


# Sending


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, len(BYTES)])
def test_a_file_arrives_as_it_is(path: Path, size: int) -> None:
    path.write_bytes(BYTES[:size])
    talk = Talk()
    [sent] = _sent(talk, path)
    assert talk.realm.files == {sent.mid: BYTES[:size]}
    [upload] = talk.did("upload")
    assert (upload["to"], upload["name"], upload["type"]) == ("messi", "plan.pdf", "application/pdf")
    assert [chunk["size"] for chunk in talk.did("chunk")][:-1] == [CHUNK] * ((size - 1) // CHUNK)
    assert talk.told[-1] == Progress(Stage.DONE, size, size)
    talk.close()


def _sent(talk: Talk, path: Path, **options: Any) -> list[Sent]:
    outcome = talk.send(path, **options)
    talk.live()
    assert isinstance(outcome[0], Sent), outcome
    return outcome


def test_how_far_it_is_is_told(path: Path) -> None:
    talk = Talk()
    _sent(talk, path)
    assert talk.stages() == [Stage.READING, Stage.SENDING, Stage.FINISHING, Stage.DONE]
    done = [progress.done for progress in talk.told if progress.stage is Stage.SENDING]
    assert done == sorted(done)
    assert {progress.size for progress in talk.told} == {len(BYTES)}
    talk.close()


def test_a_callback_that_fails_does_not_harm_the_file(path: Path, logged_failures: Any) -> None:
    talk = Talk()
    outcome = heard(talk.client.send_file("messi", path, progress=lambda progress: 1 / 0))
    talk.live()
    assert talk.realm.files == {outcome[0].mid: BYTES}
    assert logged_failures.take(ZeroDivisionError)
    talk.close()


@pytest.mark.parametrize("fault", [drop_before, drop_after])
@pytest.mark.parametrize("do", ["uploads", "upload", "chunk", "finish"])
def test_a_lost_connection_anywhere_costs_only_what_was_under_way(path: Path, do: str, fault: Any) -> None:
    talk = Talk()
    talk.realm.fault(do, *[fine] * (10 if do == "chunk" else 0), fault)
    [sent] = _sent(talk, path)
    assert talk.realm.files == {sent.mid: BYTES}
    assert talk.realm.chunk_bytes == len(BYTES)  # nothing was sent twice
    assert Stage.WAITING in talk.stages()
    talk.close()


def test_messages_go_on_between_the_chunks(path: Path) -> None:
    talk, texts = Talk(), []
    talk.realm.fault("chunk", meanwhile(lambda: texts.append(heard(talk.client.send("messi", "halo")))))
    _sent(talk, path)
    assert isinstance(texts[0][0], Sent)
    kinds = [command["do"] for command in talk.realm.commands]
    assert "chunk" in kinds[kinds.index("send") :]
    talk.close()


def test_another_process_goes_on_where_the_first_one_was_killed(path: Path) -> None:
    talk = Talk()
    talk.realm.fault("chunk", *[fine] * 10, drop_before)
    outcome = talk.send(path)
    while len(talk.did("chunk")) < 11:
        talk.clock.advance(0)
    heard(talk.client.close())  # as near to a kill as it gets here: it says nothing of the upload
    talk.live()
    assert type(error_of(outcome)) is errors.ConnectionUnavailable
    second = ChatClient(talk.clock, talk.realm, user="amsal", password="secret", executor=InlineExecutor())
    heard(second.connect())
    sent = heard(second.send_file("messi", path))
    talk.live()
    assert talk.realm.files == {sent[0].mid: BYTES}
    assert talk.realm.chunk_bytes == len(BYTES)
    heard(second.close())
    talk.live()


def test_two_transfers_of_the_same_file_do_not_share_an_upload(path: Path) -> None:
    talk = Talk()
    outcomes = [talk.send(path) for _ in range(6)]  # more than run at a time
    talk.live()
    assert len({outcome[0].mid for outcome in outcomes}) == 6
    assert set(talk.realm.files.values()) == {BYTES}
    talk.close()


def test_a_cid_of_ones_own_sends_the_file_once_over_any_number_of_processes(path: Path) -> None:
    talk = Talk()
    first = _sent(talk, path, cid="mine")
    assert _sent(talk, path, cid="mine") == first
    assert len(talk.realm.files) == 1
    assert not talk.did("uploads")
    talk.close()


def test_an_upload_of_the_same_file_with_another_type_is_left_alone(path: Path) -> None:
    talk = Talk()
    talk.realm.fault("upload", fine, refuse("cid-reused"))
    outcome = talk.send(path, type="text/plain")
    talk.realm.fault("chunk", *[fine] * 3, meanwhile(lambda: heard(talk.client.close())))
    talk.live()
    second = Talk()
    second.realm.uploads = talk.realm.uploads
    second.realm.fault("upload", refuse("cid-reused"))
    [sent] = _sent(second, path)
    assert second.realm.files == {sent.mid: BYTES}
    assert len({upload["cid"] for upload in second.did("upload")}) == 2
    assert type(error_of(outcome)) is errors.ConnectionUnavailable
    second.realm.fault("upload", refuse("cid-reused"))
    refused = second.send(path, cid="mine")
    second.live()
    assert type(error_of(refused)) is errors.CidReused
    second.close()


def test_a_file_that_changes_meanwhile_is_told_and_the_new_one_can_be_sent(path: Path) -> None:
    talk = Talk()
    talk.realm.fault("chunk", meanwhile(lambda: path.write_bytes(BYTES + b"more")))
    [sent] = _sent(talk, path)
    assert talk.realm.files == {sent.mid: BYTES + b"more"}  # begun anew once, as it is now
    assert not talk.realm.uploads
    talk.close()


def test_a_file_that_changes_all_the_time_is_given_up(path: Path) -> None:
    talk = Talk()
    talk.realm.fault("chunk", *[meanwhile(lambda: path.write_bytes(path.read_bytes() + b"more"))] * 50)
    outcome = talk.send(path)
    talk.live()
    assert type(error_of(outcome)) is errors.WrongContent
    assert "plan.pdf was changed" in error_of(outcome).text
    assert not talk.realm.files
    assert not talk.realm.uploads
    talk.close()


def test_wrong_bytes_are_sent_anew_once(path: Path) -> None:
    talk = Talk()
    talk.realm.wrong_chunks = 1
    [sent] = _sent(talk, path)
    assert talk.realm.files == {sent.mid: BYTES}
    talk.realm.wrong_chunks = 1000
    outcome = talk.send(path)
    talk.live()
    assert type(error_of(outcome)) is errors.WrongContent
    assert len(talk.did("finish")) == 4
    talk.close()


@pytest.mark.parametrize("code", ["store-full", "busy", "rate-limited"])
def test_a_refusal_for_now_is_waited_for(path: Path, code: str) -> None:
    talk = Talk()
    talk.realm.fault("chunk", *[fine] * 5, refuse(code, 7))
    outcome = talk.send(path)
    talk.turn(2)
    assert not outcome
    assert talk.told[-1].stage is Stage.WAITING
    assert talk.told[-1].reason == code
    talk.live()
    assert talk.realm.files == {outcome[0].mid: BYTES}
    talk.close()


@pytest.mark.parametrize("code", ["file-too-large", "no-such-user", "queue-full", "quota-reached"])
def test_a_refusal_that_stays_is_raised(path: Path, code: str) -> None:
    talk = Talk()
    talk.realm.fault("upload", refuse(code))
    outcome = talk.send(path)
    talk.live()
    assert error_of(outcome).code == code
    talk.close()


def test_a_refusal_for_hours_is_for_people_to_repeat(path: Path) -> None:
    talk = Talk()
    talk.realm.fault("upload", refuse("rate-limited", 3600))
    outcome = talk.send(path)
    talk.live()
    assert error_of(outcome).retry_after == 3600
    talk.close()


def test_what_is_no_file_is_not_sent(tmp_path: Path) -> None:
    talk = Talk()
    assert isinstance(failure_of(talk.send(tmp_path / "nothing")), FileNotFoundError)
    assert isinstance(failure_of(talk.send(tmp_path)), IsADirectoryError)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert isinstance(failure_of(talk.send(pipe)), OSError)
    assert not talk.did("upload")
    talk.close()


def test_a_transfer_that_is_cancelled_goes_on_later_or_is_forgotten(path: Path) -> None:
    talk = Talk()
    sending: list[Deferred[Sent]] = []
    stop = meanwhile(lambda: sending.pop().cancel())
    talk.realm.fault("chunk", *[fine] * 10, stop)
    sending.append(talk.client.send_file("messi", path))
    outcome = heard(sending[0])
    talk.live()
    assert failure_of(outcome).__class__ is CancelledError
    [left] = _uploads(talk)
    assert left.name == "plan.pdf"
    assert 0 < left.offset < left.size
    sent = talk.realm.chunk_bytes
    _sent(talk, path)
    assert talk.realm.chunk_bytes == sent + len(BYTES) - left.offset
    talk.realm.fault("chunk", stop)
    sending.append(talk.client.send_file("messi", path))
    heard(sending[0])
    talk.live()
    done = heard(talk.client.files.cancel(_uploads(talk)[0].file))
    talk.turn()
    assert not isinstance(done[0], Failure)
    assert not _uploads(talk)
    talk.close()


def _uploads(talk: Talk) -> list[Any]:
    asked = heard(talk.client.files.uploads())
    talk.turn()
    return list(asked[0].uploads)


# Saving


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, len(BYTES)])
def test_a_file_is_saved_as_it_is(folder: Path, size: int) -> None:
    talk = Talk()
    outcome = talk.save(talk.offer(BYTES[:size]), folder)
    talk.live()
    assert outcome == [folder / "plan.pdf"]
    assert [each.name for each in folder.iterdir()] == ["plan.pdf"]
    assert outcome[0].read_bytes() == BYTES[:size]
    assert talk.told[-1] == Progress(Stage.DONE, size, size)
    talk.close()


@pytest.mark.parametrize("fault", [drop_before, drop_after])
def test_a_lost_connection_loses_nothing_that_came(folder: Path, fault: Any) -> None:
    talk = Talk()
    talk.realm.fault("download", *[fine] * 10, fault)
    outcome = talk.save(talk.offer(), folder)
    talk.live()
    assert outcome[0].read_bytes() == BYTES
    again = [command["offset"] for command in talk.did("download")][11:]
    assert 0 not in again
    talk.close()


def test_another_process_goes_on_with_the_part(folder: Path) -> None:
    talk = Talk()
    info = talk.offer()
    talk.realm.fault("download", *[fine] * 10, drop_before)
    outcome = talk.save(info, folder)
    while len(talk.did("download")) < 11:
        talk.clock.advance(0)
    heard(talk.client.close())
    talk.live()
    assert type(error_of(outcome)) is errors.ConnectionUnavailable
    [part] = folder.iterdir()
    assert part.name == f".plan.pdf.{info.sha256[:12]}.part"
    had = part.stat().st_size
    assert 0 < had < len(BYTES)
    second = Talk()
    second.offer()
    outcome = second.save(info, folder)
    second.live()
    assert outcome[0].read_bytes() == BYTES
    assert second.did("download")[0]["offset"] == had
    assert [each.name for each in folder.iterdir()] == ["plan.pdf"]
    second.close()


def test_wrong_bytes_are_fetched_anew_once_and_nothing_of_them_stays(folder: Path) -> None:
    talk = Talk()
    info = talk.offer()
    talk.realm.wrong_downloads = 1
    outcome = talk.save(info, folder)
    talk.live()
    assert outcome[0].read_bytes() == BYTES
    outcome[0].unlink()
    talk.realm.wrong_downloads = 1000
    outcome = talk.save(info, folder)
    talk.live()
    assert type(error_of(outcome)) is errors.WrongContent
    assert not [*folder.iterdir()]
    talk.close()


def test_a_part_with_other_bytes_is_found_out(folder: Path) -> None:
    talk = Talk()
    info = talk.offer()
    (folder / f".plan.pdf.{info.sha256[:12]}.part").write_bytes(bytes(3 * CHUNK))
    outcome = talk.save(info, folder)
    talk.live()
    assert outcome[0].read_bytes() == BYTES
    (folder / "plan.pdf").unlink()
    (folder / f".plan.pdf.{info.sha256[:12]}.part").write_bytes(bytes(2 * len(BYTES)))
    outcome = talk.save(info, folder)
    talk.live()
    assert outcome[0].read_bytes() == BYTES
    talk.close()


def test_a_file_of_the_same_name_stays_and_the_same_file_is_not_saved_twice(folder: Path) -> None:
    talk = Talk()
    info = talk.offer()
    (folder / "plan.pdf").write_text("mine")
    outcomes = [*_saved(talk, info, folder), *_saved(talk, info, folder)]
    assert [each.name for each in outcomes] == ["plan (1).pdf", "plan (2).pdf"]
    assert (folder / "plan.pdf").read_text() == "mine"
    [place] = _saved(talk, info, folder, overwrite=True)
    assert place == folder / "plan.pdf"
    assert place.read_bytes() == BYTES
    asked = len(talk.did("download"))
    assert _saved(talk, info, folder) == [place]
    assert len(talk.did("download")) == asked
    talk.close()


def _saved(talk: Talk, info: FileInfo, folder: Path, **options: Any) -> list[Path]:
    outcome = talk.save(info, folder, **options)
    talk.live()
    assert isinstance(outcome[0], Path), outcome
    return outcome


def test_no_link_is_followed(folder: Path, tmp_path: Path) -> None:
    talk = Talk()
    info = talk.offer()
    victim = tmp_path / "victim"
    (folder / "plan.pdf").symlink_to(victim)
    [place] = _saved(talk, info, folder)
    assert place.name == "plan (1).pdf"
    assert not victim.exists()
    victim.write_text("mine")
    (folder / f".plan.pdf.{info.sha256[:12]}.part").symlink_to(victim)
    assert isinstance(failure_of(talk.save(info, folder)), OSError)
    (folder / f".plan.pdf.{info.sha256[:12]}.part").unlink()
    os.link(victim, folder / f".plan.pdf.{info.sha256[:12]}.part")
    assert isinstance(failure_of(talk.save(info, folder)), OSError)
    assert victim.read_text() == "mine"
    talk.close()


@pytest.mark.parametrize("name", ["../../x", "C:\\x", "/etc/x", "x"])
def test_a_name_never_leads_out_of_the_folder(folder: Path, name: str) -> None:
    talk = Talk()
    assert _saved(talk, talk.offer(b"1", name), folder) == [folder / "x"]
    talk.close()


@pytest.mark.parametrize("sha256", ["", "../../../x", "a/../../x", "\0" * 64, "A" * 64, "a" * 63 + "\n"])
def test_a_hash_that_is_none_never_becomes_part_of_a_name(folder: Path, sha256: str) -> None:
    talk = Talk()
    outcome = talk.save(structs.replace(talk.offer(b"1"), sha256=sha256), folder)
    talk.live()
    assert type(error_of(outcome)) is errors.BadRequest
    assert not [*folder.iterdir()]
    assert not talk.did("download")
    talk.close()


def test_the_longest_names_can_be_saved(folder: Path) -> None:
    talk = Talk()
    info = talk.offer(b"1", "é" * 300 + ".jpeg")
    names = [_saved(talk, info, folder)[0].name]
    (folder / names[0]).write_text("mine")
    names += [_saved(talk, info, folder)[0].name]
    assert all(len(name.encode()) <= 255 and name.endswith(".jpeg") for name in names)
    assert names[0] != names[1]
    talk.close()


def test_two_do_not_write_the_same_part(folder: Path) -> None:
    talk = Talk()
    info = talk.offer()
    first, second = talk.save(info, folder), talk.save(info, folder)
    assert isinstance(failure_of(second), BlockingIOError)
    talk.live()
    assert first == [folder / "plan.pdf"]
    talk.close()


def test_a_file_system_without_hard_links_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refused)
    talk = Talk()
    info = talk.offer()
    (folder / "plan.pdf").write_text("mine")
    [place] = _saved(talk, info, folder)
    assert place.read_bytes() == BYTES
    assert (folder / "plan.pdf").read_text() == "mine"
    assert len([*folder.iterdir()]) == 2
    talk.close()


def test_a_file_that_is_elsewhere_is_waited_for_and_saved_as_soon_as_it_is_here(folder: Path) -> None:
    talk = Talk()
    hints: list[Any] = []
    talk.client.on_hint(hints.append)
    info = talk.offer()
    talk.realm.away_files.add(FILE)
    outcome = talk.save(info, folder)
    talk.turn(1)
    assert not outcome
    assert talk.told[-1].stage is Stage.WAITING
    talk.realm.file_comes(FILE)
    talk.turn()
    assert outcome[0].read_bytes() == BYTES
    assert len(hints) == 1
    talk.close()


def test_without_the_hint_it_is_asked_again(folder: Path) -> None:
    talk = Talk()
    info = talk.offer()
    talk.realm.away_files.add(FILE)
    outcome = talk.save(info, folder)
    talk.turn(1)
    talk.realm.away_files.clear()
    for _ in range(40):
        talk.turn(1)
    assert outcome[0].read_bytes() == BYTES
    talk.close()


@pytest.mark.parametrize("code", ["file-gone", "no-such-file"])
def test_a_file_that_is_gone_leaves_nothing(folder: Path, code: str) -> None:
    talk = Talk()
    talk.realm.fault("download", *[fine] * 10, refuse(code))
    outcome = talk.save(talk.offer(), folder)
    talk.live()
    assert error_of(outcome).code == code
    assert not [*folder.iterdir()]
    talk.close()


def test_a_message_that_is_no_file_cannot_be_saved(folder: Path) -> None:
    talk = Talk()
    texts: list[Any] = []
    talk.client.on_message(texts.append)
    talk.realm.say("halo")
    talk.turn()
    assert isinstance(failure_of(heard(talk.client.save(texts[0], folder))), ValueError)
    assert isinstance(failure_of(talk.save(talk.offer(), folder / "nowhere")), FileNotFoundError)
    talk.close()


def test_closing_the_client_ends_what_waits(folder: Path, path: Path) -> None:
    talk = Talk()
    info = talk.offer()
    talk.realm.away_files.add(FILE)
    saving = talk.save(info, folder)
    talk.turn(1)
    talk.close()
    assert type(error_of(saving)) is errors.ConnectionUnavailable
    assert type(error_of(talk.send(path))) is errors.ConnectionUnavailable


# How much is under way


def test_no_more_is_under_way_than_the_line_takes() -> None:
    pace = Pace()
    for _ in range(100):
        pace.answered(0.01)
    assert pace.window == MOST
    for _ in range(5):
        pace.answered(5.0)
    assert pace.window == CHUNK
    far = Pace()
    for _ in range(100):
        far.answered(0.8)  # far away, and not slow
    assert far.window == MOST
