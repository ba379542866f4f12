"""Servers of ours, and runs of the conformance kit against them that wait at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from chatproto.conformance import Outcome, Result, Target, check
from tests.serving import COMMAND, Server
from tests.system.running import RunningRealm

#: Generous: many processes share the machine.
PATIENCE = 15.0
#: These servers are here, and what they send unasked comes at once.
QUIET = 0.15
#: A test run keeps all cores busy, and with them those who should be on time.
TRIES = 4
#: Levels, and what the name of a check has to have in it.
Part = tuple[tuple[str, ...], str]


class Stage:
    """Servers for one run of the kit, started when it is made: call it before :meth:`close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()
        self.realms: list[RunningRealm] = []

    def realm(
        self, *more: str, name: str = "alpha", listeners: tuple[str, ...] = ("client",)
    ) -> RunningRealm:
        """Return a realm that is ready."""
        self._folder.mkdir(exist_ok=True)
        realm = RunningRealm(self._folder, *more, name=name, listeners=listeners)
        self.realms.append(realm)
        realm.start()
        return realm

    def front(self, main: RunningRealm) -> int:
        """Return the port of a front of a realm."""
        arguments = ("--main", f"127.0.0.1:{main.port}", "--listen", "client=tcp:0:interface=127.0.0.1")
        server = self._open.enter_context(Server(*arguments, command=(*COMMAND, "front")))
        return server.ports[0]

    def write(self, text: str) -> Path:
        """Return a configuration."""
        self._folder.mkdir(exist_ok=True)
        file = self._folder / "alpha.toml"
        file.write_text(text)
        return file

    def close(self) -> None:
        """Stop the servers."""
        self._open.close()
        for realm in self.realms:
            realm.close()

    def log(self) -> str:
        """Return what all of them logged."""
        return "".join(realm.log() for realm in self.realms)


def at(port: int) -> tuple[str, int]:
    return "127.0.0.1", port


def made(target: Target, *parts: Part) -> list[Result]:
    """Make checks, one part after the other."""
    return [result for levels, only in parts for result in check(target, levels, only)]


def target(
    port: int,
    *,
    peer: tuple[str, int] | None = None,
    main: tuple[str, int] | None = None,
    talk: tuple[str, int] | None = None,
    plays: tuple[str, str, int] | None = None,
) -> Target:
    return Target(
        server=at(port),
        peer=peer,
        main=main,
        talk=talk,
        plays=plays,
        patience=PATIENCE,
        quiet=QUIET,
        tries=TRIES,
    )


#: Starts servers and makes the checks of some levels.
Run = Callable[[Stage], list[Result]]
#: By the name of a run: its servers, and what comes of it.
Runs = dict[str, tuple[Stage, Future[list[Result]]]]


@contextmanager
def under_way(runs: Sequence[Run], folder: Path) -> Iterator[Runs]:
    """Give all runs, which are under way at the same time."""
    stages = {run.__name__: Stage(folder / run.__name__) for run in runs}
    threads = ThreadPoolExecutor(len(runs))
    try:
        yield {
            run.__name__: (stages[run.__name__], threads.submit(run, stages[run.__name__])) for run in runs
        }
    finally:
        threads.shutdown(cancel_futures=True)
        for stage in stages.values():
            stage.close()


def assert_passed(runs: Runs, name: str, levels: set[str]) -> None:
    """Wait for a run; nothing failed, and something of each level was checked."""
    stage, future = runs[name]
    results = future.result()
    print(stage.log())
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    # With a message of its own: shortened by pytest, such a list would not name who failed.
    assert not failed, "\n".join(map(repr, failed))
    assert {result.level for result in results if result.outcome is Outcome.PASSED} == levels
