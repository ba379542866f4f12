"""What ends a connection between two realms: one class per reason, with its code.

::

    LinkError
    ├── BadFrame            bad-frame             a line is no frame
    │   ├── UnexpectedFrame unexpected-frame      a frame that has no place there
    │   └── UnknownFrame    unknown-frame         a frame that must be understood, and is not
    ├── FrameTooLong        line-too-long
    ├── HandshakeTimeout    handshake-timeout
    ├── LinkLost            link-lost             it ended before anybody had proved anything
    ├── Silent              silent                nothing came for too long
    ├── NotLinked           not-linked            there is no link to that realm
    ├── OldTls              old-tls
    ├── WrongRealm          wrong-realm           another realm was meant, or answered
    ├── NoCommonVersion     no-common-version
    ├── WrongKey            wrong-key             another key than the one that is trusted
    ├── BadProof            bad-proof             what was said is not shown to be said by that realm
    └── RefusedByPeer       refused-by-peer       the other side said goodbye

These are no :class:`~chatproto.errors.ChatError`: no client is ever told of them. The code of one is the
reason in the ``goodbye`` that the other realm gets.
"""

from __future__ import annotations

from typing import ClassVar


class LinkError(Exception):
    """Something that ends a connection between realms.

    ``final`` says that to dial again would not help: somebody has to look.
    """

    code: ClassVar[str] = "link-error"
    message: ClassVar[str] = "the connection between the realms ends"
    final: ClassVar[bool] = False

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.message)
        self.text = message or self.message


class BadFrame(LinkError):
    """A line is not a frame: no UTF-8, no JSON, or a field that is missing or not of its type."""

    code = "bad-frame"
    message = "the line is not a frame"


class UnexpectedFrame(BadFrame):
    """A frame that may not come before both sides have proved who they are, or not any more."""

    code = "unexpected-frame"
    message = "the frame has no place here"


class UnknownFrame(BadFrame):
    """A frame of another version, whose sender says that to pass over it would do harm."""

    code = "unknown-frame"
    message = "the frame is not known here, and must be"


class FrameTooLong(LinkError):
    """A line is longer than the hello of its receiver allows, or than the handshake does."""

    code = "line-too-long"
    message = "the line is too long"


class HandshakeTimeout(LinkError):
    """The other side did not prove in time who it is."""

    code = "handshake-timeout"
    message = "no proof in time"


class LinkLost(LinkError):
    """The connection ended before the other side had proved who it is."""

    code = "link-lost"
    message = "the connection ended within the handshake"


class Silent(LinkError):
    """Nothing came of the other side, which gives a sign of life now and then."""

    code = "silent"
    message = "nothing came of it for too long"


class NotLinked(LinkError):
    """There is no link to the realm that the other side says it is."""

    code = "not-linked"
    message = "there is no link to that realm"
    final = True


class OldTls(LinkError):
    """The connection is one of TLS before 1.3, whose exporter does not tell one connection from another."""

    code = "old-tls"
    message = "links between realms need TLS 1.3"
    final = True


class WrongRealm(LinkError):
    """The other side is not the realm that was dialled, or wants to speak to another one."""

    code = "wrong-realm"
    message = "another realm is meant"
    final = True


class NoCommonVersion(LinkError):
    """There is no version of the protocol that both sides know."""

    code = "no-common-version"
    message = "there is no version that both realms know"
    final = True


class WrongKey(LinkError):
    """The other side has another key than the one that is trusted."""

    code = "wrong-key"
    message = "the realm has another key than the one that is trusted"
    final = True


class BadProof(LinkError):
    """The proof is not one of this realm for this connection."""

    code = "bad-proof"
    message = "the proof does not hold for this connection"
    final = True


class RefusedByPeer(LinkError):
    """The other side said goodbye before it had proved who it is; ``reason`` is the code it gave.

    Never final: anybody on the way could have said it.
    """

    code = "refused-by-peer"
    message = "the other realm ended the handshake"

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(f"the other realm ended the handshake: {reason}")
        self.reason = reason
        self.retry_after = retry_after
