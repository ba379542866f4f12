"""Whether a message says the same in the stores of both realms that have it, and is there at all.

It cannot be told of what one of them does not keep: a post to a group elsewhere is in its sender's store as
long as it waits, and later only as an entry of the copy.
"""

from __future__ import annotations

from chatproto.auditing.report import Report, Violation
from chatproto.auditing.scratch import Scratch
from chatproto.records.audit import APPLIED, SENT

#: What came, and what its origin has of it: in their conversation, or if it is for a group, nowhere.
_CAME = (
    "SELECT came.store, came.origin, came.mid, came.kind, own.mid, came.kind <> own.kind, "
    "came.sender <> own.sender, came.digest <> own.digest, "
    "came.b <> '' AND (came.a, came.b) <> (own.a, own.b) "
    "FROM said AS came LEFT JOIN said AS own INDEXED BY said_mid ON own.mid = came.mid "
    "AND own.store = came.origin AND (own.b <> '') = (came.b <> '') AND own.number = 0 AND NOT own.arrived "
    "WHERE came.arrived AND came.origin <> came.store "
    "AND (came.b <> '' OR (came.kind = 'text' AND own.a = ''))"
)
_IS_SENT = "SELECT 1 FROM audit INDEXED BY audit_mid WHERE mid = ? AND store = ? AND event = ?"
#: Posts that their home took, and that have no place there.
_PLACELESS = (
    "SELECT own.store, audit.store, own.mid FROM said AS own JOIN audit INDEXED BY audit_mid "
    "ON audit.mid = own.mid AND audit.event = ? AND audit.realm = own.store "
    "WHERE own.a = '' AND own.kind = 'text' AND NOT EXISTS (SELECT 1 FROM said "
    "WHERE said.mid = own.mid AND said.store = audit.store)"
)
_WHAT = ("kind", "sender", "text", "recipient")


def compare_texts(scratch: Scratch, report: Report) -> None:
    """Compare what came with what was written, as far as both stores have it."""

    def violate(what: str, sender: str, receiver: str, mid: str, about: str) -> None:
        report.add(Violation(what=what, sender=sender, receiver=receiver, mid=mid, about=about))

    for receiver, origin, mid, kind, own, *differences in scratch.ask(_CAME):
        if own is not None:
            for name in (name for name, differs in zip(_WHAT, differences, strict=True) if differs):
                about = f"{mid} of {origin} has another {name} in {receiver}"
                violate("entry-differs", origin, receiver, mid, about)
        # An invitation was a group's, and goes with its place in the queue.
        elif kind == "text" and origin in report.realms and any(scratch.ask(_IS_SENT, mid, origin, SENT)):
            violate("message-gone", origin, receiver, mid, f"{mid} is not in the log of its sender's realm")
    for origin, mid, realm in scratch.ask("SELECT store, mid, realm FROM unsaid"):
        violate("message-gone", origin, realm, mid, f"{mid} is in the queue for {realm}, and not in the log")
    for origin, home, mid in scratch.ask(_PLACELESS, APPLIED):
        violate("entry-gone", origin, home, mid, f"{mid} was taken by {home}, and is not in the group's log")
