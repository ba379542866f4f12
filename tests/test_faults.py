"""A failure in the log shows where it was, and not what was being worked on."""

from __future__ import annotations

import pytest
from twisted.logger import ILogObserver, LogEvent, eventAsText, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.errors import StoreError
from chatproto.faults import Discreet
from tests.conftest import LoggedFailures
from tests.protocols.wires import Served
from tests.realm.house import PASSWORD

SECRET = "pw-in-the-text-71"


def failing() -> Failure:
    try:
        int(SECRET)
    except ValueError:
        return Failure()
    raise AssertionError


@pytest.mark.parametrize("detail", ["default", "brief", "verbose"])
def test_the_traceback_has_everything_but_the_text(detail: str) -> None:
    text = Discreet(failing()).getTraceback(detail=detail)
    assert "in failing" in text or detail == "brief"
    assert "ValueError" in text
    assert SECRET not in text


def test_it_is_still_what_it_was() -> None:
    failure = Discreet(failing())
    assert failure.check(ValueError) is ValueError
    assert SECRET not in failure.getErrorMessage()
    assert SECRET not in repr(failure)
    assert "ValueError" in failure.getErrorMessage()


def test_frames_of_a_failure_that_was_cleaned_are_shown_too() -> None:
    failure = failing()
    failure.cleanFailure()
    assert "in failing" in Discreet(failure).getTraceback()


def test_a_command_that_fails_shows_no_secret_of_its_own(logged_failures: LoggedFailures) -> None:
    served = Served()
    served.house.add("messi")
    peer = served.peer()
    texts: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        texts.append(eventAsText(event))

    async def fail(user: str, password: str) -> None:
        raise KeyError(password, user)

    globalLogPublisher.addObserver(observe)
    try:
        served.house.realm.accounts.authenticate = fail  # type: ignore[assignment,method-assign]
        reply = peer.ask({"do": "login", "user": "messi", "password": PASSWORD})
    finally:
        globalLogPublisher.removeObserver(observe)
    assert reply["code"] == "internal-error"
    assert len(logged_failures.take(KeyError)) == 1
    (text,) = [text for text in texts if "a command failed" in text]
    assert "in fail" in text
    assert "KeyError" in text
    assert PASSWORD not in "".join(texts)


def test_an_operators_error_keeps_its_text() -> None:
    """Errors of stores are made of our own words."""
    assert "the disk" in Discreet(Failure(StoreError("the disk is full"))).getTraceback()
