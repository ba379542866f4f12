"""The handshake: two realms that are meant get through, and nobody else does, whatever he stands between."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto.errors import (
    BadFrame,
    BadProof,
    LinkError,
    NoCommonVersion,
    NotLinked,
    RefusedByPeer,
    UnexpectedFrame,
    WrongKey,
    WrongRealm,
)
from chatproto.federation.handshake import Handshake, State
from chatproto.federation.identity import Identity
from chatproto.federation.trust import Kind, Trust
from chatproto.frames import Auth, Goodbye, PeerLimits, Ping
from chatproto.names import RealmName
from chatproto.wire.peer import encode_frame

ALPHA, BETA, GAMMA = (RealmName(name) for name in ("alpha", "beta", "gamma"))
SECRET = "at least 16 characters"
PAIRS = itertools.count()


class House:
    """A realm: who it is, and whom it trusts."""

    def __init__(self, name: RealmName, **options: Any) -> None:
        seed = hashlib.sha256(name.encode()).digest()
        self.identity = Identity(name, seed, **options)
        self.trusts: dict[RealmName, Trust] = {}
        self.asked: list[tuple[RealmName, str]] = []

    def trust_of(self, realm: RealmName, key: str) -> Trust | None:
        self.asked.append((realm, key))
        return self.trusts.get(realm)

    def dial(self, realm: RealmName) -> Handshake:
        return Handshake(self.identity, self, _random, dialled=realm)

    def listen(self) -> Handshake:
        return Handshake(self.identity, self, _random)


def _random(count: int) -> bytes:
    return next(PAIRS).to_bytes(count, "big")


def houses(*, secret: str = "", **options: Any) -> tuple[House, House]:
    """Return two realms that trust each other."""
    alpha, beta = House(ALPHA, **options), House(BETA, **options)
    for one, other in ((alpha, beta), (beta, alpha)):
        key = other.identity.key
        trust = Trust(Kind.SECRET, secret=secret) if secret else Trust.pin(key)
        one.trusts[other.identity.realm] = trust
    return alpha, beta


def line(data: bytes) -> bytes:
    """Return the one line in what a side said."""
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    return data[:-1]


def altered(data: bytes, **fields: object) -> bytes:
    """Return a line with other fields in it."""
    return json.dumps({**json.loads(data), **fields}).encode()


def meet(dialler: Handshake, listener: Handshake, binding: bytes = b"") -> None:
    """Let two sides speak to each other until both are done."""
    hello = listener.received(line(dialler.begin()), binding)
    assert listener.begin() == b""
    proof = dialler.received(line(hello), binding)
    proof_back = listener.received(line(proof), binding)
    assert listener.done
    assert not dialler.done
    assert dialler.received(line(proof_back), binding) == b""
    assert dialler.done


class TestThoseWhoAreMeant:
    @pytest.mark.parametrize("secret", ["", SECRET])
    @pytest.mark.parametrize("binding", [b"", b"tls"])
    def test_both_get_through(self, secret: str, binding: bytes) -> None:
        alpha, beta = houses(secret=secret)
        dialler, listener = alpha.dial(BETA), beta.listen()
        meet(dialler, listener, binding)
        assert (dialler.realm, listener.realm) == (BETA, ALPHA)
        assert (dialler.hello.key, listener.hello.key) == (beta.identity.key, alpha.identity.key)
        assert (alpha.asked, beta.asked) == ([(BETA, beta.identity.key)], [(ALPHA, alpha.identity.key)])

    def test_each_may_trust_in_its_own_way(self) -> None:
        alpha, beta = houses()
        alpha.trusts[BETA] = Trust(Kind.SECRET, key=beta.identity.key, secret=SECRET)
        beta.trusts[ALPHA] = Trust(Kind.SECRET, secret=SECRET)
        meet(alpha.dial(BETA), beta.listen())
        beta.trusts[ALPHA] = Trust(Kind.TOFU)
        with pytest.raises(BadProof):  # beta has no secret to prove
            meet(alpha.dial(BETA), beta.listen())

    def test_they_learn_what_the_other_takes_and_can_do(self) -> None:
        limits = PeerLimits(line=70_000, items=7)
        alpha, beta = houses(limits=limits, capabilities=("receipts", "files"))
        dialler, listener = alpha.dial(BETA), beta.listen()
        meet(dialler, listener)
        assert dialler.hello.limits == listener.hello.limits == limits
        assert dialler.hello.capabilities == ["receipts", "files"]

    def test_the_newest_common_version_is_spoken(self) -> None:
        alpha, beta = houses(versions=(1, 2, 3))
        beta.identity.versions = (2, 1)
        dialler, listener = alpha.dial(BETA), beta.listen()
        meet(dialler, listener)
        assert (dialler.version, listener.version) == (2, 2)

    def test_before_the_proof_nothing_is_done(self) -> None:
        alpha, beta = houses()
        dialler, listener = alpha.dial(BETA), beta.listen()
        hello = listener.received(line(dialler.begin()), b"")
        assert (dialler.state, listener.state) == (State.HELLO, State.AUTH)
        assert not listener.done
        dialler.received(line(hello), b"")
        assert dialler.state is State.AUTH
        assert not dialler.done


class TestThoseWhoAreNot:
    def test_a_realm_without_a_link(self) -> None:
        alpha, beta = houses()
        del beta.trusts[ALPHA]
        with pytest.raises(NotLinked) as raised:
            meet(alpha.dial(BETA), beta.listen())
        assert raised.value.code == "not-linked"

    def test_another_realm_than_the_one_that_was_dialled(self) -> None:
        alpha, _ = houses()
        gamma = House(GAMMA)
        alpha.trusts[GAMMA] = Trust.pin(gamma.identity.key)
        gamma.trusts[ALPHA] = Trust.pin(alpha.identity.key)
        dialler = alpha.dial(BETA)
        with pytest.raises(WrongRealm):  # who is asked for beta is not beta
            gamma.listen().received(line(dialler.begin()), b"")
        answer = gamma.listen().received(line(alpha.dial(GAMMA).begin()), b"")
        with pytest.raises(WrongRealm):  # and who answers as gamma is not, either
            dialler.received(line(answer), b"")

    @pytest.mark.parametrize("name", ["alpha", "Beta", "", "x y", "beta\n", "b" * 64])
    def test_who_says_a_name_that_cannot_be(self, name: str) -> None:
        alpha, _ = houses()
        hello = altered(line(alpha.dial(BETA).begin()), realm=name, to="alpha")
        with pytest.raises(WrongRealm):
            alpha.listen().received(hello, b"")
        assert alpha.asked == []

    @pytest.mark.parametrize(
        "trust", [Trust(Kind.SECRET, secret=SECRET), Trust(Kind.TOFU, key="0" * 64), None]
    )
    def test_a_realm_that_lies_about_its_name(self, trust: Trust | None) -> None:
        """Gamma says it is alpha, with its own key."""
        _, beta = houses()
        beta.trusts[ALPHA] = trust or beta.trusts[ALPHA]
        liar = House(GAMMA)
        liar.identity.realm = ALPHA
        liar.trusts[BETA] = Trust(Kind.SECRET, secret="what it guesses it to be")
        with pytest.raises((WrongKey, BadProof)) as raised:
            meet(liar.dial(BETA), beta.listen())
        assert raised.value.final

    def test_a_realm_that_lies_about_its_name_and_its_key(self) -> None:
        """The key is public, so anybody can show it; nobody else can sign with it."""
        alpha, beta = houses()
        liar = House(GAMMA)
        liar.identity.realm = ALPHA
        liar.identity.key = alpha.identity.key
        liar.trusts[BETA] = Trust.pin(beta.identity.key)
        with pytest.raises(BadProof):
            meet(liar.dial(BETA), beta.listen())

    def test_who_answers_with_another_key_gets_no_proof(self) -> None:
        """Otherwise he could try secrets on it."""
        alpha, beta = houses()
        alpha.trusts[BETA] = Trust(Kind.SECRET, key="0" * 64, secret=SECRET)
        dialler = alpha.dial(BETA)
        hello = beta.listen().received(line(dialler.begin()), b"")
        with pytest.raises(WrongKey):
            dialler.received(line(hello), b"")

    def test_another_secret(self) -> None:
        alpha, beta = houses(secret=SECRET)
        beta.trusts[ALPHA] = Trust(Kind.SECRET, secret="another one of as many characters")
        with pytest.raises(BadProof) as raised:
            meet(alpha.dial(BETA), beta.listen())
        assert raised.value.code == "bad-proof"

    def test_no_secret_where_one_is_asked_for(self) -> None:
        alpha, beta = houses()
        beta.trusts[ALPHA] = Trust(Kind.SECRET, secret=SECRET)
        with pytest.raises(BadProof):
            meet(alpha.dial(BETA), beta.listen())

    def test_no_common_version(self) -> None:
        alpha, beta = houses()
        alpha.identity.versions = (2, 3)
        with pytest.raises(NoCommonVersion) as raised:
            meet(alpha.dial(BETA), beta.listen())
        assert raised.value.final

    def test_a_stranger_gets_no_proof(self) -> None:
        """The dialler proves first: what a listener says before is its hello and a farewell."""
        alpha, beta = houses(secret=SECRET)
        listener = beta.listen()
        hello = listener.received(line(alpha.dial(BETA).begin()), b"")
        assert json.loads(hello)["frame"] == "hello"
        with pytest.raises(BadProof):
            listener.received(encode_frame(Auth(signature="00" * 64, mac="00" * 32)), b"")


class TestBetween:
    """Somebody stands between two realms that trust each other."""

    @pytest.mark.parametrize("secret", ["", SECRET])
    def test_a_recorded_connection_is_worth_nothing(self, secret: str) -> None:
        alpha, beta = houses(secret=secret)
        dialler, listener = alpha.dial(BETA), beta.listen()
        first = line(dialler.begin())
        second = line(listener.received(first, b""))
        third = line(dialler.received(second, b""))
        fourth = line(listener.received(third, b""))
        again = beta.listen()
        again.received(first, b"")
        with pytest.raises(BadProof):
            again.received(third, b"")
        assert again.state is State.FAILED
        dialler = alpha.dial(BETA)
        dialler.begin()
        dialler.received(second, b"")
        with pytest.raises(BadProof):
            dialler.received(fourth, b"")

    @pytest.mark.parametrize("secret", ["", SECRET])
    def test_a_proof_given_back_is_worth_nothing(self, secret: str) -> None:
        alpha, beta = houses(secret=secret)
        dialler, listener = alpha.dial(BETA), beta.listen()
        hello = listener.received(line(dialler.begin()), b"")
        proof = line(dialler.received(line(hello), b""))
        with pytest.raises(BadProof):
            dialler.received(proof, b"")

    def test_a_secret_proof_of_one_role_is_none_of_the_other(self) -> None:
        """With a secret alone the two macs could be one; the signatures differ by their keys anyway."""
        alpha, beta = houses(secret=SECRET)
        dialler, listener = alpha.dial(BETA), beta.listen()
        hello = listener.received(line(dialler.begin()), b"")
        proof = json.loads(dialler.received(line(hello), b""))
        proof_back = json.loads(listener.received(json.dumps(proof).encode(), b""))
        assert proof["mac"] != proof_back["mac"]
        mixed = altered(json.dumps(proof_back).encode(), mac=proof["mac"])
        with pytest.raises(BadProof):
            dialler.received(mixed, b"")

    def test_a_hello_given_back_is_not_taken(self) -> None:
        alpha, _ = houses()
        dialler = alpha.dial(BETA)
        with pytest.raises(WrongRealm):
            dialler.received(line(dialler.begin()), b"")

    @pytest.mark.parametrize("which", ["dialler", "listener"])
    @pytest.mark.parametrize(
        "fields",
        [
            {"limits": {"items": 1}},
            {"capabilities": ["files"]},
            {"versions": [1, 1]},
            {"agent": "other"},
            {"nonce": "0" * 64},
            {"new": "field"},
            {},  # the same, in other bytes
        ],
        ids=lambda fields: next(iter(fields), "bytes"),
    )
    def test_nothing_in_a_hello_can_be_changed(self, which: str, fields: dict[str, object]) -> None:
        alpha, beta = houses()
        dialler, listener = alpha.dial(BETA), beta.listen()
        said = line(dialler.begin())
        hello = line(listener.received(altered(said, **fields) if which == "dialler" else said, b""))
        proof = dialler.received(altered(hello, **fields) if which == "listener" else hello, b"")
        with pytest.raises(BadProof):
            listener.received(line(proof), b"")

    def test_nobody_can_take_versions_away(self) -> None:
        alpha, beta = houses(versions=(1, 2))
        dialler, listener = alpha.dial(BETA), beta.listen()
        hello = listener.received(altered(line(dialler.begin()), versions=[1]), b"")
        assert listener.version == 1
        with pytest.raises(BadProof):
            listener.received(line(dialler.received(altered(line(hello), versions=[1]), b"")), b"")

    @pytest.mark.parametrize("secret", ["", SECRET])
    @pytest.mark.parametrize(("one", "other"), [(b"tls 1", b"tls 2"), (b"tls 1", b""), (b"", b"tls 2")])
    def test_between_two_tls_connections_nothing_can_be_passed_on(
        self, secret: str, one: bytes, other: bytes
    ) -> None:
        alpha, beta = houses(secret=secret)
        dialler, listener = alpha.dial(BETA), beta.listen()
        hello = listener.received(line(dialler.begin()), other)
        proof = dialler.received(line(hello), one)
        with pytest.raises(BadProof):
            listener.received(line(proof), other)

    def test_nor_the_proof_of_the_listener(self) -> None:
        alpha, beta = houses()
        dialler, listener = alpha.dial(BETA), beta.listen()
        hello = listener.received(line(dialler.begin()), b"tls 2")
        proof = dialler.received(line(hello), b"tls 2")
        proof_back = listener.received(line(proof), b"tls 2")
        with pytest.raises(BadProof):
            dialler.received(line(proof_back), b"tls 1")

    @given(st.data())
    def test_a_byte_changed_anywhere_never_gets_through(self, data: st.DataObject) -> None:
        alpha, beta = houses(secret=SECRET)
        dialler, listener = alpha.dial(BETA), beta.listen()
        target = data.draw(st.integers(0, 3))

        def passed(step: int, said: bytes) -> bytes:
            said = line(said)
            if step != target:
                return said
            at = data.draw(st.integers(0, len(said) - 1))
            byte = data.draw(st.integers(0, 255).filter(lambda value: value != said[at]))
            return said[:at] + bytes([byte]) + said[at + 1 :]

        try:
            hello = listener.received(passed(0, dialler.begin()), b"")
            proof = dialler.received(passed(1, hello), b"")
            proof_back = listener.received(passed(2, proof), b"")
            dialler.received(passed(3, proof_back), b"")
        except LinkError:
            assert not dialler.done
            return
        pytest.fail("a changed byte got through")


class TestStates:
    """Every line in every state."""

    FRAMES = {
        "auth": encode_frame(Auth(signature="")),
        "ping": encode_frame(Ping(number=1)),
        "unknown": b'{"frame":"new"}\n',
    }

    @pytest.mark.parametrize("name", FRAMES)
    def test_only_a_hello_may_come_first(self, name: str) -> None:
        alpha, _ = houses()
        for side in (alpha.listen(), alpha.dial(BETA)):
            side.begin()
            with pytest.raises(UnexpectedFrame):
                side.received(line(self.FRAMES[name]), b"")
            assert side.state is State.FAILED

    @pytest.mark.parametrize("name", ["ping", "unknown", "hello"])
    def test_only_a_proof_may_follow(self, name: str) -> None:
        alpha, beta = houses()
        hello = alpha.dial(BETA).begin()
        listener = beta.listen()
        listener.received(line(hello), b"")
        with pytest.raises(UnexpectedFrame):
            listener.received(line({**self.FRAMES, "hello": hello}[name]), b"")

    @pytest.mark.parametrize("junk", [b"", b"GET / HTTP/1.1", b"{", b"\xff", b'{"frame":"hello"}'])
    def test_what_is_no_frame_ends_it(self, junk: bytes) -> None:
        alpha, _ = houses()
        listener = alpha.listen()
        with pytest.raises(BadFrame):
            listener.received(junk, b"")
        assert listener.state is State.FAILED

    def test_a_goodbye_ends_it(self) -> None:
        alpha, beta = houses()
        goodbye = line(encode_frame(Goodbye(reason="not-linked", retry_after=3.0)))
        dialler, listener = alpha.dial(BETA), beta.listen()
        listener.received(line(dialler.begin()), b"")
        for side in (dialler, listener):
            with pytest.raises(RefusedByPeer) as raised:
                side.received(goodbye, b"")
            assert (raised.value.reason, raised.value.retry_after) == ("not-linked", 3.0)
            assert not raised.value.final  # nobody has proved that he may say so

    @pytest.mark.parametrize("end", [State.DONE, State.FAILED])
    def test_nothing_follows_the_end(self, end: State) -> None:
        alpha, beta = houses()
        dialler, listener = alpha.dial(BETA), beta.listen()
        hello = line(dialler.begin())
        if end is State.DONE:
            again = line(listener.received(hello, b""))
            listener.received(line(dialler.received(again, b"")), b"")
        else:
            with pytest.raises(BadFrame):
                listener.received(b"", b"")
        assert listener.state is end
        for data in (hello, *map(line, self.FRAMES.values())):
            with pytest.raises(UnexpectedFrame):
                listener.received(data, b"")
            assert not listener.done

    def test_a_hello_is_small(self) -> None:
        """It has to pass the bound of 4 KiB that holds for strangers, whatever a realm can do."""
        alpha, _ = houses(capabilities=[f"{number:064}" for number in range(32)])
        assert len(alpha.dial(BETA).begin()) < 4096
