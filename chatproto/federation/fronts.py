"""The handshake between a front and its main server. Lines in, lines out; no transport.

::

    front                              main server
    front        ------------------>
                 <------------------     main
    proof        ------------------>
                 <------------------     proof

It is that of realms (:mod:`chatproto.federation.handshake`) with another label: a front has a key and no
realm. It proves first, so that who dials gets no proof to try secrets on.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from hashlib import sha256

from msgspec import Struct

from chatproto.errors import (
    BadProof,
    NoCommonVersion,
    NotLinked,
    RefusedByPeer,
    UnexpectedFrame,
    WrongKey,
)
from chatproto.federation.handshake import NONCE_BYTES
from chatproto.federation.identity import Key, fingerprint, with_lengths
from chatproto.federation.trust import Trust
from chatproto.frames.fronts import Farewell, FrontHello, MainHello, OpeningFrame, Proof
from chatproto.version import VERSION
from chatproto.wire.front import NEWLINE, decode_opening, encode

#: Versions of what a front and its main server say that this one speaks.
VERSIONS = (1,)
#: What the proofs are of.
_LABEL = b"chatproto front proof 1"
_FRONT = b"front"
_MAIN = b"main"


class Main(Struct, frozen=True):
    """Which realm a main server is of, and whether fronts on its machine need no secret."""

    realm: str
    lab: bool = False


class _Side(enum.Enum):
    HELLO = "hello"  # the other side's hello is awaited
    PROOF = "proof"  # its proof is awaited
    DONE = "done"


class _Handshake:
    """What both sides have in common."""

    def __init__(self, key: Key, random_bytes: Callable[[int], bytes]) -> None:
        self._key = key
        self._nonce = random_bytes(NONCE_BYTES).hex()
        self._side = _Side.HELLO
        self._trust: Trust | None = None
        self._peer = ""
        self._digests = b""  # of both hellos, the front's first

    @property
    def done(self) -> bool:
        """Whether the other side has proved who it is."""
        return self._side is _Side.DONE

    @property
    def peer_key(self) -> str:
        """The other side's public key; proved when it is done."""
        return self._peer

    def _read(self, line: bytes) -> OpeningFrame:
        said = decode_opening(line)
        if isinstance(said, Farewell):
            raise RefusedByPeer(said.reason)
        return said

    def _meet(self, hello: FrontHello | MainHello, trust: Trust | None) -> None:
        """Judge the other side's hello."""
        if trust is None:
            raise NotLinked("no front of that name is known here; it needs a table [fronts.NAME]")
        if not trust.takes(hello.key):
            said = fingerprint(hello.key)
            raise WrongKey(f"it has another key, {said}, than the one that is trusted here")
        if not {*hello.versions}.intersection(VERSIONS):
            raise NoCommonVersion
        self._trust = trust
        self._peer = hello.key
        self._side = _Side.PROOF

    def _check(self, proof: Proof, role: bytes, binding: bytes) -> None:
        assert self._trust is not None
        if not self._trust.holds(self._peer, proof.signature, proof.mac, self._transcript(role, binding)):
            raise BadProof
        self._side = _Side.DONE

    def _prove(self, role: bytes, binding: bytes) -> bytes:
        assert self._trust is not None
        transcript = self._transcript(role, binding)
        return encode(Proof(signature=self._key.sign(transcript), mac=self._trust.proof(transcript)))

    def _transcript(self, role: bytes, binding: bytes) -> bytes:
        """Return what a proof is of."""
        return with_lengths(_LABEL, role, self._digests, binding)


class FrontHandshake(_Handshake):
    """The front's side. ``trust`` is what the main server has to prove."""

    def __init__(self, name: str, key: Key, trust: Trust, random_bytes: Callable[[int], bytes]) -> None:
        super().__init__(key, random_bytes)
        self._name = name
        self._expected = trust
        self._sent = b""
        #: What the main server said it is; proved when it is done.
        self.main = Main("")

    def begin(self) -> bytes:
        """Return what has to be sent at the beginning."""
        hello = FrontHello(
            name=self._name,
            nonce=self._nonce,
            key=self._key.key,
            versions=list(VERSIONS),
            agent=f"chatproto {VERSION}",
        )
        line = encode(hello)
        self._sent = line.removesuffix(NEWLINE)
        return line

    def received(self, line: bytes, binding: bytes) -> bytes:
        """Take a line, and return what has to be sent.

        :raises LinkError: the handshake has failed.
        """
        said = self._read(line)
        if self._side is _Side.HELLO and isinstance(said, MainHello):
            self.main = Main(said.realm, said.lab)
            self._digests = sha256(self._sent).digest() + sha256(line).digest()
            self._meet(said, self._expected)
            return self._prove(_FRONT, binding)
        if self._side is _Side.PROOF and isinstance(said, Proof):
            self._check(said, _MAIN, binding)
            return b""
        raise UnexpectedFrame


class MainHandshake(_Handshake):
    """The main server's side. ``trust_of`` says what a front of some name and key has to prove."""

    def __init__(
        self,
        main: Main,
        key: Key,
        trust_of: Callable[[str, str], Trust | None],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        super().__init__(key, random_bytes)
        self._main = main
        self._trust_of = trust_of
        #: What the front is called; proved when it is done.
        self.name = ""

    def received(self, line: bytes, binding: bytes) -> bytes:
        """Take a line, and return what has to be sent.

        :raises LinkError: the handshake has failed.
        """
        said = self._read(line)
        if self._side is _Side.HELLO and isinstance(said, FrontHello):
            self.name = said.name
            self._meet(said, self._trust_of(said.name, said.key))
            answer = encode(
                MainHello(
                    realm=self._main.realm,
                    nonce=self._nonce,
                    key=self._key.key,
                    versions=list(VERSIONS),
                    lab=self._main.lab,
                    agent=f"chatproto {VERSION}",
                )
            )
            sent = answer.removesuffix(NEWLINE)
            self._digests = sha256(line).digest() + sha256(sent).digest()
            return answer
        if self._side is _Side.PROOF and isinstance(said, Proof):
            self._check(said, _FRONT, binding)
            return self._prove(_MAIN, binding)
        raise UnexpectedFrame
