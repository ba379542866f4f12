"""System D: private messages and a live group across two servers that are neighbours."""

from __future__ import annotations

from chatproto.conformance.checks import Checks
from chatproto.conformance.d_live import enter, expect_shown, leave
from chatproto.conformance.lines import NO_SUCH_USER, LineClient
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial

CHECKS = Checks("D", paused=True)


def pair(trial: Trial) -> tuple[LineClient, LineClient]:
    """Return somebody at each of two neighbours."""
    far = trial.neighbour(0)
    near = trial.login(0)
    # Neighbours know each other by configuration, or else by this; that they do already is no error here.
    trial.pairs.answer(near, trial.peer)
    return near, far


def expect_private(client: LineClient, sender: LineClient, text: str) -> None:
    """Expect one entry in the inbox: key and ``msg_from`` are the username."""
    box = client.inbox()
    seen = [(key, entry.get("msg_from"), str(entry.get("msg")).strip()) for key, entry in box]
    if seen != [(sender.user, sender.user, text)]:
        client.fail(f'"{sender.user}": [{{"msg_from": "{sender.user}", "msg": "{text}", ...}}]', f"{box}")
    if client.shown and box[0][1].get("msg_to") != client.shown:
        client.fail(f'"msg_to": "{client.shown}"', f"{box}")


@CHECKS(
    "8, D1",
    "send to a user of the neighbour by the bare name: Message Sent; key and msg_from are the username",
)
def a_text_to_the_neighbour(trial: Trial) -> None:
    near, far = pair(trial)
    near.ask(f"send {near.token} {far.user}  jadi main  mes? ").ok("Message Sent")
    far.silent()
    expect_private(far, near, "jadi main  mes?")


@CHECKS("8, D1", "The other way round, too")
def a_text_from_the_neighbour(trial: Trial) -> None:
    near, far = pair(trial)
    far.ask(f"send {far.token} {near.user}  jadi dong ").ok("Message Sent")
    expect_private(near, far, "jadi dong")


@CHECKS("6, rule 11", "Whom neither knows: User Tidak Ditemukan")
def nobody_in_either(trial: Trial) -> None:
    near, far = pair(trial)
    for client in (near, far):
        client.ask(f"send {client.token} {fresh()}  halo ").error(NO_SUCH_USER)


@CHECKS("8, D2", "A live group across both: bergabung, texts and exit are told in both")
def a_live_group_across(trial: Trial) -> None:
    messi, amsal = pair(trial)
    group = fresh("g")
    enter(amsal, group)
    enter(messi, group, amsal)
    for speaker, text in ((amsal, "halo mes, nonton pildun ga?"), (messi, "nonton dong")):
        speaker.say(text)
        for each in (messi, amsal):
            expect_shown(each, f"{speaker.user}: {text}")
    leave(amsal, group, messi)
    amsal.ask(f"inbox {amsal.token} ").ok()
    leave(messi, group)


@CHECKS("8, D2", "The other way round, and with two at one server")
def a_live_group_of_three(trial: Trial) -> None:
    messi, amsal = pair(trial)
    henderson, group = trial.login(1), fresh("g")
    enter(messi, group)
    enter(amsal, group, messi)
    enter(henderson, group, messi, amsal)
    amsal.say("tiga")
    for each in (messi, amsal, henderson):
        expect_shown(each, f"{amsal.user}: tiga")
    leave(henderson, group, messi, amsal)
    leave(messi, group, amsal)
    leave(amsal, group)
