"""System B: files, which travel whole in one line."""

from __future__ import annotations

import base64
from typing import Any

from chatproto.conformance.b_groups import group_of
from chatproto.conformance.checks import Checks
from chatproto.conformance.lines import NO_SUCH_USER, NOT_FOUND, TOO_FEW_WORDS, LineClient, as_object
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial

CHECKS = Checks("B")

#: The file of all examples, as Python shows base64: its bytes are "halo".
CONTENT = "b'aGFsbw=='"
#: A server takes at least a file of this size.
_AT_LEAST = 1024 * 1024
#: More than any server should have to take in one line.
_FAR_TOO_MUCH = 24 * 1024 * 1024


def expect_file(client: LineClient, sender: LineClient, name: str, content: str, group: str = "") -> Any:
    """Expect one file in the inbox, and return the entry as it came."""
    answer = client.ask(f"inbox {client.token} ")
    box = answer.member("messages", dict).get(sender.user)
    if not isinstance(box, list) or len(box) != 1:
        answer.fail(f'under "{sender.user}" one entry')
        return None
    entry = as_object(answer, box[0])
    if set(entry) - {"group"} != {"msg_from", "msg_to", "file_name", "file_content"}:
        answer.fail('an entry {"msg_from", "msg_to", "file_name", "file_content"}')
    if entry["file_name"] != name:
        answer.fail(f'"file_name": "{name}"')
    if entry["file_content"] != content:
        answer.fail("\"file_content\" as it was sent, with b' and '")
    if group and entry.get("group") != group:
        answer.fail(f'"group": "{group}"')
    return box[0]


@CHECKS("2.2", "sendfile T U P F: File Sent; the entry has the last part of P and F unchanged")
def sendfile_to_a_user(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"sendfile {messi.token} {henderson.user} berkas/surat.txt {CONTENT}").ok("File Sent")
    henderson.silent()
    expect_file(henderson, messi, "surat.txt", CONTENT)


@CHECKS("2.2", "In inbox the entry of a file is a JSON string that holds the object")
def a_file_is_a_string(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"sendfile {messi.token} {henderson.user} surat.txt {CONTENT}").ok("File Sent")
    if not isinstance(expect_file(henderson, messi, "surat.txt", CONTENT), str):
        henderson.fail("the entry of a file is a JSON string", "an object")


@CHECKS("2.2", "sendfile to somebody who does not exist: User Tidak Ditemukan")
def sendfile_to_nobody(trial: Trial) -> None:
    client = trial.login(0)
    client.ask(f"sendfile {client.token} {fresh()} surat.txt {CONTENT}").error(NO_SUCH_USER)


@CHECKS("2.2", "sendgroupfile T L P F: File Sent, to each of a list")
def sendgroupfile_to_a_list(trial: Trial) -> None:
    messi, *others = (trial.login(number) for number in range(3))
    names = ",".join(other.user for other in others)
    messi.ask(f"sendgroupfile {messi.token} {names} surat.txt {CONTENT}").ok("File Sent")
    for other in others:
        expect_file(other, messi, "surat.txt", CONTENT)


@CHECKS(
    "2.2",
    "sendgroupfile T G P F: File Sent, to each member, with the group; unknown G: Informasi tidak ditemukan",
)
def sendgroupfile_to_a_group(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    group = group_of(messi, henderson)
    messi.ask(f"sendgroupfile {messi.token} {group} surat.txt {CONTENT}").ok("File Sent")
    expect_file(henderson, messi, "surat.txt", CONTENT, group)
    messi.ask(f"sendgroupfile {messi.token} {fresh('g')} surat.txt {CONTENT}").error(NOT_FOUND)


@CHECKS("7", "Of a path the last part after / and \\ is the name")
def paths_are_cut(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    for path in (r"app\client\upload\surat.txt", "../../etc/surat.txt", r"..\surat.txt", r"a/b\surat.txt"):
        messi.ask(f"sendfile {messi.token} {henderson.user} {path} {CONTENT}").ok("File Sent")
        expect_file(henderson, messi, "surat.txt", CONTENT)


@CHECKS("7", "Two files of one name in one second are two files")
def two_files_of_one_name(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    contents = [f"b'{base64.b64encode(word).decode()}'" for word in (b"satu", b"dua")]
    for content in contents:
        messi.ask(f"sendfile {messi.token} {henderson.user} surat.txt {content}").ok("File Sent")
    seen = [entry.get("file_content") for _, entry in henderson.inbox()]
    if seen != contents:
        henderson.fail("both files with their contents", f"{seen}")


@CHECKS("2.2", "F may also be plain base64; what is neither is an ERROR, and the connection goes on")
def contents_that_are_none(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"sendfile {messi.token} {henderson.user} surat.txt aGFsbw==").ok("File Sent")
    expect_file(henderson, messi, "surat.txt", "aGFsbw==")
    for content in ("b'!!!'", "b'aGFsbw='", "b'aGFsbw==", "%%%"):
        messi.ask(f"sendfile {messi.token} {henderson.user} surat.txt {content}").error()
    messi.ask(f"inbox {messi.token} ").ok()
    if henderson.inbox():
        henderson.fail("nothing in the inbox", "what was refused")


@CHECKS("6, rule 5", "sendfile without a content never opens the path at the server: an error that says so")
def no_content(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"sendfile {messi.token} {henderson.user} /etc/hostname").error()
    if henderson.inbox():
        henderson.fail("nothing in the inbox", "something")


@CHECKS("2.2", "sendgroupfile without a content: --Protocol Tidak Benar, as rule 5 is for sendfile")
def no_content_for_a_list(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"sendgroupfile {messi.token} {messi.user},{henderson.user} surat.txt").error(TOO_FEW_WORDS)
    if henderson.inbox():
        henderson.fail("nothing in the inbox", "something")


@CHECKS("7", "A file of 1 MiB in one line is taken")
def a_large_file(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    content = f"b'{base64.b64encode(bytes(range(256)) * (_AT_LEAST // 256)).decode()}'"
    messi.ask(f"sendfile {messi.token} {henderson.user} besar.bin {content}").ok("File Sent")
    expect_file(henderson, messi, "besar.bin", content)


@CHECKS(
    "7", "A line over the limit: an ERROR (or OK, where there is room), and the next line is read correctly"
)
def a_line_over_the_limit(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"send {messi.token} {henderson.user}  {'x' * _FAR_TOO_MUCH}")
    messi.ask(f"inbox {messi.token} ").ok()
    messi.ask("foo").error()


@CHECKS("6, rule 10", "senfile is sendfile")
def senfile_is_sendfile(trial: Trial) -> None:
    messi, henderson = trial.login(0), trial.login(1)
    messi.ask(f"senfile {messi.token} {henderson.user} surat.txt {CONTENT}").ok("File Sent")
    expect_file(henderson, messi, "surat.txt", CONTENT)
