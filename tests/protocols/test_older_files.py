"""Files of older clients on one port: by which rules they are sent, and how they come out of the boxes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred, fail

from chatproto.errors import Unavailable
from chatproto.files.memory import MemoryFileStore
from chatproto.limits import Limits
from chatproto.records import FileRow
from chatproto.wire.text import FileEntries
from tests.protocols.test_older_rules import STRANGE_TOKEN, UNKNOWN, auth, message
from tests.protocols.wires import Peer, Served

USERS = {
    "messi": ("Lionel Messi", "Argentina"),
    "henderson": ("Jordan Henderson", "Inggris"),
    "lineker": ("Gary Lineker", "Inggris"),
}
SENT = {"status": "OK", "message": "File Sent"}
HALO = "b'aGFsbw=='"


def serve(**options: Any) -> Served:
    served = Served(**options)
    for user, (name, country) in USERS.items():
        served.house.wait(served.house.realm.add_user(user, "surabaya", name, country))
    return served


@pytest.fixture
def served() -> Iterator[Served]:
    served = serve()
    yield served
    served.house.wait(served.house.realm.close())


def entry(sender: str, to: str, name: str, content: str, group: str | None = None) -> str:
    """Return an entry as the older servers wrote it."""
    shown = {
        "msg_from": USERS[sender][0],
        "msg_to": USERS[to][0],
        "file_name": name,
        "file_content": content,
    }
    return json.dumps(shown | ({} if group is None else {"group": group}))


def box(peer: Peer, command: str = "inbox") -> Any:
    reply = peer.ask(command)
    assert reply["status"] == "OK"
    return reply["messages"]


def two(served: Served) -> tuple[Peer, Peer]:
    return auth(served, "messi")[0], auth(served, "henderson")[0]


class Unreadable(MemoryFileStore):
    """A disk that fails whenever it is read."""

    def read(self, sha256: str, offset: int, length: int) -> Deferred[bytes]:
        return fail(Unavailable())


class TestSending:
    @pytest.mark.parametrize("verb", ["sendfile", "senfile"])
    @pytest.mark.parametrize("content", [HALO, "aGFsbw==", "b''"])
    @pytest.mark.parametrize("end", ["", " "])
    def test_a_file_comes_as_it_was_sent_and_once(
        self, served: Served, verb: str, content: str, end: str
    ) -> None:
        messi, henderson = two(served)
        assert messi.ask(f"{verb} henderson surat.txt {content}{end}") == SENT
        assert box(henderson) == {"messi": [entry("messi", "henderson", "surat.txt", content)]}
        meters = served.house.realm.meters
        assert meters.file_bytes_in == meters.file_bytes_out == (0 if content == "b''" else 4)
        assert box(henderson) == {}
        assert box(messi) == {}

    def test_a_session_is_named_by_a_token(self, served: Served) -> None:
        _, token = auth(served, "messi")
        stranger = served.peer()
        assert message(stranger.ask(f"sendfile henderson a.txt {HALO}")) == ("ERROR", UNKNOWN)
        assert message(stranger.ask(f"sendfile {STRANGE_TOKEN} henderson a.txt {HALO}")) == (
            "ERROR",
            UNKNOWN,
        )
        assert message(stranger.ask(f"sendfile  henderson a.txt {HALO}")) == ("ERROR", UNKNOWN)
        assert stranger.ask(f"sendfile {token} henderson a.txt {HALO}") == SENT
        assert stranger.ask(f"sendgroupfile {token} henderson,lineker a.txt {HALO}") == SENT
        assert message(stranger.ask("receivefile")) == ("ERROR", UNKNOWN)
        assert box(stranger, f"receivefile {token}") == []

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("surat.txt", "surat.txt"),
            ("../../etc/passwd", "passwd"),
            ("app\\client\\upload\\foto.png", "foto.png"),
            ("C:\\x\\..\\y.txt", "y.txt"),
            ("a/b\\c/d.txt", "d.txt"),
            ("/", "file"),
            ("..", "file"),
            (".bashrc", "bashrc"),
            ("CON.txt", "_CON.txt"),
            ("\u202etxt.exe", "txt.exe"),
        ],
    )
    def test_of_a_path_only_the_last_part_is_the_name(self, served: Served, path: str, name: str) -> None:
        messi, henderson = two(served)
        assert messi.ask(f"sendfile henderson {path} {HALO}") == SENT
        assert box(henderson) == {"messi": [entry("messi", "henderson", name, HALO)]}

    def test_a_name_of_many_accents_is_cut_at_255_bytes(self, served: Served) -> None:
        messi, henderson = two(served)
        messi.ask(f"sendfile henderson {'é' * 300}.txt {HALO}")
        ((sent,),) = box(henderson).values()
        name = json.loads(sent)["file_name"]
        assert len(name.encode()) <= 255
        assert name.endswith("é.txt")

    def test_without_a_content_nothing_is_sent_and_no_path_is_opened(self, served: Served) -> None:
        messi, henderson = two(served)
        reply = messi.ask("sendfile henderson /etc/passwd")
        assert reply["status"] == "ERROR"
        assert "content" in reply["message"]
        assert message(messi.ask("sendgroupfile henderson,messi x ")) == ("ERROR", "--Protocol Tidak Benar")
        assert messi.ask("inbox")["status"] == "OK"
        assert box(henderson) == {}

    def test_errors_are_those_of_the_older_systems(self, served: Served) -> None:
        messi, _ = two(served)
        assert message(messi.ask(f"sendfile nobody a.txt {HALO}")) == ("ERROR", "User Tidak Ditemukan")
        assert message(messi.ask(f"sendgroupfile nobody a.txt {HALO}")) == ("ERROR", UNKNOWN)
        assert message(messi.ask(f"sendgroupfile nobody,noone a.txt {HALO}")) == ("ERROR", UNKNOWN)
        assert message(messi.ask("sendfile henderson")) == ("ERROR", "--Protocol Tidak Benar")
        assert message(messi.ask("sendfile")) == ("ERROR", "--Protocol Tidak Benar")

    @pytest.mark.parametrize("content", ["bad!", "b'aGFsbw='", "aGFsbw", "b'", "file b'aGFsbw=='", "é"])
    def test_bad_base64_is_refused_and_the_connection_goes_on(self, served: Served, content: str) -> None:
        messi, henderson = two(served)
        reply = messi.ask(f"sendfile henderson a.txt {content}")
        assert reply["status"] == "ERROR"
        assert "base64" in reply["message"]
        assert messi.ask(f"sendfile henderson a.txt {HALO}") == SENT
        assert len(box(henderson)["messi"]) == 1

    def test_two_commands_in_one_packet_are_two(self, served: Served) -> None:
        messi, henderson = two(served)
        messi.say(
            f"sendfile henderson a.txt {HALO}", "send henderson  halo ", f"sendfile henderson b.txt {HALO} "
        )
        assert [reply["message"] for reply in messi.heard()] == ["File Sent", "Message Sent", "File Sent"]
        assert box(henderson)["messi"] == [
            entry("messi", "henderson", "a.txt", HALO),
            {"msg_from": "Lionel Messi", "msg_to": "Jordan Henderson", "msg": "halo"},
            entry("messi", "henderson", "b.txt", HALO),
        ]

    def test_a_list_gets_one_each_and_unknown_names_are_skipped(self, served: Served) -> None:
        messi, henderson = two(served)
        lineker, _ = auth(served, "lineker")
        assert messi.ask(f"sendgroupfile henderson,nobody,lineker a.txt {HALO}") == SENT
        assert box(henderson) == {"messi": [entry("messi", "henderson", "a.txt", HALO)]}
        assert box(lineker) == {"messi": [entry("messi", "lineker", "a.txt", HALO)]}
        assert messi.ask(f"sendgroupfile henderson b.txt {HALO}") == SENT
        assert len(box(henderson)["messi"]) == 1
        assert len(served.house.file_disk.contents) == 1

    def test_a_group_gets_it_with_its_sender(self, served: Served) -> None:
        messi, henderson = two(served)
        messi.ask("addgroup tim")
        henderson.ask("joingroup tim")
        assert messi.ask(f"sendgroupfile tim a.txt {HALO}") == SENT
        assert henderson.ask(f"sendfile tim b.txt {HALO}") == SENT
        for peer, user in ((messi, "messi"), (henderson, "henderson")):
            expected = {
                "messi": [entry("messi", user, "a.txt", HALO, "tim")],
                "henderson": [entry("henderson", user, "b.txt", HALO, "tim")],
            }
            assert box(peer) == expected
            assert box(peer, "inboxgroup tim") == expected
            assert box(peer, "inboxgroup tim") == {}

    def test_who_is_not_in_the_group_may_not(self, served: Served) -> None:
        messi, henderson = two(served)
        messi.ask("addgroup tim")
        assert message(henderson.ask(f"sendgroupfile tim a.txt {HALO}")) == ("ERROR", UNKNOWN)
        assert not served.house.file_disk.contents


class TestReceiving:
    def test_an_object_by_option(self) -> None:
        served = serve(file_entries=FileEntries.OBJECT)
        messi, henderson = two(served)
        messi.ask(f"sendfile henderson a.txt {HALO}")
        assert box(henderson) == {"messi": [json.loads(entry("messi", "henderson", "a.txt", HALO))]}
        assert box(henderson, "receivefile") == [json.loads(entry("messi", "henderson", "a.txt", HALO))]

    def test_receivefile_gives_each_file_once_and_nothing_else(self, served: Served) -> None:
        messi, henderson = two(served)
        assert box(henderson, "receivefile ") == []
        messi.ask(f"sendfile henderson a.txt {HALO}")
        messi.ask("send henderson halo")
        messi.ask(f"sendfile henderson b.txt {HALO}")
        expected = [entry("messi", "henderson", name, HALO) for name in ("a.txt", "b.txt")]
        assert box(henderson, "receivefile") == expected
        assert box(henderson, "receivefile") == []
        assert len(box(henderson)["messi"]) == 3
        messi.ask(f"sendfile henderson c.txt {HALO}")
        assert len(box(henderson)["messi"]) == 1
        assert box(henderson, "receivefile") == [entry("messi", "henderson", "c.txt", HALO)]
        assert box(messi, "receivefile") == []

    def test_receivefile_has_what_others_sent_to_a_group_and_what_one_sent_to_oneself(
        self, served: Served
    ) -> None:
        messi, henderson = two(served)
        messi.ask("addgroup tim")
        henderson.ask("joingroup tim")
        messi.ask(f"sendgroupfile tim a.txt {HALO}")
        messi.ask(f"sendfile messi own.txt {HALO}")
        assert box(henderson, "receivefile") == [entry("messi", "henderson", "a.txt", HALO, "tim")]
        assert box(messi, "receivefile") == [entry("messi", "messi", "own.txt", HALO)]

    @pytest.mark.parametrize("end", ["restart", "crash"])
    def test_what_was_sent_outlives_the_realm(self, served: Served, end: str) -> None:
        messi, _ = two(served)
        messi.ask(f"sendfile henderson a.txt {HALO}")
        getattr(served.house, end)()
        served.factory.realm = served.house.realm
        henderson, _ = auth(served, "henderson")
        assert box(henderson) == {"messi": [entry("messi", "henderson", "a.txt", HALO)]}
        getattr(served.house, end)()
        served.factory.realm = served.house.realm
        henderson, _ = auth(served, "henderson")
        assert box(henderson) == {}
        assert len(box(henderson, "receivefile")) == 1

    def test_who_does_not_take_a_file_keeps_the_memory_that_others_wait_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chatproto.realm.boxroom._ALL_BYTES", 500_000)
        served = serve()
        room = served.house.realm.older.inboxes.room
        messi, henderson = two(served)
        lineker, _ = auth(served, "lineker")
        content = base64.b64encode(bytes(300_000)).decode()
        assert messi.ask(f"sendgroupfile henderson,lineker a.bin {content}") == SENT
        assert messi.ask(f"sendfile lineker b.bin {content}") == SENT
        henderson.wire.reading = False
        henderson.say("inbox")
        assert room.taken == 400_000
        lineker.say("inbox")
        assert lineker.heard() == []
        served.house.turn(11)
        assert lineker.heard() == [{"status": "OK", "messages": {}}]
        lineker.say("inbox")
        while henderson.wire.waiting:
            henderson.wire.take()
        served.house.turn()
        assert len(lineker.heard()[0]["messages"]["messi"]) == 1
        assert room.taken == 0
        lineker.wire.reading = False
        lineker.say("inbox")
        assert room.taken == 400_000
        lineker.lose()
        assert room.taken == 0

    def test_a_reply_has_what_fits_and_the_rest_comes_with_the_next(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chatproto.realm.inboxes.INBOX_BYTES", 3600)
        messi, henderson = two(served)
        contents = [repr(base64.b64encode(bytes([number]) * 750)) for number in range(5)]
        for content in contents:
            messi.ask(f"sendfile henderson a.txt {content}")
        taken = []
        while found := box(henderson):
            taken.append([json.loads(each)["file_content"] for each in found["messi"]])
        assert taken == [contents[:2], contents[2:4], contents[4:]]

    def test_one_that_is_larger_than_a_reply_comes_alone(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chatproto.realm.inboxes.INBOX_BYTES", 500)
        messi, henderson = two(served)
        messi.ask("send henderson halo")
        messi.ask(f"sendfile henderson a.txt {base64.b64encode(bytes(1000)).decode()}")
        messi.ask("send henderson halo")
        assert [len(box(henderson)["messi"]) for _ in range(3)] == [1, 1, 1]

    def test_one_larger_than_a_line_is_a_word_about_it(self) -> None:
        served = serve(limits=Limits(sendfile_bytes=10))
        messi, henderson = two(served)
        assert messi.ask(f"sendfile henderson a.txt {base64.b64encode(bytes(10)).decode()}") == SENT
        reply = messi.ask(f"sendfile henderson a.txt {base64.b64encode(bytes(11)).decode()}")
        assert (reply["status"], reply["code"]) == ("ERROR", "file-too-large")
        assert "10 bytes" in reply["message"]
        served.house.realm.older.inboxes._files._most = 9
        told = {
            "msg_from": "Lionel Messi",
            "msg_to": "Jordan Henderson",
            "msg": "(file a.txt, 10 bytes: too large for this client)",
        }
        assert box(henderson) == {"messi": [told]}
        assert box(henderson, "receivefile") == [told]

    def test_one_that_is_not_kept_any_more_is_a_word_about_it(self, served: Served) -> None:
        messi, henderson = two(served)
        messi.ask(f"sendfile henderson a.txt {HALO}")
        served.house.file_disk.contents.clear()
        ((told,),) = box(henderson).values()
        assert told["msg"] == "(file a.txt, 4 bytes: not kept any more)"

    def test_one_that_is_not_whole_any_more_is_not_given(self, served: Served) -> None:
        messi, henderson = two(served)
        messi.ask(f"sendfile henderson a.txt {HALO}")
        (content,) = served.house.file_disk.contents.values()
        content.data = content.data[:-1]
        ((told,),) = box(henderson).values()
        assert told["msg"] == "(file a.txt, 4 bytes: not kept any more)"

    def test_one_that_cannot_be_read_is_tried_again_for_a_while(self, served: Served) -> None:
        messi, henderson = two(served)
        messi.ask("send henderson one")
        messi.ask(f"sendfile henderson a.txt {HALO}")
        messi.ask("send henderson two")
        files = served.house.realm.files
        working, files.store = files.store, Unreadable(served.house.file_disk)
        assert [each["msg"] for each in box(henderson)["messi"]] == ["one"]
        assert box(henderson, "receivefile") == []
        served.house.turn(59.0)
        assert box(henderson) == {}
        served.house.turn(1.0)
        told = "(file a.txt, 4 bytes: it cannot be read now)"
        assert [each["msg"] for each in box(henderson)["messi"]] == [told, "two"]
        files.store = working
        assert box(henderson, "receivefile") == [entry("messi", "henderson", "a.txt", HALO)]

    def test_only_its_own_row_says_which_content_it_has(self, served: Served) -> None:
        """The log of a group may be another realm's, which could name what somebody else here was sent."""
        messi, henderson = two(served)
        messi.ask(f"sendfile messi secret.txt {HALO}")
        messi.ask("sendfile henderson a.txt b'aWphaA=='")
        house = served.house
        secret, other = house.wait(house.slow.files(0, 10))
        (message,) = house.wait(house.slow.messages(other.conversation, 0, 2**53, 10, False, ()))
        forged = message.text.replace(other.sha256, secret.sha256)
        house.wait(house.realm.writer.save(puts=(msgspec.structs.replace(message, text=forged),)))
        (stored,) = house.wait(house.slow.messages(other.conversation, 0, 2**53, 10, False, ()))
        assert secret.sha256 in stored.text
        assert box(henderson) == {"messi": [entry("messi", "henderson", "a.txt", "b'aWphaA=='")]}

    def test_two_of_one_name_in_one_second_are_two(self, served: Served) -> None:
        messi, henderson = two(served)
        for content in (HALO, "b'aWphaA=='"):
            messi.ask(f"sendfile henderson a.txt {content}")
        assert [json.loads(each)["file_content"] for each in box(henderson)["messi"]] == [HALO, "b'aWphaA=='"]

    def test_a_full_disk_refuses_and_loses_nothing(self, served: Served) -> None:
        messi, henderson = two(served)
        served.house.file_disk.capacity = 10
        reply = messi.ask(f"sendfile henderson a.txt {base64.b64encode(bytes(11)).decode()}")
        assert (reply["status"], reply["code"]) == ("ERROR", "store-full")
        assert reply["retry_after"] > 0
        assert box(henderson) == {}
        assert messi.ask(f"sendfile henderson a.txt {HALO}") == SENT
        assert len(box(henderson)["messi"]) == 1


class TestOnTheWay:
    """A file whose bytes are still in another realm."""

    @pytest.fixture
    def henderson(self, served: Served) -> Peer:
        """Return whose box has a text, a file that is on its way, and another text."""
        messi, henderson = two(served)
        messi.ask("send henderson one")
        messi.ask(f"sendfile henderson a.txt {HALO}")
        messi.ask("send henderson two")
        self.put(served, "wanted")
        return henderson

    def put(self, served: Served, state: str) -> None:
        """Let the file be in a state."""
        house = served.house
        (row,) = house.wait(house.slow.files(0, 10))
        house.wait(house.realm.writer.save(puts=(msgspec.structs.replace(row, state=state),)))

    def test_it_keeps_its_place_until_it_is_here(self, served: Served, henderson: Peer) -> None:
        assert [each["msg"] for each in box(henderson)["messi"]] == ["one"]
        assert box(henderson) == {}
        assert box(henderson, "receivefile") == []
        self.put(served, "stored")
        file, text = box(henderson)["messi"]
        assert file == entry("messi", "henderson", "a.txt", HALO)
        assert text["msg"] == "two"
        assert box(henderson, "receivefile") == [entry("messi", "henderson", "a.txt", HALO)]

    def test_for_a_bounded_time(self, served: Served, henderson: Peer) -> None:
        served.house.turn(3600.0)
        assert [each["msg"] for each in box(henderson)["messi"]] == ["one"]
        served.house.turn(59.0)
        assert box(henderson) == {}
        served.house.turn(1.0)
        told = "(file a.txt, 4 bytes: still on its way from another realm)"
        assert [each["msg"] for each in box(henderson)["messi"]] == [told, "two"]
        assert [each["msg"] for each in box(henderson, "receivefile")] == [told]

    def test_one_that_was_only_offered_is_fetched_when_its_turn_comes(
        self, served: Served, henderson: Peer
    ) -> None:
        self.put(served, "offered")
        wanted: list[FileRow] = []
        served.house.realm.files.elsewhere.on_wanted = wanted.append
        box(henderson)
        box(henderson)
        assert [row.state for row in wanted] == ["wanted"]

    def test_one_that_will_not_come_is_a_word_about_it(self, served: Served, henderson: Peer) -> None:
        box(henderson)
        self.put(served, "refused")
        texts = [each["msg"] for each in box(henderson)["messi"]]
        assert texts == ["(file a.txt, 4 bytes: not kept any more)", "two"]


class TestBetweenOldAndNew:
    def test_what_an_older_client_sends_a_new_one_is_told_of(self, served: Served) -> None:
        messi, _ = auth(served, "messi")
        henderson = served.peer()
        henderson.log_in("henderson")
        henderson.ask({"do": "listen"})
        messi.ask(f"sendfile henderson docs/surat.txt {HALO}")
        (event,) = henderson.heard()
        assert (event["event"], event["kind"], event["from"]) == ("message", "file", "messi@alpha")
        file = event["file"]
        assert (file["name"], file["size"], file["id"]) == ("surat.txt", 4, event["mid"])
        page = henderson.ask({"do": "history", "with": "messi"})
        assert page["messages"][0]["file"] == file
