"""What is configured about other realms, and how mistakes in it are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatproto.configuration import Config, PeerTable, Settings, configure, read_settings, settings_from_flags
from chatproto.errors import ConfigError
from chatproto.federation.setting import PeerSetting, RouteTable
from chatproto.federation.trust import Kind
from chatproto.names import RealmName
from chatproto.realm.policy import Acceptance

SECRET = "wet paint, do not touch"
KEY = "0123456789abcdef" * 4


def made(tmp_path: Path, text: str, first: str = "") -> Config:
    path = tmp_path / "alpha.toml"
    path.write_text(f'realm = "alpha"\n{first}\n{text}')
    return configure(read_settings(path))


def peer(tmp_path: Path, text: str, first: str = "") -> PeerSetting:
    [setting] = made(tmp_path, f"[peers.beta]\n{text}", first).peers
    return setting


def test_a_shared_secret_is_enough(tmp_path: Path) -> None:
    config = made(tmp_path, f'[peers.beta]\nconnect = "tcp:127.0.0.1:9890"\nsecret = "{SECRET}"')
    [beta] = config.peers
    assert (beta.realm, beta.connect) == ("beta", "tcp:127.0.0.1:9890")
    assert beta.trust is not None
    assert (beta.trust.kind, beta.trust.key, beta.trust.secret) == (Kind.SECRET, "", SECRET)
    assert (beta.policy.accept, beta.policy.bytes_a_day, beta.neighbour) == (Acceptance.OPEN, 0, False)
    # Who dials everybody need not listen.
    assert [listener.name for listener in config.listeners] == ["client"]


def test_who_waits_for_a_realm_listens_for_it(tmp_path: Path) -> None:
    config = made(tmp_path, f'[peers.beta]\nsecret = "{SECRET}"')
    assert [(each.name, each.endpoint) for each in config.listeners] == [
        ("client", "tcp:8889:interface=127.0.0.1"),
        ("peer", "tcp:8890:interface=127.0.0.1"),
    ]
    said = made(tmp_path, '[listen]\npeer = "tcp:0:interface=127.0.0.1"\n[peers.beta]')
    assert [each.endpoint[:6] for each in said.listeners] == ["tcp:88", "tcp:0:"]


def test_a_pin_names_the_key(tmp_path: Path) -> None:
    trust = peer(tmp_path, f'pin = "ed25519:{KEY.upper()}"').trust
    assert trust is not None
    assert (trust.kind, trust.key) == (Kind.PIN, KEY)
    both = peer(tmp_path, f'pin = "ed25519:{KEY}"\nsecret = "{SECRET}"').trust
    assert both is not None
    assert (both.kind, both.key, both.secret) == (Kind.SECRET, KEY, SECRET)


def test_without_either_a_key_has_to_be_approved_but_in_a_lab(tmp_path: Path) -> None:
    assert peer(tmp_path, "neighbour = true").trust is None
    trust = peer(tmp_path, "", "lab = true").trust
    assert trust is not None
    assert trust.kind is Kind.TOFU


def test_what_is_taken_from_a_realm(tmp_path: Path) -> None:
    beta = peer(
        tmp_path,
        """
        policy = "allow"
        allow = ["Amsal", "slawi@BETA"]
        messages = 2.5
        bytes_a_day = 1000000
        neighbour = true
        """,
    )
    assert beta.policy.accept is Acceptance.ALLOW
    assert beta.policy.addresses == {"amsal@beta", "slawi@beta"}
    assert (beta.policy.bytes_a_day, beta.messages, beta.neighbour) == (1_000_000, 2.5, True)


def test_realms_keep_the_order_of_the_file(tmp_path: Path) -> None:
    config = made(tmp_path, "[peers.gamma]\n[peers.beta]\n[peers.delta]")
    assert [peer.realm for peer in config.peers] == ["gamma", "beta", "delta"]


def test_beyond_this_machine_plain_tcp_must_be_asked_for(tmp_path: Path) -> None:
    far = 'connect = "tcp:192.0.2.1:8890"'
    with pytest.raises(ConfigError, match=r"peers.beta.connect: .* plain text.*insecure"):
        peer(tmp_path, far)
    assert peer(tmp_path, far, "insecure = true").connect == "tcp:192.0.2.1:8890"
    for near in ("tcp:localhost:8890", "tcp:host=::1:port=8890", "tls:192.0.2.1:8890", "unix:/run/beta"):
        assert peer(tmp_path, f"connect = '{near}'").connect


def test_paths_in_an_endpoint_are_meant_from_the_folder_of_the_file(tmp_path: Path) -> None:
    assert peer(tmp_path, 'connect = "unix:beta.socket"').connect == f"unix:{tmp_path}/beta.socket"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("peers = 3", "peers: expected a table for each realm, such as [peers.beta]"),
        ("[peers]\nbeta = 3", "peers: expected a table for each realm, such as [peers.beta]"),
        ("[peers.Beta]", "peers.Beta: a realm's name has 1 to 63"),
        ("[peers.alpha]", "peers.alpha: is this realm itself"),
        ("[peers.beta]\nsecrets = 'x'", "peers.beta.secrets: unknown key; expected one of connect, secret,"),
        (
            "[peers.beta]\nlegacy = true",
            "peers.beta.connect: an original server is known by its address; expected tcp:HOST:PORT",
        ),
        ("[peers.beta]\nsecret = 3", "peers.beta.secret: expected `str"),
        ("[peers.beta]\nsecret = 'fifteen letters'", "peers.beta.secret: expected at least 16 characters"),
        ("[peers.beta]\npin = 'sha256:00'", "peers.beta.pin: expected ed25519: and 64 hexadecimal digits"),
        ("[peers.beta]\nconnect = '9890'", "peers.beta.connect: expected a client endpoint such as tcp:127"),
        ("[peers.beta]\nconnect = 'tls:x'", "peers.beta.connect: expected a client endpoint such as tcp:127"),
        ("[peers.beta]\nneighbour = 1", "peers.beta.neighbour: expected `bool`"),
        ("[peers.beta]\npolicy = 'some'", "peers.beta.policy: invalid enum value 'some'"),
        ("[peers.beta]\nallow = ['amsal']", 'peers.beta.allow: counts with policy = "allow" only'),
        (
            "[peers.beta]\npolicy = 'allow'\nallow = ['amsal@gamma']",
            "peers.beta.allow: 'amsal@gamma' is not of beta",
        ),
        ("[peers.beta]\npolicy = 'allow'\nallow = ['.']", "peers.beta.allow: '.': a name has 1 to 64 of"),
        ("[peers.beta]\nmessages = -1", "peers.beta.messages: expected a number of messages a second"),
        ("[peers.beta]\nmessages = nan", "peers.beta.messages: expected a number of messages a second"),
        ("[peers.beta]\nbytes_a_day = -1", "peers.beta.bytes_a_day: expected a number of bytes"),
    ],
)
def test_a_mistake_is_told_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(tmp_path, text)
    assert str(caught.value).removeprefix(f"{tmp_path / 'alpha.toml'}: ").startswith(message)


def test_a_secret_is_in_no_repr_and_no_error(tmp_path: Path) -> None:
    said = Settings(realm="alpha", peers={"beta": PeerTable(secret=SECRET)})
    assert "secret='***'" in repr(said)
    assert SECRET not in repr([said, configure(said), said.peers])
    short = SECRET[:12]
    with pytest.raises(ConfigError) as caught:
        made(tmp_path, f'[peers.beta]\nsecret = "{short}"')
    assert short not in str(caught.value)


def test_flags_leave_the_realms_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "alpha.toml"
    path.write_text('realm = "alpha"\n[peers.beta]\n[peers.gamma]')
    both = settings_from_flags(store="memory:").over(read_settings(path))
    assert list(both.peers) == ["beta", "gamma"]


def test_a_realm_is_reached_by_another_one(tmp_path: Path) -> None:
    config = made(
        tmp_path,
        f"""
        [peers.gamma]
        connect = "tcp:127.0.0.1:9890"
        relay = false
        [peers.beta]
        pin = "ed25519:{KEY}"
        via = "gamma"
        [routes]
        delta = "gamma"
        default = "omega"
        """,
        "relay = true",
    )
    gamma, beta = config.peers
    assert (gamma.via, gamma.relay) == (None, False)
    assert (beta.via, beta.relay, beta.connect) == ("gamma", True, "")
    assert config.routes == RouteTable(
        ways={RealmName("delta"): RealmName("gamma")}, default=RealmName("omega"), relay=True
    )
    # Nobody is waited for who is reached by others.
    assert [listener.name for listener in config.listeners] == ["client"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[peers.beta]\nvia = "gamma"', "peers.beta.via: needs `pin`"),
        (f'[peers.beta]\npin = "ed25519:{KEY}"\nvia = "beta"', "peers.beta.via: is that realm itself"),
        (f'[peers.beta]\npin = "ed25519:{KEY}"\nvia = "alpha"', "peers.beta.via: is this realm itself"),
        ('[routes]\ndefault = "a b"', "routes.default: "),
        ('[routes]\nbeta = "beta"', "routes.beta: is that realm itself"),
        ('[routes]\nalpha = "beta"', "routes: is this realm itself"),
    ],
)
def test_ways_that_lead_nowhere_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        made(tmp_path, text)
    assert told in str(raised.value)
