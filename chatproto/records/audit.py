"""The audit log: what became of each message on its way between realms, written with the very rows that
made it so.

It is append only, and nothing is decided by it. So it can be compared with that of other realms, to find out
whether what was promised came true.
"""

from __future__ import annotations

from chatproto.records.base import Record

#: An item was numbered here for ``realm``. The number is that of the stream.
SENT = "sent"
#: Up to ``number`` the verdicts of ``realm`` on our items are known: each was applied there, or has a bounce.
SETTLED = "settled"
#: An item of ours came back to its sender; ``code`` says why.
BOUNCED = "bounced"
#: The same, but its sender waited for it and was answered with the code; there is no bounce.
ANSWERED = "answered"
#: The same, but its bounce could not be stored.
UNBOUNCED = "unbounced"
#: An item of ``realm`` had its effect here.
APPLIED = "applied"
#: An item of ``realm`` was refused here; ``code`` says why.
REFUSED = "refused"
#: An entry of the log of the group ``address``: at its home (``realm`` is empty), in a copy (it is the home).
ENTRY = "entry"
#: A gateway has an item on disk that came from ``realm`` for the realm ``address``; it gave it to ``realm``.
HELD = "held"
PASSED = "passed"
#: What we had for ``realm`` was given up by the operator; the next number is ``number``.
DROPPED = "dropped"
#: We began to send again to ``realm`` from ``number``, as one of us has an older copy of its store.
RENEWED = "renewed"
#: ``realm`` began a new epoch of its stream, for one of these two reasons.
EPOCH = "epoch"
#: This store is an older copy of itself: the batch ``number`` was once committed.
OLDER = "older"
#: Rows up to ``number`` about what we sent to ``realm``, it sent to us, or the group ``address`` are gone, or
#: were never written.
PRUNED_SENT = "pruned-sent"
PRUNED_APPLIED = "pruned-applied"
PRUNED_ENTRY = "pruned-entry"


class AuditRow(Record, frozen=True):
    """One thing that happened to one message, in the order of the store. Key: ``serial``.

    ``event`` is one of those above; what they do not say of ``mid``, ``realm``, ``address`` (to whom, as
    written), ``number`` and ``code`` is empty or 0. ``at`` is by this realm's clock.
    """

    serial: int
    at: int
    event: str
    mid: str = ""
    realm: str = ""
    address: str = ""
    number: int = 0
    code: str = ""
