"""``chatproto realm``: links of a realm that runs, and of one that does not."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FREE
from tests.serving import SECONDS, Server, chatproto, here, on_terminal

PEER = "peer=tcp:0:interface=127.0.0.1"


class House:
    """A realm without anything about others in its configuration, unless that is given."""

    def __init__(self, folder: Path, name: str, text: str = "") -> None:
        self.name = name
        self.at: tuple[str, ...] = ("--store", f"sqlite:///{folder / f'{name}.db'}", "--realm", name)
        if text:
            (folder / f"{name}.toml").write_text(text)
            self.at += ("--config", str(folder / f"{name}.toml"))
        self.server = Server(*self.at, "--listen", FREE, "--listen", PEER)
        self.endpoint = f"tcp:127.0.0.1:{self.server.ports[1]}"

    def do(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `chatproto realm` against it, which has to work."""
        # Without a server it takes a reactor, and this process has had its own.
        run = here if self.server.process.poll() is None else chatproto
        done = run("realm", *arguments, *self.at)
        assert done.returncode == 0, done.stderr
        return done

    def key(self) -> str:
        return self.do("key").stdout.strip()

    def links(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.do("list", "--json").stdout.splitlines()]

    def wait_for(self, **expected: Any) -> dict[str, Any]:
        """Return its only link, once it is as expected."""
        until = time.monotonic() + SECONDS
        while True:
            links = self.links()
            if len(links) == 1 and {name: links[0].get(name, 0) for name in expected} == expected:
                return links[0]
            assert time.monotonic() < until, links
            time.sleep(0.05)

    def add_user(self, user: str) -> None:
        assert here("user", "add", user, *self.at, given="surabaya\n").returncode == 0

    def send(self, user: str, to: str, text: str) -> dict[str, Any]:
        with self.server.connect() as client:
            client.ask(do="login", user=user, password="surabaya")
            return client.ask(do="send", to=to, text=text)


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[tuple[House, House]]:
    alpha, beta = House(tmp_path, "alpha"), House(tmp_path, "beta")
    with alpha.server, beta.server:
        yield alpha, beta


def test_two_operators_link_their_realms_by_keys(houses: tuple[House, House]) -> None:
    alpha, beta = houses
    added = alpha.do("add", "beta", beta.endpoint)
    # Beta does not know alpha, and shows its key all the same.
    assert added.stdout == f"beta\t{beta.key()}\n"
    assert "pending; compare the fingerprint" in added.stderr
    assert alpha.wait_for(state="pending", shown=beta.key())["connect"] == beta.endpoint
    assert here("realm", "approve", "beta", *alpha.at).returncode == 2  # nobody is there to be asked
    assert beta.key() in alpha.do("approve", "beta", "--yes").stderr
    alpha.wait_for(state="waiting", fingerprint=beta.key(), error="not-linked")
    # The other side sees who knocked, and pins the key that it was told.
    beta.wait_for(realm="alpha", state="stranger", shown=alpha.key())
    added = beta.do("add", "alpha", alpha.endpoint, "--pin", alpha.key())
    assert (added.stdout, added.stderr) == (f"alpha\t{alpha.key()}\n", "added alpha\n")
    alpha.do("retry", "beta")
    alpha.wait_for(state="linked")
    beta.wait_for(state="linked")
    assert alpha.do("list").stdout == "beta\tlinked\t0\t\t0\t0\t0\t\t\t0\t\n"  # nothing of what failed before
    alpha.add_user("messi")
    beta.add_user("amsal")
    assert alpha.send("messi", "amsal@beta", "halo")["status"] == "OK"
    alpha.wait_for(applied=1, items=0)
    beta.wait_for(received=1)


def test_what_waits_is_shown_and_comes_back_when_a_realm_is_dropped(houses: tuple[House, House]) -> None:
    alpha, beta = houses
    alpha.do("add", "beta", beta.endpoint, "--pin", beta.key())
    alpha.do("park", "beta")
    assert alpha.wait_for(state="parked")["fingerprint"] == beta.key()
    alpha.add_user("messi")
    mids = [alpha.send("messi", "amsal@beta", text)["mid"] for text in ("one", "two")]
    queue = alpha.do("queue", "beta").stdout.splitlines()
    assert [line.split("\t")[2:] for line in queue] == [
        ["messi@alpha", "amsal@beta", "waiting", mid] for mid in mids
    ]
    shown = [json.loads(line) for line in alpha.do("queue", "beta", "--json").stdout.splitlines()]
    assert [(item["number"], item["from"], item["size"]) for item in shown] == [
        (1, "messi@alpha", 3),
        (2, "messi@alpha", 3),
    ]
    realm, state, waiting, oldest, applied, refused, received, *_ = (
        alpha.do("list").stdout.rstrip("\n").split("\t")
    )
    assert (realm, state, waiting, applied, refused, received) == ("beta", "parked", "2", "0", "0", "0")
    assert oldest.endswith("s")
    asked = here("realm", "drop", "beta", *alpha.at)
    assert asked.returncode == 2
    assert "dropping beta with the messages that wait for it (2) cannot be undone" in asked.stderr
    assert "2 messages came back" in alpha.do("drop", "beta", "--yes").stderr
    letters = [line.split("\t") for line in alpha.do("dead-letters").stdout.splitlines()]
    assert [(line[3], line[4], line[5]) for line in letters] == [
        ("amsal@beta", "outcome-unknown", mid) for mid in mids
    ]
    assert alpha.do("dead-letters", "gamma").stdout == ""
    assert alpha.send("messi", "amsal@beta", "three")["code"] == "no-such-realm"


def test_a_blocked_realm_is_blocked_until_it_is_approved(houses: tuple[House, House]) -> None:
    alpha, beta = houses
    alpha.do("add", "beta", beta.endpoint, "--pin", beta.key())
    alpha.add_user("messi")
    alpha.do("block", "beta")
    assert alpha.send("messi", "amsal@beta", "one")["code"] == "blocked"
    assert "blocked no more" in alpha.do("approve", "beta").stderr
    assert alpha.send("messi", "amsal@beta", "two")["status"] == "OK"
    nothing = here("realm", "approve", "beta", *alpha.at)
    assert nothing.stderr == (
        "chatproto: beta has shown no key that waits for approval; `chatproto realm retry beta` dials it\n"
    )


def test_another_key_is_approved_unless_the_configuration_pins_one(
    houses: tuple[House, House], tmp_path: Path
) -> None:
    alpha, beta = houses
    other = f"ed25519:{'0' * 64}"
    here("realm", "add", "beta", beta.endpoint, "--pin", other, *alpha.at)
    alpha.wait_for(state="parked", error="wrong-key", shown=beta.key())
    assert f"approved beta with {beta.key()}" in alpha.do("approve", "beta", "--yes").stderr
    assert alpha.wait_for(fingerprint=beta.key())["state"] != "parked"
    text = f'[peers.beta]\npin = "{other}"\nconnect = "{beta.endpoint}"\n'
    gamma = House(tmp_path, "gamma", text)
    with gamma.server:
        gamma.wait_for(state="parked", error="wrong-key", shown=beta.key(), fingerprint=other)
        refused = here("realm", "approve", "beta", "--yes", *gamma.at)
        assert refused.returncode == 1
        assert refused.stderr == (
            f"chatproto: the configuration pins {other}: change `pin` of [peers.beta], restart, "
            "and `chatproto realm retry beta`\n"
        )
    gamma = House(tmp_path, "gamma", text.replace(other, beta.key()))
    with gamma.server:
        gamma.do("retry", "beta")
        gamma.wait_for(state="waiting", error="not-linked", fingerprint=beta.key())


def test_who_was_not_reached_has_shown_no_key_to_compare(houses: tuple[House, House]) -> None:
    alpha, _ = houses
    added = alpha.do("add", "gamma", "tcp:127.0.0.1:1")
    assert added.stdout == "gamma\t\n"
    assert "once it has shown its key, compare that, then `chatproto realm approve" in added.stderr


def test_mistakes_are_told_in_one_line(houses: tuple[House, House]) -> None:
    alpha, beta = houses
    for arguments, message in (
        (("park", "beta"), "no-such-realm: "),
        (("drop", "beta", "--yes"), "no-such-realm: "),
        (("add", "Beta", beta.endpoint), "bad-"),
        (("add", "beta", "nowhere"), "bad-field: expected a client endpoint such as tcp:127.0.0.1"),
        (("add", "beta", "tcp:192.0.2.1:8890"), "bad-field: messages would cross the network in plain"),
        (("add", "beta", beta.endpoint, "--pin", "x"), "bad-field: expected ed25519: and 64"),
        (("add", "alpha", beta.endpoint), "no-such-realm: that is this realm"),
    ):
        done = here("realm", *arguments, *alpha.at)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert done.stderr.startswith(f"chatproto: {message}")
    # What is wrong over there is told, and the realm is added all the same.
    away = alpha.do("add", "beta", "tcp:127.0.0.1:1")
    assert away.stdout == "beta\t\n"
    assert "no connection (ConnectionRefusedError)" in away.stderr
    other = alpha.do("add", "gamma", beta.endpoint)
    assert "another realm is meant" in other.stderr or "wrong-realm" in other.stderr
    wrong = here("realm", "add", "beta", beta.endpoint, "--pin", f"ed25519:{'0' * 64}", *alpha.at)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert wrong.stderr.startswith(f"chatproto: beta is added, but shows another key, {beta.key()}: ")


def test_the_links_of_a_realm_that_does_not_run_are_managed_in_its_store(
    houses: tuple[House, House],
) -> None:
    alpha, beta = houses
    key = alpha.key()
    assert alpha.server.stop() == 0
    assert alpha.key() == key
    assert alpha.do("add", "beta", beta.endpoint).stdout == f"beta\t{beta.key()}\n"
    alpha.do("approve", "beta", beta.key())
    alpha.do("park", "beta")
    code, screen = on_terminal("realm", "list", *alpha.at)
    assert code == 0
    assert "waiting" in screen.splitlines()[0]
    assert screen.splitlines()[-1].split()[:3] == ["beta", "parked", "0"]
    code, screen = on_terminal("realm", "drop", "beta", *alpha.at, typed="y\n")
    assert (code, "0 messages came back" in screen) == (0, True)


def test_a_key_can_be_told_before_the_first_start(tmp_path: Path) -> None:
    at = ("--store", f"sqlite:///{tmp_path / 'alpha.db'}", "--realm", "alpha")
    first = chatproto("realm", "key", *at)
    assert first.stdout.startswith("ed25519:")
    assert chatproto("realm", "key", *at).stdout == first.stdout
