"""What the clients of a front are told of its main server."""

from __future__ import annotations

from chatproto.errors.refusals import Unavailable


class MainAway(Unavailable):
    """There is no link between this front and its main server; nothing was asked of it."""

    message = "the main server is not there now; try again"


class OutcomeUnknown(Unavailable):
    """The link to the main server was lost before it answered: the command may have been carried out."""

    code = "outcome-unknown"
    message = "the main server was lost before it answered; whether this was done is not known"
