"""The fixtures of conftest.py: they have to notice what they are there for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_HEAD = """
from twisted.internet import reactor
from twisted.internet.defer import fail
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

"""
_LEAKS = {
    "a_delayed_call": "reactor.callLater(60, lambda: None)",
    "a_port": "reactor.listenTCP(0, Factory(), interface='127.0.0.1')",
    "an_unhandled_error": "fail(RuntimeError('nobody handles this'))",
    "an_unhandled_error_in_a_cycle": "d = fail(RuntimeError('nobody')); d.itself = d",
    "a_logged_failure": "Logger().failure('seen', Failure(RuntimeError('logged')))",
}
_CLEAN = """
def test_clean(logged_failures):
    Logger().failure('seen', Failure(RuntimeError('expected')))
    assert logged_failures.take(RuntimeError)

def test_tool(require):
    require('no-such-tool-anywhere')
"""


def _run(folder: Path, ci: str) -> str:
    here = Path(__file__).parent
    (folder / "tests").mkdir()
    for name in ("conftest.py", "postgresql.py"):
        shutil.copy(here / name, folder / "tests" / name)
    leaks = "".join(f"def test_{name}():\n    {leak}\n\n" for name, leak in _LEAKS.items())
    (folder / "tests" / "test_leaks.py").write_text(_HEAD + leaks + _CLEAN)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


def test_whatever_a_test_leaves_behind_is_an_error_of_that_test(tmp_path: Path) -> None:
    report = _run(tmp_path, ci="")
    for name in _LEAKS:
        assert f"ERROR tests/test_leaks.py::test_{name}\n" in report.replace(" - ", "\n"), report
    assert "PASSED tests/test_leaks.py::test_clean" in report
    assert "ERROR tests/test_leaks.py::test_clean" not in report


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 failed")])
def test_a_missing_tool_skips_a_test_except_in_ci(tmp_path: Path, ci: str, outcome: str) -> None:
    assert outcome in _run(tmp_path, ci).splitlines()[-1]
