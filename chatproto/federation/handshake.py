"""The handshake between two realms: who speaks, and the proof of it. Lines in, lines out; no transport.

::

    dialler                              listener
    hello        ------------------>
                 <------------------     hello
    auth         ------------------>
                 <------------------     auth

Each proof covers both hellos as they were sent, the role of who proves, and what is peculiar to the TLS
connection where there is one. So nothing in a hello can be changed on the way, a recorded proof is worth
nothing (both hellos have a nonce), none can be given back to its maker (the role), and who stands between two
TLS connections cannot pass one on. The dialler proves first: a stranger who dials gets no proof to try
secrets on.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from hashlib import sha256
from typing import Protocol

from chatproto.errors import (
    BadName,
    BadProof,
    LinkError,
    NoCommonVersion,
    NotLinked,
    RefusedByPeer,
    UnexpectedFrame,
    WrongKey,
    WrongRealm,
)
from chatproto.federation.identity import Identity, with_lengths
from chatproto.federation.trust import Trust
from chatproto.frames import Auth, Frame, Goodbye, Hello
from chatproto.names import RealmName
from chatproto.wire.peer import NEWLINE, decode_frame, encode_frame

#: Random bytes in a hello: nobody meets the same one twice.
NONCE_BYTES = 32
#: What the proofs are of. Changed whenever what they cover changes, so that no two kinds are ever mistaken.
_LABEL = b"chatproto realm proof 1"
_DIALLER = b"dialler"
_LISTENER = b"listener"


class Trusts(Protocol):
    """Who knows how to check other realms. Asked for strangers too, so it may not cost anything."""

    def trust_of(self, realm: RealmName, key: str) -> Trust | None:
        """Return what a realm that shows a key has to prove; None if there is no link to it."""
        ...


class State(enum.Enum):
    """Where a handshake stands; see :data:`_NEXT`."""

    HELLO = "hello"  # the other side's hello is awaited
    AUTH = "auth"  # its proof is awaited
    DONE = "done"
    FAILED = "failed"


#: What may follow what.
_NEXT = {
    State.HELLO: {State.AUTH, State.FAILED},
    State.AUTH: {State.DONE, State.FAILED},
    State.DONE: {State.FAILED},  # nothing more of the handshake may come
    State.FAILED: {State.FAILED},
}


class Handshake:
    """One side of one handshake. ``dialled`` is the realm that was dialled; None on the side that listens.

    Whatever a method raises is a :class:`~chatproto.errors.LinkError`, and the end of it: nothing of the
    other side may be believed.
    """

    def __init__(
        self,
        identity: Identity,
        trusts: Trusts,
        random_bytes: Callable[[int], bytes],
        *,
        dialled: RealmName | None = None,
    ) -> None:
        self._identity = identity
        self._trusts = trusts
        self._nonce = random_bytes(NONCE_BYTES).hex()
        self._dialled = dialled
        self._state = State.HELLO
        self._sent = b""
        self._peer: Hello | None = None
        self._trust: Trust | None = None
        self._digests = b""  # of both hellos, the dialler's first
        #: The realm that the other side says it is, once there is a link to that; proved when it is done.
        self.realm: RealmName | None = None
        #: The newest version of the protocol that both know.
        self.version = 0
        #: What has to be sent before the goodbye, if it has failed.
        self.parting = b""

    @property
    def state(self) -> State:
        """Where it stands."""
        return self._state

    @property
    def untouched(self) -> bool:
        """Whether this side listens and nothing has come yet."""
        return self._state is State.HELLO and self._dialled is None

    @property
    def done(self) -> bool:
        """Whether the other side has proved who it is."""
        return self._state is State.DONE

    @property
    def dialled(self) -> bool:
        """Whether this side dialled."""
        return self._dialled is not None

    @property
    def capabilities(self) -> frozenset[str]:
        """What both sides can do beyond the least."""
        return frozenset(self._identity.capabilities).intersection(self.hello.capabilities)

    @property
    def hello(self) -> Hello:
        """What the other side said of itself; it is proved when it is done."""
        assert self._peer is not None, "its hello comes first"
        return self._peer

    def begin(self) -> bytes:
        """Return what has to be sent at the beginning."""
        return b"" if self._dialled is None else self._say_hello(self._dialled)

    def received(self, line: bytes, binding: bytes) -> bytes:
        """Take a line, and return what has to be sent.

        ``binding`` is what only the two ends of this TLS connection know, ``b""`` without TLS.

        :raises LinkError: the handshake has failed.
        """
        try:
            return self._take(line, decode_frame(line), binding)
        except LinkError:
            self._move(State.FAILED)
            raise

    def _take(self, line: bytes, frame: Frame | None, binding: bytes) -> bytes:
        if isinstance(frame, Goodbye) and self._state in (State.HELLO, State.AUTH):
            raise RefusedByPeer(frame.reason, frame.retry_after)
        if self._state is State.HELLO and isinstance(frame, Hello):
            return self._take_hello(line, frame, binding)
        if self._state is State.AUTH and isinstance(frame, Auth):
            return self._take_auth(frame, binding)
        raise UnexpectedFrame

    def _move(self, state: State) -> None:
        assert state in _NEXT[self._state], f"{self._state} to {state}"
        self._state = state

    # -- what the other side says

    def _take_hello(self, line: bytes, hello: Hello, binding: bytes) -> bytes:
        self._peer = hello
        self._trust = self._check_hello(hello)
        self._move(State.AUTH)
        if self._dialled is None:
            said = self._say_hello(RealmName(hello.realm))
            self._digests = sha256(line).digest() + sha256(self._sent).digest()
            return said
        self._digests = sha256(self._sent).digest() + sha256(line).digest()
        return self._prove(_DIALLER, binding)

    def _check_hello(self, hello: Hello) -> Trust:
        """Return how the other side has to prove what it says."""
        try:
            realm = RealmName.parse(hello.realm)
        except BadName:
            raise WrongRealm("that is no realm's name") from None
        if hello.to != self._identity.realm or realm == self._identity.realm:
            raise WrongRealm
        if self._dialled is not None and realm != self._dialled:
            raise WrongRealm
        trust = self._trusts.trust_of(realm, hello.key)
        if trust is None:
            if self._dialled is None:  # an operator may want to see our key before there is a link
                self.parting = self._say_hello(realm)
            raise NotLinked
        self.realm = realm
        # Before anything is proved to it: who has another key gets nothing made with the secret.
        if not trust.takes(hello.key):
            raise WrongKey
        common = {*hello.versions}.intersection(self._identity.versions)
        if not common:
            raise NoCommonVersion
        self.version = max(common)
        return trust

    def _take_auth(self, auth: Auth, binding: bytes) -> bytes:
        assert self._trust is not None
        listens = self._dialled is None
        transcript = self._transcript(_DIALLER if listens else _LISTENER, binding)
        if not self._trust.holds(self.hello.key, auth.signature, auth.mac, transcript):
            raise BadProof
        self._move(State.DONE)
        return self._prove(_LISTENER, binding) if listens else b""

    # -- what we say

    def _say_hello(self, to: RealmName) -> bytes:
        identity = self._identity
        hello = Hello(
            realm=str(identity.realm),  # no subclass of it can be encoded
            to=str(to),
            nonce=self._nonce,
            key=identity.key,
            versions=list(identity.versions),
            capabilities=list(identity.capabilities),
            limits=identity.limits,
            agent=identity.agent,
        )
        line = encode_frame(hello)
        self._sent = line.removesuffix(NEWLINE)
        return line

    def _prove(self, role: bytes, binding: bytes) -> bytes:
        assert self._trust is not None
        transcript = self._transcript(role, binding)
        return encode_frame(
            Auth(signature=self._identity.sign(transcript), mac=self._trust.proof(transcript))
        )

    def _transcript(self, role: bytes, binding: bytes) -> bytes:
        """Return what a proof is of."""
        return with_lengths(_LABEL, role, self._digests, binding)
