"""Listening addresses: who reaches them, who can read along, and where their certificates are."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from chatproto.configuration import Config, configure, read_settings, settings_from_flags
from chatproto.errors import ConfigError
from chatproto.listeners import check_certificates, parse_endpoint
from chatproto.tls.certificates import TlsFiles
from tests.authority import Authority


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_endpoint("client", text)
    return str(caught.value)


def config(endpoint: str, *, insecure: bool | None = None) -> Config:
    flags = settings_from_flags(
        realm="alpha", store="memory:", listen=[f"client={endpoint}"], insecure=insecure
    )
    return configure(flags)


def test_who_is_named_is_believed_on_this_machine_only_unless_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    for host, insecure in (("127.0.0.1", "false"), ("0.0.0.0", "true"), ("0.0.0.0", "false")):
        text = f'realm = "a"\nstore = "memory:"\ninsecure = {insecure}\n[older]\ntipe_open = true\n'
        file.write_text(f'{text}[listen]\ntipe = "tcp:0:interface={host}"')
        if (host, insecure) != ("0.0.0.0", "false"):
            assert configure(read_settings(file)).older.tipe_open
            continue
        with pytest.raises(ConfigError, match=r"older\.tipe_open: everybody could"):
            configure(read_settings(file))


# TLS


@pytest.mark.parametrize(
    ("endpoint", "opens"),
    [
        ("ssl:8890:privateKey=/k:certKey=/c", "tcp:8890"),
        ("ssl:0:privateKey=/k:certKey=/c:interface=127.0.0.1", "tcp:0:interface=127.0.0.1"),
        ("ssl:8890:privateKey=/k:certKey=/c:interface=::", r"tcp:8890:interface=\:\:"),
        (r"ssl:8890:interface=\:\:1:privateKey=/k:certKey=/c", r"tcp:8890:interface=\:\:1"),
        ("ssl:8890:privateKey=/k:certKey=/c:backlog=9", "tcp:8890:backlog=9"),
    ],
)
def test_an_ssl_endpoint_is_a_port_with_a_certificate(endpoint: str, opens: str) -> None:
    listener = parse_endpoint("client", endpoint)
    assert listener.opens == opens
    assert listener.tls == TlsFiles(key=Path("/k"), certificate=Path("/c"))
    assert listener.encrypted
    assert listener.endpoint == endpoint


def test_the_key_and_its_certificate_may_stand_in_one_file() -> None:
    files = parse_endpoint("client", "ssl:1:privateKey=/both.pem").tls
    assert files == TlsFiles(key=Path("/both.pem"), certificate=Path("/both.pem"))
    assert files is not None
    assert files.paths == (Path("/both.pem"),)


def test_the_chain_may_have_a_file_of_its_own() -> None:
    files = parse_endpoint("client", "ssl:1:privateKey=/k:certKey=/c:extraCertChain=/x").tls
    assert files is not None
    assert files.paths == (Path("/k"), Path("/c"), Path("/x"))


def test_a_self_signed_certificate_is_in_a_folder() -> None:
    files = parse_endpoint("client", "ssl:1:selfSigned=/tls").tls
    assert files is not None
    assert files.paths == (Path("/tls/key.pem"), Path("/tls/cert.pem"))
    assert files.names == (socket.gethostname(), "localhost")
    files = parse_endpoint("client", "ssl:1:selfSigned=/tls:host=a.example,192.0.2.1").tls
    assert files is not None
    assert files.names == ("a.example", "192.0.2.1")


@pytest.mark.parametrize(
    "endpoint",
    [
        "ssl:1",
        "ssl:privateKey=/k",
        "ssl:1:certKey=/c",
        "ssl:1:privateKey=/k:sslmethod=TLSv1_METHOD",
        "ssl:1:selfSigned=/tls:privateKey=/k",
        "ssl:1:privateKey=/k:host=a",
        "ssl:1:/k:/c",
        "tls:/folder:443",
    ],
)
def test_other_forms_are_refused_with_those_that_there_are(endpoint: str) -> None:
    assert refused(endpoint).startswith("listen.client: expected ssl:PORT:privateKey=FILE:certKey=FILE")


def test_a_port_is_a_number_with_tls_too() -> None:
    assert refused("ssl:x:privateKey=/k").startswith("listen.client: expected a Twisted server endpoint")
    assert refused("ssl:70000:privateKey=/k").startswith("listen.client: expected a port from 0 to 65535")


def test_paths_in_a_file_are_meant_from_its_folder_and_in_flags_from_the_present_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "alpha.toml"
    path.write_text(
        'realm = "alpha"\nstore = "memory:"\n[listen]\nclient = ["ssl:1:privateKey=k.pem", "unix:a"]\n'
    )
    first, second = configure(read_settings(path)).listeners
    assert first.tls is not None
    assert first.tls.key == tmp_path / "k.pem"
    assert second.opens == f"unix:{tmp_path}/a"
    monkeypatch.chdir(tmp_path)
    [listener] = config("ssl:1:privateKey=k.pem").listeners
    assert listener.tls is not None
    assert listener.tls.key == tmp_path / "k.pem"


def test_a_certificate_that_cannot_be_used_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    key, certificate = Authority().write(tmp_path, "localhost")
    check_certificates(config(f"ssl:1:privateKey={key}:certKey={certificate}").listeners)
    certificate.write_text("")
    with pytest.raises(ConfigError, match=r"^listen\.client: .*fullchain\.pem: has no certificate in PEM$"):
        check_certificates(config(f"ssl:1:privateKey={key}:certKey={certificate}").listeners)
    check_certificates(config(f"ssl:1:selfSigned={tmp_path}/none").listeners)


# Who can read along


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp:8889",
        "tcp6:8889",
        "tcp6:8889:interface=::",
        "tcp:8889:interface=::",
        "tcp:8889:interface=192.0.2.1",
        "tcp:8889:interface=example.org",
        # This machine's, but of whom stands before them the string does not tell.
        "haproxy:tcp:8889:interface=127.0.0.1",
        "haproxy:unix:/tmp/a",
    ],
)
def test_what_others_may_reach_needs_tls_or_insecure(endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"^listen\.client: .* or add `insecure`$"):
        config(endpoint)
    [listener] = config(endpoint, insecure=True).listeners
    assert (listener.loopback, listener.encrypted) == (False, False)
    assert listener.limits.connections_per_address


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp:8889:interface=127.0.0.1",
        "tcp6:8889:interface=::1",
        r"tcp6:8889:interface=\:\:1",
        "tcp:8889:interface=localhost",
        "unix:/tmp/a",
    ],
)
def test_what_only_this_machine_reaches_needs_none(endpoint: str) -> None:
    [listener] = config(endpoint).listeners
    assert listener.loopback


def test_tls_needs_no_insecure_anywhere_and_its_bounds_hold() -> None:
    [listener] = config("ssl:8890:selfSigned=/tls").listeners
    assert (listener.loopback, listener.encrypted) == (False, True)
    assert listener.limits.connections_per_address == 16
    [listener] = config("ssl:8890:selfSigned=/tls:interface=127.0.0.1").listeners
    assert listener.loopback
