"""From a list of checks to their results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from msgspec import structs

from chatproto.conformance.checks import Check, Departure, Outcome, Result, Skipped, Step
from chatproto.conformance.originals import Originals
from chatproto.conformance.pairs import Pairs
from chatproto.conformance.people import People, Person
from chatproto.conformance.traces import Traces
from chatproto.conformance.trial import Target, Trial, Where

#: Makes a user at a server, if it can.
Register = Callable[[Trial, Where, Person], Person | None]


def register_by_line(trial: Trial, where: Where, person: Person) -> Person | None:
    """Register as clients of B do, or as those of C."""
    client = trial.connect("register", where)
    for line, shown in (
        (
            f"register {person.user} {person.password} {person.shown.replace(' ', '_')} Indonesia",
            person.shown,
        ),
        (f"register {person.user} {person.password}", person.user),
    ):
        if not client.ask(line).refused:
            return Person(person.user, person.password, shown)
    return None


class Run:
    """All checks of one level against one server; the users are the same for all of them."""

    def __init__(self, target: Target, register: Register, traces: Traces) -> None:
        self._target = target
        self._traces = traces
        self._register = register
        self._originals = Originals(target.plays)
        self._pairs = Pairs()
        self._people = People(target.users, lambda person: self._make(target.server, person))
        self._neighbours = People(
            target.peer_users, lambda person: target.peer and self._make(target.peer, person)
        )

    def results(self, checks: Iterable[Check], at_once: int = 1) -> Iterator[Result]:
        """Make checks, one after the other, or so many at once where none touches another's users.

        It ends early where the first ones show that nobody answers who speaks the protocol.
        """
        self._traces.begin()
        try:
            with ThreadPoolExecutor(at_once) as threads:
                # Ahead of whoever looks at the results only where several are made at once.
                make = map if at_once == 1 else threads.map
                for result in make(self._results, checks):
                    yield result
                    failed = result.outcome is Outcome.FAILED
                    if failed and self._traces.fail(result.level, self._target.server):
                        threads.shutdown(wait=False, cancel_futures=True)
                        break
        finally:
            self._originals.close()

    def _make(self, where: Where, person: Person) -> Person | None:
        trial = self._trial()
        try:
            return self._register(trial, where, person)
        except Exception:  # whatever it was: nobody was registered
            return None
        finally:
            trial.close()

    def _trial(self) -> Trial:
        return Trial(self._target, self._people, self._neighbours, self._originals, self._pairs, self._traces)

    def _results(self, check: Check) -> Result:
        """Make a check, and one of pauses again if it fails: a busy machine is now and then late."""
        tries = 1
        result = self._result(check)
        while (
            result.outcome is Outcome.FAILED
            and check.paused
            and tries < self._target.tries
            and self._traces.ever_understood  # else it is not pauses that fail
        ):
            tries += 1
            result = self._result(check)
        return structs.replace(result, tries=tries)

    def _result(self, check: Check) -> Result:
        trial = self._trial()
        began = time.monotonic()
        outcome, departure, why = Outcome.PASSED, Departure("", ""), ""
        steps: list[Step] = []
        try:
            check.run(trial)
            trial.nothing_unasked()
        except Departure as error:
            outcome, departure, steps = Outcome.FAILED, error, trial.steps
        except Skipped as error:
            outcome, why = Outcome.SKIPPED, str(error)
        except Exception as error:  # what was sent had a form that no check thinks of
            seen = next((step.text for step in reversed(trial.steps) if step.way == "<"), "nothing")
            said = next((f"{step.who}: {step.text}" for step in reversed(trial.steps) if step.way == ">"), "")
            expected = f"a reply of the form that the line tells ({type(error).__name__})"
            outcome, departure, steps = Outcome.FAILED, Departure(expected, seen, said), trial.steps
        finally:
            trial.close()
        return Result(
            level=check.level,
            name=check.name,
            section=check.section,
            line=check.line,
            outcome=outcome,
            sent=departure.sent,
            expected=departure.expected,
            seen=departure.seen,
            why=why,
            seconds=round(time.monotonic() - began, 3),
            steps=steps,
        )
