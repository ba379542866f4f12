"""The text dialect: the grammar of the older clients, and their replies byte for byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto import commands, errors, events
from chatproto.commands import Command, Request, all_commands
from chatproto.errors import BadRequest, ChatError, LineTooLong, TooFewWords, UnknownCommand
from chatproto.events import Event, NoGroup, Reply
from chatproto.names import is_uuid4
from chatproto.wire.text import FORMS, FileEntries, TextDialect, encode_command
from tests.wire.values import TAGS, instances
from tests.wire.values import errors as any_error

REPLIES = tuple(Reply.__subclasses__())
TOKEN = "3f2b8c1e-9d4a-4f6b-8a2c-0e1d2c3b4a59"
TEXT = TextDialect()

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \r\n"), min_size=1).filter(
    lambda word: not is_uuid4(word)
)
#: What a text keeps on its way: blanks at both ends are cut, and a line ends at its line end.
BODIES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")).map(
    lambda text: text.strip(" ")
)


def decode(line: str) -> Request:
    return TEXT.decode(line.encode())


def send(to: str, text: str) -> commands.Send:
    """Return what a line says: who sends by one waits for the other realm's word."""
    return commands.Send(to=to, text=text, wait=True, search=True)


class TestCommands:
    @pytest.mark.parametrize(
        "kind", [command for command in all_commands() if command.forms], ids=lambda kind: kind.__name__
    )
    def test_every_command_with_a_form_comes_out_as_it_went_in(self, kind: type[Command]) -> None:
        forms = [form for forms in FORMS.values() for form in forms if form.command is kind]

        @given(st.data())
        def round_trip(data: st.DataObject) -> None:
            form = data.draw(st.sampled_from(forms))
            values: dict[str, object] = dict(form.preset)
            for name, blanks in form.fields:
                word = data.draw(WORDS)
                values[name] = word.replace("_", " ") if blanks else word
            if form.rest is not None:
                values[form.rest] = data.draw(BODIES)
            token = data.draw(st.sampled_from([None, TOKEN])) if form.token else None
            request = Request(kind(**values), token=token)
            line = encode_command(request)
            assert line.endswith(b"\r\n")
            assert TEXT.decode(line[:-2]) == request
            assert TEXT.tag_of(line[:-2]) is None

        round_trip()

    @pytest.mark.parametrize(
        "request_",
        [
            Request(commands.Hello()),
            Request(commands.Send(to=["a", "b"], text="halo")),
            Request(commands.Send(to="a", text="halo", cid="x:1")),
            Request(send("two words", "halo")),
            Request(commands.Join(group="")),
            Request(send("a", "two\nlines")),
            Request(send("a", "ends\r")),
            Request(send("a", " padded ")),
            Request(commands.Login(user="a", password="b")),  # a text client cannot choose its token's shape
            Request(commands.Info(), token=TOKEN),
        ],
    )
    def test_what_no_form_can_say_is_not_sent(self, request_: Request) -> None:
        with pytest.raises(ValueError, match="cannot say"):
            encode_command(request_)

    @given(
        st.binary()
        | st.builds(
            lambda verb, rest: " ".join([verb, *rest]).encode(),
            st.sampled_from(sorted(FORMS)),
            st.lists(st.just("") | st.just(TOKEN) | WORDS, max_size=6),
        )
    )
    def test_any_bytes_give_a_request_or_a_chat_error(self, line: bytes) -> None:
        try:
            request = TEXT.decode(line)
        except ChatError:
            return
        assert isinstance(request, Request)

    def test_bytes_that_are_not_utf_8_are_refused(self) -> None:
        with pytest.raises(BadRequest):
            TEXT.decode(b"send messi \xff")

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("auth messi surabaya ", commands.Login(user="messi", password="surabaya", compact=True)),
            ("auth messi surabaya", commands.Login(user="messi", password="surabaya", compact=True)),
            ("inbox ", commands.Inbox()),
            ("inbox", commands.Inbox()),
            ("inboxgroup kelas ", commands.InboxGroup(group="kelas")),
            ("info", commands.Info()),
            ("info {} ", commands.Info()),
            ("logout ", commands.Logout()),
            ("sendprivate budi halo ", send("budi", "halo")),
            ("sendprivate budi ", send("budi", "")),
            ("sendprivate budi", send("budi", "")),
            ("send budi {not: json}", send("budi", "{not: json}")),
            ("sendgroup henderson,lineker  halo ", commands.SendGroup(to="henderson,lineker", text="halo")),
            ("addgroup tim ", commands.Create(group="tim")),
            ("creategroup tim", commands.Create(group="tim")),
            ("joingroup tim ", commands.Join(group="tim")),
            (
                "sendfile henderson surat.txt b'aGFsbw=='",
                commands.SendFile(to="henderson", path="surat.txt", content="b'aGFsbw=='"),
            ),
            ("senfile budi a.txt aGFsbw== ", commands.SendFile(to="budi", path="a.txt", content="aGFsbw==")),
            ("sendfile budi a.txt b''", commands.SendFile(to="budi", path="a.txt", content="b''")),
            ("sendfile budi /tmp/a.txt", commands.SendFile(to="budi", path="/tmp/a.txt")),
            ("sendfile budi C:\\a.txt ", commands.SendFile(to="budi", path="C:\\a.txt")),
            # Whatever a blank in the path makes of the words, none of them is taken for the content.
            ("sendfile budi my file b'aGFsbw=='", commands.SendFile(to="budi", path="my")),
            ("sendfile budi my new file b'aGFsbw=='", commands.SendFile(to="budi", path="my")),
            (
                "sendgroupfile a,b x.txt b'aGFsbw=='",
                commands.SendGroupFile(to="a,b", path="x.txt", content="b'aGFsbw=='"),
            ),
            ("receivefile", commands.ReceiveFile()),
            ("receivefile ", commands.ReceiveFile()),
        ],
    )
    def test_what_the_older_clients_send_is_understood(self, line: str, expected: Command) -> None:
        assert decode(line) == Request(expected)

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (f"send {TOKEN} henderson  hello son ", send("henderson", "hello son")),
            (f"send {TOKEN} henderson", send("henderson", "")),
            (f"inbox {TOKEN} ", commands.Inbox()),
            (f"inbox {TOKEN}", commands.Inbox()),
            (f"inboxgroup {TOKEN} kelas", commands.InboxGroup(group="kelas")),
            (f"sendgroup {TOKEN} tim  rapat ", commands.SendGroup(to="tim", text="rapat")),
            (f"addgroup {TOKEN} tim ", commands.Create(group="tim")),
            (f"joingroup {TOKEN} tim ", commands.Join(group="tim")),
            (f"logout {TOKEN}", commands.Logout()),
            (f"logout {TOKEN} ", commands.Logout()),
            (f"sendfile {TOKEN} u p b'YQ=='", commands.SendFile(to="u", path="p", content="b'YQ=='")),
            (f"sendfile {TOKEN} u p YQ== ", commands.SendFile(to="u", path="p", content="YQ==")),
            (f"sendfile {TOKEN} u p ", commands.SendFile(to="u", path="p")),
            (f"sendgroupfile {TOKEN} tim p YQ==", commands.SendGroupFile(to="tim", path="p", content="YQ==")),
            (f"receivefile {TOKEN} ", commands.ReceiveFile()),
        ],
    )
    def test_a_first_word_in_the_shape_of_a_uuid4_is_the_token(self, line: str, expected: Command) -> None:
        assert decode(line) == Request(expected, token=TOKEN)
        assert decode(line.replace(TOKEN, TOKEN.upper())) == Request(expected, token=TOKEN.upper())

    def test_auth_and_register_never_take_a_token(self) -> None:
        assert decode(f"auth {TOKEN} x").token is None
        assert decode(f"register {TOKEN} x") == Request(
            commands.Register(user=TOKEN, password="x", compact=True)
        )

    @pytest.mark.parametrize(
        "line", ["joingroup  tim", "inbox  ", "send  henderson halo", "logout  ", "sendgroup  tim x"]
    )
    def test_two_blanks_after_a_command_are_an_empty_token_and_never_the_bound_session(
        self, line: str
    ) -> None:
        assert decode(line).token == ""

    @pytest.mark.parametrize("verb", ["", "foo", "adios", "SEND", "send\tx", " send a b", "hello", "listen"])
    def test_another_first_word_is_no_command(self, verb: str) -> None:
        with pytest.raises(UnknownCommand):
            decode(verb)

    @pytest.mark.parametrize(
        "line",
        [
            *("auth", "auth messi", "auth messi ", "register", "register a", "register a b c"),
            *("send", "send ", f"send {TOKEN}", f"send {TOKEN} ", "sendgroup", "inboxgroup", "addgroup"),
            *("joingroup", "joingroup  ", f"joingroup {TOKEN}"),
            *("sendfile", "sendfile henderson", f"sendfile {TOKEN} henderson ", "sendgroupfile tim"),
            # Only sendfile has a form without a content. With a blank in the path it is nobody's guess.
            *("sendgroupfile tim p", f"sendgroupfile {TOKEN} a,b p ", "sendgroupfile tim p q YQ=="),
            *(
                f"sendfilerealm {TOKEN} r2 budi p",
                "sendfilerealm r2 budi p ",
                "sendfilerealm r2 budi p q YQ==",
            ),
            *(f"sendgroupfilerealm {TOKEN} r2 a,b p", "sendgroupfilerealm r2 a,b p "),
        ],
    )
    def test_too_few_words_are_told_so(self, line: str) -> None:
        with pytest.raises(TooFewWords):
            decode(line)

    def test_register_takes_two_or_four_arguments(self) -> None:
        two = commands.Register(user="ani", password="rahasia", compact=True)
        four = commands.Register(user="ani", password="r", name="Ani Wati", country="Indonesia", compact=True)
        assert decode("register ani rahasia") == Request(two)
        assert decode("register ani rahasia ") == Request(two)
        assert decode("register ani r Ani_Wati Indonesia") == Request(four)
        assert decode("register ani r Ani_Wati Indonesia and more") == Request(four)

    def test_only_the_content_of_a_file_may_be_as_long_as_its_line(self) -> None:
        long = "a" * 100_000
        assert decode(f"sendfile u p {long}").command == commands.SendFile(to="u", path="p", content=long)
        for line in (f"sendfile {long} p YQ==", f"sendfile u {long} YQ==", f"sendgroupfile {long} p YQ=="):
            with pytest.raises(LineTooLong):
                decode(line)

    def test_many_blanks_are_not_as_many_words(self) -> None:
        assert decode("sendfile u p" + " " * 1_000_000).command == commands.SendFile(to="u", path="p")

    @pytest.mark.parametrize(
        ("line", "large", "token"),
        [
            (f"sendfile {TOKEN} u p b'", True, TOKEN),
            (f"senfile {TOKEN} u p b'", True, TOKEN),
            ("sendgroupfile tim p b'", True, None),
            (f"send {TOKEN} u text", False, TOKEN),
            (f"auth {TOKEN} x", False, None),
            (f"sendfiles {TOKEN} u", False, None),
            ("sendfile  u p", True, None),
            (f"foo {TOKEN}", False, None),
            ("sendfile", True, None),
            ("", False, None),
        ],
    )
    def test_the_beginning_of_a_line_tells_whether_it_carries_a_file_and_whose(
        self, line: str, large: bool, token: str | None
    ) -> None:
        assert TEXT.is_large(line.encode()) == large
        assert TEXT.token_of(line.encode()) == token

    def test_a_beginning_that_is_not_utf_8_tells_nothing(self) -> None:
        assert not TEXT.is_large(b"\xff\xfe x")
        assert TEXT.token_of(b"send \xff\xfe x") is None

    def test_aliases_mean_the_same(self) -> None:
        assert decode("sendprivate budi halo") == decode("send budi halo")
        assert decode("creategroup tim") == decode("addgroup tim")

    @pytest.mark.parametrize(
        ("line", "text", "exact"),
        [
            ("send budi halo", "halo", " halo\r\n"),
            ("send budi  halo ", "halo", "  halo \r\n"),
            ("send budi  a   b ", "a   b", "  a   b \r\n"),
            ("send budi \t a", "\t a", " \t a\r\n"),
            ("send budi budi", "budi", " budi\r\n"),
        ],
    )
    def test_bodies_are_cut_at_both_ends_and_kept_inside_or_kept_whole_by_option(
        self, line: str, text: str, exact: str
    ) -> None:
        assert decode(line).command == send("budi", text)
        assert TextDialect(exact_bodies=True).decode(line.encode()).command == send("budi", exact)

    def test_a_line_for_the_json_dialect_is_no_text_command(self) -> None:
        assert not any(verb.startswith("{") for verb in FORMS)


def ok(**fields: object) -> bytes:
    return (json.dumps({"status": "OK"} | fields) + "\r\n\r\n").encode()


class TestReplies:
    @pytest.mark.parametrize("kind", REPLIES, ids=lambda kind: kind.__name__)
    def test_every_reply_is_one_ascii_object_with_the_end_of_a_message(self, kind: type[Reply]) -> None:
        @given(instances(kind))
        def encode(reply: Reply) -> None:
            line = TEXT.encode_reply(reply, None)
            assert line.isascii()
            assert line.endswith(b"}\r\n\r\n")
            assert b"\n" not in line[:-4]
            assert json.loads(line)["status"] == ("PENDING" if kind is NoGroup else "OK")

        encode()

    @given(any_error(), TAGS)
    def test_every_error_has_a_message_and_a_code(self, error: ChatError, tag: str | int | None) -> None:
        line = TEXT.encode_refusal(error, tag)
        assert line.isascii()
        assert line.endswith(b"}\r\n\r\n")
        fields = json.loads(line)
        assert fields["status"] == "ERROR"
        assert fields["code"] == error.code
        assert isinstance(fields["message"], str)
        assert fields.get("retry_after") == error.retry_after

    def test_a_group_elsewhere_has_its_address(self) -> None:
        dialect = TextDialect(realm="beta")
        told = {"message": "Add group successful"}
        assert dialect.encode_reply(events.GroupChanged(group="Tim@beta"), None) == ok(**told)
        changed = events.GroupChanged(group="Tim@alpha", state="pending", mid="beta/1")
        assert dialect.encode_reply(changed, None) == ok(**told, group="Tim@alpha")

    @given(instances(events.Message) | instances(events.Goodbye))
    def test_nothing_is_ever_told_unasked(self, event: Event) -> None:
        assert TEXT.encode_event(event) == b""

    @pytest.mark.parametrize(
        ("reply", "expected"),
        [
            (events.LoggedIn(address="messi@alpha", token=TOKEN), ok(tokenid=TOKEN)),
            (events.Sent(mid="alpha/1", seq=1), ok(message="Message Sent")),
            (events.SentEach(results=[]), ok(message="Message Sent")),
            (events.GroupChanged(group="tim@alpha"), ok(message="Add group successful")),
            (events.Done(), ok()),
            (events.InboxTaken(entries=[]), ok(messages={})),
            (events.FilesTaken(entries=[]), ok(messages=[])),
            (events.FileSent(), ok(message="File Sent")),
            (
                events.InboxTaken(
                    entries=[
                        events.InboxEntry(
                            sender="messi", msg_from="Lionel Messi", msg_to="Jordan Henderson", msg="a"
                        ),
                        events.InboxEntry(sender="lineker", msg_from="G", msg_to="Jordan Henderson", msg="é"),
                        events.InboxEntry(
                            sender="messi",
                            msg_from="Lionel Messi",
                            msg_to="Jordan Henderson",
                            msg="b",
                            group="tim",
                        ),
                    ]
                ),
                b'{"status": "OK", "messages": {"messi": '
                b'[{"msg_from": "Lionel Messi", "msg_to": "Jordan Henderson", "msg": "a"}, '
                b'{"msg_from": "Lionel Messi", "msg_to": "Jordan Henderson", "msg": "b", "group": "tim"}], '
                b'"lineker": [{"msg_from": "G", "msg_to": "Jordan Henderson", "msg": "\\u00e9"}]}}\r\n\r\n',
            ),
            (
                events.InfoTaken(
                    users=[events.UserInfo(username="messi", name="Lionel Messi", country="Argentina")]
                ),
                b'{"status": "OK", "message": {"messi": {"username": "messi", "userdetail": '
                b'{"nama": "Lionel Messi", "negara": "Argentina"}}}}\r\n\r\n',
            ),
        ],
    )
    def test_ok_replies_are_those_of_the_older_systems(self, reply: Reply, expected: bytes) -> None:
        assert TEXT.encode_reply(reply, None) == expected

    @pytest.mark.parametrize("plain", [False, True])
    @pytest.mark.parametrize("group", [None, "tim"])
    def test_a_file_is_a_string_that_holds_an_object_or_the_object_itself(
        self, plain: bool, group: str | None
    ) -> None:
        file = events.InboxFile(name='su "rat\\é.txt', content=b"aGFsbw==", plain=plain)
        entry = events.InboxEntry(sender="m", msg_from='L "M', msg_to="J é", msg="", group=group, file=file)
        content = "aGFsbw==" if plain else "b'aGFsbw=='"
        shown = {"msg_from": 'L "M', "msg_to": "J é", "file_name": file.name, "file_content": content}
        shown |= {} if group is None else {"group": group}
        text = events.InboxEntry(sender="m", msg_from="a", msg_to="b", msg="c")
        last = {"msg_from": "a", "msg_to": "b", "msg": "c"}
        objects = TextDialect(file_entries=FileEntries.OBJECT)
        for reply, around in (
            (events.InboxTaken(entries=[entry, text]), lambda entries: {"m": entries}),
            (events.FilesTaken(entries=[entry, text]), lambda entries: entries),
        ):
            assert TEXT.encode_reply(reply, None) == ok(messages=around([json.dumps(shown), last]))
            assert objects.encode_reply(reply, None) == ok(messages=around([shown, last]))

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (errors.UnknownUser(), "User Tidak Ada"),
            (errors.WrongPassword(), "Password Salah"),
            (errors.UserExists(), "User Sudah Ada"),
            (errors.GroupExists(), "Group sudah ada"),
            (errors.NoSuchUser("there is no user or group zzz"), "User Tidak Ditemukan"),
            (errors.NoSuchGroup(), "Informasi tidak ditemukan"),
            (errors.NotMember(), "Informasi tidak ditemukan"),
            (errors.AlreadyMember(), "User sudah dalam group"),
            (errors.BadToken(), "Informasi tidak ditemukan"),
            (errors.NotLoggedIn(), "Informasi tidak ditemukan"),
            (errors.NothingToLogOut(), "Belum Login"),
            (errors.UnknownCommand(), "**Protocol Tidak Benar"),
            (errors.TooFewWords(), "--Protocol Tidak Benar"),
        ],
    )
    def test_errors_are_those_of_the_older_systems(self, error: ChatError, message: str) -> None:
        expected = {"status": "ERROR", "message": message, "code": error.code}
        assert TEXT.encode_refusal(error, None) == json.dumps(expected).encode() + b"\r\n\r\n"

    def test_errors_that_they_did_not_know_have_our_message(self) -> None:
        assert json.loads(TEXT.encode_refusal(errors.Busy("wait", retry_after=2.0), None)) == {
            "status": "ERROR",
            "message": "wait",
            "code": "busy",
            "retry_after": 2.0,
        }
