"""System C: the commands without tokens, as the session of the connection."""

from __future__ import annotations

from chatproto.conformance.b_basics import expect_text
from chatproto.conformance.b_files import CONTENT
from chatproto.conformance.checks import Checks
from chatproto.conformance.lines import NO_SUCH_USER, NOT_FOUND, UNKNOWN_COMMAND, LineClient, as_object
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial

CHECKS = Checks("C")


def enter(trial: Trial) -> LineClient:
    """Return a client that is registered and logged in as those of C do."""
    client = trial.connect(fresh())
    client.user = client.shown = client.who
    client.ask(f"register {client.user} rahasia").ok()
    client.ask(f"auth {client.user} rahasia").ok()
    return client


def expect_group_text(client: LineClient, group: str, *texts: str) -> None:
    """Expect texts in what the client has not yet taken of a group."""
    answer = client.ask(f"inboxgroup {group} ")
    boxes = answer.member("messages", dict).values()
    seen = [as_object(answer, entry) for box in boxes for entry in box]
    if [str(entry.get("msg")).strip() for entry in seen] != [*texts]:
        answer.fail(f"messages with the texts {list(texts)}")
    if any(entry.get("group") != group for entry in seen):
        answer.fail(f'"group": "{group}" in each entry')


@CHECKS("3", "register {username} {password} takes two arguments, auth the same")
def register_with_two_arguments(trial: Trial) -> None:
    enter(trial)


@CHECKS("6, rule 4", "With two arguments the display name is the username, and the country empty")
def names_of_the_registered(trial: Trial) -> None:
    client = enter(trial)
    answer = client.ask("info ")
    person = answer.member("message", dict).get(client.user)
    if not isinstance(person, dict) or person.get("userdetail") != {"nama": client.user, "negara": ""}:
        answer.fail(f'"userdetail": {{"nama": "{client.user}", "negara": ""}}')


@CHECKS("3", "sendprivate {usernameto} {message} and inbox: B's replies, without a token")
def sendprivate_without_a_token(trial: Trial) -> None:
    ani, budi = enter(trial), enter(trial)
    ani.ask(f"sendprivate {budi.user} halo ").ok("Message Sent")
    budi.silent()
    expect_text(budi, ani, "halo")
    answer = budi.ask("inbox ")
    if any(answer.member("messages", dict).values()):
        answer.fail("the inbox is drained")


@CHECKS("3", "sendprivate to somebody who does not exist: User Tidak Ditemukan")
def sendprivate_to_nobody(trial: Trial) -> None:
    enter(trial).ask(f"sendprivate {fresh()} halo ").error(NO_SUCH_USER)


@CHECKS("8, C1", "creategroup, joingroup and sendgroup without tokens; inboxgroup G has what was said")
def groups_without_tokens(trial: Trial) -> None:
    ani, budi = enter(trial), enter(trial)
    group = fresh("g")
    ani.ask(f"creategroup {group}").ok("Add group successful")
    budi.ask(f"joingroup {group}").ok("Add group successful")
    ani.ask(f"sendgroup {group} pagi ").ok("Message Sent")
    expect_group_text(budi, group, "pagi")


@CHECKS("6, rule 8", "inboxgroup is a cursor for each member; inbox does not drain it, nor it the inbox")
def two_boxes(trial: Trial) -> None:
    ani, budi = enter(trial), enter(trial)
    group = fresh("g")
    ani.ask(f"creategroup {group}").ok()
    budi.ask(f"joingroup {group}").ok()
    ani.ask(f"sendgroup {group} pagi ").ok()
    expect_text(budi, ani, "pagi", group)
    expect_group_text(budi, group, "pagi")
    expect_group_text(budi, group)
    expect_group_text(ani, group, "pagi")
    ani.ask(f"sendgroup {group} siang ").ok()
    expect_group_text(budi, group, "siang")
    expect_text(budi, ani, "siang", group)


@CHECKS("3", "inboxgroup of an unknown group: Informasi tidak ditemukan")
def inboxgroup_of_an_unknown_group(trial: Trial) -> None:
    enter(trial).ask(f"inboxgroup {fresh('g')} ").error(NOT_FOUND)


@CHECKS("6, rule 9", "creategroup is addgroup; a name that exists is an error")
def creategroup_is_addgroup(trial: Trial) -> None:
    ani, budi = enter(trial), enter(trial)
    group = fresh("g")
    ani.ask(f"addgroup {group}").ok("Add group successful")
    budi.ask(f"creategroup {group}").error()
    budi.ask(f"joingroup {group}").ok()


@CHECKS("6, rule 1", "On another connection the session is another: Informasi tidak ditemukan")
def sessions_belong_to_connections(trial: Trial) -> None:
    ani, stranger = enter(trial), trial.connect("stranger")
    for line in (f"sendprivate {ani.user} halo ", "inbox ", "receivefile", f"creategroup {fresh('g')}"):
        stranger.ask(line).error(NOT_FOUND)


@CHECKS("6, rule 5", "sendfile {usernameto} {PATH} has no content: an error that says so, or OK to an offer")
def sendfile_without_content(trial: Trial) -> None:
    ani, budi = enter(trial), enter(trial)
    answer = ani.ask(f"sendfile {budi.user} /etc/hostname")
    if not answer.refused:
        answer.ok()
    ani.ask("inbox ").ok()


@CHECKS("3", "receivefile: the pending files as B's entries, once; then []")
def receivefile_takes_files(trial: Trial) -> None:
    ani, budi = enter(trial), enter(trial)
    ani.ask(f"sendfile {budi.user} surat.txt {CONTENT}").ok("File Sent")
    answer = budi.ask("receivefile")
    files = [as_object(answer, entry) for entry in answer.member("messages", list)]
    if [(each.get("file_name"), each.get("file_content")) for each in files] != [("surat.txt", CONTENT)]:
        answer.fail('one entry with "file_name": "surat.txt" and the content as it was sent')
    answer = budi.ask("receivefile")
    if answer.member("messages", list):
        answer.fail('"messages": []')


@CHECKS("3", "adios, which is named for files without a meaning: **Protocol Tidak Benar")
def adios_means_nothing(trial: Trial) -> None:
    enter(trial).ask("adios ").error(UNKNOWN_COMMAND)


@CHECKS("6, rule 6", "logout without a token ends the session of this connection, and no other")
def logout_of_a_connection(trial: Trial) -> None:
    ani, budi = enter(trial), enter(trial)
    ani.ask("logout").ok()
    ani.ask("inbox ").error(NOT_FOUND)
    budi.ask("inbox ").ok()
