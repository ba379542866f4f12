"""Logs are read by people whom passwords, tokens and talks do not concern."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec import inspect

from chatproto.commands import Command, all_commands
from tests.serving import SECONDS, Server, chatproto
from tests.system.conftest import StartRealm
from tests.system.failing_realm import FAILING
from tests.system.older import OlderClient
from tests.system.running import PASSWORD

#: A line of the log, a further one of a traceback, or one of the guide to a lab.
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [a-z]+ [\w.-]+: |    |chatproto: |lab: ")
#: What moves a cursor, ends a line for some reader, or turns text around.
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def assert_clean(log: str, secrets: list[str]) -> None:
    """Assert that no secret is in a log, and that each of its lines was written by the logger."""
    assert min(map(len, secrets)) > 6
    found = [(text, line) for line in log.splitlines() for text in secrets if text in line]
    assert found == []
    assert [line for line in log.split("\n")[:-1] if not LINE.match(line)] == []
    assert CONTROLS.search(log) is None


def test_no_password_token_or_text_is_in_a_log_at_its_most_talkative(start_realm: StartRealm) -> None:
    realm = start_realm("--log-level", "debug")
    secrets = [PASSWORD]

    def secret(text: str) -> str:
        secrets.append(text)
        return text

    with realm.connect() as ani, OlderClient(realm) as budi, realm.login("lineker") as lineker:
        made = ani.ask(do="register", user="ani", password=secret("pw-ani-73"), name="Ani")
        token = secret(made["token"])
        lineker.ask(do="listen")
        for to in ("lineker", ["lineker", "messi"], "nobody", "lineker@elsewhere", "not a name"):
            ani.ask(do="send", to=to, text=secret(f"text-to-{to}"), cid="c:1" if to == "lineker" else None)
        assert ani.ask(do="send", to="lineker", text=secret("text-other"), cid="c:1")["code"] == "cid-reused"
        ani.ask(do="create", group="tim")
        ani.ask(do="send", to="tim", text=secret("text-to-group"))
        assert ani.ask(do="login", user="ani", password=secret("pw-wrong-74"))["status"] == "ERROR"
        assert ani.ask(do="login", user="ani", password=secret("pw-long-") + "x" * 500)["status"] == "ERROR"
        assert ani.ask(do="login", user=secret("pw-typed-as-name"), password="x")["status"] == "ERROR"
        assert ani.ask(do="resume", token=secret("token-that-is-none"))["status"] == "ERROR"
        assert ani.ask(do="resume", token=token)["status"] == "OK"
        # What cannot be read may hold a secret as well.
        ani.write_line(b'{"do": "login", "user": "ani", "password": "%s"' % secret("pw-cut-75").encode())
        assert ani.read() is not None
        ani.write_line(b'{"do": "send", "to": 7, "text": "%s"}' % secret("text-mistyped").encode())
        assert ani.read() is not None
        ani.write_line(b'{"do": "send", "to": "messi", "text": "\xff%s"}' % secret("text-latin").encode())
        assert ani.read() is not None

        budi.ask(f"register budi {secret('pw-budi-76')} Budi Indonesia\r\n")
        budi.ask(f"auth budi {secret('pw-wrong-77')} \r\n")
        older_token = secret(json.loads(budi.ask("auth budi pw-budi-76 \r\n"))["tokenid"])
        budi.ask(f"send {older_token} lineker  {secret('text-older')} \r\n")
        budi.ask(f"sendgroup {older_token} tim  {secret('text-older-group')} \r\n")
        budi.ask(f"nonsense {secret('text-nonsense')}\r\n")
        budi.ask(f"send {secret('0b8bd25e-4a9c-4b8e-9d0e-3e0a3d5f1c11')} lineker x\r\n")
        budi.ask(f"inbox {older_token} \r\n")
        budi.ask(f"logout {older_token}\r\n")
        budi.ask(f"send {older_token} lineker  {secret('text-too-late')}\r\n")

    place = ("--realm", "alpha", "--store", f"sqlite:///{realm.store}")
    done = chatproto("user", "passwd", "ani", *place, given=f"{secret('pw-passwd-78')}\n")
    assert done.returncode == 0, done.stderr
    made_up = chatproto("user", "add", "eko", "--generate", *place)
    assert made_up.returncode == 0, made_up.stderr
    secret(made_up.stdout.split()[-1])
    assert realm.terminate() == 0

    assert len(secrets) > 25
    log = realm.log()
    assert "realm alpha is ready" in log
    assert_clean(log, secrets)
    assert _files_with(realm.store.parent, [text for text in secrets if not text.startswith("text-")]) == []


def _files_with(folder: Path, secrets: list[str]) -> list[tuple[str, str]]:
    """Return where passwords or tokens are kept as they are: the store may have their hashes only."""
    found = []
    for path in folder.iterdir():
        if path.is_file():
            data = path.read_bytes()
            found += [(path.name, text) for text in secrets if text.encode() in data]
    return found


def _filled(command: type[Command], secret: str) -> Iterator[dict[str, Any]]:
    """Give a command once for each of its fields, with the secret in it and little in the others."""
    info = inspect.type_info(command)
    assert isinstance(info, inspect.StructType)
    plain = {field.encode_name: _little(field.type) for field in info.fields if field.required}
    for field in info.fields:
        yield {**plain, field.encode_name: secret}
        yield {**plain, field.encode_name: [secret]}
        yield {**plain, field.encode_name: {secret: secret}}


def _little(kind: inspect.Type) -> object:
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return 1 if any(isinstance(each, inspect.IntType) for each in kinds) else "messi"


def _hear_all(client: socket.socket) -> None:
    """Read what comes until the end, or until nothing comes for a while."""
    client.settimeout(SECONDS)
    client.shutdown(socket.SHUT_WR)
    while client.recv(65536):
        pass


def test_a_password_typed_in_any_field_is_in_no_log(start_realm: StartRealm) -> None:
    """Of every command, in either dialect, before and after login, and as an administrator."""
    secret = "pw-typed-anywhere-81"
    realm = start_realm("--log-level", "debug", "--limit", "bad_lines_before_login=100000")
    lines = [
        secret,
        f"{secret} a b",
        f"auth {secret} x ",
        f"auth messi {secret} ",
        f"auth {secret}",
        "x" * 70_000 + secret,
    ]
    lines += [f'{{"do":"{secret}"}}', f'{{"{secret}":1,"do":"hello"}}', f'{{"do":"hello","id":"{secret}"}}']
    lines += [f'{{"do":"hello","{secret}":1,"{secret}":2}}', f'{{"do":"login","user":"{secret}']
    for command in all_commands():
        lines += [json.dumps({"do": command.wire_name(), **fields}) for fields in _filled(command, secret)]
        for form in command.forms:
            verbs, *words = form.split(" ")
            lines += [" ".join([verb, *[secret] * len(words)]) for verb in verbs.split("|")]
            lines += [
                " ".join([verb, *["a"] * place, secret]) for verb in verbs.split("|") for place in range(4)
            ]
    blob = "\r\n".join(lines).encode() + b"\r\n" + f"auth \xff {secret} x".encode("latin-1") + b"\r\n"
    assert len(lines) > 300
    with closing(realm.dial()) as stranger:
        stranger.sendall(blob)
        _hear_all(stranger)
    for user in ("henderson", "lineker"):  # one of them may delete itself
        with realm.login(user) as client:
            client.socket.sendall(blob)
            _hear_all(client.socket)
    control = socket.socket(socket.AF_UNIX)
    with closing(control):
        control.connect(f"{realm.store}.control")
        control.sendall(blob)
        _hear_all(control)
    assert realm.terminate() == 0
    assert_clean(realm.log(), [secret])


def test_faults_of_the_realm_show_where_and_not_what(start_realm: StartRealm) -> None:
    command = (sys.executable, "-m", "tests.system.failing_realm")
    realm = start_realm("--log-level", "debug", command=command)
    secrets = [f"pw-in-a-fault-{number}" for number in range(5)]
    with realm.connect() as client:
        assert client.ask(do="register", user="ani", password=secrets[0])["code"] == "internal-error"
    with realm.connect() as client:
        assert client.ask(do="login", user=FAILING, password=secrets[1])["code"] == "internal-error"
    with realm.login("messi") as client:
        assert client.ask(do="send", to="messi", text=secrets[2])["status"] == "OK"
        assert client.ask(do="typing", to=secrets[3])["status"] == "OK"
        token = client.ask(do="login", user="messi", password=PASSWORD)["token"]
        assert client.ask(do="ack", seq=1)["code"] == "internal-error"
    forged = "x\n2030-01-01T00:00:00.000Z info chatproto: forged \x1b[2J\r\u2028\u202e"
    with realm.login("messi") as client:
        assert client.ask(do="history", **{"with": forged})["status"] == "OK"
    assert realm.terminate() == 0
    log = realm.log()
    assert_clean(log, [*secrets, secrets[1].upper(), token, PASSWORD])
    # It is all there but for that.
    for seen in ("in _fails", "in _fails_at_once", "in _authenticate_or_fail", "in _committed_and_fail"):
        assert seen in log
    assert "Unhandled error in Deferred" in log
    assert "RuntimeError" in log
    assert "looking for x\\n2030" in log


@pytest.mark.parametrize("place", ["flag", "file"])
def test_a_password_of_a_database_is_in_no_log_and_on_no_screen(tmp_path: Path, place: str) -> None:
    secret = "pw-of-postgres-91"
    for url in (
        f"postgresql://chat:{secret}@127.0.0.1:1/alpha?connect_timeout=5",
        f"postgresql://chat:{secret}@127.0.0.1:port/alpha",
        f"postgresql://chat:{secret}@[/alpha",
        f"postgres://chat:{secret}@127.0.0.1/alpha",
    ):
        where = ["--realm", "alpha", "--store", url]
        if place == "file":
            path = tmp_path / "alpha.toml"
            path.write_text(f'realm = "alpha"\nstore = "{url}"\n')
            where = ["--config", str(path)]
        done = chatproto(
            "serve", *where, "--listen", "client=tcp:0:interface=127.0.0.1", "--log-level", "debug"
        )
        assert done.returncode != 0
        assert secret not in done.stdout + done.stderr


def test_the_key_of_a_certificate_is_in_no_log(tmp_path: Path) -> None:
    listen = f"client=ssl:0:selfSigned={tmp_path / 'tls'}:interface=127.0.0.1"
    with Server(
        "--realm", "alpha", "--store", "memory:", "--log-level", "debug", "--listen", listen
    ) as server:
        with closing(socket.create_connection(("127.0.0.1", server.ports[0]), SECONDS)) as client:
            client.sendall(b"no handshake")
        assert server.stop() == 0
        log = server.errors()
    keys = [path.read_text() for path in (tmp_path / "tls").iterdir()]
    lines = [
        line for text in keys if "PRIVATE KEY" in text for line in text.splitlines() if "---" not in line
    ]
    assert len(lines) > 2
    assert_clean(log, [line for line in lines if len(line) > 6])
