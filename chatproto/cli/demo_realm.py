"""A realm in a process of its own, for the demo: real enough to be killed."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure

#: A realm is ready in less than a second; this is for a machine that has much else to do.
_START_SECONDS = 30.0
#: People watch, so a realm that is away is dialled more often than it would be.
_RETRY_SECONDS = 0.5


class RealmEnded(Exception):
    """The realm's process ended before it was ready; the message has its log."""


class _Life(ProcessProtocol):
    """One life of the process, from its start to its end."""

    def __init__(self) -> None:
        self.ready: Deferred[list[str]] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.over = False
        #: Whether its end is wanted, by whoever does not wait for its beginning any more.
        self.told_to_end = False
        self._output = b""

    def outReceived(self, data: bytes) -> None:
        self._output += data
        lines = self._output.decode().splitlines()
        if lines[-1].startswith("ready ") and self._output.endswith(b"\n") and not self.ready.called:
            self.ready.callback(lines)

    def processEnded(self, reason: Failure = connectionDone) -> None:
        self.over = True
        self.ended.callback(None)
        if not self.ready.called and not self.told_to_end:
            self.ready.errback(RealmEnded())


class RealmProcess:
    """``chatproto serve`` with its store in ``folder``, on the same ports through all its lives.

    A ``gateway`` has no users and passes on what others send each other; all others have the lab's.
    """

    def __init__(self, reactor: PosixReactorBase, name: str, folder: Path, *, gateway: bool = False) -> None:
        self.name = name
        self.store = folder / f"{name}.db"
        self.port = 0
        self.key = ""
        self._peer_port = 0
        self._reactor = reactor
        self._gateway = gateway
        self._links: list[tuple[RealmProcess, str]] = []
        self._configuration = folder / f"{name}.toml"
        self._log = folder / f"{name}.log"
        self._process: IProcessTransport | None = None
        self._life: _Life | None = None

    async def make_key(self) -> None:
        """Make its key, which others have to know before they are started.

        :raises RealmEnded: it cannot be made.
        """
        place = ["--realm", self.name, "--store", f"sqlite:///{self.store}"]
        output, trouble, code = await getProcessOutputAndValue(
            sys.executable, ["-m", "chatproto", "realm", "key", *place], env=None, reactor=self._reactor
        )
        if code:
            raise RealmEnded(f"the realm has no key:\n{trouble.decode(errors='replace')}")
        self.key = output.decode().strip()

    def let_in(self, other: RealmProcess) -> None:
        """Let another realm, known by its key, link itself with this one."""
        self._links.append((other, ""))

    def dial(self, gateway: RealmProcess) -> None:
        """Link it with a realm that is started before it."""
        self._links.append((gateway, 'connect = "tcp:127.0.0.1:{0._peer_port}"'))

    def reach(self, other: RealmProcess, gateway: RealmProcess) -> None:
        """Reach another realm by a gateway."""
        self._links.append((other, f'via = "{gateway.name}"'))

    async def start(self) -> None:
        """Start the process and return when it accepts connections.

        :raises RealmEnded: it did not come so far.
        """
        self._configure()
        command = [sys.executable, "-m", "chatproto", "serve", "--config", str(self._configuration)]
        self._life = life = _Life()
        with self._log.open("ab") as log:
            self._process = self._reactor.spawnProcess(
                life, sys.executable, command, env=None, childFDs={0: "w", 1: "r", 2: log.fileno()}
            )
        try:
            lines = await life.ready.addTimeout(_START_SECONDS, self._reactor)
        except (RealmEnded, DeferredTimeoutError):
            raise RealmEnded(f"the realm is not ready:\n{self._log.read_text(errors='replace')}") from None
        self.port, self._peer_port = (int(line.rsplit(" ", 1)[1]) for line in lines[:2])

    def _configure(self) -> None:
        """Write what an operator would have written."""
        peers = [
            f'[peers.{other.name}]\npin = "{other.key}"\n{how.format(other)}' for other, how in self._links
        ]
        text = f"""
            realm = "{self.name}"
            store = "sqlite:///{self.store}"
            {"relay" if self._gateway else "lab"} = true
            [limits]
            link_retry_seconds = {_RETRY_SECONDS}
            [listen]
            client = "tcp:{self.port}:interface=127.0.0.1"
            peer = "tcp:{self._peer_port}:interface=127.0.0.1"
            """
        self._configuration.touch(0o600)
        self._configuration.write_text("\n".join((text, *peers)))

    @property
    def told_to_end(self) -> bool:
        """Whether the present life's end is wanted."""
        return self._life is not None and self._life.told_to_end

    def kill(self) -> Deferred[None]:
        """End the process as a power cut would, and fire when it is gone."""
        return self._end("KILL")

    def terminate(self) -> Deferred[None]:
        """Ask the process to end, and fire when it is gone."""
        return self._end("TERM")

    def _end(self, sign: str) -> Deferred[None]:
        process, life = self._process, self._life
        if process is None or life is None or life.over:
            return succeed(None)
        life.told_to_end = True
        with contextlib.suppress(ProcessExitedAlready):
            process.signalProcess(sign)
        return life.ended
