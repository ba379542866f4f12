"""System B: realm commands that one server answers alone, and who may not give them."""

from __future__ import annotations

import socket
import uuid

from chatproto.conformance.b_files import CONTENT
from chatproto.conformance.checks import Checks
from chatproto.conformance.lines import NOT_FOUND, TOO_FEW_WORDS, UNKNOWN_COMMAND
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial

CHECKS = Checks("B")
_NO_REALM = "Realm Tidak Ditemukan"


@CHECKS("2.2", "A realm that is not linked: Realm Tidak Ditemukan")
def an_unknown_realm(trial: Trial) -> None:
    client, realm = trial.login(0), fresh("r")
    for line in (
        f"sendprivaterealm {client.token} {realm} {client.user}  halo",
        f"sendfilerealm {client.token} {realm} {client.user} surat.txt {CONTENT}",
        f"sendgrouprealm {client.token} {realm} {client.user},x  halo ",
        f"sendgroupfilerealm {client.token} {realm} {client.user},x surat.txt {CONTENT}",
        f"getrealminbox {client.token} {realm} ",
    ):
        client.ask(line).error(_NO_REALM)


@CHECKS("6, rule 10", "sendrealm is sendprivaterealm, realminbox is getrealminbox, as the menus name them")
def names_of_the_menus(trial: Trial) -> None:
    client, realm = trial.login(0), fresh("r")
    client.ask(f"sendrealm {client.token} {realm} {client.user}  halo ").error(_NO_REALM)
    client.ask(f"realminbox {client.token} {realm} ").error(_NO_REALM)


@CHECKS(
    "2.2",
    "Realm commands with too few words: --Protocol Tidak Benar; with an unknown token: Informasi tidak ditemukan",
)
def realm_commands_are_read(trial: Trial) -> None:
    client = trial.login(0)
    client.ask(f"sendprivaterealm {client.token}").error(TOO_FEW_WORDS)
    for command in ("sendfilerealm", "sendgroupfilerealm"):
        client.ask(f"{command} {client.token} r2 {client.user} surat.txt").error(TOO_FEW_WORDS)
    client.ask("addrealm r2 127.0.0.1").error(TOO_FEW_WORDS)
    client.ask(f"sendprivaterealm {uuid.uuid4()} r2 {client.user}  halo").error(NOT_FOUND)
    client.ask(f"getrealminbox {uuid.uuid4()} r2 ").error(NOT_FOUND)


@CHECKS(
    "7", "addrealm to an address where nobody listens, or to a bad port: an ERROR, and the connection goes on"
)
def addrealm_to_a_dead_address(trial: Trial) -> None:
    client = trial.login(0)
    client.patience *= 3
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client.ask(f"addrealm {fresh('r')} 127.0.0.1 {unused.getsockname()[1]} ").error()
    for port in ("satu", "0", "70000", "-1"):
        client.ask(f"addrealm {fresh('r')} 127.0.0.1 {port} ").error()
    client.ask(f"inbox {client.token} ").ok()


@CHECKS("7", "addrealm to somebody who accepts and says nothing: an ERROR after a while")
def addrealm_to_silence(trial: Trial) -> None:
    client = trial.login(0)
    client.patience *= 4
    silence = socket.create_server(("127.0.0.1", 0))
    trial.later(silence.close)
    client.ask(f"addrealm {fresh('r')} 127.0.0.1 {silence.getsockname()[1]} ").error()


@CHECKS("7", "addrealm of somebody who is not logged in is refused")
def addrealm_of_a_stranger(trial: Trial) -> None:
    trial.connect().ask(f"addrealm {fresh('r')} 127.0.0.1 1 ").error()


@CHECKS("6, rule 15", "The words of servers from anybody who is none: **Protocol Tidak Benar")
def strangers_are_no_servers(trial: Trial) -> None:
    user, realm = trial.people[0].user, fresh("r")
    stranger = trial.connect("stranger", source=trial.stranger_source)
    for line in (
        f"recvrealmprivatemsg penipu {realm} {user} halo",
        f"recvrealmgroupmsg penipu {realm} {user} halo",
        f"recvfilerealm penipu {realm} {user} surat.txt {CONTENT}",
        f"recvgroupfilerealm penipu {realm} {user} surat.txt {CONTENT}",
        f"getrealmchat {realm} {user} ",
    ):
        stranger.ask(line).error(UNKNOWN_COMMAND)
    # The last two name no realm: they are fine from where another server is, as one of an earlier run.
    known = stranger.ask("recvrealmprivatemsg").fields.get("message") == TOO_FEW_WORDS
    for line in (f"server send penipu {user} halo ", f"check group penipu {fresh('g')} other "):
        answer = stranger.ask(line)
        if known and answer.fields.get("message") != UNKNOWN_COMMAND:
            trial.skip("the server knows another one at this address: start it without what it has stored")
        answer.error(UNKNOWN_COMMAND)
