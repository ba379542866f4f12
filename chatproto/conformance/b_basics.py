"""System B: framing, accounts, sessions, texts from one user to another."""

from __future__ import annotations

import re
import uuid

from chatproto.conformance.checks import Checks
from chatproto.conformance.lines import (
    NO_SUCH_USER,
    NOT_FOUND,
    TOO_FEW_WORDS,
    UNKNOWN_COMMAND,
    LineClient,
)
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial

CHECKS = Checks("B")
_TOKEN = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def expect_text(client: LineClient, sender: LineClient, text: str, group: str = "") -> None:
    """Expect one entry in the inbox: a text, with the names that the users have."""
    answer = client.ask(client.inbox_line)
    box = answer.member("messages", dict).get(sender.user)
    entry = box[0] if isinstance(box, list) and len(box) == 1 else None
    if not isinstance(entry, dict) or set(entry) - {"group"} != {"msg_from", "msg_to", "msg"}:
        answer.fail(f'under "{sender.user}" one entry {{"msg_from", "msg_to", "msg"}}')
        return
    if str(entry["msg"]).strip(" \r\n") != text:
        answer.fail(f'"msg": "{text}"')
    if group and entry.get("group") != group:
        answer.fail(f'"group": "{group}"')
    for name, shown in (("msg_from", sender.shown), ("msg_to", client.shown)):
        if shown and entry[name] != shown:
            answer.fail(f'"{name}": "{shown}", the name to show')


@CHECKS("2.2", "auth U PW: OK with tokenid, the text of a UUID4")
def auth_gives_a_token(trial: Trial) -> None:
    person = trial.people[0]
    answer = trial.connect().ask(f"auth {person.user} {person.password} ")
    if not _TOKEN.fullmatch(answer.member("tokenid", str)):
        answer.fail('"tokenid" of the form xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx')


@CHECKS("2.2", "auth with a wrong password: Password Salah")
def auth_with_a_wrong_password(trial: Trial) -> None:
    trial.connect().ask(f"auth {trial.people[0].user} x ").error("Password Salah")


@CHECKS("2.2", "auth of somebody who does not exist: User Tidak Ada")
def auth_of_nobody(trial: Trial) -> None:
    trial.connect().ask(f"auth {fresh()} x ").error("User Tidak Ada")


@CHECKS(
    "2.2", "register U PW NAME COUNTRY: OK with tokenid, which logs in; an underscore in NAME becomes a blank"
)
def register_logs_in(trial: Trial) -> None:
    trial.people.new()
    client = trial.connect()
    client.user, client.shown = fresh(), "Kit Dua Kata"
    answer = client.ask(f"register {client.user} surabaya Kit_Dua_Kata Indonesia")
    client.token = answer.member("tokenid", str)
    client.ask(f"send {client.token} {client.user}  diri sendiri ").ok("Message Sent")
    expect_text(client, client, "diri sendiri")


@CHECKS("2.2", "register of a name that is taken: User Sudah Ada")
def register_twice(trial: Trial) -> None:
    person = trial.people.new()
    trial.connect().ask(f"register {person.user} lain Nama Indonesia").error("User Sudah Ada")
    client = trial.connect()
    client.ask(f"auth {person.user} {person.password} ").ok()


@CHECKS("2.2", "send T U text: Message Sent, and the recipient is told nothing until it asks")
def send_tells_nobody_unasked(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"send {messi.token} {henderson.user}  hello son ").ok("Message Sent")
    henderson.silent()
    expect_text(henderson, messi, "hello son")


@CHECKS("2.2", "send to somebody who does not exist: User Tidak Ditemukan")
def send_to_nobody(trial: Trial) -> None:
    client = trial.login(0)
    client.ask(f"send {client.token} {fresh()}  halo ").error(NO_SUCH_USER)


@CHECKS("2.2", "inbox T: {sender: [entry, ...]}, drained; a sender seen before may stay as []")
def inbox_is_drained(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    for text in ("satu", "dua"):
        messi.ask(f"send {messi.token} {henderson.user}  {text} ").ok()
    answer = henderson.ask(f"inbox {henderson.token} ")
    box = answer.member("messages", dict).get(messi.user)
    if not isinstance(box, list) or [str(entry.get("msg")).strip() for entry in box] != ["satu", "dua"]:
        answer.fail(f'under "{messi.user}" two entries, in the order in which they were sent')
    answer = henderson.ask(f"inbox {henderson.token} ")
    if any(answer.member("messages", dict).values()):
        answer.fail('"messages": {} or only empty lists')


@CHECKS("2.2", "A missing text is sent as empty, without error")
def a_missing_text_is_empty(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"send {messi.token} {henderson.user} ").ok("Message Sent")
    expect_text(henderson, messi, "")


@CHECKS("6, rule 13", "Blanks inside a text are kept as they are")
def blanks_in_a_text_are_kept(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"send {messi.token} {henderson.user}  satu  dua   tiga ").ok()
    expect_text(henderson, messi, "satu  dua   tiga")


@CHECKS("2.1", "Replies are ASCII (\\uXXXX): clients decode each read by itself, of 64 bytes or 1024")
def replies_are_ascii(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"send {messi.token} {henderson.user}  café ☕ ").ok()
    answer = henderson.ask(f"inbox {henderson.token} ")
    if not answer.raw.isascii():
        answer.fail("only ASCII")
    if "café ☕" not in [str(entry["msg"]).strip() for entry in answer.member("messages", dict)[messi.user]]:
        answer.fail('"msg": "caf\\u00e9 \\u2615"')


@CHECKS("2.1", "Every command gets exactly one reply, in order, also if several come in one packet")
def commands_in_one_packet(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    lines = [f"send {messi.token} {henderson.user}  {number} " for number in range(3)]
    messi.say("".join(f"{line}\r\n" for line in (*lines, "foo", f"inbox {messi.token} ")))
    for _ in lines:
        messi.answer().ok("Message Sent")
    messi.answer().error(UNKNOWN_COMMAND)
    messi.answer().member("messages", dict)
    messi.silent()
    if [text for _, text in henderson.texts()] != ["0", "1", "2"]:
        henderson.fail("the three texts in order", "others")


@CHECKS("7", "Two commands in one packet are not read as one, and half a command waits for its end")
def a_command_in_pieces(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.say(f"send {messi.token} {henderson.user}  utuh \r\nse")
    messi.answer().ok("Message Sent")
    messi.silent()
    messi.say(f"nd {messi.token} {henderson.user}  ter")
    messi.say("potong \r\n")
    messi.answer().ok("Message Sent")
    if [text for _, text in henderson.texts()] != ["utuh", "terpotong"]:
        henderson.fail("both texts", "others")


@CHECKS(
    "2.1", "A connection is never closed without a reply: what was sent before an end of file is answered"
)
def the_end_of_file(trial: Trial) -> None:
    client = trial.login(0)
    client.say(f"inbox {client.token} \r\nfoo\r\n")
    client.half_close()
    client.answer().ok()
    client.answer().error(UNKNOWN_COMMAND)


@CHECKS("2.2", "An unknown command: **Protocol Tidak Benar")
def an_unknown_command(trial: Trial) -> None:
    client = trial.connect()
    client.ask("foo").error(UNKNOWN_COMMAND)
    client.ask("foo bar ").error(UNKNOWN_COMMAND)


@CHECKS("2.2", "Too few words: --Protocol Tidak Benar")
def too_few_words(trial: Trial) -> None:
    client = trial.connect()
    client.ask(f"auth {trial.people[0].user}").error(TOO_FEW_WORDS)


@CHECKS("2.2", "An unknown token: Informasi tidak ditemukan")
def an_unknown_token(trial: Trial) -> None:
    token, user = str(uuid.uuid4()), trial.people[0].user
    client = trial.connect()
    for line in (f"inbox {token} ", f"send {token} {user}  halo ", f"sendgroup {token} {user}  halo "):
        client.ask(line).error(NOT_FOUND)


@CHECKS(
    "6, rule 1",
    "A first argument with the shape of a UUID4 is always a token, also on a connection with a session",
)
def a_token_stands_for_itself(trial: Trial) -> None:
    client = trial.login(0)
    client.ask(f"inbox {uuid.uuid4()} ").error(NOT_FOUND)
    client.ask(f"register {uuid.uuid4()} surabaya Nama Negara").error()


@CHECKS("6, rule 1", "Without a token and without a session: Informasi tidak ditemukan")
def nobody_is_logged_in(trial: Trial) -> None:
    client = trial.connect()
    for line in ("inbox ", f"sendprivate {trial.people[0].user} halo "):
        client.ask(line).error(NOT_FOUND)


@CHECKS(
    "6, rule 2",
    "Two blanks after a command are an empty token, which is an error and never the connection's session",
)
def an_empty_token(trial: Trial) -> None:
    client = trial.login(0)
    client.ask(f"joingroup  {fresh('g')}").error(NOT_FOUND)
    client.ask(f"send  {client.user}  halo ").error(NOT_FOUND)


@CHECKS("6, rule 4", "register takes 2 or 4 arguments; 1 or 3: --Protocol Tidak Benar")
def register_by_count(trial: Trial) -> None:
    client = trial.connect()
    client.ask(f"register {fresh()}").error(TOO_FEW_WORDS)
    client.ask(f"register {fresh()} surabaya Nama").error(TOO_FEW_WORDS)


@CHECKS("2.2", "logout T ends that session; its token is unknown then")
def logout_with_a_token(trial: Trial) -> None:
    client = trial.login(0)
    client.ask(f"logout {client.token}").ok()
    client.ask(f"inbox {client.token} ").error(NOT_FOUND)
    client.ask(f"logout {client.token}").error(NOT_FOUND)


@CHECKS("8, B5", "logout without a token ends the session of the connection; again: Belum Login")
def logout_without_a_token(trial: Trial) -> None:
    client = trial.login(0)
    client.ask("logout ").ok()
    client.ask(f"inbox {client.token} ").error(NOT_FOUND)
    client.ask("logout ").error("Belum Login")


@CHECKS("7", "logout of one does not end the sessions of others")
def logout_of_one(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask("logout ").ok()
    henderson.ask(f"inbox {henderson.token} ").ok()


@CHECKS(
    "6, rule 7",
    "info, whatever its arguments: an object by username, each with username and userdetail {nama, negara}",
)
def info_tells_who_is_there(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    henderson.ask(f"send {henderson.token} {messi.user}  antri ").ok()
    for line in ("info ", "info {} ", f"info {messi.token} "):
        answer = messi.ask(line)
        people = answer.member("message", dict)
        for client in (messi, henderson):
            person = people.get(client.user)
            if not isinstance(person, dict) or person.get("username") != client.user:
                answer.fail(f'under "{client.user}" an object with "username": "{client.user}"')
                return
            detail = person.get("userdetail")
            if not isinstance(detail, dict) or set(detail) != {"nama", "negara"}:
                answer.fail('"userdetail": {"nama": ..., "negara": ...}')
                return
            if client.shown and detail["nama"] != client.shown:
                answer.fail(f'"nama": "{client.shown}"')


@CHECKS("7", "info shows no token and no password")
def info_keeps_secrets(trial: Trial) -> None:
    client = trial.login(0)
    answer = client.ask("info ")
    secrets = (client.token, trial.people[0].password)
    if any(secret.encode() in answer.raw for secret in secrets):
        answer.fail("no token and no password")


@CHECKS("6, rule 10", "sendprivate is send")
def sendprivate_is_send(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"sendprivate {messi.token} {henderson.user}  halo ").ok("Message Sent")
    expect_text(henderson, messi, "halo")


@CHECKS("7", "Bytes that are not UTF-8: an ERROR, and the connection goes on")
def bytes_that_are_no_text(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"send {messi.token} {henderson.user}  ".encode() + b"\xff\xfe ").error()
    messi.ask(f"send {messi.token} {henderson.user}  lagi ").ok("Message Sent")
    expect_text(henderson, messi, "lagi")


@CHECKS("7", "The words server and check inside a message divert nothing")
def words_inside_a_message(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    text = "server send check group recvrealm exit"
    messi.ask(f"send {messi.token} {henderson.user}  {text} ").ok("Message Sent")
    expect_text(henderson, messi, text)
