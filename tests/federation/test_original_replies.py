"""What an original server replies to what it is brought, and what is made of that."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.errors import (
    ChatError,
    NoSuchRealm,
    NoSuchUser,
    NotFoundThere,
    NotSupported,
    RealmRefused,
)
from chatproto.wire.text import message_of
from tests.federation.old_server import NOBODY, OK, UNKNOWN, Server, linked, send
from tests.federation.town import Place


@pytest.fixture
def place() -> Place:
    """Return a realm whose neighbour is an original server that nobody has reached yet."""
    return linked()


@pytest.mark.parametrize(
    ("said", "refused", "text"),
    [
        ("Aneh Sekali", RealmRefused, "Aneh Sekali"),
        ("Gagal", RealmRefused, "Gagal"),
        ("Realm sudah ada", RealmRefused, "Realm sudah ada"),
        ("--Protocol Tidak Benar", RealmRefused, "--Protocol Tidak Benar"),
        ("**Protocol Tidak Benar", NotSupported, "**Protocol Tidak Benar"),
        ("Realm Tidak Ditemukan", NoSuchRealm, "Realm Tidak Ditemukan"),
        ("Informasi tidak ditemukan", NotFoundThere, "Informasi tidak ditemukan"),
        ("", RealmRefused, "the other realm does not take the message: realm-refused"),
    ],
)
def test_its_error_is_passed_on_in_its_words(
    place: Place, said: str, refused: type[ChatError], text: str
) -> None:
    server = Server(place)
    messi = place.person("messi")
    for command in (
        commands.SendRealm(realm="beta", to="amsal", text="ha"),
        commands.SendGroupRealm(realm="beta", to="amsal,budi", text="ha"),
        commands.SendFileRealm(realm="beta", to="amsal", path="a", content="aGFsbw=="),
        commands.Send(to="amsal@beta", text="ha", wait=True),
    ):
        answers = messi.begin(command)
        place.turn()
        while server.heard():
            server.say({"status": "ERROR", "message": said} if said else {"status": "ERROR"})
        assert [type(answer) for answer in answers] == [refused]
        (answer,) = answers
        assert isinstance(answer, ChatError)
        assert (answer.text, message_of(answer)) == (text, text)
    for bounce in place.texts("bounce"):
        assert bounce.startswith((f"{refused.code} ", "realm-exists "))


@pytest.mark.parametrize(
    ("to", "word"), [("amsal", "recvrealmprivatemsg"), ("amsal,budi", "recvrealmgroupmsg")]
)
def test_whom_it_does_not_know_it_is_asked_for_again(place: Place, to: str, word: str) -> None:
    """It says so of a sender, too; and who was not there may be by now."""
    server = Server(place)
    command = (commands.SendGroupRealm if "," in to else commands.SendRealm)(realm="beta", to=to, text="ha")
    for sender, reply, answer in (
        ("henderson", NOBODY, NoSuchUser),
        ("messi", NOBODY, NoSuchUser),
        ("messi", OK, None),
    ):
        answers = place.person(sender).begin(command)
        place.turn()
        assert server.heard() == f"{word} {sender} beta {to} ha\r\n"
        server.say(reply)
        assert [type(each) for each in answers if isinstance(each, Exception)] == ([answer] if answer else [])
        assert len(answers) == 1
    assert send(place, "halo")
    assert server.heard() == "server send messi amsal halo \r\n"


@pytest.mark.parametrize(
    "command",
    [
        commands.SendRealm(realm="beta", to="amsal", text="ha"),
        commands.SendGroupRealm(realm="beta", to="amsal", text="ha"),
        commands.SendFileRealm(realm="beta", to="amsal", path="a", content="aGFsbw=="),
        commands.Send(to="amsal@beta", text="ha", wait=True),
        commands.Send(to="amsal", text="ha", search=True),
    ],
)
def test_what_it_did_not_know_once_it_is_asked_again(place: Place, command: commands.Command) -> None:
    server = Server(place)
    messi = place.person("messi")
    first = ""
    for reply in (UNKNOWN, OK):
        answers = messi.begin(command)
        place.turn()
        request = server.heard()
        first = first or request
        assert request == first
        while request:
            server.say(reply)
            request = server.heard()
        assert [isinstance(answer, ChatError) for answer in answers] == [reply is UNKNOWN]


def test_what_is_no_reply_is_no_verdict(place: Place) -> None:
    server = Server(place)
    first = send(place, "one")
    server.protocol.dataReceived(b"amsal telah bergabung\r\n\r\n")
    place.turn()
    assert server.transport.disconnected
    assert place.texts("bounce") == [f"outcome-unknown {first}"]
