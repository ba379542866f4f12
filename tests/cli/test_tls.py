"""TLS as an operator and a user see it: certificates, signals, warnings, refusals."""

from __future__ import annotations

import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.authority import Authority, new_key, write_key
from tests.serving import COMMAND, SECONDS, Server, chatproto, environment
from tests.tls_serving import shaking_hands

ALPHA = ("--realm", "alpha", "--lab", "--store", "memory:")
FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")


def listen(key: Path, certificate: Path) -> tuple[str, ...]:
    return ("--listen", f"client=ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}")


def certificate_of(port: int) -> bytes:
    with shaking_hands(port) as client:
        return client.getpeercert(binary_form=True) or b""


def until(true: Callable[[], bool]) -> None:
    """Wait until something has become true."""
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.01)


# chatproto certificate


def test_a_certificate_is_made_and_shown(tmp_path: Path) -> None:
    made = chatproto("certificate", "make", str(tmp_path / "tls"), "--host", "a.example", "--host", "::1")
    assert (made.returncode, made.stderr) == (0, "")
    assert FINGERPRINT.fullmatch(made.stdout.strip())
    assert stat.S_IMODE((tmp_path / "tls" / "key.pem").stat().st_mode) == 0o600
    shown = chatproto("certificate", "show", str(tmp_path / "tls" / "cert.pem"))
    assert shown.returncode == 0
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in shown.stdout.splitlines())
    assert lines["fingerprint"] == made.stdout.strip()
    assert lines["names"] == "a.example, ::1"
    assert lines["issued by"] == "itself"


def test_a_certificate_is_never_overwritten(tmp_path: Path) -> None:
    make = ("certificate", "make", str(tmp_path), "--host", "localhost")
    first = chatproto(*make)
    again = chatproto(*make)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"chatproto: {tmp_path}/cert.pem: is there already; nothing was changed\n"
    (tmp_path / "cert.pem").unlink()
    assert chatproto(*make, "--days", "9").stdout == first.stdout, "the key, and so the fingerprint, is kept"


def test_a_certificate_is_renewed_for_the_same_key(tmp_path: Path) -> None:
    make = ("certificate", "make", str(tmp_path), "--host", "localhost")
    missing = chatproto(*make, "--renew")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == f"chatproto: {tmp_path}/key.pem: is not there, and so nothing to renew\n"
    first = chatproto(*make, "--days", "9")
    before = (tmp_path / "cert.pem").read_bytes()
    (tmp_path / "cert.pem").chmod(0o640)
    again = chatproto(*make, "--renew")
    assert (again.returncode, again.stdout, again.stderr) == (0, first.stdout, "")
    assert (tmp_path / "cert.pem").read_bytes() != before
    assert stat.S_IMODE((tmp_path / "cert.pem").stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cert.pem", "key.pem"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("make", "{}"), 2, "Missing option '--host'"),
        (("make", "{}", "--host", "a..b"), 1, "'a..b' is neither a host name nor an address"),
        (("make", "{}", "--host", "a", "--days", "0"), 2, "Invalid value for '--days'"),
        (("show", "{}/none"), 1, "none: cannot be read: No such file or directory"),
        (("show", "/dev/null"), 1, "/dev/null: has no certificate in PEM"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = chatproto("certificate", *(each.format(tmp_path) for each in arguments))
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


# chatproto serve


def test_a_self_signed_certificate_is_made_at_the_first_start(tmp_path: Path) -> None:
    endpoint = f"client=ssl:0:interface=127.0.0.1:selfSigned={tmp_path}/tls:host=chat.example"
    told = []
    for _ in range(2):
        with Server(*ALPHA, "--listen", endpoint) as server:
            assert [line.split()[0] for line in server.lines] == ["listening", "ready"]
            assert server.stop() == 0
            assert server.printed_since() == []
            told += FINGERPRINT.findall(server.errors())
    assert len(told) == 2
    assert told[0] == told[1]
    assert stat.S_IMODE((tmp_path / "tls" / "key.pem").stat().st_mode) == 0o600


TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "--nodaemon", "--pidfile=")


@pytest.mark.parametrize("command", [(*COMMAND, "serve"), (*TWISTD, "chatproto")], ids=["serve", "twistd"])
def test_what_cannot_be_served_is_one_line_at_the_start(tmp_path: Path, command: tuple[str, ...]) -> None:
    key, certificate = Authority().write(tmp_path, "localhost")
    write_key(key, new_key())
    done = subprocess.run(
        [*command, *ALPHA, *listen(key, certificate)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode != 0
    last = (done.stderr + done.stdout).strip().splitlines()[-1]
    assert last.endswith(f"listen.client: the key {key} does not belong to the certificate {certificate}")
    assert "Traceback" not in done.stderr + done.stdout


def test_what_only_should_be_looked_at_is_a_warning(tmp_path: Path) -> None:
    key, certificate = Authority().write(tmp_path, "localhost", days=-1)
    key.chmod(0o644)
    with Server(*ALPHA, *listen(key, certificate)) as server:
        certificate_of(server.ports[0])
        assert server.stop() == 0
        log = server.errors()
    assert re.search(rf"Z warn .*{certificate}: expired on ", log)
    assert re.search(rf"Z warn .*{key}: every user of this machine may read", log)


def test_sighup_reads_the_certificate_again(tmp_path: Path) -> None:
    authority = Authority()
    key, certificate = authority.write(tmp_path, "localhost")
    with Server(*ALPHA, *listen(key, certificate)) as server:
        before = certificate_of(server.ports[0])
        authority.write(tmp_path, "localhost")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: certificate_of(server.ports[0]) != before)
        now = certificate_of(server.ports[0])
        certificate.write_text("")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "the certificate is not replaced: " in server.errors())
        assert certificate_of(server.ports[0]) == now
        assert server.stop() == 0
        # Two starts of the certificate: the first and the one after the signal.
        assert len(FINGERPRINT.findall(server.errors())) == 2


def test_sighup_reads_the_certificate_again_under_twistd(tmp_path: Path) -> None:
    authority = Authority()
    key, certificate = authority.write(tmp_path, "localhost")
    log = tmp_path / "log"
    process = subprocess.Popen(
        [*TWISTD, f"--logfile={log}", "chatproto", *ALPHA, *listen(key, certificate)],
        cwd=tmp_path,
        env=environment(),
    )

    def said(pattern: str) -> list[str]:
        assert process.poll() is None
        return re.findall(pattern, log.read_text()) if log.exists() else []

    try:
        until(lambda: bool(said(r"realm alpha is ready")))
        [port] = said(r"listening client 127\.0\.0\.1 (\d+)")
        before = certificate_of(int(port))
        authority.write(tmp_path, "localhost")
        process.send_signal(signal.SIGHUP)
        until(lambda: len(said(FINGERPRINT.pattern)) == 2)
        assert certificate_of(int(port)) != before
    finally:
        process.kill()
        process.wait()


# chatproto chat


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    tls = f"client=ssl:0:interface=127.0.0.1:selfSigned={folder}:host=localhost"
    with Server(*ALPHA, "--listen", tls, "--listen", "client=tcp:0:interface=127.0.0.1") as server:
        yield server


def chat(place: str, *options: str, **variables: str) -> tuple[int, str, str]:
    script = ("chat", place, "--user", "messi", *options)
    done = chatproto(*script, given="/who\n", CHATPROTO_PASSWORD="surabaya", **variables)
    return done.returncode, done.stdout, done.stderr


def fingerprint(folder: Path) -> str:
    return chatproto("certificate", "show", str(folder / "cert.pem")).stdout.split()[1]


def test_a_user_pins_a_key_or_trusts_a_file(server: Server, folder: Path) -> None:
    port = server.ports[0]
    pin = fingerprint(folder)
    for place, *options in (
        (f"127.0.0.1:{port}", "--pin", pin),
        (f"localhost:{port}", "--tls", "--ca", str(folder / "cert.pem")),
        (f"tls:localhost:{port}:pin={pin}",),
    ):
        assert chat(place, *options) == (0, "messi\n", "")


def test_the_systems_authorities_are_trusted(tmp_path: Path) -> None:
    authority = Authority()
    with Server(*ALPHA, *listen(*authority.write(tmp_path, "localhost"))) as server:
        where = f"localhost:{server.ports[0]}"
        assert chat(where, "--tls", SSL_CERT_FILE=str(authority.root(tmp_path))) == (0, "messi\n", "")
        code, _, err = chat(where, "--tls")
    assert (code, "its issuer is not known here" in err) == (1, True)


def test_ipv6_is_spoken_and_needs_no_backslash(tmp_path: Path) -> None:
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        pytest.skip("needs IPv6")
    endpoint = f"client=ssl:0:interface=::1:selfSigned={tmp_path}:host=::1"
    with Server(*ALPHA, "--listen", endpoint) as server:
        assert server.lines[0].startswith("listening client ::1 ")
        where = f"[::1]:{server.ports[0]}"
        assert chat(where, "--ca", str(tmp_path / "cert.pem")) == (0, "messi\n", "")


def test_each_way_not_to_be_connected_has_its_words(server: Server, folder: Path) -> None:
    tls, plain = server.ports
    other = "sha256:" + "0" * 64
    for place, options, words in (
        (f"localhost:{tls}", ("--tls",), ("is not trusted: it is self-signed", fingerprint(folder), "--pin")),
        (f"127.0.0.1:{tls}", ("--ca", str(folder / "cert.pem")), ("is for localhost, not for 127.0.0.1",)),
        (f"localhost:{tls}", ("--pin", other), ("WARNING: THIS MAY NOT BE YOUR SERVER.",)),
        (f"localhost:{tls}", (), ("TLS is spoken on this port",)),
        (f"localhost:{plain}", ("--tls",), ("localhost answers on this port, but without TLS",)),
    ):
        code, out, err = chat(place, *options)
        assert (code, out) == (1, "")
        assert err.startswith("chatproto: cannot connect: ")
        assert err.count("\n") == 1
        for each in words:
            assert each in err


def test_a_password_does_not_leave_this_machine_readable_unless_told() -> None:
    for place in (
        "192.0.2.1:8889",
        "chat.example:8889",
        "tcp:192.0.2.1:8889",
        "tcp:host=chat.example:port=1",
    ):
        code, _, err = chat(place)
        assert code == 2
        assert err.startswith(
            "chatproto: the password would cross the network readable: add --tls, or --insecure."
        )
    code, _, err = chat("192.0.2.1:8889", "--insecure", "--patience", "0.1")
    assert (code, "readable" in err) == (1, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("localhost:1", "--pin", "x"), "--pin: expected sha256: and 64 hexadecimal digits, not 'x'."),
        (("localhost:1", "--ca", "/nonexistent"), "localhost:1: /nonexistent: cannot be read: No such file"),
        (("tls:localhost:1", "--tls"), "--tls, --pin and --ca belong to HOST:PORT"),
        (("tls:localhost:1:pin=x",), "expected sha256: and 64 hexadecimal digits, not 'x'."),
        (("ssl:localhost:1", "--insecure"), "write tls:HOST:PORT, which verifies the server."),
    ],
)
def test_a_wrong_option_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    code, _, err = chat(*arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
