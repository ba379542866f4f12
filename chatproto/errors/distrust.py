"""What a client finds wrong with a server before it tells it anything. Never on the wire."""

from __future__ import annotations

from chatproto.errors.refusals import ChatError


class Distrust(ChatError):
    """Client side: the server is not shown to be the one that is meant. Nothing was sent to it.

    To try again would not change it: somebody has to look.
    """

    code = "distrust"
    message = "the server is not shown to be the one that is meant"


class NoTls(Distrust):
    """The server does not speak TLS."""

    code = "no-tls"
    message = "the server does not speak TLS"


class TlsNeeded(Distrust):
    """The server speaks TLS, and the client did not; what it said first was readable on the way."""

    code = "tls-needed"
    message = "the server speaks TLS here, and the connection was made without"


class UntrustedCertificate(Distrust):
    """The certificate has expired, or nobody who is trusted has signed it."""

    code = "untrusted-certificate"
    message = "the server's certificate is not trusted"


class WrongHost(Distrust):
    """The certificate is trusted, but for other hosts."""

    code = "wrong-host"
    message = "the server's certificate is for another host"


class PinMismatch(Distrust):
    """The server has another key than the pinned one."""

    code = "pin-mismatch"
    message = "the server has another key than the pinned one"
