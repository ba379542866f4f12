"""What only the two ends of one TLS connection know: a proof of it is worth nothing on another one."""

from __future__ import annotations

from twisted.protocols.tls import TLSMemoryBIOProtocol

from chatproto.errors import OldTls

#: A name for this use of what TLS exports, so that no other use of it gets the same.
_LABEL = b"EXPORTER-chatproto-realm"
_BYTES = 32


def binding_of(transport: object) -> bytes:
    """Return what is peculiar to a connection whose TLS handshake is done; ``b""`` if it has no TLS.

    :raises OldTls: before TLS 1.3 somebody in between could have made two connections with the same secrets.
    """
    if not isinstance(transport, TLSMemoryBIOProtocol):
        return b""
    connection = transport.getHandle()
    if connection.get_protocol_version_name() != "TLSv1.3":
        raise OldTls
    exported: bytes = connection.export_keying_material(_LABEL, _BYTES)
    return exported
