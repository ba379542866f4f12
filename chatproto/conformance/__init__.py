"""Whether a server, ours or anybody's, does what the older systems' clients and our own rely on.

A *check* is a short talk with a server over plain sockets, and stands for one line of the specification. It knows
nothing of how the server is made, and everything in it has a time limit. To add one: a function in the module of
its subject, decorated with what it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from chatproto.conformance import (
    a_checks,
    a_objects,
    b_across,
    b_basics,
    b_files,
    b_groups,
    b_peers,
    b_realms,
    c_lines,
    d_across,
    d_live,
    d_peers,
    e_rooms,
    json_basics,
    json_lines,
    json_messages,
)
from chatproto.conformance.checks import Check, Outcome, Result, Step
from chatproto.conformance.people import Person
from chatproto.conformance.running import Register, Run, register_by_line
from chatproto.conformance.traces import Traces
from chatproto.conformance.trial import Target

__all__ = [
    "LEVELS",
    "LINE_LEVELS",
    "Check",
    "Outcome",
    "Person",
    "Result",
    "Step",
    "Target",
    "Traces",
    "check",
]

#: By the name of a level: its checks in the order in which they are made.
LEVELS: dict[str, Sequence[Check]] = {
    "B": tuple(
        chain(
            b_basics.CHECKS, b_groups.CHECKS, b_files.CHECKS, b_realms.CHECKS, b_peers.CHECKS, b_across.CHECKS
        )
    ),
    "C": tuple(c_lines.CHECKS),
    "D": tuple(chain(d_live.CHECKS, d_peers.CHECKS, d_across.CHECKS)),
    "A": tuple(a_checks.CHECKS),
    "E": tuple(e_rooms.CHECKS),
    "json": tuple(chain(json_basics.CHECKS, json_messages.CHECKS)),
}
#: Those that one line port can serve.
LINE_LEVELS = ("B", "C", "D", "json")
#: How users are made where it is not as clients of B do.
_REGISTER: dict[str, Register] = {"json": json_lines.register, "A": a_objects.register}
#: Checks of pauses are made of waiting; each has a room of its own.
_AT_ONCE = {"E": 4}


def check(
    target: Target, levels: Iterable[str], only: str = "", traces: Traces | None = None
) -> Iterator[Result]:
    """Make the checks of levels, those with ``only`` in their name; ``traces`` gets what they leave behind."""
    traces = traces or Traces()
    for level in levels:
        run = Run(target, _REGISTER.get(level, register_by_line), traces)
        yield from run.results((each for each in LEVELS[level] if only in each.name), _AT_ONCE.get(level, 1))
        if traces.given_up and not traces.ever_understood:
            return
