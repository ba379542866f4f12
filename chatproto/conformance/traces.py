"""What a run leaves at servers, and whether they answered at all."""

from __future__ import annotations

from chatproto.conformance.checks import shown

#: So many checks may fail before a word of the protocol was heard.
FIRST = 3
#: Of what is no protocol of ours so much is kept.
_HEARD_BYTES = 80
#: How others begin who were not meant, and their names.
_STRANGERS = {
    b"HTTP/": "HTTP",
    b"SSH-": "SSH",
    b"\x15\x03": "TLS",
    b"220 ": "FTP or SMTP",
    b"RFB ": "VNC",
    b"* OK": "IMAP",
    b"+OK": "POP3",
}


class Traces:
    """Of all levels of one run; :meth:`begin` begins the next level."""

    def __init__(self) -> None:
        #: Names, with the servers where they are now.
        self.users: list[str] = []
        self.links: list[str] = []
        #: Why levels were not checked to their end.
        self.given_up: list[str] = []
        #: Whether any reply was of the form that it should have, at any level.
        self.ever_understood = False
        self.begin()

    def begin(self) -> None:
        """Begin a level."""
        self._heard = b""
        self._understood = False
        self._failed = 0

    def hear(self, data: bytes) -> None:
        """Keep the first that came."""
        self._heard = self._heard or data[:_HEARD_BYTES]

    def understand(self) -> None:
        """Something had the form of a reply."""
        self._understood = self.ever_understood = True

    def understand_text(self, data: bytes) -> None:
        """Something came where any text may."""
        if not data.startswith(tuple(_STRANGERS)):
            self.understand()

    def leave(self, kind: list[str], name: str, where: tuple[str, int]) -> None:
        """Write down what is at a server now."""
        text = f"{name} at {where[0]}:{where[1]}"
        if text not in kind:
            kind.append(text)

    def fail(self, level: str, where: tuple[str, int]) -> bool:
        """Count a check that failed; tell whether to give up."""
        self._failed += 1
        if self._failed < FIRST or self._understood:
            return False
        server = f"{where[0]}:{where[1]}"
        speaks = next((name for start, name in _STRANGERS.items() if self._heard.startswith(start)), "")
        if not self._heard:
            why = f"{server} takes connections and has not sent one byte in {self._failed} checks"
        elif speaks:
            why = f"what is at {server} speaks {speaks}, which is none of these protocols"
        else:
            why = f"nothing that {server} says has the form of a reply; it begins with: {shown(self._heard)}"
        self.given_up.append(f"gave up at level {level}: {why}")
        return True
