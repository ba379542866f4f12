"""System D: what passes between a server and an original neighbour, which is the kit."""

from __future__ import annotations

import socket
import time

from chatproto.conformance.checks import Checks, shown
from chatproto.conformance.d_live import enter, expect_exit, expect_shown
from chatproto.conformance.lines import NO_SUCH_USER, LineClient
from chatproto.conformance.originals import Original, encoded
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial

CHECKS = Checks("D", paused=True)


@CHECKS(
    "4", "send to a user who is not local: server send FROM U text at the neighbour; its OK without sendback"
)
def a_text_goes_to_a_neighbour(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    taken = encoded({"status": "OK", "message": "Message Sent", "sendback": {"msg_from": client.user}})
    original.special["server"] = lambda _: taken
    user = fresh("u")
    answer = client.ask(f"send {client.token} {user}  jadi  main mes? ")
    request = original.expect("server send ", client)
    words = request.split(" ")
    if words[2:4] != [client.user, user] or " ".join(words[4:]).strip() != "jadi  main mes?":
        client.fail(f"the request server send {client.user} {user} jadi  main mes?", request)
    answer.ok("Message Sent")
    if "sendback" in answer.fields:
        answer.fail("no sendback in the client's reply")


@CHECKS("4", "If no neighbour knows the user: User Tidak Ditemukan")
def nobody_at_the_neighbour(trial: Trial) -> None:
    client = trial.login(0)
    trial.original(client)
    client.ask(f"send {client.token} {fresh()}  halo ").error(NO_SUCH_USER)


@CHECKS(
    "4",
    "server send FROM U text of a neighbour: OK, Message Sent and sendback; key and msg_from are the username",
)
def a_text_comes_from_a_neighbour(trial: Trial) -> None:
    client = trial.login(0)
    trial.original(client)
    server, sender = trial.other_server(), fresh("s")
    answer = server.ask(f"server send {sender} {client.user} jadi main mes? ").ok("Message Sent")
    if not answer.fields.get("sendback"):
        answer.fail('"sendback" with the entry')
    client.silent()
    box = client.inbox()
    if [(key, entry.get("msg_from"), str(entry.get("msg")).strip()) for key, entry in box] != [
        (sender, sender, "jadi main mes?")
    ]:
        client.fail(f'"{sender}": [{{"msg_from": "{sender}", ...}}]', f"{box}")
    if client.shown and box[0][1].get("msg_to") != client.shown:
        client.fail(f'"msg_to": "{client.shown}"', f"{box}")


@CHECKS("4", "server send to somebody who does not exist: User Tidak Ditemukan")
def a_text_for_nobody_here(trial: Trial) -> None:
    trial.original(trial.login(0))
    trial.other_server().ask(f"server send ani {fresh()} halo ").error(NO_SUCH_USER)


@CHECKS(
    "4",
    "group G without such a group: check group U G other at the neighbour; PENDING: the group is made here",
)
def a_group_is_looked_for(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    group = fresh("g")
    client.live = True
    client.say(f"group {client.token} {group} origin\r\n")
    request = original.expect("check group ", client)
    if request != f"check group {client.user} {group} other":
        client.fail(f"the request check group {client.user} {group} other", request)
    expect_shown(client, f"{client.user} telah bergabung")
    client.say("exit")
    expect_exit(client, group)


@CHECKS("4", "If the neighbour has the group, raw text is copied both ways; exit ends it")
def a_group_at_a_neighbour(trial: Trial) -> None:
    client = trial.login(0)
    original = trial.original(client)
    group = fresh("g")
    original.special["check"] = lambda text: f"{text.split(' ')[2]} telah bergabung".encode()
    client.live = True
    client.say(f"group {client.token} {group} origin\r\n")
    original.expect("check group ", client)
    expect_shown(client, f"{client.user} telah bergabung")
    _relay(client, original, original.connection(), group)


def _relay(client: LineClient, original: Original, there: socket.socket, group: str) -> None:
    """Expect that texts are copied between a client and its neighbour."""
    there.sendall(b"amsal: hai")
    expect_shown(client, "amsal: hai")
    # Nothing of what is copied is a request.
    for word in ("halo", "exit"):
        original.special[word] = lambda _: None
    client.say("halo\r\n")
    deadline = time.monotonic() + original.patience
    while not any(raw.strip() == b"halo" for raw in original.raw) and time.monotonic() < deadline:
        time.sleep(0.01)
    if not any(raw.strip() == b"halo" for raw in original.raw):
        client.fail("halo at the neighbour, as it was typed", ", ".join(map(shown, original.raw)))
    client.say("exit")
    expect_exit(client, group)


@CHECKS("4", "check group U G other of a neighbour, no such group: PENDING, Tidak ada grup G di server")
def a_neighbour_looks_for_a_group(trial: Trial) -> None:
    trial.original(trial.login(0))
    server, group = trial.other_server(), fresh("g")
    answer = server.ask(f"check group amsal {group} other ")
    if answer.fields.get("status") != "PENDING":
        answer.fail('"status": "PENDING"')
    if answer.fields.get("message") != f"Tidak ada grup {group} di server":
        answer.fail(f'"message": "Tidak ada grup {group} di server"')


@CHECKS("4", "check group of a group that is there: live text, as for any member; exit ends it")
def a_neighbour_joins_a_group(trial: Trial) -> None:
    client = trial.login(0)
    trial.original(client)
    group = fresh("g")
    enter(client, group)
    server = trial.other_server()
    server.live = True
    server.say(f"check group amsal {group} other\r\n")
    for each in (server, client):
        expect_shown(each, "amsal telah bergabung")
    for speaker, name, text in ((server, "amsal", "halo mes"), (client, client.user, "halo juga")):
        speaker.say(text)
        for each in (server, client):
            expect_shown(each, f"{name}: {text}")
    server.say("exit")
    expect_shown(client, "amsal meninggalkan group")
    expect_exit(server, group)
