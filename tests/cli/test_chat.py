"""``chatproto chat``: as a script through pipes."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatproto.cli.slashes import SLASHES
from tests.fork_server import Forked
from tests.serving import COMMAND, SECONDS, Server, chatproto, environment, start

SERVE = ("--realm", "alpha", "--lab", "--listen")


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with Server(*SERVE, "client=tcp:0:interface=127.0.0.1", "--store", "memory:") as server:
        yield f"127.0.0.1:{server.ports[0]}"


def chat(
    place: str, user: str, *lines: str, options: tuple[str, ...] = (), password: str = "surabaya"
) -> subprocess.CompletedProcess[str]:
    script = ("chat", place, "--user", user, *options)
    return chatproto(*script, given="\n".join(lines), CHATPROTO_PASSWORD=password)


def begin(place: str, user: str) -> Forked | subprocess.Popen[str]:
    return start(
        "chat", place, "--user", user, stdin=subprocess.PIPE, environ={"CHATPROTO_PASSWORD": "surabaya"}
    )


# Through a pipe


def test_a_script_runs_its_lines_in_order(place: str) -> None:
    ran = chat(
        place,
        "messi",
        "/create tim",
        "/to tim",
        "halo tim",
        "//a slash",
        "  ",
        "/msg lineker halo  lineker",
        "/members tim",
        "/history tim",
        "/history lineker",
        "/more tim",
        "/conversations",
        "/who",
        "/all",
        "/leave tim",
        "/help",
    )
    assert (ran.stderr, ran.returncode) == ("", 0)
    shown = re.sub(r"\d\d:\d\d ", "TIME ", re.sub(r"as \d+", "as N", ran.stdout)).splitlines()
    assert shown[:14] == [
        "-- made tim@alpha",
        "-- sent to tim as N",
        "-- sent to tim as N",
        "-- sent to lineker as N",
        "messi (owner)",
        "TIME messi -> tim: halo tim",
        "TIME messi -> tim: /a slash",
        "TIME messi -> lineker: halo  lineker",
        "-- there is nothing before, with tim",
        "tim  0 unread",
        "lineker  0 unread",
        "messi",
        "-- a script is shown every message in full",
        "-- left tim@alpha",
    ]
    assert {line.split()[0] for line in shown if line.startswith("/")} == set(SLASHES)


def test_a_script_fails_if_one_line_fails_but_runs_the_others(place: str) -> None:
    lines = ("hi", "/nope", "/whp", "/msg nobody x", "/to", "/wait x", "/expect 1 0", "/who", "/quit", "/z")
    ran = chat(place, "messi", *lines)
    assert ran.returncode == 1
    assert ran.stdout == "messi\n"
    assert re.sub("(no-such-user: ).*", r"\1...", ran.stderr).splitlines() == [
        "error: whom to? begin with /to NAME",
        "error: there is no /nope; /help lists what there is",
        "error: there is no /whp; did you mean /who?",
        "error: no-such-user: ...",
        "error: it is /to NAME",
        "error: x is not a number that makes sense here",
        "error: only 0 of 1 messages came",
    ]


def test_two_scripts_talk_and_no_message_controls_the_terminal(place: str) -> None:
    listener = begin(place, "henderson")
    assert listener.stdin is not None
    assert listener.stdout is not None
    listener.stdin.write("/create regu\n")
    listener.stdin.flush()
    assert listener.stdout.readline() == "-- made regu@alpha\n"  # so it listens
    sender = chat(
        place, "lineker", "/join regu", "/msg henderson \x1b[2J\u202eevil", "/msg regu to all", "/wait 0.1"
    )
    assert (sender.stderr, sender.returncode) == ("", 0)
    out, _ = listener.communicate("/expect 2\n", timeout=SECONDS)
    assert listener.returncode == 0
    assert [line.partition(" ")[2] for line in out.splitlines()] == [
        "[regu] -- lineker joined",
        r"lineker: \x1b[2J\u202eevil",
        "[regu] lineker: to all",
    ]


def test_a_script_leads_a_group_and_an_account(place: str) -> None:
    assert chat(place, "amsal", "/who", options=("--register",)).returncode == 0
    ran = chat(
        place,
        "amsal",
        "/create klub about football",
        "/to klub",
        "/invite lineker",
        "/set access=invited",
        "/topic about tennis",
        "/group",
        "/groups",
        "/block lineker",
        "/blocks",
        "/sessions",
        "/password",
        "surabaya",
        "new one",
        "new one",
        "/delete-account",
        "new one",
        "/who",
    )
    assert ran.stderr == ""
    shown = ran.stdout.splitlines()
    assert shown.pop(9).endswith("(this one)")
    assert shown == [
        "-- made klub@alpha",
        "-- invited lineker to klub",
        "-- klub has access=invited",
        "-- the topic of klub is set",
        "-- klub: about tennis",
        "-- 1 member, owned by amsal; your role: owner; history=joined access=invited",
        "klub (owner)",
        "-- blocked lineker",
        "lineker",
        "-- the password is changed; your other sessions are ended",
        "-- the account is deleted",
    ]
    assert ran.returncode == 0
    assert chat(place, "amsal", "/who", password="new one").returncode == 1


def test_a_script_that_sends_a_file_is_told_the_id_that_saves_it(place: str, tmp_path: Path) -> None:
    path, folder = tmp_path / "plan.pdf", tmp_path / "in"
    path.write_text("halo")
    folder.mkdir()
    sent = chat(place, "messi", "/to lineker", f"/file {path}")
    (file,) = re.findall("-- sent plan.pdf to lineker as (.*)", sent.stdout)
    saved = chat(place, "lineker", f"/save {file} {folder}")
    assert (saved.returncode, saved.stderr) == (0, "")
    assert (folder / "plan.pdf").read_text() == "halo"


def test_scripts_leave_no_sessions(place: str) -> None:
    for _ in range(2):
        ran = chat(place, "henderson", "/sessions")
    assert len(ran.stdout.splitlines()) == 1


def test_a_wrong_password_is_one_line(place: str) -> None:
    ran = chat(place, "messi", "/who", password="wrong")
    assert ran.returncode == 1
    assert ran.stderr == "chatproto: cannot log in: the user or the password is wrong\n"


def test_an_account_can_be_made(place: str) -> None:
    for _ in range(2):  # the second time it is there
        assert chat(place, "newcomer", "/who", options=("--register",)).returncode == 0


def test_a_realm_that_is_away_is_told_and_given_up_after_a_while() -> None:
    ran = chat("127.0.0.1:1", "messi", options=("--patience", "1"))
    assert ran.returncode == 1
    first, last = ran.stderr.splitlines()
    assert "refused" in first
    assert last == "chatproto: 127.0.0.1:1 did not answer in 1 s"


def test_what_a_script_needs_is_named(place: str) -> None:
    without_user = chatproto("chat", place)
    assert without_user.returncode == 2
    assert "--user" in without_user.stderr
    without_password = chat(place, "messi", password="")
    assert without_password.returncode == 2
    assert "CHATPROTO_PASSWORD" in without_password.stderr


def test_a_script_ends_when_nobody_reads_it(place: str) -> None:
    line = f"yes /who | {shlex.join(COMMAND)} chat {place} --user messi | head -n 1"
    ran = subprocess.run(
        line,
        shell=True,
        env=environment(CHATPROTO_PASSWORD="surabaya"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.stdout == "messi\n"
    assert ran.stderr == "chatproto: nobody reads what is printed\n"


def test_a_script_whose_session_is_ended_stays_away(place: str) -> None:
    script = begin(place, "lineker")
    assert script.stdin is not None
    assert script.stdout is not None
    script.stdin.write("/sessions\n/wait 100\n")
    script.stdin.flush()
    session = script.stdout.readline().split()[0]
    assert chat(place, "lineker", f"/revoke {session}").returncode == 0
    _, complained = script.communicate(timeout=SECONDS)
    assert script.returncode == 1
    assert complained.startswith("chatproto: your session was ended")
    assert len(chat(place, "lineker", "/sessions").stdout.splitlines()) == 1


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_script_that_is_interrupted_logs_out_and_says_so_in_a_line(place: str, sign: int) -> None:
    script = begin(place, "henderson")
    assert script.stdin is not None
    assert script.stdout is not None
    script.stdin.write("/who\n/wait 100\n")
    script.stdin.flush()
    assert script.stdout.readline() == "henderson\n"
    script.send_signal(sign)
    said, complained = script.communicate(timeout=SECONDS)
    assert (said, complained, script.returncode) == ("", "chatproto: interrupted\n", 1)
    assert len(chat(place, "henderson", "/sessions").stdout.splitlines()) == 1


def test_a_script_that_is_interrupted_before_it_begins_says_so_in_a_line() -> None:
    script = begin("127.0.0.1:1", "messi")
    assert script.stderr is not None
    assert "refused" in script.stderr.readline()
    script.send_signal(signal.SIGINT)
    _, complained = script.communicate(timeout=SECONDS)
    assert (complained, script.returncode) == ("chatproto: interrupted\n", 1)
