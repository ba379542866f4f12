"""System B: what passes between a server and an original one, which is the kit."""

from __future__ import annotations

import uuid
from typing import Any

from chatproto.conformance.b_files import CONTENT
from chatproto.conformance.checks import Checks
from chatproto.conformance.lines import NO_SUCH_USER, NOT_FOUND, UNKNOWN_COMMAND, LineClient, as_object
from chatproto.conformance.originals import Original, encoded
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial

CHECKS = Checks("B")


def realm_box(client: LineClient, realm: str) -> list[dict[str, Any]]:
    """Take what is in the box of a realm: entries that are objects."""
    answer = client.ask(f"getrealminbox {client.token} {realm} ")
    if answer.refused:
        answer.error(NOT_FOUND)  # as originals say it where there never was any mail
        return []
    entries = answer.member("messages", list)
    if not all(isinstance(entry, dict) for entry in entries):
        answer.fail('"messages": a JSON array of objects')
    return [*entries]


def expect_box(client: LineClient, realm: str, *entries: dict[str, str]) -> None:
    """Expect entries in the box of a realm, with at least these members."""
    seen = realm_box(client, realm)
    found = [
        {name: str(each.get(name)).strip(" \r\n") for name in entry}
        for each, entry in zip(seen, entries, strict=False)
    ]
    if len(seen) != len(entries) or found != [*entries]:
        client.fail(f"in the box of {realm}: {[*entries]}", f"{seen}")


def told(trial: Trial, original: Original, line: str) -> LineClient:
    """Say something as the original server, on a connection of its own; the answer is still to be read."""
    server = trial.other_server()
    server.say(line + "\r\n")
    return server


@CHECKS("8, B4", "addrealm R HOST PORT: recvrealm R and an address are sent there, and its OK is passed on")
def addrealm_links_an_original(trial: Trial) -> None:
    client = trial.login(0)
    original, answer = trial.originals.get(client)
    answer.ok()
    words = original.expect(f"recvrealm {original.realm} ", client).split()
    if len(words) != 4 or not words[3].isdigit():
        client.fail(f"recvrealm {original.realm} HOST PORT at the other server", " ".join(words))
    host, port = original.address
    client.ask(f"addrealm {original.realm} {host} {port} ").error("Realm sudah ada")


@CHECKS(
    "2.3", "sendprivaterealm: recvrealmprivatemsg FROM R U text at the other server, whose reply is passed on"
)
def a_text_goes_to_an_original(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    answer = client.ask(f"sendprivaterealm {client.token} {original.realm} budi  halo  apa   kabar")
    start = f"recvrealmprivatemsg {client.user} {original.realm} budi"
    request = original.expect(start, client)
    if " ".join(request.split()) != f"{start} halo apa kabar":
        client.fail(f"the request {start} halo  apa   kabar", request)
    answer.ok("Message Sent to Realm")


@CHECKS("7", "Blanks inside a text are not lost between servers")
def blanks_go_to_an_original(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    client.ask(f"sendprivaterealm {client.token} {original.realm} budi  satu  dua   tiga").ok()
    request = original.expect("recvrealmprivatemsg ", client)
    if not request.endswith(" satu  dua   tiga"):
        client.fail("a request that ends in 'satu  dua   tiga'", request)


@CHECKS("7", "The other server's error is passed on, whatever its text: User Tidak Ditemukan, Gagal")
def an_error_of_an_original(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    for text in (NO_SUCH_USER, "Gagal", "Lain kali saja"):
        refused = encoded({"status": "ERROR", "message": text})
        original.special["recvrealmprivatemsg"] = lambda _, refused=refused: refused  # type: ignore[misc]
        client.ask(f"sendprivaterealm {client.token} {original.realm} {fresh()}  halo").error(text)


@CHECKS(
    "7", "What the other server refused once it is asked again: it may have meant the sender, or not know us"
)
def an_error_is_not_remembered(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    for text in (NO_SUCH_USER, UNKNOWN_COMMAND):
        user = fresh("u")
        refused = encoded({"status": "ERROR", "message": text})
        original.special["recvrealmprivatemsg"] = lambda _, refused=refused: refused  # type: ignore[misc]
        client.ask(f"sendprivaterealm {client.token} {original.realm} {user}  halo").error()
        original.special.clear()
        client.ask(f"sendprivaterealm {client.token} {original.realm} {user}  lagi").ok(
            "Message Sent to Realm"
        )
        original.expect(f"recvrealmprivatemsg {client.user} {original.realm} {user} lagi", client)


@CHECKS("2.3", "sendgrouprealm: recvrealmgroupmsg FROM R L text at the other server, also if L is one name")
def a_group_text_goes_to_an_original(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    answer = client.ask(f"sendgrouprealm {client.token} {original.realm} budi,ani  halo ")
    answer.ok("Message Sent to Group in Realm")
    start = f"recvrealmgroupmsg {client.user} {original.realm} budi,ani"
    request = original.expect(start, client)
    if request.removeprefix(start).strip() != "halo":
        client.fail(f"the request {start} halo", request)
    answer = client.ask(f"sendgrouprealm {client.token} {original.realm} citra  halo ")
    answer.ok("Message Sent to Group in Realm")
    original.expect(f"recvrealmgroupmsg {client.user} {original.realm} citra halo", client)


@CHECKS(
    "2.3",
    "sendfilerealm: recvfilerealm FROM R U P F at the other server; sendgroupfilerealm: recvgroupfilerealm",
)
def files_go_to_an_original(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    for verb, to, request, reply in (
        ("sendfilerealm", "budi", "recvfilerealm", "File Sent to Realm"),
        ("sendgroupfilerealm", "budi,ani", "recvgroupfilerealm", "Message Sent to Group in Realm"),
        ("sendgroupfilerealm", "citra", "recvgroupfilerealm", "Message Sent to Group in Realm"),
    ):
        client.ask(f"{verb} {client.token} {original.realm} {to} surat.txt {CONTENT}").ok(reply)
        start = f"{request} {client.user} {original.realm} {to}"
        words = original.expect(start, client).split(" ")
        if words[4:] != ["surat.txt", CONTENT]:
            client.fail(f"the request {start} surat.txt {CONTENT}", " ".join(words))


@CHECKS("7", "A file that the other server refuses is not File Sent to Realm: its error is passed on")
def a_refused_file(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    refused = encoded({"status": "ERROR", "message": NOT_FOUND})
    original.special["recvfilerealm"] = lambda _: refused
    client.ask(f"sendfilerealm {client.token} {original.realm} budi surat.txt {CONTENT}").error()


@CHECKS("7", "A peer that does not answer holds up nobody for ever, nor those who ask for something else")
def a_silent_original(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    original = trial.original(messi)
    original.special["recvrealmprivatemsg"] = lambda _: None
    messi.say(f"sendprivaterealm {messi.token} {original.realm} budi  halo\r\n")
    henderson.ask(f"send {henderson.token} {messi.user}  sementara itu ").ok("Message Sent")
    messi.patience *= 6
    messi.answer()
    original.special.clear()
    messi.ask(f"inbox {messi.token} ").ok()


@CHECKS(
    "2.3",
    "recvrealmprivatemsg FROM R U text: Message Sent to Realm; getrealminbox has FROM and U's display name",
)
def a_text_comes_from_an_original(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    realm_box(client, original.realm)
    sender, text = fresh("s"), "halo dari sana"
    server = told(trial, original, f"recvrealmprivatemsg {sender} {original.realm} {client.user} {text}")
    server.answer().ok("Message Sent to Realm")
    client.silent()
    entry = {"msg_from": sender, "msg": text}
    expect_box(client, original.realm, entry | ({"msg_to": client.shown} if client.shown else {}))
    expect_box(client, original.realm)
    if client.inbox():
        client.fail("nothing in inbox: the message is in the box of its realm", "the message")


@CHECKS("2.3", "recvrealmprivatemsg to somebody who does not exist: User Tidak Ditemukan")
def a_text_for_nobody(trial: Trial) -> None:
    original = trial.original(trial.login(0))
    server = told(trial, original, f"recvrealmprivatemsg ani {original.realm} {fresh()} halo")
    server.answer().error(NO_SUCH_USER)


@CHECKS(
    "6, rule 26",
    "A sender of another server who has the name of a local user is not shown with that one's display name",
)
def a_sender_with_a_local_name(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    original = trial.original(messi)
    realm_box(messi, original.realm)
    server = told(trial, original, f"recvrealmprivatemsg {henderson.user} {original.realm} {messi.user} halo")
    server.answer().ok()
    expect_box(messi, original.realm, {"msg_from": henderson.user, "msg": "halo"})


@CHECKS("2.3", "recvrealmgroupmsg FROM R L text: Message Sent to Group in Realm, to each of the list")
def a_group_text_comes_from_an_original(trial: Trial) -> None:
    clients = [trial.login(0), trial.login(1)]
    original = trial.original(clients[0])
    for client in clients:
        realm_box(client, original.realm)
    names = ",".join(client.user for client in clients)
    server = told(trial, original, f"recvrealmgroupmsg ani {original.realm} {names} rapat")
    server.answer().ok("Message Sent to Group in Realm")
    for client in clients:
        expect_box(client, original.realm, {"msg_from": "ani", "msg": "rapat"})


@CHECKS("7", "A list of an original server with an unknown name: an ERROR reply, and nobody has anything")
def a_list_with_an_unknown_name_comes_from_an_original(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    realm_box(client, original.realm)
    names = f"{client.user},{fresh()}"
    told(trial, original, f"recvrealmgroupmsg ani {original.realm} {names} rapat").answer().error()
    line = f"recvgroupfilerealm ani {original.realm} {names} surat.txt {CONTENT}"
    told(trial, original, line).answer().error()
    told(trial, original, f"recvrealmprivatemsg ani {original.realm} {client.user} halo").answer().ok()
    expect_box(client, original.realm, {"msg_from": "ani", "msg": "halo"})


@CHECKS("7", "recvfilerealm: File Received to Realm, and the file is in the box; recvgroupfilerealm likewise")
def files_come_from_an_original(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    realm_box(client, original.realm)
    for word, reply in (
        ("recvfilerealm", "File Received to Realm"),
        ("recvgroupfilerealm", "Message Sent to Group in Realm"),
    ):
        line = f"{word} ani {original.realm} {client.user} surat.txt {CONTENT}"
        told(trial, original, line).answer().ok(reply)
        file = {"msg_from": "ani", "file_name": "surat.txt", "file_content": CONTENT}
        expect_box(client, original.realm, file)


@CHECKS(
    "6, rule 17",
    "getrealmchat R U: a list, without what was pushed already and without the mail of local users",
)
def getrealmchat_tells_no_more(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    user = fresh("u")
    client.ask(f"sendprivaterealm {client.token} {original.realm} {user}  halo").ok()
    client.ask(f"send {client.token} {client.user}  rahasia ").ok()
    for name in (user, client.user):
        answer = told(trial, original, f"getrealmchat {original.realm} {name} ").answer()
        if answer.refused:
            answer.error(NOT_FOUND)
        elif answer.member("messages", list):
            answer.fail('"messages": []')
    if client.texts() != [(client.user, "rahasia")]:
        client.fail("the own mail in the inbox", "another inbox")


@CHECKS(
    "2.3",
    "recvrealm R HOST PORT with the server's own address: OK; what is for R waits for getrealmchat, once",
)
def an_original_links_itself(trial: Trial) -> None:
    client = trial.login(0)
    trial.original(client)  # a server that lets nobody add realms takes none either
    realm, (host, port) = fresh("r"), trial.target.server
    server = told(trial, trial.original(client), f"recvrealm {realm} {host} {port}")
    server.answer().ok()
    user = fresh("u")
    client.ask(f"sendprivaterealm {client.token} {realm} {user}  tunggu").ok("Message Sent to Realm")
    for expected in (["tunggu"], []):
        answer = server.ask(f"getrealmchat {realm} {user} ")
        entries = (
            [] if answer.refused else [as_object(answer, each) for each in answer.member("messages", list)]
        )
        if [str(entry.get("msg")).strip() for entry in entries] != expected:
            answer.fail(f"messages with the texts {expected}")
    server.ask(f"recvrealmprivatemsg {user} {realm} {client.user} balas").ok("Message Sent to Realm")
    expect_box(client, realm, {"msg_from": user, "msg": "balas"})


@CHECKS("6, rule 15", "Commands for servers test the first word only, and with too few words nothing breaks")
def requests_that_are_cut_short(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    for line in (
        "recvrealmprivatemsg",
        f"recvrealmprivatemsg ani {original.realm}",
        f"getrealmchat {uuid.uuid4()}",
    ):
        told(trial, original, line).answer().error()
    client.ask(f"inbox {client.token} ").ok()


@CHECKS("6, rule 15", "Commands for servers, for a linked R, from another address: **Protocol Tidak Benar")
def another_address_is_a_stranger(trial: Trial) -> None:
    client = trial.login(0)
    realm, source = trial.original(client).realm, trial.stranger_source
    if not source:
        trial.skip("needs another address of this machine, and the server on it")
    stranger = trial.connect("stranger", source=source)
    for line in (
        f"recvrealmprivatemsg penipu {realm} {client.user} halo",
        f"getrealmchat {realm} penipu ",
        f"server send penipu {client.user} halo ",
        f"check group penipu {fresh('g')} other ",
    ):
        stranger.ask(line).error(UNKNOWN_COMMAND)
