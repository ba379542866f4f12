"""What a front's log says of its main server: how it stands, why, and what an operator can do about it."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from chatproto.errors import (
    BadFrame,
    BadProof,
    FrameTooLong,
    HandshakeTimeout,
    LinkError,
    RefusedByPeer,
    WrongKey,
)
from chatproto.realm.rates import Rate

#: A few changes are told at once: a restart of the main server is three. With more of them the log is told
#: now and then how it stands.
_RATE = Rate(1, 10.0, burst=4)

_NO_MAIN = "--main is the peer port of a main server, in a lab also its client port, with tls: if it has TLS"
#: Why the main server did not become known as such, by the class of the error.
_NOT_MET: tuple[tuple[type[LinkError], str], ...] = (
    (HandshakeTimeout, f"it takes connections, and does not say in time who it is; {_NO_MAIN}"),
    (BadFrame, f"what answers there speaks otherwise; {_NO_MAIN}"),
    (FrameTooLong, f"what answers there speaks otherwise; {_NO_MAIN}"),
    (BadProof, "it does not prove that it knows the secret, which belongs into [fronts.{name}] there"),
    (WrongKey, "{text}; if that is right, mend --main-pin, or remove main.key from the folder of --state"),
)
#: What it says of this front, by the code of its error.
_REFUSED = {
    "not-linked": "it knows no front called {name}; it needs [fronts.{name}] there, or --name another here",
    "bad-proof": "it does not take this front's proof; the secret here is not that of [fronts.{name}] there",
    "wrong-key": "it expects another key of this front than {key}; make that the pin in [fronts.{name}] "
    "there, and let --state keep it here",
}


def why_not_met(error: LinkError | None, name: str, key: str) -> str:
    """Return why the main server did not become known as such.

    ``name`` and ``key``, a fingerprint, are the front's; there is no error if the connection just ended.
    """
    if error is None:
        return f"it closes connections before it has proved who it is; {_NO_MAIN}"
    if isinstance(error, RefusedByPeer):
        said, text = _REFUSED.get(error.reason, "{text}"), f"it ended the handshake: {error.reason}"
    else:
        said, text = next((said for kind, said in _NOT_MET if isinstance(error, kind)), "{text}"), error.text
    return said.format(name=name, key=key, text=text)


def why_lost(error: LinkError | None) -> str:
    """Return why a link is lost that stood."""
    match error:
        case None:
            return "the connection was lost"
        case RefusedByPeer():
            return f"it ended the link: {error.reason}"
    return error.text


class Telling:
    """Tells the log each change once, and always how it is in the end. ``main`` is the server's endpoint."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, main: str) -> None:
        self._clock = clock
        self._main = main
        self._now = self._told = (False, "")
        self._full = 0.0
        self._later: IDelayedCall | None = None

    def linked(self, realm: str) -> None:
        """Hear that there is a link."""
        self._change(True, f"linked with the main server of {realm} at {self._main}")

    def away(self, why: str) -> None:
        """Hear that there is no link, and why."""
        self._change(False, f"no link with the main server at {self._main}: {why}; it is tried again")

    def stop(self) -> None:
        """Tell no more."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _change(self, linked: bool, text: str) -> None:
        self._now = (linked, text)
        if self._later is None:
            self._tell()

    def _tell(self) -> None:
        self._later = None
        if self._now == self._told:
            return
        now = self._clock.seconds()
        if wait := _RATE.wait(self._full, now):
            self._later = self._clock.callLater(wait, self._tell)
            return
        self._full = _RATE.taken(self._full, now)
        self._told = linked, text = self._now
        (self._log.info if linked else self._log.warn)("{text}", text=text)
