"""``--auth``: the passwords are somebody else's, for ``serve`` and for twistd."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.python.usage import UsageError

from chatproto.realm.authentication import CredAuthenticator
from chatproto.tap import Options
from tests.serving import Server, chatproto, here

NOT_HERE = (
    "not-supported: accounts and passwords of this realm are kept outside of it (file); ask its operator"
)
FREE = "client=tcp:0:interface=127.0.0.1"


def test_a_realm_takes_the_users_of_a_password_file(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("messi:surabaya\n")
    (tmp_path / "alpha.toml").write_text(
        'realm = "alpha"\nstore = "sqlite:///alpha.db"\nauth = "file:passwords"\n'
    )
    at = ("--config", str(tmp_path / "alpha.toml"))
    with Server(*at, "--listen", FREE) as server, server.connect() as client:
        wrong = client.ask(do="login", user="messi", password="jakarta")
        assert wrong["code"] == "login-failed"
        assert client.ask(do="login", user="messi", password="surabaya")["address"] == "messi@alpha"
        assert client.ask(do="register", user="ani", password="x")["code"] == "not-supported"
        (tmp_path / "passwords").write_text("messi:surabaya\nhenderson:surabaya\n")
        assert client.ask(do="login", user="henderson", password="surabaya")["status"] == "OK"
        assert here("user", "list", *at).stdout.count("\n") == 2
        for command in ("add", "passwd"):
            done = here("user", command, "messi", *at, given="x\n")
            assert (done.returncode, done.stderr) == (1, f"chatproto: {NOT_HERE}\n")
        assert server.stop() == 0
        assert "surabaya" not in server.errors()
    alone = chatproto("user", "passwd", "messi", *at, given="x\n")
    assert alone.stderr.startswith("chatproto: not-supported: ")


def test_the_older_text_commands_answer_in_their_own_words(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("messi:surabaya\n")
    auth = ("--auth", f"file:{tmp_path / 'passwords'}")
    answers: list[bytes] = []
    with (
        Server("--realm", "alpha", "--store", "memory:", "--listen", FREE, *auth) as server,
        server.connect() as client,
    ):
        client.write_line(b"auth messi jakarta")
        client.write_line(b"auth messi surabaya")
        client.write_line(b"register ani rahasia")
        while len(answers) < 3:
            answers += [line] if (line := client.read_line().strip()) else []
    assert b'"Password Salah"' in answers[0]
    assert b'"tokenid"' in answers[1]
    assert b"kept outside of it" in answers[2]


def test_a_mistake_is_one_line_before_anything_is_opened(tmp_path: Path) -> None:
    done = here("serve", "--realm", "alpha", "--store", "memory:", "--auth", f"file:{tmp_path}/none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"chatproto: auth: there is no file {tmp_path}/none\n"


def test_what_there_is_is_listed_and_explained() -> None:
    listed = chatproto("serve", "--help-auth")
    assert listed.returncode == 0
    assert "file " in listed.stdout
    assert "sshkey" not in listed.stdout  # it takes no passwords
    explained = chatproto("serve", "--help-auth-type", "file")
    assert "username:password" in explained.stdout
    unknown = here("serve", "--help-auth-type", "none")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)


class TestTwistd:
    def test_it_takes_the_same_option(self, tmp_path: Path) -> None:
        (tmp_path / "passwords").touch()
        options = Options()
        options.parseOptions(["--realm", "alpha", "--auth", f"file:{tmp_path / 'passwords'}"])
        assert options.configuration is not None
        assert isinstance(options.configuration.authenticator, CredAuthenticator)

    @pytest.mark.parametrize(
        ("auth", "message"),
        [(("none:x",), "auth: unknown kind 'none'"), (("memory:ani:x", "unix"), "--auth: one at most")],
    )
    def test_a_mistake_ends_it_at_once(self, auth: tuple[str, ...], message: str) -> None:
        arguments = [word for each in auth for word in ("--auth", each)]
        with pytest.raises(UsageError, match=message):
            Options().parseOptions(["--realm", "alpha", *arguments])
