"""System B: messages between two servers, neither of which is the kit."""

from __future__ import annotations

from chatproto.conformance.b_files import CONTENT
from chatproto.conformance.b_peers import expect_box, realm_box
from chatproto.conformance.checks import Checks
from chatproto.conformance.lines import NO_SUCH_USER, LineClient
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial

CHECKS = Checks("B")


def pair(trial: Trial) -> tuple[LineClient, LineClient, str]:
    """Return somebody at each of the two servers, whose boxes are empty, and the alias that links them."""
    near, far = trial.login(0), trial.neighbour(0)
    realm = trial.pairs.linked(near, trial.peer)
    for client in (near, far):
        realm_box(client, realm)
    return near, far, realm


def text_entry(sender: LineClient, recipient: LineClient, text: str) -> dict[str, str]:
    """Return the entry of a text, with the display names if they are known."""
    names = {"msg_from": sender.shown, "msg_to": recipient.shown}
    return {name: shown for name, shown in names.items() if shown} | {"msg": text}


@CHECKS("8, B4.1", "addrealm R HOST PORT links two servers: OK; again: Realm sudah ada")
def addrealm_links_two_servers(trial: Trial) -> None:
    near, (host, port) = trial.login(0), trial.peer
    trial.pairs.answer(near, trial.peer).ok()
    near.ask(f"addrealm {trial.pairs.alias} {host} {port} ").error("Realm sudah ada")


@CHECKS(
    "8, B4.2-3",
    "sendprivaterealm: Message Sent to Realm; it is in the box of R, a list, with both display names",
)
def a_text_to_the_other_realm(trial: Trial) -> None:
    near, far, realm = pair(trial)
    near.ask(f"sendprivaterealm {near.token} {realm} {far.user}  halo").ok("Message Sent to Realm")
    far.silent()
    expect_box(far, realm, text_entry(near, far, "halo"))
    expect_box(far, realm)


@CHECKS("8, B4.4", "The other way: what comes back arrives once")
def a_text_comes_back(trial: Trial) -> None:
    near, far, realm = pair(trial)
    far.ask(f"sendprivaterealm {far.token} {realm} {near.user}  ya").ok("Message Sent to Realm")
    expect_box(near, realm, text_entry(far, near, "ya"))
    expect_box(near, realm)
    expect_box(far, realm)


@CHECKS("6, rule 12", "What comes by a *realm command is in the box of its realm only, never in inbox")
def realm_messages_are_not_in_the_inbox(trial: Trial) -> None:
    near, far, realm = pair(trial)
    near.ask(f"sendprivaterealm {near.token} {realm} {far.user}  halo").ok()
    near.ask(f"sendfilerealm {near.token} {realm} {far.user} surat.txt {CONTENT}").ok()
    for client in (near, far):
        if client.inbox():
            client.fail("nothing in inbox", "the message")
    if len(realm_box(far, realm)) != 2:
        far.fail("both messages in the box of the realm", "others")


@CHECKS("7", "Unknown there: User Tidak Ditemukan, as the other server says it")
def nobody_in_the_other_realm(trial: Trial) -> None:
    near, _, realm = pair(trial)
    near.ask(f"sendprivaterealm {near.token} {realm} {fresh()}  halo").error(NO_SUCH_USER)
    near.ask(f"sendfilerealm {near.token} {realm} {fresh()} surat.txt {CONTENT}").error(NO_SUCH_USER)


@CHECKS("2.2", "sendgrouprealm T R L text: Message Sent to Group in Realm")
def a_list_in_the_other_realm(trial: Trial) -> None:
    near, far, realm = pair(trial)
    other = trial.neighbour(1)
    realm_box(other, realm)
    names = f"{far.user},{other.user}"
    near.ask(f"sendgrouprealm {near.token} {realm} {names}  rapat ").ok("Message Sent to Group in Realm")
    for client in (far, other):
        expect_box(client, realm, text_entry(near, client, "rapat"))


@CHECKS(
    "7", "An unknown name in a realm group: an ERROR reply, nobody has anything, and the connection goes on"
)
def a_list_with_an_unknown_name_in_the_other_realm(trial: Trial) -> None:
    near, far, realm = pair(trial)
    for names in (f"{far.user},{fresh()}", f"{fresh()},{far.user}"):
        near.ask(f"sendgrouprealm {near.token} {realm} {names}  rapat ").error()
        near.ask(f"sendgroupfilerealm {near.token} {realm} {names} surat.txt {CONTENT}").error()
    near.ask(f"sendprivaterealm {near.token} {realm} {far.user}  halo ").ok("Message Sent to Realm")
    expect_box(far, realm, text_entry(near, far, "halo"))


@CHECKS(
    "2.2",
    "sendfilerealm: File Sent to Realm; the entry in the box is an object, with the content as it was sent",
)
def a_file_to_the_other_realm(trial: Trial) -> None:
    near, far, realm = pair(trial)
    near.ask(f"sendfilerealm {near.token} {realm} {far.user} a/surat.txt {CONTENT}").ok("File Sent to Realm")
    expect_box(far, realm, {"file_name": "surat.txt", "file_content": CONTENT})


@CHECKS("2.2", "sendgroupfilerealm T R L P F: Message Sent to Group in Realm")
def a_file_to_a_list_in_the_other_realm(trial: Trial) -> None:
    near, far, realm = pair(trial)
    other = trial.neighbour(1)
    realm_box(other, realm)
    line = f"sendgroupfilerealm {near.token} {realm} {far.user},{other.user} surat.txt {CONTENT}"
    near.ask(line).ok("Message Sent to Group in Realm")
    for client in (far, other):
        expect_box(client, realm, {"file_name": "surat.txt", "file_content": CONTENT})


@CHECKS("7", "Between realms blanks inside a text are kept, and other letters")
def texts_are_the_same_in_the_other_realm(trial: Trial) -> None:
    near, far, realm = pair(trial)
    near.ask(f"sendprivaterealm {near.token} {realm} {far.user}  satu  dua   café ☕").ok()
    expect_box(far, realm, text_entry(near, far, "satu  dua   café ☕"))


@CHECKS("2.4", "sendrealm and realminbox, as the menus name them, do the same")
def names_of_the_menus_across(trial: Trial) -> None:
    near, far, realm = pair(trial)
    near.ask(f"sendrealm {near.token} {realm} {far.user}  halo ").ok("Message Sent to Realm")
    if len(far.ask(f"realminbox {far.token} {realm} ").member("messages", list)) != 1:
        far.fail("one entry in the box", "another number")


@CHECKS("7", "A realm box belongs to a user, not to a display name")
def boxes_belong_to_users(trial: Trial) -> None:
    near, far, realm = pair(trial)
    name = fresh()
    namesake = trial.connect(name, trial.peer)
    answer = namesake.ask(f"register {name} surabaya {(far.shown or 'Siapa').replace(' ', '_')} Negara")
    if answer.refused:
        trial.skip("needs a second server that registers users")
    namesake.token = answer.member("tokenid", str)
    near.ask(f"sendprivaterealm {near.token} {realm} {far.user}  untuk satu orang").ok()
    expect_box(namesake, realm)
    expect_box(far, realm, text_entry(near, far, "untuk satu orang"))
