"""Our own protocol: framing, sessions, groups."""

from __future__ import annotations

import json
import re

from chatproto.conformance.checks import Checks
from chatproto.conformance.json_lines import connect, login
from chatproto.conformance.json_messages import page, texts
from chatproto.conformance.lines import UNKNOWN_COMMAND, LineClient
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial

CHECKS = Checks("json")
_REALM = re.compile("[a-z0-9][a-z0-9.-]{0,62}")
_ASKED = (
    "hello",
    "register",
    "login",
    "resume",
    "logout",
    "send",
    "listen",
    "ack",
    "history",
    "conversations",
)
_GROUPS = ("read", "create", "join", "leave", "members", "active")


@CHECKS("design 5", "hello: realm, version, limits, commands, epoch")
def hello_tells_who_it_is(trial: Trial) -> None:
    client = connect(trial)
    reply = client.ok("hello")
    if not _REALM.fullmatch(client.member(reply, "realm", str)):
        client.wrong('"realm" of the form [a-z0-9][a-z0-9.-]{0,62}')
    for name in ("version", "limits", "epoch"):
        if name not in reply:
            client.wrong(f'"{name}" in the reply')
    if not {*_ASKED, *_GROUPS} <= set(client.member(reply, "commands", list)):
        client.wrong('"commands" with at least ' + ", ".join((*_ASKED, *_GROUPS)))


@CHECKS(
    "design 5", "id is a string of at most 64 characters or an integer below 2^53, echoed unchanged as re"
)
def ids_are_echoed(trial: Trial) -> None:
    client = connect(trial)
    for number in (1, 0, 2**53 - 1, "x", "i" * 64, "é☕"):
        client.tell(do="hello", id=number).answer(number)
    client.tell(do="hello", id="i" * 65)
    client.expect_error(client.line())


@CHECKS("design 5", "Lines end with CRLF; a bare LF is accepted")
def a_bare_line_feed(trial: Trial) -> None:
    client = connect(trial)
    client.say(b'{"do": "hello", "id": 1}\n').answer(1)


@CHECKS("design 5", "Bad JSON, bad UTF-8 and unknown commands get an error reply, and the connection goes on")
def bad_lines(trial: Trial) -> None:
    client = connect(trial)
    for line in (
        b'{"do": "hello"',
        b"{]",
        b'{"do": "hello", "id": "\xff"}',
        b'{"do": "bogus"}',
        b"{}",
        b'{"do": 7}',
    ):
        client.say(line + b"\r\n")
        client.expect_error(client.line())
    client.ok("hello")


@CHECKS("design 5", "Replies come in the order of the commands of a connection")
def replies_in_order(trial: Trial) -> None:
    client = login(trial, 0)
    numbers = list(range(1000, 1050))
    lines = [
        {"do": "send", "id": number, "to": client.user, "text": "x"}
        if number % 5
        else {"do": "hello", "id": number}
        for number in numbers
    ]
    client.say("".join(json.dumps(line) + "\r\n" for line in lines))
    seen = [client.line().get("re") for _ in numbers]
    if seen != numbers:
        client.wrong("replies in the order of the commands")


@CHECKS(
    "design 5",
    "One port, no negotiation: a line that does not begin with { is a text command, answered as such",
)
def text_on_the_same_port(trial: Trial) -> None:
    client = trial.wire(LineClient, "both")
    client.ask("foo").error(UNKNOWN_COMMAND)
    client.say(b'{"do": "hello", "id": 1}\r\n')
    line = client.until(b"\r\n", "one JSON object, ended by CRLF")
    if b'"re"' not in line:
        client.fail('a JSON reply with "re"', line.decode(errors="replace"))
    client.ask("foo").error(UNKNOWN_COMMAND)


@CHECKS(
    "design 5",
    "register: token and address, and logs in; a name that is taken is refused, compared without regard to case",
)
def register_in_json(trial: Trial) -> None:
    trial.people.new()
    client, user = connect(trial), fresh("K")
    reply = client.ok("register", user=user, password="rahasia", name="Nama", country="Negara")
    client.member(reply, "token", str)
    if not re.fullmatch(f"{user}@{_REALM.pattern}", client.member(reply, "address", str)):
        client.wrong(f'"address": "{user}@..."')
    client.ok("conversations")
    client.refused("register", user=user.upper(), password="rahasia")


@CHECKS("design 4", "Names are [A-Za-z0-9_][A-Za-z0-9_.-]{0,63}, not UUID4-shaped")
def names_are_judged(trial: Trial) -> None:
    client = connect(trial)
    wrong = ("", "a b", "a,b", "-a", ".a", "é", "a@b", "x" * 65, "1b4e28ba-2fa1-4d2b-883f-0016d3cca427")
    for name in wrong:
        client.refused("register", user=name, password="rahasia")


@CHECKS("design 5", "A wrong login has one code, whether the user exists or not")
def wrong_logins(trial: Trial) -> None:
    client = connect(trial)
    codes = {
        client.refused("login", user=user, password="salah")["code"]
        for user in (trial.people[0].user, fresh())
    }
    if len(codes) != 1:
        client.wrong("one code for both")


@CHECKS("design 5", "resume with a token takes up a session; logout ends it")
def sessions_are_resumed(trial: Trial) -> None:
    first, second = login(trial, 0), connect(trial)
    if second.ok("resume", token=first.token).get("address") != first.address:
        second.wrong(f'"address": "{first.address}"')
    second.ok("logout")
    connect(trial).refused("resume", token=first.token)
    connect(trial).refused("resume", token=fresh())


@CHECKS("design 5", "Who is not logged in is refused, and may go on")
def strangers_are_refused(trial: Trial) -> None:
    client = connect(trial)
    client.refused("send", to=trial.people[0].user, text="halo")
    client.refused("listen")
    client.refused("history", **{"with": trial.people[0].user})
    client.ok("hello")


@CHECKS("design 5", "create, join, leave, members: groups, with messages to all who are in")
def groups_in_json(trial: Trial) -> None:
    messi, henderson, lineker = (login(trial, number) for number in range(3))
    group = fresh("g")
    messi.ok("create", group=group)
    messi.refused("create", group=group)
    messi.refused("create", group=henderson.user)
    henderson.ok("join", group=group)
    for client in (messi, henderson):
        client.ok("listen")
    lineker.refused("send", to=group, text="dari luar")
    realm = messi.address.partition("@")[2]
    messi.ok("send", to=group, text="rapat")
    henderson.event(text="rapat", to=f"{group}@{realm}", **{"from": messi.address})
    members = messi.ok("members", group=group).get("members")
    if not isinstance(members, list) or len(members) != 2:
        messi.wrong('"members" with both')
    henderson.ok("leave", group=group)
    messi.ok("send", to=group, text="sudah pergi")
    if "sudah pergi" in texts(page(henderson, group)):
        henderson.wrong("nothing of what was said after leaving")


@CHECKS("design 5", "active: users who are logged in, and as_of")
def active_users(trial: Trial) -> None:
    client = login(trial, 0)
    reply = client.ok("active")
    if "as_of" not in reply or client.user not in str(client.member(reply, "users", list)):
        client.wrong(f'"users" with {client.user}, and "as_of"')


@CHECKS(
    "design 5",
    "An over-long line gets an error; after login the rest is skipped, and the next line is read correctly",
)
def long_lines(trial: Trial) -> None:
    client = login(trial, 0)
    client.say(b'{"do": "send", "to": "x", "text": "' + b"x" * (1024 * 1024) + b'"}\r\n')
    client.expect_error(client.line())
    client.ok("hello")


@CHECKS("design 5", "Older clients and JSON clients talk with each other")
def both_kinds_of_clients(trial: Trial) -> None:
    messi, henderson = trial.login(0), login(trial, 1)
    henderson.ok("listen")
    messi.ask(f"send {messi.token} {henderson.user}  apa kabar? 👋 ").ok("Message Sent")
    event = henderson.event(to=henderson.address)
    if event["text"].strip() != "apa kabar? 👋":
        henderson.wrong('"text": "apa kabar? 👋"')
    henderson.ok("send", to=messi.user, text="baik ☺\nsekali")
    if messi.texts() != [(henderson.user, "baik ☺\nsekali")]:
        messi.fail("the text in the inbox", "another inbox")
