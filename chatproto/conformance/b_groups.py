"""System B: lists of users and named groups."""

from __future__ import annotations

import uuid

from chatproto.conformance.b_basics import expect_text
from chatproto.conformance.checks import Checks
from chatproto.conformance.lines import NOT_FOUND, LineClient
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial

CHECKS = Checks("B")


def group_of(owner: LineClient, *members: LineClient) -> str:
    """Return a new group."""
    group = fresh("g")
    owner.ask(f"addgroup {owner.token} {group} ").ok("Add group successful")
    for member in members:
        member.ask(f"joingroup {member.token} {group} ").ok("Add group successful")
    return group


@CHECKS("2.2", "sendgroup T L text: Message Sent, to each of a list of users")
def sendgroup_to_a_list(trial: Trial) -> None:
    messi, *others = (trial.login(number) for number in range(3))
    names = ",".join(other.user for other in others)
    messi.ask(f"sendgroup {messi.token} {names}  halo ").ok("Message Sent")
    for other in others:
        expect_text(other, messi, "halo")


@CHECKS("2.2", "sendgroup T L text: unknown names are skipped")
def sendgroup_skips_unknown_names(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"sendgroup {messi.token} {fresh()},{henderson.user}  halo ").ok("Message Sent")
    expect_text(henderson, messi, "halo")


@CHECKS("6, rule 3", "sendgroup to a list of which nobody is known: an error")
def sendgroup_to_nobody(trial: Trial) -> None:
    client = trial.login(0)
    client.ask(f"sendgroup {client.token} {fresh()},{fresh()}  halo ").error()


@CHECKS("2.2", "sendgroup to an unknown group: Informasi tidak ditemukan")
def sendgroup_to_an_unknown_group(trial: Trial) -> None:
    client = trial.login(0)
    client.ask(f"sendgroup {client.token} {fresh('g')}  halo ").error(NOT_FOUND)


@CHECKS("2.2", "addgroup T G and joingroup T G: Add group successful; again: User sudah dalam group")
def joining_a_group_twice(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    group = group_of(messi, henderson)
    henderson.ask(f"joingroup {henderson.token} {group} ").error("User sudah dalam group")


@CHECKS("2.2", "joingroup of an unknown group: Informasi tidak ditemukan")
def joining_an_unknown_group(trial: Trial) -> None:
    client = trial.login(0)
    client.ask(f"joingroup {client.token} {fresh('g')} ").error(NOT_FOUND)


@CHECKS("2.2", 'sendgroup T G text: each member has one entry with "group", the sender too, others none')
def sendgroup_to_a_group(trial: Trial) -> None:
    messi, henderson, lineker = (trial.login(number) for number in range(3))
    group = group_of(messi, henderson)
    messi.ask(f"sendgroup {messi.token} {group}  rapat ").ok("Message Sent")
    for member in (henderson, messi):
        expect_text(member, messi, "rapat", group)
    if lineker.texts():
        lineker.fail("nothing in the inbox of somebody who is no member", "the message")


@CHECKS("7", "A group message is one fresh entry for each recipient, not wrapped in the one before")
def each_recipient_has_an_entry(trial: Trial) -> None:
    messi, henderson, lineker = (trial.login(number) for number in range(3))
    group = group_of(messi, henderson, lineker)
    messi.ask(f"sendgroup {messi.token} {group}  sama ").ok("Message Sent")
    for member in (messi, henderson, lineker):
        expect_text(member, messi, "sama", group)


@CHECKS("7", "addgroup of a group that exists: an error, and its members stay")
def a_group_is_not_wiped(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    group = group_of(messi, henderson)
    henderson.ask(f"addgroup {henderson.token} {group} ").error()
    messi.ask(f"sendgroup {messi.token} {group}  masih ").ok("Message Sent")
    expect_text(messi, messi, "masih", group)
    expect_text(henderson, messi, "masih", group)


@CHECKS("6, rule 3", "A group may not have the name of a user, nor a user that of a group")
def one_namespace(trial: Trial) -> None:
    messi = trial.login(0)
    messi.ask(f"addgroup {messi.token} {trial.people[1].user} ").error()
    group = group_of(messi)
    messi.ask(f"register {group} surabaya Nama Negara").error("User Sudah Ada")


@CHECKS("6, rules 1 and 3", "The name of a group has no comma, and not the shape of a token")
def names_of_groups(trial: Trial) -> None:
    client = trial.login(0)
    client.ask(f"addgroup {client.token} {fresh('g')},x ").error()
    client.ask(f"addgroup {client.token} {uuid.uuid4()} ").error()


@CHECKS("6, rule 3", "sendgroup to the name of one user, without a comma, is a list of one")
def sendgroup_to_one_user(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"sendgroup {messi.token} {henderson.user}  satu ").ok("Message Sent")
    expect_text(henderson, messi, "satu")
