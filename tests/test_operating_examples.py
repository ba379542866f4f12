"""The sample configuration and the systemd unit are accepted by what they are written for."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import msgspec
import pytest

from chatproto.checking import Level, check
from chatproto.cli.serve import serve
from chatproto.configuration import OlderTable, PeerTable, Settings, configure, read_settings
from chatproto.limits import Limits
from chatproto.realm import Registration
from tests.authority import Authority
from tests.serving import ROOT, SECONDS, Server
from tests.test_metrics import Figures, request

SAMPLE = ROOT / "examples" / "chatproto.toml"
OPERATIONS = ROOT / "docs" / "operations.rst"
UNIT = ROOT / "examples" / "systemd" / "chatproto@.service"


def local(folder: Path) -> Path:
    """Return the sample with its paths in a folder, and ports that are free."""
    (folder / "etc").mkdir()
    Authority().write(folder / "etc" / "tls", "chat.example.org")
    text = SAMPLE.read_text()
    text = text.replace("/var/lib/chatproto", str(folder / "lib")).replace(
        "/etc/chatproto", str(folder / "etc")
    )
    text = re.sub(r'^(client = "ssl|metrics = "tcp):\d+', r"\1:0", text, flags=re.MULTILINE)
    path = folder / "etc" / "alpha.toml"
    path.write_text(text)
    return path


def unit() -> configparser.ConfigParser:
    # Names of settings may come twice in a unit, and do in ours.
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return parser


def test_the_sample_means_what_it_says(tmp_path: Path) -> None:
    config = configure(read_settings(local(tmp_path)))
    assert config.realm == "alpha"
    assert config.registration is Registration.CLOSED
    assert config.limits == Limits()  # the commented values are the defaults
    assert [(listener.name, listener.encrypted) for listener in config.listeners] == [
        ("client", True),
        ("metrics", False),
    ]


def test_the_sample_has_every_setting_with_its_default() -> None:
    text = SAMPLE.read_text()
    before, _, limits = text.partition("[limits]\n")
    for name in Settings.__struct_fields__:
        assert re.search(rf"^(#?{name} = |#?\[{name}(\.\w+)?\]$)", text, re.MULTILINE), name
    said = tomllib.loads(re.sub(r"^#(?! )", "", limits, flags=re.MULTILINE))
    assert said == {name: getattr(Limits(), name) for name in Limits.__struct_fields__}
    before, _, peers = before.partition("#[peers.beta]\n")
    said = tomllib.loads(re.sub(r"^#(?! )", "", peers, flags=re.MULTILINE))
    assert list(said) == ["connect", "pin", "secret", *PeerTable.__struct_fields__[3:]]
    assert {name: said[name] for name in ("policy", "allow", "messages", "bytes_a_day")} == {
        "policy": "open",
        "allow": [],
        "messages": 0,
        "bytes_a_day": 0,
    }
    before, _, older = before.partition("[older]\n")
    older = re.sub(r"^#(?! )", "", older.partition("\n[")[0], flags=re.MULTILINE)
    assert tomllib.loads(older) == msgspec.to_builtins(OlderTable())
    said = tomllib.loads("\n".join(re.findall(r"^#(\w+ = (?:true|false))$", before, re.MULTILINE)))
    assert said == {"exact_bodies": False, "lab": False, "insecure": False, "relay": False}


def test_the_examples_of_the_sample_are_understood(tmp_path: Path) -> None:
    path = local(tmp_path)
    sample = path.read_text()
    path.write_text(
        re.sub(r"^#(\[peers|\[fronts|connect|pin|secret|neighbour)", r"\1", sample, flags=re.MULTILINE)
    )
    config = configure(read_settings(path))
    [beta] = config.peers
    assert list(config.fronts.trusts) == ["lobby"]
    assert (beta.realm, beta.neighbour) == ("beta", True)
    examples = re.findall(r'^#((?:store|auth|client|peer) = ".*")$', sample, re.MULTILINE)
    assert len(examples) == 6
    for example in examples:
        name = example.partition(" ")[0]
        others = re.sub(rf"^{name} = .*$", "", sample, flags=re.MULTILINE)
        path.write_text(others.replace(f"#{example}", example))
        read_settings(path)
        if name != "auth":  # whose file is not there
            configure(read_settings(path))


def test_the_sample_is_found_good_and_served(tmp_path: Path) -> None:
    path = local(tmp_path)
    found = list(check(read_settings(path), path))
    assert [str(each) for each in found if each.level is Level.FAIL] == []
    with Server("--config", str(path)) as server:
        assert [line.split()[:2] for line in server.lines[:-1]] == [
            ["listening", "client"],
            ["listening", "metrics"],
        ]
        assert server.stop() == 0


def test_the_unit_calls_what_there_is() -> None:
    service = unit()["Service"]
    program, command, *arguments = shlex.split(service["ExecStart"].replace("%i", "alpha"))
    assert (Path(program).name, command) == ("chatproto", "serve")
    context = serve.make_context("serve", arguments, resilient_parsing=False)
    assert context.params["config"] == Path("/etc/chatproto/alpha.toml")
    with pytest.raises(click.UsageError):
        serve.make_context("serve", [*arguments, "--nonsense"])
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) >= 10
    assert int(service["LimitNOFILE"]) > Limits().connections
    # The folders of the sample are the ones that the unit makes.
    assert f"sqlite:////var/lib/{service['StateDirectory']}/" in SAMPLE.read_text()


def test_systemd_understands_the_unit(tmp_path: Path, require: Callable[[str], str]) -> None:
    analyze = require("systemd-analyze")
    program = tmp_path / "chatproto"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/chatproto/bin/chatproto", str(program)))
    verified = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", str(copy)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=30", "--no-pager", str(copy)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert rated.returncode == 0, rated.stdout


def test_the_document_has_every_figure_and_no_other() -> None:
    with Server(
        *("--realm", "alpha", "--store", "memory:", "--listen", "client=tcp:0:interface=127.0.0.1"),
        *("--listen", "metrics=tcp:0:interface=127.0.0.1"),
    ) as server:
        figures = Figures(request(server.ports[1])[1].decode())
    shown = {
        family.name + ("_total" if family.type == "counter" else "") for family in figures.families.values()
    }
    text = OPERATIONS.read_text()
    table = text.partition(".. list-table:: Figures")[2].partition("Alerts that")[0]
    names = r"\b((?:chatproto|process)_\w+)"
    assert set(re.findall(names, table)) == shown
    alerts = text.partition("Alerts that")[2].partition("``chatproto check --quiet``")[0]
    asked = {re.sub("_(bucket|count|sum)$", "", name) for name in re.findall(names, alerts)}
    assert asked <= shown


def test_the_document_shows_a_configuration_that_is_understood(tmp_path: Path) -> None:
    shown = re.findall(r"\.toml <<'END'\n(.*?)\n    END", OPERATIONS.read_text(), re.DOTALL)
    assert len(shown) == 2
    for text in shown:
        path = tmp_path / "alpha.toml"
        path.write_text(text.replace("\n    ", "\n").removeprefix("    "))
        assert configure(read_settings(path)).realm == "alpha"


def test_the_document_names_files_that_exist() -> None:
    for path in re.findall(r"\b(?:examples|docs)/[\w/.@-]+\w", OPERATIONS.read_text()):
        assert (ROOT / path).exists(), path
