"""System D within one server: the live group, which is plain text without delimiters."""

from __future__ import annotations

import time

from chatproto.conformance.checks import Checks, shown
from chatproto.conformance.lines import END, NOT_FOUND, Answer, LineClient
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial

CHECKS = Checks("D", paused=True)
#: After so long a text without a line's end is certainly taken for whole.
_SILENCE = 0.2


def enter(client: LineClient, group: str, *others: LineClient) -> None:
    """Enter a group; everybody in it, the newcomer too, is told."""
    client.live = True
    client.say(f"group {client.token} {group} origin\r\n")
    for each in (client, *others):
        expect_shown(each, f"{client.user} telah bergabung")


def expect_shown(client: LineClient, text: str) -> None:
    """Expect exactly a text, which no delimiter ends."""
    expected, what = text.encode(), f'the bare text "{text}"'
    seen = b""
    while len(seen) < len(expected) and expected.startswith(seen):
        seen += client.read(what)
    if seen != expected:
        client.fail(what, shown(seen))


def leave(client: LineClient, group: str, *others: LineClient) -> None:
    """Leave a group; what is told is told apart."""
    client.say("exit")
    expect_exit(client, group)
    for each in others:
        expect_shown(each, f"{client.user} meninggalkan group")


def expect_exit(client: LineClient, group: str) -> None:
    """Expect a bare ``exit`` in a read of its own, and then the reply."""
    seen = client.read("exit, in a read of its own")
    if seen != b"exit":
        client.fail("exit, in a read of its own", shown(seen))
    sent = client.sent
    reply = client.until(END, "the reply, ended by CRLF CRLF")
    Answer(client, sent, reply).ok(f"Telah keluar dari grup {group}")


@CHECKS("4", "send T U text within one server: Message Sent, and the entry is in the inbox")
def send_at_home(trial: Trial) -> None:
    amsal, herbert = trial.login(0), trial.login(1)
    amsal.ask(f"send {amsal.token} {herbert.user}  jadi main? ").ok("Message Sent")
    if herbert.texts() != [(amsal.user, "jadi main?")]:
        herbert.fail(f'one entry under "{amsal.user}"', "another inbox")


@CHECKS(
    "4", "group T G origin: no JSON reply; everyone in the group, the newcomer too, gets U telah bergabung"
)
def entering_is_told(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    group = fresh("g")
    enter(messi, group)
    enter(henderson, group, messi)


@CHECKS("4", "Every text goes to all members including its sender as U: text, without a delimiter")
def texts_go_to_all(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    group = fresh("g")
    enter(messi, group)
    enter(henderson, group, messi)
    for speaker, text in ((messi, "halo mes, nonton pildun ga?"), (henderson, "nonton dong")):
        speaker.say(text)
        for each in (messi, henderson):
            expect_shown(each, f"{speaker.user}: {text}")


@CHECKS(
    "6, rule 14",
    "In live mode text is split at LF or CRLF, and text without a line's end is whole after ~50 ms",
)
def texts_are_split_at_line_ends(trial: Trial) -> None:
    messi = trial.login(0)
    enter(messi, fresh("g"))
    messi.say("satu\r\ndua\nti")
    time.sleep(0.01)
    messi.say("ga")
    for text in ("satu", "dua", "tiga"):
        expect_shown(messi, f"{messi.user}: {text}")


@CHECKS("4", "exit: a bare exit in a read of its own, then the reply; the others get U meninggalkan group")
def leaving_is_told(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    group = fresh("g")
    enter(messi, group)
    enter(henderson, group, messi)
    leave(messi, group, henderson)
    leave(henderson, group)


@CHECKS("6, rule 14", "exit may come with a line's end, too")
def exit_with_a_line_end(trial: Trial) -> None:
    for end in ("\r\n", "\n"):
        messi, group = trial.login(0), fresh("g")
        enter(messi, group)
        messi.say("exit" + end)
        expect_exit(messi, group)


@CHECKS("4", "After exit the connection is in command mode again")
def commands_after_exit(trial: Trial) -> None:
    messi, group = trial.login(0), fresh("g")
    enter(messi, group)
    leave(messi, group)
    messi.ask(f"inbox {messi.token} ").ok()
    messi.ask("foo").error()
    enter(messi, group)
    leave(messi, group)


@CHECKS("4", "After exit nothing of the group comes any more")
def silence_after_exit(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    group = fresh("g")
    enter(messi, group)
    enter(henderson, group, messi)
    leave(messi, group, henderson)
    henderson.say("masih ada?")
    expect_shown(henderson, f"{henderson.user}: masih ada?")
    messi.live = False
    messi.silent()


@CHECKS("7", "The words of commands inside a text, and exit inside one, are text")
def words_are_text(trial: Trial) -> None:
    messi = trial.login(0)
    enter(messi, fresh("g"))
    for text in ("jangan exit dulu", f"inbox {messi.token}", "server send a b c", "check group", "exit dulu"):
        messi.say(text)
        expect_shown(messi, f"{messi.user}: {text}")


@CHECKS("4", "Who is in command mode gets nothing of a live group unasked")
def others_hear_nothing(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    enter(messi, fresh("g"))
    messi.say("ada orang?")
    expect_shown(messi, f"{messi.user}: ada orang?")
    henderson.silent()


@CHECKS("4", "A connection that ends in live mode leaves the group")
def a_lost_connection_leaves(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    group = fresh("g")
    enter(messi, group)
    enter(henderson, group, messi)
    henderson.close()
    expect_shown(messi, f"{henderson.user} meninggalkan group")
    messi.say("sendiri")
    expect_shown(messi, f"{messi.user}: sendiri")
    henderson.live = True


@CHECKS("6, rule 1", "group without a session: Informasi tidak ditemukan")
def group_of_nobody(trial: Trial) -> None:
    trial.connect().ask(f"group {fresh('g')} origin").error(NOT_FOUND)


@CHECKS("6, rule 2", "group with an empty token is an error")
def group_with_an_empty_token(trial: Trial) -> None:
    trial.login(0).ask(f"group  {fresh('g')} origin").error(NOT_FOUND)


@CHECKS("4", "A token works in live mode from another connection than that which logged in")
def the_token_speaks(trial: Trial) -> None:
    messi = trial.login(0)
    other = trial.connect("other")
    other.token, other.user = messi.token, messi.user
    group = fresh("g")
    enter(other, group)
    leave(other, group)
