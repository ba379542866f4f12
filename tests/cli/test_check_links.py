"""``chatproto check`` and other realms: every fault is produced, and found."""

from __future__ import annotations

import socket
from pathlib import Path

from chatproto.checking import Level, check
from chatproto.checking.linking import _link
from chatproto.configuration import read_settings
from chatproto.events import LinkState
from tests.serving import here
from tests.system.linked import linked, wait_for

SECRET = "wet paint, do not touch"


def found(file: Path, level: Level) -> list[str]:
    """Return what is said about keys and peers at a level."""
    lines = check(read_settings(file), file)
    return [
        f"{each.what}: {each.text}"
        for each in lines
        if each.level is level and each.what.startswith(("key", "peer", "permissions"))
    ]


def written(folder: Path, text: str) -> Path:
    file = folder / "alpha.toml"
    file.write_text(f'realm = "alpha"\nstore = "sqlite:///alpha.db"\n{text}')
    file.chmod(0o600)
    return file


def test_links_of_a_running_realm_are_asked_for(tmp_path: Path) -> None:
    with linked(tmp_path) as (alpha, beta):
        for realm in (alpha, beta):
            (tmp_path / f"{realm.name}.toml").chmod(0o600)
        wait_for(alpha, state="linked")
        file = str(tmp_path / "alpha.toml")
        at = ("--realm", "alpha", "--store", f"sqlite:///{alpha.store}", "--config", file)
        text = here("check", *at).stdout
        assert "ok   peer beta: is linked\n" in text
        assert "ok   key: ed25519:" in text
        beta.kill()
        wait_for(alpha, state="waiting")
        assert "warn peer beta: is not linked (waiting; " in here("check", *at).stdout


def test_realms_that_are_dialled_are_tried_before_the_first_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        file = written(
            tmp_path,
            f"""
            [listen]
            peer = "tcp:0:interface=127.0.0.1"
            [peers.beta]
            connect = "tcp:127.0.0.1:{port}"
            [peers.gamma]
            connect = "tcp:host=127.0.0.1:port=1"
            [peers.delta]
            [peers.epsilon]
            connect = "unix:/nowhere"
            [peers.zeta]
            pin = "ed25519:{"0" * 64}"
            via = "beta"
            """,
        )
        assert found(file, Level.OK)[:4] == [
            f"peer beta: somebody answers at tcp:127.0.0.1:{port}",
            "peer delta: is waited for; it has to dial",
            "peer epsilon: cannot be tried, as unix is not dialled by host and port",
            "peer zeta: will be reached by beta",
        ]
        assert found(file, Level.WARN) == [
            "peer gamma: does not answer at tcp:host=127.0.0.1:port=1: Connection refused"
        ]


def test_a_link_in_the_clear_and_a_secret_that_all_may_read_are_told(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        f"""
        insecure = true
        [peers.beta]
        connect = "tcp:localhost.invalid:1"
        secret = "{SECRET}"
        """,
    )
    file.chmod(0o644)
    assert "plain TCP beyond this machine" in found(file, Level.WARN)[0]
    assert found(file, Level.FAIL) == [
        f"permissions {file}: everybody may read a link's secret in it; `chmod o= {file}`"
    ]


def test_what_is_wrong_with_a_link_is_told() -> None:
    def said(**fields: object) -> list[str]:
        return [str(each) for each in _link("peer beta", LinkState(realm="beta", **fields))]  # type: ignore[arg-type]

    assert said(state="pending") == [
        "warn peer beta: its key waits for approval; `chatproto realm approve beta`"
    ]
    [parked] = said(state="parked", error="wrong-key", shown="ed25519:00")
    assert parked.startswith("FAIL peer beta: is dialled no more: wrong-key (it shows ed25519:00)")
    [pinned] = said(state="parked", error="wrong-key", shown="ed25519:00", trust="pin")
    assert "if its `pin` is not, change it and restart first" in pinned
    assert said(state="linked", skew=12.0, items=3, age=9) == ["ok   peer beta: is linked"]
    assert said(state="linked", skew=-90.0)[1:] == [
        "FAIL peer beta: its clock is 90 s behind ours; one of the two is wrong"
    ]
    assert said(state="waiting", items=3, age=7200)[1:] == [
        "warn peer beta: 3 messages wait for it, the oldest for 2 hours"
    ]
