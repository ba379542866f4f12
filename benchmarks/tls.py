"""What TLS costs the server: processor time for each handshake, and resident memory for each idle connection.

Beside it the same without TLS. With self-signed certificates for an ECDSA key, as chatproto makes them, and
for an RSA key, as some authorities still give them.
"""

from __future__ import annotations

import resource
import ssl
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.server import Line, Server, pin_load
from chatproto.tls.certificates import KEY
from chatproto.tls.making import make_self_signed

HANDSHAKES = 1_000
CONNECTIONS = 1_000
#: Connections made before counting, so that what a server needs once is not counted.
FIRST = 50


def main() -> None:
    pin_load()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_self_signed(folder / "ecdsa", ["localhost"])
        (folder / "rsa").mkdir()
        pem = rsa.generate_private_key(65537, 2048).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        (folder / "rsa" / KEY).write_bytes(pem)
        make_self_signed(folder / "rsa", ["localhost"])
        tls = "ssl:0:interface=127.0.0.1:selfSigned="
        measure("without TLS", "tcp:0:interface=127.0.0.1", None)
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            measure(f"ECDSA P-256, {version.name}", f"{tls}{folder}/ecdsa", version)
        measure("RSA 2048, TLSv1_3", f"{tls}{folder}/rsa", ssl.TLSVersion.TLSv1_3)


def measure(what: str, endpoint: str, version: ssl.TLSVersion | None) -> None:
    with Server(
        "--limit", "connections=5000", "--log-level", "warn", "--listen", f"client={endpoint}"
    ) as server:
        for _ in range(FIRST):
            connect(server, version).ask(do="hello")
        # First, as later the memory of connections that are gone would be used again.
        lines = [listening(connect(server, version)) for _ in range(FIRST)]
        time.sleep(1)
        resident = server.resident_bytes()
        lines += [listening(connect(server, version)) for _ in range(CONNECTIONS)]
        time.sleep(1)
        each = (server.resident_bytes() - resident) / CONNECTIONS / 1024
        before = server.processor_seconds()
        for _ in range(HANDSHAKES):
            line = connect(server, version)
            line.ask(do="hello")
            line.close()
        handshake = (server.processor_seconds() - before) / HANDSHAKES
    print(
        f"tls: {what}: {handshake * 1e6:,.0f} us of the server's processor to connect, say hello and leave; "
        f"{each:.1f} KiB resident per idle connection, logged in and listening, at {CONNECTIONS}"
    )


class TlsLine(Line):
    """A connection through TLS."""

    def __init__(self, port: int, version: ssl.TLSVersion | None) -> None:
        super().__init__(port)
        if version is None:
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        self.socket = context.wrap_socket(self.socket)
        self._reader = self.socket.makefile("rb")

    def close(self) -> None:
        self._reader.close()
        self.socket.close()


def connect(server: Server, version: ssl.TLSVersion | None) -> TlsLine:
    return TlsLine(server.port, version)


def listening(line: TlsLine) -> TlsLine:
    line.login("henderson").ask(do="listen")
    return line


if __name__ == "__main__":
    main()
