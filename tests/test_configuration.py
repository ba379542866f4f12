"""Configuration: what follows from file and flags, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatproto.configuration import Config, Settings, configure, locate, read_settings, settings_from_flags
from chatproto.errors import ConfigError
from chatproto.limits import LOOPBACK, Limits
from chatproto.realm.authentication import CredAuthenticator
from chatproto.realm.policy import Registration
from chatproto.wire.text import FileEntries

PUBLIC = "client=tcp:8889"
LOCAL = "client=tcp:8889:interface=127.0.0.1"


def config(*, listen: tuple[str, ...] = (), limit: tuple[str, ...] = (), **flags: Any) -> Config:
    return configure(settings_from_flags(**{"realm": "alpha", **flags}, listen=listen, limit=limit))


def from_file(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "alpha.toml"
    path.write_text(text)
    return read_settings(path)


def refusal(tmp_path: Path, text: str) -> str:
    """Return what is said about a file; every message begins with the file's path."""
    with pytest.raises(ConfigError) as caught:
        configure(from_file(tmp_path, text))
    return str(caught.value).removeprefix(f"{tmp_path / 'alpha.toml'}: ")


def test_a_realm_name_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    made = config()
    assert made.realm == "alpha"
    assert made.store == f"sqlite:///{tmp_path}/chatproto/alpha.db"
    assert made.control == tmp_path / "chatproto" / "alpha.db.control"
    assert [(each.name, each.endpoint) for each in made.listeners] == [
        ("client", "tcp:8889:interface=127.0.0.1")
    ]
    assert made.limits == LOOPBACK
    assert made.registration is Registration.OPEN
    assert not made.lab
    assert not made.exact_bodies
    assert made.file_entries is FileEntries.STRING


def test_without_a_data_folder_the_store_is_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert config().store == "sqlite:////home/somebody/.local/share/chatproto/alpha.db"


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    said = from_file(
        tmp_path,
        """
        realm = "alpha"
        store = "sqlite:///alpha.db"
        registration = "closed"
        exact_bodies = true
        file_entries = "object"
        [older]
        live_lines = true
        [limits]
        pipeline = 7
        connections = 8
        [listen]
        client = ["tcp:1000:interface=127.0.0.1", "tcp:1001:interface=127.0.0.1"]
        """,
    )
    file_only = configure(said)
    assert file_only.store == f"sqlite:///{tmp_path}/alpha.db"
    assert file_only.registration is Registration.CLOSED
    assert file_only.exact_bodies
    assert file_only.file_entries is FileEntries.OBJECT
    assert file_only.older.live_lines
    assert [each.endpoint[:8] for each in file_only.listeners] == ["tcp:1000", "tcp:1001"]
    flags = settings_from_flags(
        realm="beta", registration="open", limit=["pipeline=9"], listen=["client=tcp:0:interface=127.0.0.1"]
    )
    both = configure(flags.over(said))
    assert both.realm == "beta"
    assert both.store == file_only.store
    assert both.registration is Registration.OPEN
    assert both.exact_bodies
    assert (both.limits.pipeline, both.limits.connections) == (9, 8)
    assert [each.endpoint for each in both.listeners] == ["tcp:0:interface=127.0.0.1"]


def test_relative_paths_in_a_file_are_meant_from_its_folder(tmp_path: Path) -> None:
    where = locate(from_file(tmp_path, 'store = "sqlite:///data/alpha.db"\ncontrol = "run/alpha"'))
    assert where.store == f"sqlite:///{tmp_path}/data/alpha.db"
    assert where.control == tmp_path / "run" / "alpha"


def test_a_store_in_postgresql_has_its_files_where_a_realm_has_them_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    url = "postgresql://ani:secret@host/db?options=-csearch_path%3Dalpha"
    made = config(store=url)
    assert made.store == url
    assert made.control == tmp_path / "chatproto" / "alpha.control"
    assert made.newest == tmp_path / "chatproto" / "alpha.control.newest"
    assert config(store=url, control="/run/alpha").newest == Path("/run/alpha.newest")
    assert config().newest is None
    assert locate(settings_from_flags(store=url)).control is None


def test_the_password_of_a_store_is_in_no_repr_and_no_error(tmp_path: Path) -> None:
    said = settings_from_flags(realm="alpha", store="postgresql://ani:secret@host/db")
    assert "ani:***@host" in repr(said)
    assert "secret" not in repr([said, configure(said), locate(said)])
    with pytest.raises(ConfigError) as caught:
        config(store="postgres://ani:secret@host/db")
    assert "secret" not in str(caught.value)


def test_files_are_beside_the_store_or_where_they_are_said_to_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert config().files == str(tmp_path / "chatproto" / "alpha.db.files")
    assert config(store="postgresql:///chat").files == str(tmp_path / "chatproto" / "alpha.files")
    assert config(store="postgresql:///chat", control="/run/a/socket").files == "/run/a/alpha.files"
    assert config(store="memory:").files == config(store="memory:", files="memory:").files == "memory:"
    assert config(files="data").files == str(Path.cwd() / "data")
    made = locate(from_file(tmp_path, 'realm = "alpha"\nfiles = "data/files"'))
    assert made.files == str(tmp_path / "data" / "files")


@pytest.mark.parametrize(("store", "files"), [("memory:", "data"), ("sqlite:///alpha.db", "memory:")])
def test_files_last_as_long_as_the_store(store: str, files: str) -> None:
    with pytest.raises(ConfigError, match=r"^files: expected a folder, or with a store in memory"):
        config(store=store, files=files)


def test_a_store_in_memory_has_a_control_socket_only_if_asked_for(tmp_path: Path) -> None:
    assert config(store="memory:").control is None
    assert config(store="memory:", control=str(tmp_path / "c")).control == tmp_path / "c"


@pytest.mark.parametrize(
    ("endpoint", "loopback"),
    [
        ("tcp:8889:interface=127.0.0.1", True),
        ("tcp:8889:interface=127.9.9.9", True),
        (r"tcp:8889:interface=\:\:1", True),
        ("tcp:8889:interface=localhost", True),
        ("tcp:8889:127.0.0.1", True),
        ("unix:/tmp/alpha", True),
        ("tcp:8889", False),
        ("tcp:8889:interface=0.0.0.0", False),
        (r"tcp:8889:interface=\:\:", False),
        ("tcp:8889:interface=192.0.2.1", False),
        ("tcp:8889:interface=example.org", False),
    ],
)
def test_only_addresses_of_this_machine_are_loopback(endpoint: str, loopback: bool) -> None:
    [listener] = config(listen=(f"client={endpoint}",), insecure=True).listeners
    assert listener.loopback is loopback


def test_off_loopback_the_bounds_hold_and_registration_is_closed() -> None:
    made = config(listen=(PUBLIC,), insecure=True)
    assert made.limits == Limits()
    assert made.registration is Registration.CLOSED
    assert config(listen=(PUBLIC,), insecure=True, registration="open").registration is Registration.OPEN


def test_each_listener_has_the_bounds_of_its_own_address() -> None:
    made = config(listen=(LOCAL, PUBLIC), insecure=True, limit=("pipeline=9",))
    local, public = made.listeners
    assert (local.limits.login_seconds, local.limits.connections_per_address) == (0, 0)
    assert (public.limits.login_seconds, public.limits.connections_per_address) == (10, 16)
    assert local.limits.pipeline == public.limits.pipeline == 9
    assert made.limits.connections_per_address == 16
    assert made.registration is Registration.CLOSED


def test_a_lab_is_as_on_loopback_wherever_it_listens() -> None:
    made = config(listen=(PUBLIC,), insecure=True, lab=True)
    assert made.lab
    assert made.limits == made.listeners[0].limits == LOOPBACK
    assert made.registration is Registration.OPEN


@pytest.mark.parametrize("lab", [None, True])
def test_beyond_this_machine_plain_tcp_and_labs_must_be_asked_for(lab: bool | None) -> None:
    with pytest.raises(ConfigError, match=r"^listen.client: .*insecure"):
        config(listen=(LOCAL, PUBLIC), lab=lab)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "realm: expected a name"),
        ('realm = "Alpha"', "realm: expected a name of 1 to 63 of a-z, 0-9, dot and hyphen, not 'Alpha'"),
        ("realm = 3", "realm: expected a name"),
        (
            'realm = "a"\nstore = "alpha.db"',
            'store: expected "sqlite:///PATH", "postgresql://..." or "memory:", not \'alpha.db\'',
        ),
        ('realm = "a"\nstore = "sqlite:///"', "store: expected"),
        ('realm = "a"\nregistration = "maybe"', 'registration: expected "open", "invite" or "closed"'),
        ('realm = "a"\nauth = 3', 'auth: expected a checker of twisted.cred such as "file:'),
        ('realm = "a"\nauth = "none"', "auth: unknown kind 'none'; expected one of file, memory, unix"),
        ('realm = "a"\nauth = "file:"', "auth: file: 'file' requires a filename"),
        (
            'realm = "a"\nauth = "anonymous"',
            "auth: anonymous: the checker takes no user names with passwords",
        ),
        ('realm = "a"\nauth = "memory:odd"', "auth: memory: "),
        ('realm = "a"\nlab = true\nauth = "memory:ani:x"', "auth: a lab has users and passwords of its own"),
        (
            'realm = "a"\nregistration = "invite"\nauth = "memory:ani:x"',
            "registration: nobody registers where `auth` knows the users",
        ),
        ('realm = "a"\nexact_bodies = 1', "exact_bodies: expected true or false"),
        ('realm = "a"\nfile_entries = "text"', 'file_entries: expected "string" or "object"'),
        ('realm = "a"\nolder = 3', "older: expected a table such as live_lines = true"),
        ('realm = "a"\n[older]\nlive_lines = 1', "older.live_lines: expected true or false"),
        (
            'realm = "a"\n[older]\nroom_brackets = "round"',
            'older.room_brackets: expected "angle" or "square"',
        ),
        ('realm = "a"\n[older]\naddress = 1', 'older.address: expected "HOST:PORT"'),
        ('realm = "a"\n[older]\nrooms = 1', "older.rooms: unknown key; expected one of live_lines,"),
        (
            'realm = "a"\n[older]\nfile_entries = "object"',
            "older.file_entries: stands at the top of the file, not in [older]",
        ),
        (
            'realm = "a"\n[older]\nexact_bodies = true',
            "older.exact_bodies: stands at the top of the file, not in [older]",
        ),
        ('realm = "a"\nlimits = 3', "limits: expected a table of numbers"),
        ('realm = "a"\n[limits]\npipeline = "9"', "limits: expected a table of numbers"),
        ('realm = "a"\n[limits]\npipeline = 0', "limits.pipeline: expected `int` >= 1"),
        ('realm = "a"\n[limits]\npipeline = 1.5', "limits.pipeline: expected `int`, got `float`"),
        ('realm = "a"\n[limits]\nlogin_seconds = inf', "limits.login_seconds: expected a finite number"),
        ('realm = "a"\n[limits]\nbytes = 1', "limits.bytes: unknown key; expected one of line_bytes,"),
        ('realm = "a"\nlisten = 8889', "listen: expected a table such as client = "),
        ('realm = "a"\n[listen]\nclient = 8889', "listen: expected a table"),
        ('realm = "a"\n[listen]\nclient = []', "listen: expected a table"),
        (
            'realm = "a"\n[listen]\nclient = "8889"',
            "listen.client: expected a Twisted server endpoint such as",
        ),
        ('realm = "a"\n[listen]\nclient = "tcp:x"', "listen.client: expected a Twisted server endpoint"),
        ('realm = "a"\n[listen]\nclient = "tcp:70000"', "listen.client: expected a port from 0 to 65535"),
        ('realm = "a"\n[listen]\npeer = "tcp:8890"', "listen.peer: messages would cross the network"),
        (
            'realm = "a"\n[listen]\nclients = "tcp:1"',
            "listen.clients: unknown listener; expected one of client",
        ),
        ('realm = "a"\nlegacy = "f"', "legacy: is not in this version"),
        ('realm = "a"\nfiles = 1', 'files: expected a folder, or with a store in memory "memory:"'),
        ('realm = "a"\nfiles = "a\\u0000b"', "files: expected a folder"),
        ('realm = "a"\nrelay = 1', "relay: expected true or false"),
        ('realm = "a"\nroutes = "beta"', "routes: expected a table such as"),
        ('realm = "a"\nrealms = "b"', "realms: unknown key; expected one of realm, store,"),
        ("realm", "is not TOML: "),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text).startswith(message)


def test_a_file_of_passwords_is_meant_from_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = 'realm = "a"\nauth = "file:passwords"'
    assert refusal(tmp_path, said) == f"auth: there is no file {tmp_path}/passwords"
    (tmp_path / "passwords").touch()
    made = configure(from_file(tmp_path, said))
    assert isinstance(made.authenticator, CredAuthenticator)
    assert made.registration is Registration.CLOSED
    monkeypatch.chdir(tmp_path)
    assert config(auth="file:passwords").authenticator is not None
    with pytest.raises(ConfigError, match=r"^auth: there is no file /none$"):
        config(auth="file:/none")


def test_the_passwords_of_a_checker_are_in_no_repr_and_no_error() -> None:
    said = settings_from_flags(realm="alpha", auth="memory:ani:secret")
    assert "auth='memory:...'" in repr(said)
    assert "secret" not in repr([said, configure(said)])
    for wrong in ("memory:ani:secret:budi", "memories:ani:secret"):
        with pytest.raises(ConfigError) as caught:
            config(auth=wrong)
        assert "secret" not in str(caught.value)


def test_without_a_checker_passwords_are_in_the_store() -> None:
    assert config().authenticator is None
    assert config(registration="invite").registration is Registration.INVITE


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        read_settings(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"listen": ["tcp:1"]}, "--listen: expected NAME=ENDPOINT, not 'tcp:1'"),
        ({"limit": ["pipeline"]}, "--limit: expected NAME=VALUE, not 'pipeline'"),
        ({"limit": ["pipeline=many"]}, "limits.pipeline: expected a number, not 'many'"),
        ({"registration": "maybe"}, 'registration: expected "open", "invite" or "closed"'),
    ],
)
def test_a_mistake_in_a_flag_is_told_with_its_name(flags: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_from_flags(**flags)
    assert str(caught.value) == message


def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^control: expected the path of a Unix socket, of at most 107 bytes"
    ):
        config(store=f"sqlite:///{tmp_path}/{'x' * 100}/alpha.db")
    assert config(store=f"sqlite:///{tmp_path}/{'x' * 100}/alpha.db", control="/tmp/a").control is not None
