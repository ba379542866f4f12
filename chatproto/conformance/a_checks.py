"""System A: login, texts, pushes, and users at the main server."""

from __future__ import annotations

import json
import time

from chatproto.conformance.a_objects import READ, connect, login, main_server
from chatproto.conformance.checks import Checks, Skipped, shown
from chatproto.conformance.people import DEMO_PASSWORD, fresh
from chatproto.conformance.trial import Trial
from chatproto.conformance.wires import Wire

CHECKS = Checks("A", paused=True)
_NOBODY = "Pengguna tujuan tidak ditemukan"


@CHECKS(
    "6, rule 20", "login is answered berhasil, with a tipe that is not terima, and the connection stays open"
)
def login_is_answered(trial: Trial) -> None:
    person = trial.people[0]
    client = connect(trial)
    reply = client.ok(tipe="login", username=person.user, password=person.password)
    if not isinstance(reply.get("tipe"), str) or reply["tipe"] == "terima":
        client.wrong('"tipe" that is not "terima"')
    client.silent()


@CHECKS("1.1", "login with a wrong password, or of nobody: gagal, Username atau password salah")
def login_with_a_wrong_password(trial: Trial) -> None:
    for user in (trial.people[0].user, fresh()):
        client = connect(trial)
        reply = client.ask(tipe="login", username=user, password="salah")
        client.refused(reply, "Username atau password salah")


@CHECKS("1.1", "kirim to somebody who does not exist: gagal, Pengguna tujuan tidak ditemukan")
def kirim_to_nobody(trial: Trial) -> None:
    client = login(trial, 0)
    reply = client.ask(tipe="kirim", **{"from": client.user}, to=fresh(), message="halo")
    client.refused(reply, _NOBODY)


@CHECKS(
    "8, A1",
    "kirim: berhasil; the recipient, if it is there, gets tipe terima with from, to, message and no status",
)
def kirim_is_pushed(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    messi.ok(tipe="kirim", **{"from": messi.user}, to=henderson.user, message="halo")
    henderson.pushed(messi.user, "halo")


@CHECKS("1.1", "Messages that were pushed count as read")
def pushed_is_read(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    messi.ok(tipe="kirim", **{"from": messi.user}, to=henderson.user, message="halo")
    henderson.pushed(messi.user, "halo")
    time.sleep(0.2)
    if henderson.texts():
        henderson.wrong("nothing kept")


@CHECKS("6, rule 20", "At least 50 ms lie between two objects, so that each is a read of its own")
def objects_have_reads_of_their_own(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    objects = [
        {"tipe": "kirim", "from": messi.user, "to": henderson.user, "message": str(number)}
        for number in range(4)
    ]
    messi.say("".join(map(json.dumps, objects)))
    for number in range(4):
        if messi.answer()["status"] != "berhasil":
            messi.wrong('"status": "berhasil"')
        henderson.pushed(messi.user, str(number))


@CHECKS("1.3", "login and the first message in one packet: both are done and answered")
def login_and_kirim_in_one_packet(trial: Trial) -> None:
    person, henderson = trial.people[0], login(trial, 1)
    client = connect(trial)
    client.say(
        json.dumps({"tipe": "login", "username": person.user, "password": person.password})
        + json.dumps({"tipe": "kirim", "from": person.user, "to": henderson.user, "message": "bersama"})
    )
    for _ in range(2):
        if client.answer()["status"] != "berhasil":
            client.wrong('"status": "berhasil"')
    henderson.pushed(person.user, "bersama")


@CHECKS(
    "8, A2",
    "What is sent to somebody who is away waits for terima, is not pushed at login, and is given once",
)
def terima_takes_what_waits(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    henderson.close()
    time.sleep(0.2)
    messi.ok(tipe="kirim", **{"from": messi.user}, to=henderson.user, message="nanti dibaca")
    person = trial.people[1]
    again = connect(trial, person.user)
    again.user = person.user
    again.ok(tipe="login", username=person.user, password=person.password)
    again.silent()
    for expected in ([(messi.user, "nanti dibaca")], []):
        if again.texts() != expected:
            again.wrong(f'"percakapan" with {expected}' if expected else "nothing more")


@CHECKS(
    "6, rule 22",
    "A message that does not fit one read of 1024 bytes is taken, and kept for terima, not pushed",
)
def long_messages_are_kept(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    text = "panjang " * (READ // 8)
    messi.ok(tipe="kirim", **{"from": messi.user}, to=henderson.user, message=text)
    henderson.silent()
    reply = henderson
    reply.say(json.dumps({"tipe": "terima", "username": henderson.user}))
    raw = b""
    while not raw.endswith(b"}"):
        raw += henderson.read("the kept message")
    if [each.get("message") for each in json.loads(raw).get("percakapan", [])] != [text]:
        henderson.fail("the long text in percakapan", shown(raw))


@CHECKS("6, rule 22", "An object may come in any number of pieces")
def objects_in_pieces(trial: Trial) -> None:
    person = trial.people[0]
    client = connect(trial)
    data = json.dumps({"tipe": "login", "username": person.user, "password": person.password})
    for at in range(0, len(data), 7):
        client.say(data[at : at + 7])
        time.sleep(0.01)
    if client.answer()["status"] != "berhasil":
        client.wrong('"status": "berhasil"')


@CHECKS("1.1", "An unknown tipe, or none, is answered gagal with a pesan, and the connection goes on")
def what_is_unknown_is_answered(trial: Trial) -> None:
    client = login(trial, 0)
    for fields in ({"tipe": "apa"}, {"a": 1}, {"tipe": 7}, {"tipe": "kirim"}):
        client.refused(client.ask(**fields))
    client.texts()


@CHECKS("6, rule 22", "What is no JSON is answered gagal, and the connection goes on")
def what_is_no_json_is_answered(trial: Trial) -> None:
    client = login(trial, 0)
    for data in (b"{]", b'{"tipe": "\xff"}'):
        client.say(data)
        client.refused(client.answer())
    time.sleep(0.2)
    client.texts()


@CHECKS("6, rule 21", "On a connection with a login, from and username have to be its user")
def nobody_speaks_for_others(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    messi.refused(messi.ask(tipe="kirim", **{"from": henderson.user}, to=henderson.user, message="palsu"))
    messi.refused(messi.ask(tipe="terima", username=henderson.user))
    henderson.silent()


@CHECKS("6, rule 21", "Without a login kirim and terima are refused")
def strangers_are_refused(trial: Trial) -> None:
    user = trial.people[0].user
    for fields in (
        {"tipe": "kirim", "from": user, "to": user, "message": "halo"},
        {"tipe": "terima", "username": user},
    ):
        client = connect(trial)
        client.refused(client.ask(**fields))


@CHECKS("6, rule 20", "If the first request is not a login, the server closes after its reply")
def one_request_and_the_end(trial: Trial) -> None:
    client = connect(trial)
    client.ask(tipe="terima", username=trial.people[0].user)
    client.ends("the connection ends after the reply")


@CHECKS("6, rule 20", "After the client's half-close the server answers, and closes")
def half_close_ends_it(trial: Trial) -> None:
    client = login(trial, 0)
    client.say(json.dumps({"tipe": "terima", "username": client.user}))
    client.half_close()
    client.answer()
    client.ends("the connection ends after the reply")


@CHECKS("6, rule 20", "Objects are compact ASCII")
def objects_are_ascii(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    messi.ok(tipe="kirim", **{"from": messi.user}, to=henderson.user, message="café ☕")
    henderson.pushed(messi.user, "café ☕")
    if not henderson.raw.isascii():
        henderson.wrong("only ASCII")


@CHECKS("8, A2", "daftar at the main server: berhasil, again gagal; then login at the realm")
def daftar_makes_users(trial: Trial) -> None:
    main, user = main_server(trial), fresh()
    request = {"tipe": "daftar", "username": user, "realm": trial.target.realm, "password": DEMO_PASSWORD}
    connect(trial, "main", main).ok(**request)
    again = connect(trial, "main", main)
    again.refused(again.ask(**request))
    connect(trial, user).ok(tipe="login", username=user, password=DEMO_PASSWORD)


@CHECKS(
    "1.3",
    "Groups, as ours names them: buat_grup, gabung_grup, kirim_pesan_grup or kirim_grup with from, grup, message",
)
def groups_by_objects(trial: Trial) -> None:
    messi, henderson, group = login(trial, 0), login(trial, 1), fresh("g")
    messi.ok(tipe="buat_grup", **{"from": messi.user}, grup=group)
    messi.refused(messi.ask(tipe="buat_grup", **{"from": messi.user}, grup=group))
    henderson.ok(tipe="gabung_grup", **{"from": henderson.user}, grup=group)
    henderson.refused(henderson.ask(tipe="gabung_grup", **{"from": henderson.user}, grup=fresh("g")))
    for tipe, text in (("kirim_pesan_grup", "rapat"), ("kirim_grup", "pagi")):
        messi.ok(tipe=tipe, **{"from": messi.user}, grup=group, message=text)
        pushed = henderson.one("a push: one JSON object, in a read of its own")
        if (pushed.get("tipe"), pushed.get("from"), pushed.get("message")) != ("terima", messi.user, text):
            henderson.wrong(f'{{"tipe": "terima", "from": "{messi.user}", ..., "message": "{text}"}}')


@CHECKS(
    "1.4",
    "The program for two: both send a name and get the other's; one of the callers is spoken to first, then turn by turn",
)
def talk_relays_turns(trial: Trial) -> None:
    if trial.target.talk is None:
        raise Skipped("no program for two was given: --talk HOST:PORT")
    callers = [trial.wire(Wire, name, trial.target.talk) for name in ("ani", "budi")]
    for caller in callers:
        caller.say(caller.who)
    for caller, other in zip(callers, reversed(callers), strict=True):
        name = caller.read("the other's name")
        if name != other.who.encode():
            caller.fail(f"{other.who}, in a read of its own", shown(name))
    # The one who connected first waits the longer, but which of the two is spoken to is not fixed.
    deadline = time.monotonic() + trial.target.patience
    while not any(spoken := [bool(caller.leftover()) for caller in callers]):
        if time.monotonic() > deadline:
            callers[0].fail("one of the two is spoken to", "nothing in time")
        time.sleep(0.01)
    first, second = callers if spoken[0] else reversed(callers)
    first.read("an opening")
    for speaker, hearer, text in (
        (first, second, "hai"),
        (second, first, "halo"),
        (first, second, "apa kabar?"),
    ):
        speaker.say(text)
        heard = hearer.read(text)
        if heard != text.encode():
            hearer.fail(text, shown(heard))
