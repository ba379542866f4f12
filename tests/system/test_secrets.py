"""Logs are read by people whom passwords, tokens and talks do not concern."""

from __future__ import annotations

import json
from pathlib import Path

from tests.serving import chatproto
from tests.system.conftest import StartRealm
from tests.system.older import OlderClient
from tests.system.running import PASSWORD


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
    assert min(map(len, secrets)) > 6
    log = realm.log()
    assert "realm alpha is ready" in log
    assert [(text, line) for line in log.splitlines() for text in secrets if text in line] == []
    assert _files_with(realm.store.parent, [text for text in secrets if not text.startswith("text-")]) == []


def _files_with(folder: Path, secrets: list[str]) -> list[tuple[str, str]]:
    """Return where passwords or tokens are kept as they are: the store may have their hashes only."""
    found = []
    for path in folder.iterdir():
        if path.is_file():
            data = path.read_bytes()
            found += [(path.name, text) for text in secrets if text.encode() in data]
    return found
