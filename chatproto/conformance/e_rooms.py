"""System E: rooms, whose fields are told apart by pauses."""

from __future__ import annotations

import time

from chatproto.conformance.checks import Checks, shown
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial
from chatproto.conformance.wires import Wire

CHECKS = Checks("E", paused=True)
#: Between two fields; the clients of E wait for 0.1 s.
PAUSE = 0.12
_NEW, _KNOWN = "New Group created", "Welcome to chat room"


class Guest(Wire):
    """Somebody in a room."""

    name = ""

    def fields(self, *fields: str | bytes) -> None:
        """Send fields with pauses between."""
        for field in fields:
            self.say(field)
            time.sleep(PAUSE)

    def shows(self, *texts: str) -> None:
        """Expect that a read gives exactly one of the texts."""
        seen = self.read(" or ".join(texts))
        self.traces.understand_text(seen)
        if seen.decode("utf-8", "replace") not in texts:
            self.fail(" or ".join(texts) + ", in a read of its own", shown(seen))

    def hears(self, sender: str, text: str) -> None:
        """Expect a text."""
        self.shows(f"<{sender}> {text}", f"[{sender}] {text}")

    def receives(self, name: str, data: bytes, sender: str) -> None:
        """Expect a file: each field in a read of its own, then exactly its bytes."""
        for field in ("FILE", name, str(len(data)), sender):
            self.shows(field)
        got = self.exactly(len(data), f"{len(data)} bytes of {name}")
        if got != data:
            self.fail(f"the bytes of {name} as they were sent", shown(got))


def enter(trial: Trial, name: str, room: str, *welcome: str) -> Guest:
    """Return somebody who is in a room."""
    guest = trial.wire(Guest, name)
    guest.name = name
    guest.fields(name, room)
    guest.shows(*(welcome or (_NEW, _KNOWN)))
    return guest


@CHECKS("8, E1.1", "Name, pause, room: New Group created in a room that is new, else Welcome to chat room")
def entering_a_room(trial: Trial) -> None:
    room = fresh()
    enter(trial, "ani", room, _NEW)
    enter(trial, "budi", room, _KNOWN)


@CHECKS("8, E1.2", "A text goes to all others in the room as <name> text, and not to its sender")
def texts_go_to_the_others(trial: Trial) -> None:
    room = fresh()
    ani, budi, citra = (enter(trial, name, room) for name in ("ani", "budi", "citra"))
    ani.say("halo")
    for other in (budi, citra):
        other.hears("ani", "halo")
    ani.silent()
    budi.say("café ☕ dua  blank")
    for other in (ani, citra):
        other.hears("budi", "café ☕ dua  blank")


@CHECKS("5", "Other rooms hear nothing")
def rooms_are_apart(trial: Trial) -> None:
    first, second = enter(trial, "ani", fresh()), enter(trial, "budi", fresh())
    first.say("halo")
    second.silent()


@CHECKS("5", "The words 'User ' and 'Join ' are dropped where they occur")
def words_are_dropped(trial: Trial) -> None:
    room = fresh()
    budi = enter(trial, "budi", room)
    ani = enter(trial, "User ani", f"Join {room}", _KNOWN)
    ani.say("halo")
    budi.hears("ani", "halo")


@CHECKS(
    "8, E1.3",
    "A file: FILE, name, size, sender with pauses, a pause before the bytes too; its sender hears nothing",
)
def a_file_goes_to_the_others(trial: Trial) -> None:
    room = fresh()
    ani, budi, citra = (enter(trial, name, room) for name in ("ani", "budi", "citra"))
    ani.fields("FILE", "client_a.txt", "4", b"isi\n")
    for other in (budi, citra):
        other.receives("client_a.txt", b"isi\n", "ani")
    ani.silent()


@CHECKS("7", "After exactly size bytes texts go on, in reads of their own")
def texts_after_a_file(trial: Trial) -> None:
    room = fresh()
    ani, budi = enter(trial, "ani", room), enter(trial, "budi", room)
    data = bytes(range(256)) * 1200
    ani.fields("FILE", "client_b.bin", str(len(data)))
    for at in range(0, len(data), 1024):
        ani.say(data[at : at + 1024])
    time.sleep(PAUSE)
    ani.say("sudah")
    budi.receives("client_b.bin", data, "ani")
    budi.hears("ani", "sudah")


@CHECKS("7", "Nothing is mixed into a file: what others say meanwhile comes before or after it")
def nothing_is_mixed_into_a_file(trial: Trial) -> None:
    room = fresh()
    ani, budi, citra = (enter(trial, name, room) for name in ("ani", "budi", "citra"))
    ani.fields("FILE", "client_c.txt", "8", "setengah"[:4])
    budi.say("menyela")
    time.sleep(PAUSE)
    ani.say("setengah"[4:])
    citra.hears("budi", "menyela")
    citra.receives("client_c.txt", b"setengah", "ani")
    ani.hears("budi", "menyela")


@CHECKS(
    "7",
    "A sender who goes away in the middle of a file does not hold up the room, and nothing of the file comes",
)
def an_incomplete_file_is_dropped(trial: Trial) -> None:
    room = fresh()
    ani, budi, citra = (enter(trial, name, room) for name in ("ani", "budi", "citra"))
    ani.fields("FILE", "client_d.txt", "1000", "hanya ini")
    ani.close()
    budi.silent()
    budi.say("masih ada?")
    citra.hears("budi", "masih ada?")


@CHECKS("7", "A size that is no size, or over any limit, does not hold up the room")
def sizes_that_are_none(trial: Trial) -> None:
    room = fresh()
    budi, citra = (enter(trial, name, room) for name in ("budi", "citra"))
    for size in ("-1", "banyak", "99999999999999"):
        ani = enter(trial, "ani", room)
        ani.fields("FILE", "client_e.bin", size, "isi")
        ani.close()
        time.sleep(PAUSE)
    budi.say("masih ada?")
    while (seen := citra.read("<budi> masih ada?")) not in {b"<budi> masih ada?", b"[budi] masih ada?"}:
        # What is no file is text.
        if not seen.startswith((b"<ani> ", b"[ani] ")):
            citra.fail("texts of ani, and what budi said", shown(seen))


@CHECKS("5", "An empty file: FILE, name, 0, sender, and no bytes")
def an_empty_file(trial: Trial) -> None:
    room = fresh()
    ani, budi = enter(trial, "ani", room), enter(trial, "budi", room)
    ani.fields("FILE", "client_kosong.txt", "0")
    for field in ("FILE", "client_kosong.txt", "0", "ani"):
        budi.shows(field)
    ani.say("sudah")
    budi.hears("ani", "sudah")


@CHECKS("7", "Who enters while a file goes out hears nothing of it, or all of it")
def newcomers_during_a_file(trial: Trial) -> None:
    room = fresh()
    ani, budi = enter(trial, "ani", room), enter(trial, "budi", room)
    ani.fields("FILE", "client_f.txt", "3", "isi")
    citra = enter(trial, "citra", room)
    budi.receives("client_f.txt", b"isi", "ani")
    ani.say("sudah")
    budi.hears("ani", "sudah")
    first = citra.read("the text, or the file")
    if first == b"FILE":
        for field in ("client_f.txt", "3", "ani", "isi"):
            citra.shows(field)
        citra.hears("ani", "sudah")
    elif first not in {b"<ani> sudah", b"[ani] sudah"}:
        citra.fail("<ani> sudah, or FILE", shown(first))


@CHECKS("7", "Of a file's name only the last part is told")
def names_of_files_are_cut(trial: Trial) -> None:
    room = fresh()
    ani, budi = enter(trial, "ani", room), enter(trial, "budi", room)
    for name in ("client_../../e.txt", r"client_..\..\e.txt"):
        ani.fields("FILE", name, "3", "isi")
        for field in ("FILE", "e.txt", "3", "ani"):
            budi.shows(field, *(("client_e.txt",) if field == "e.txt" else ()))
        budi.exactly(3, "the bytes")


@CHECKS("7", "The text FILE, typed by somebody, starts no file")
def the_text_file(trial: Trial) -> None:
    room = fresh()
    ani, budi = enter(trial, "ani", room), enter(trial, "budi", room)
    ani.fields("FILE", "itu apa?", "bukan angka")
    for text in ("FILE", "itu apa?", "bukan angka"):
        budi.hears("ani", text)


@CHECKS("7", "A member is removed at its end of file, and the room goes on without it")
def members_who_leave(trial: Trial) -> None:
    room = fresh()
    ani, budi, citra = (enter(trial, name, room) for name in ("ani", "budi", "citra"))
    ani.half_close()
    ani.ends()
    citra.close()
    enter(trial, "dedi", room, _KNOWN)
    budi.say("halo")
    budi.silent()


@CHECKS("5", "Names and rooms may hold blanks, and two members the same name")
def names_with_blanks(trial: Trial) -> None:
    room = f"ruang {fresh()} é"
    first, second = enter(trial, "si ani", room, _NEW), enter(trial, "si ani", room, _KNOWN)
    first.say("halo kembar")
    second.hears("si ani", "halo kembar")
    second.say("halo juga")
    first.hears("si ani", "halo juga")


@CHECKS("6, rule 23", "A field may come in pieces that are close together")
def fields_in_pieces(trial: Trial) -> None:
    room = fresh()
    budi = enter(trial, "budi", room)
    guest = trial.wire(Guest, "ani")
    guest.say("a")
    time.sleep(0.005)
    guest.fields("ni", room)
    guest.shows(_KNOWN)
    guest.say("halo")
    budi.hears("ani", "halo")
