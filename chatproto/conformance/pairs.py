"""The link between the two servers of a run, which the kit asks for once."""

from __future__ import annotations

from chatproto.conformance.checks import Skipped
from chatproto.conformance.lines import Answer, LineClient
from chatproto.conformance.people import fresh


class Pairs:
    """By ``addrealm`` at the first of them; ``alias`` is what both know the other by."""

    def __init__(self) -> None:
        self.alias = fresh("r")
        self._answer: Answer | None = None

    def answer(self, client: LineClient, peer: tuple[str, int]) -> Answer:
        """Return the reply to the ``addrealm`` that linked them, which ``client`` sends."""
        if self._answer is None:
            self._answer = client.ask(f"addrealm {self.alias} {peer[0]} {peer[1]} ")
        return self._answer

    def linked(self, client: LineClient, peer: tuple[str, int]) -> str:
        """Return the alias of the link.

        :raises Skipped: the server does not link the two.
        """
        answer = self.answer(client, peer)
        if answer.refused:
            raise Skipped(f"addrealm was refused: {answer.fields.get('message')}")
        return self.alias
