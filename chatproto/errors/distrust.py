"""What is wrong between a client and a server before the first command."""

from __future__ import annotations

from chatproto.errors.refusals import ChatError


class Distrust(ChatError):
    """Client side: the server is not shown to be the one that is meant. Nothing was sent to it.

    To try again would not change it: somebody has to look. Never on the wire.
    """

    code = "distrust"
    message = "the server is not shown to be the one that is meant"


class NoTls(Distrust):
    """The server does not speak TLS."""

    code = "no-tls"
    message = "the server does not speak TLS"


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


class TlsNeeded(ChatError):
    """The client spoke without TLS on a port for TLS. What it said was readable on the way."""

    code = "tls-needed"
    message = "TLS is spoken on this port"
    fatal = True
