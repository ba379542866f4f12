"""What the lying realm does about files: offers what it has not, sends what nobody wants, asks for more."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from random import Random

from chatproto.frames import CHUNK_BYTES, Chunk, Got, Item, Lacking, Want
from chatproto.records import FILE, Offer, offer_text
from chatproto.wire.peer import encode_frame

_MOST = 200_000


class _Way(enum.Enum):
    """How it sends one of its files."""

    RIGHT = "right"
    OTHER = "other"  # other bytes than announced
    ONCE_OTHER = "once other"  # the first time
    SHORT = "short"  # it never finishes
    MORE = "more"  # beyond what is asked for
    LACKING = "lacking"


class RogueFiles:
    """Its files. ``mids`` are those of others, as many as it could learn; ``made`` hears of its own bytes."""

    def __init__(self, realm: str, random: Random, mids: Sequence[str], made: Callable[[bytes], str]) -> None:
        self._realm = realm
        self._random = random
        self._mids = mids
        self._made = made
        self._files: dict[str, tuple[bytes, _Way]] = {}

    def offer(self, number: int, to: str) -> Item:
        """Offer a file to somebody in a realm."""
        random = self._random
        data = random.randbytes(random.choice((0, 1, 5000, random.randrange(_MOST))))
        mid = f"{self._realm}/file{len(self._files)}"
        self._files[mid] = data, random.choice(list(_Way))
        name = random.choice(("goal.mp4", "../../goal", "C:\\goal", "a" * 255))
        offer = Offer(name=name, size=len(data), sha256=self._made(data))
        return Item(
            number=number,
            mid=mid,
            from_=f"u0@{self._realm}",
            to=f"u0@{to}",
            text=offer_text(offer),
            at=0,
            expires=2**52,
            kind=FILE,
        )

    def answers(self, want: Want) -> list[bytes]:
        """Return what is said to who wants one of its files."""
        data, way = self._files.get(want.mid, (b"", _Way.LACKING))
        right = data[want.offset : want.offset + want.size]
        match way:
            case _Way.LACKING:
                codes = ("file-not-here", "file-gone", "no-such-file", "x" * 64, "not a code")
                lacking = Lacking(mid=want.mid, code=self._random.choice(codes), retry_after=1e9)
                return [encode_frame(lacking)]
            case _Way.SHORT:
                return self._chunks(want.mid, want.offset, right[: len(right) // 2])
            case _Way.MORE:
                return self._chunks(want.mid, want.offset, right + bytes(100_000))
            case _Way.OTHER:
                return self._chunks(want.mid, want.offset, bytes(len(right)))
            case _Way.ONCE_OTHER:
                self._files[want.mid] = data, _Way.RIGHT
                return self._chunks(want.mid, want.offset, bytes(len(right)))
        return self._chunks(want.mid, want.offset, right)

    def _chunks(self, mid: str, offset: int, data: bytes) -> list[bytes]:
        said = []
        for at in range(0, len(data), CHUNK_BYTES):
            piece = data[at : at + CHUNK_BYTES]
            said.append(encode_frame(Chunk(mid=mid, offset=offset + at, size=len(piece))) + piece)
        return said

    def noise(self, other: str) -> bytes:
        """Say something about files that are not its own."""
        random = self._random
        mid = random.choice(self._mids) if self._mids else f"{other}/1"
        size = random.choice((0, 1, CHUNK_BYTES, 2**50))
        data = random.randbytes(random.randint(1, 2000))
        return random.choice(
            (
                encode_frame(Want(mid=mid, offset=0, size=size)),
                encode_frame(Want(mid=mid, offset=0, size=2**52)),
                encode_frame(Want(mid=mid, offset=size, size=CHUNK_BYTES)),
                encode_frame(Got(mid=mid, code=random.choice(("", "wrong-content")))),
                encode_frame(Lacking(mid=mid, code="file-gone")),
                encode_frame(Chunk(mid=mid, offset=0, size=len(data))) + data,
            )
        )
