"""Rooms as groups of the realm, guests as people who are no users of it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto import commands, events
from chatproto.errors import BadName, GroupExists, NotAllowed, NotMember, QuotaReached
from chatproto.limits import Limits
from chatproto.names import UserName, guest_in_address, guest_name, is_guest, name_in_address, room_group
from chatproto.records import FileRow, FileState, LoginRow
from tests.realm.circle import ALPHA, Circle
from tests.realm.house import Client, House


class Town(House):
    """A realm with rooms; ``shared``: its users may join them."""

    def __init__(self, *, shared: bool = False, limits: Limits | None = None) -> None:
        super().__init__(limits=limits)
        self.share(shared)

    def share(self, shared: bool) -> None:
        """Let the operator decide."""
        self.policy = msgspec.structs.replace(self.policy, shared_rooms=shared)
        self.restart()

    def guest(self, name: str = "ani", room: str = "r1") -> Client:
        """Return a guest's connection."""
        guest = self.client()
        guest.ask(commands.EnterRoom(name=name, room=room))
        return guest


@given(st.text(max_size=60), st.text(max_size=60))
def test_rooms_have_names_of_their_own(one: str, other: str) -> None:
    assert (room_group(one) == room_group(other)) == (one == other)


def test_the_id_of_a_room_stands_in_the_name_of_its_group() -> None:
    assert room_group("r1") == "room-r1"
    assert room_group("Kelas 2") == "room-_4belas_202"
    assert room_group("é_") == "room-_c3_a9_5f"
    assert len(room_group("x" * 1024)) == 64


def back(group: str) -> str:
    """Return the id of a room from the name of its group."""
    head, *rest = group.removeprefix("room-").split("_")
    return (head.encode() + b"".join(bytes.fromhex(part[:2]) + part[2:].encode() for part in rest)).decode()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=4))
def test_it_can_be_read_from_there(room: str) -> None:
    assert back(room_group(room)) == room


@given(st.text(max_size=100))
def test_no_account_can_be_called_like_a_guest(typed: str) -> None:
    name = guest_name(typed)
    local = guest_in_address(name)
    assert name
    assert "@" not in local
    assert is_guest(local)
    assert name_in_address(local) == name
    with pytest.raises(BadName):
        UserName.parse(local)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Budi Santoso", "Budi Santoso"),
        ("a\nb\x00\u2028c", "a b  c"),
        ("\u202eina", "ina"),
        ("budi> hai <ani", "budi_ hai _ani"),
        ("x" * 100, "x" * 64),
        (" \u200b ", "guest"),
        ("e\u200b\u0301", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ],
)
def test_the_name_of_a_guest_is_one_line_and_no_bracket(typed: str, name: str) -> None:
    assert guest_name(typed) == name


@pytest.mark.parametrize("local", ["ani", "~", "~a@b", "~%", "~a\n", "~<a>"])
def test_other_names_are_no_guests(local: str) -> None:
    assert not is_guest(local)


def test_a_guest_is_in_no_store_and_in_no_list() -> None:
    town = Town()
    messi, guest = town.client("messi"), town.guest("henderson")
    before = town.rows(LoginRow)
    town.turn(100_000)
    guest.ask(commands.Send(to="room-r1", text="halo"))
    assert town.rows(LoginRow) == before
    assert [user.username for user in messi.ask(commands.Info()).users] == ["messi"]
    assert messi.ask(commands.Active()).users == ["messi@alpha"]


def test_a_guest_can_say_nothing_elsewhere_and_read_nothing_else() -> None:
    town = Town()
    messi = town.client("messi")
    messi.ask(commands.Create(group="bola"))
    guest = town.guest()
    with pytest.raises(NotMember):
        guest.ask(commands.Send(to="bola", text="halo"))
    town.guest("budi", "r2")
    with pytest.raises(NotMember):
        guest.ask(commands.Send(to="room-r2", text="halo"))


def test_users_are_kept_out_unless_the_operator_says_so() -> None:
    town = Town()
    town.guest()
    messi = town.client("messi")
    with pytest.raises(NotAllowed):
        messi.ask(commands.Join(group="room-r1"))
    with pytest.raises(NotMember):
        messi.ask(commands.Send(to="room-r1", text="halo"))
    town.share(True)
    messi, _ = town.client("messi"), town.guest()
    messi.ask(commands.Join(group="room-r1"))
    state = messi.ask(commands.Group(group="room-r1"))
    assert state.owner is None


def test_who_is_called_like_a_user_is_told_from_it_where_both_may_be() -> None:
    town = Town(shared=True)
    town.guest()
    messi = town.client("messi")
    messi.ask(commands.Join(group="room-r1"))
    town.guest("Messi").ask(commands.Send(to="room-r1", text="halo"))
    town.guest("ani").ask(commands.Send(to="room-r1", text="hai"))
    page = messi.history("room-r1")
    said = [(item.from_, item.text) for item in page.messages if item.kind == "text"]
    assert said == [("~~Messi@alpha", "halo"), ("~ani@alpha", "hai")]
    (one, two) = messi.inbox()
    assert (one.sender, one.msg_from, one.group, two.msg_from) == ("~~Messi", "~~Messi", "room-r1", "~ani")


def test_a_group_of_users_is_a_room_only_if_it_is_open_and_rooms_are_shared() -> None:
    town = Town()
    messi = town.client("messi")
    messi.ask(commands.Create(group="room-r1"))
    messi.ask(commands.Create(group="room-r2", access="invited"))
    with pytest.raises(NotAllowed):
        town.guest(room="r1")
    town.share(True)
    town.guest(room="r1")
    with pytest.raises(NotAllowed):
        town.guest(room="r2")


def test_a_name_that_is_taken_is_no_room() -> None:
    town = Town()
    town.add("room-r1")
    with pytest.raises(GroupExists):
        town.guest()


def test_a_room_that_was_deleted_is_none_for_ever() -> None:
    town = Town()
    town.guest()
    operator = town.client()
    operator.session.administrator = True
    operator.ask(commands.GroupDelete(group="room-r1"))
    with pytest.raises(GroupExists):
        town.guest()


def test_there_are_so_many_rooms_and_no_more() -> None:
    town = Town(limits=Limits(rooms=2))
    town.guest(room="r1")
    town.guest(room="r2")
    for _ in range(2):
        with pytest.raises(QuotaReached):
            town.guest(room="r3")
        town.guest(room="r1")
        town.restart()


def test_two_who_make_one_room_at_once_are_in_the_same() -> None:
    town = Town()
    one, two = town.client(), town.client()
    answers = [client.begin(commands.EnterRoom(name="ani", room="r1")) for client in (one, two)]
    town.turn()
    assert [answer.made for (answer,) in answers if isinstance(answer, events.EnteredRoom)] == [True, False]


def test_a_room_tells_its_id_where_its_name_does_not() -> None:
    town = Town(shared=True)
    town.guest(room="r1")
    town.guest(room="Kelas 2")
    messi = town.client("messi")
    topics = []
    for room in ("r1", "Kelas 2"):
        messi.ask(commands.Join(group=room_group(room)))
        topics.append(messi.ask(commands.Group(group=room_group(room))).topic)
    assert topics == ["", "Kelas 2"]


def upload(client: Client, to: str, data: bytes) -> str:
    """Send a file, and return its id."""
    begun = client.ask(commands.Upload(to=to, name="a.txt", size=len(data)))
    client.ask(commands.Chunk(file=begun.file, offset=0, size=len(data), data=data))
    client.ask(commands.Finish(file=begun.file))
    return str(begun.file)


def test_files_of_guests_are_the_realms_and_of_users_the_rooms() -> None:
    town = Town(shared=True)
    guest, messi = town.guest(), town.client("messi")
    messi.ask(commands.Join(group="room-r1"))
    for sender, reader in ((guest, messi), (messi, guest)):
        file = upload(sender, "room-r1", b"isi")
        piece = reader.ask(commands.Download(file=file, offset=0, size=3))
        assert piece.data == b"isi"
    assert {row.state for row in town.rows(FileRow)} == {FileState.STORED}


def test_a_guest_of_another_room_reads_no_file_of_one_with_its_name() -> None:
    town = Town()
    file = upload(town.guest("ani", "r1"), "room-r1", b"isi")
    other = town.guest("ani", "r2")
    with pytest.raises(Exception, match="file"):
        other.ask(commands.Download(file=file, offset=0, size=3))


def test_one_network_brings_so_many_bytes_a_day() -> None:
    town = Town(limits=Limits(file_bytes_a_day=10))
    upload(town.guest("ani"), "room-r1", b"12345678")
    other = town.guest("budi")
    with pytest.raises(QuotaReached):
        other.ask(commands.Upload(to="room-r1", name="a", size=3))
    town.turn(86_400)
    other.ask(commands.Upload(to="room-r1", name="a", size=3))


def test_a_connection_is_one_guest() -> None:
    guest = Town().guest()
    with pytest.raises(Exception, match="already"):
        guest.ask(commands.EnterRoom(name="budi", room="r2"))


def test_users_of_other_realms_read_what_guests_say() -> None:
    circle = Circle()
    town = circle.houses[ALPHA]
    town.policy = msgspec.structs.replace(town.policy, shared_rooms=True)
    circle.reopen(ALPHA)
    guest, amsal = Client(town), circle.client("amsal@beta")
    guest.ask(commands.EnterRoom(name="Budi Santoso", room="r1"))
    joining = amsal.begin(commands.Join(group="room-r1@alpha"))
    circle.carry()
    assert joining == [events.GroupChanged(group="room-r1@alpha")]
    guest.send("room-r1", "halo")
    amsal.send("room-r1@alpha", "hai")
    circle.carry()
    said = [
        (item.from_, item.text) for item in amsal.history("room-r1@alpha").messages if item.kind == "text"
    ]
    assert said == [("~Budi Santoso@alpha", "halo"), ("amsal@beta", "hai")]
    assert guest.texts == ["hai"]
