"""JSON objects out of a stream that has nothing between them: one may come in pieces, or several at once.

What cannot become an object is found where it is wrong, not where it would have to end: so whoever sends half
an object is told, and the next one is read as what it is. No byte is looked at more than a few times,
whatever comes: what was wrong twice is not read a third time, and how far is looked for the end of something
broken has a measure that only grows with what goes by.
"""

from __future__ import annotations

import re

#: What is kept of bytes that are no object: it is only told that they are none.
_START_BYTES = 256
#: How deep objects and arrays may stand in each other, and how many tokens may be in one object. Nobody sends
#: a tenth of that, and what is cut costs time for each token.
_DEPTH = 16
_TOKENS = 1024
#: Longest number or literal.
_WORD_BYTES = 64

_SPACE = re.compile(rb"[ \t\r\n]*")
_WORD = re.compile(rb"[-+.0-9A-Za-z]*")
#: A string, from any place in it that is not within an escape.
_STRING = re.compile(rb'[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+')
#: What counts for whoever only looks for the end of something broken. A string always matches, also one that
#: is cut off behind a backslash.
_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[{}]', re.DOTALL)
#: How far is looked for that end; how many bytes may be looked at in vain, and how many more for each that
#: goes by. So several broken ones in a row are found out, and a heap of brackets does not cost its square.
_BROKEN_BYTES = 2048
_LOOKS_BYTES = 8 * _BROKEN_BYTES
_LOOKS_A_BYTE = 4

#: What may follow, as the bytes with which it begins; ``v`` is a value.
_FIRST_KEY, _KEY, _COLON, _VALUE, _FIRST_VALUE, _NEXT = b'"}', b'"', b":", b"v", b"v]", b",}]"


class ObjectCutter:
    """Takes bytes; gives each object as it was sent, one after the other, and what is none as a piece too."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._forget()

    def clear(self) -> None:
        """Forget everything."""
        self._buffer.clear()
        self._forget()

    def _forget(self) -> None:
        #: Up to where something was read that was wrong.
        self._start = self._at = self._wrong = 0
        self._looks = _LOOKS_BYTES
        self._begin()

    def _begin(self) -> None:
        #: The brackets that are open, and what may follow.
        self._open = bytearray()
        self._expected = b""
        self._in_string = False
        self._after_string = b""
        self._tokens = 0
        #: Whether this one was told to be too long.
        self._skipping = False

    @property
    def partial(self) -> bool:
        """Whether something came of an object whose end has not come."""
        return bool(self._open)

    def add(self, data: bytes) -> None:
        """Take what came."""
        del self._buffer[: self._start]
        self._at -= self._start
        self._wrong = max(0, self._wrong - self._start)
        self._start = 0
        self._buffer += data

    def next(self, limit: int) -> bytes | None:
        """Return the next piece; None: more has to come.

        One that is longer than ``limit``, so far, is given once with a byte more than that, and the rest of
        it is dropped.
        """
        while True:
            if not self._open:
                self._start = self._at = _end(_SPACE, self._buffer, self._at)
                if self._at == len(self._buffer):
                    return None
                if self._buffer[self._at] != ord("{"):
                    return self._cut(self._next_brace(self._at))
                self._push(ord("{"))
            done = self._scan()
            if done is None and not self._skipping and self._at - self._start <= limit:
                return None
            skipped = self._skipping
            if done is False:
                piece = self._cut(self._resume_at())
            elif self._at - self._start > limit and not skipped:
                piece = bytes(self._buffer[self._start : self._start + limit + 1])
                self._skipping = True
            else:
                piece = bytes(self._buffer[self._start : self._at])
            if self._skipping or done:
                self._start = self._at
            if done:
                self._begin()
            if not skipped:
                return piece
            if done is None:
                return None

    def _cut(self, end: int) -> bytes:
        """Take bytes up to there as no object."""
        piece = bytes(self._buffer[self._start : min(end, self._start + _START_BYTES)])
        self._looks = min(_LOOKS_BYTES, self._looks + _LOOKS_A_BYTE * (end - self._start))
        self._start = self._at = end
        self._begin()
        return piece

    def _next_brace(self, start: int) -> int:
        found = self._buffer.find(b"{", start)
        return len(self._buffer) if found < 0 else found

    def _resume_at(self) -> int:
        """Return where to go on after what is no object: behind it, if one can tell, or at the next one.

        That may be within what was read, as after half a string. But it is behind what was read twice.
        """
        twice = min(self._wrong, self._at)
        self._wrong = max(self._wrong, self._at)
        if self._skipping:
            return self._next_brace(self._at)
        return self._end_of_broken() or self._next_brace(max(self._start + 1, twice))

    def _end_of_broken(self) -> int:
        """Return where the brackets of what is no object are closed, 0 if that is not found."""
        stop = min(self._start + min(_BROKEN_BYTES, self._looks), len(self._buffer))
        depth = 0
        for match in _BRACKETS.finditer(self._buffer, self._start, stop):
            depth += {b"{": 1, b"}": -1}.get(match[0], 0)
            if not depth:
                return match.end()
        self._looks -= stop - self._start
        return 0

    def _push(self, bracket: int) -> None:
        self._open.append(bracket)
        self._expected = _FIRST_KEY if bracket == ord("{") else _FIRST_VALUE
        self._at += 1

    def _scan(self) -> bool | None:
        """Go on as far as it goes: True at the end of the object, False if it is none, None for more."""
        while self._at < len(self._buffer):
            going = self._string() if self._in_string else self._token()
            if going is not True:
                return going
            if not self._open:
                return True
        return None

    def _string(self) -> bool | None:
        """Go on to behind the end of a string."""
        self._at = _end(_STRING, self._buffer, self._at)
        rest = bytes(self._buffer[self._at : self._at + 2])
        if rest in (b"", b"\\"):
            return None
        self._in_string, self._expected = False, self._after_string
        self._at += 1
        return rest[:1] == b'"'

    def _token(self) -> bool | None:
        """Take one token; False if it may not stand there, None if it may go on."""
        self._at = _end(_SPACE, self._buffer, self._at)
        if self._at == len(self._buffer):
            return None
        self._tokens += 1
        if self._tokens > _TOKENS or len(self._open) > _DEPTH:
            return False
        byte, is_value = self._buffer[self._at], self._expected[:1] == b"v"
        if byte in b'"{}[]:,':
            return self._mark(byte, is_value=is_value)
        return self._word() if is_value else False

    def _mark(self, byte: int, *, is_value: bool) -> bool:
        if not (byte in self._expected or (is_value and byte in b'"{[')):
            return False
        if byte in b"{[":
            self._push(byte)
            return True
        self._at += 1
        if byte == ord('"'):
            self._in_string, self._after_string = True, _NEXT if is_value else _COLON
        elif byte in b"}]":
            self._expected = _NEXT
            return self._open.pop() == byte - 2  # where ASCII has the one that opens
        else:
            is_key = byte == ord(",") and self._open[-1] == ord("{")
            self._expected = _KEY if is_key else _VALUE
        return True

    def _word(self) -> bool | None:
        """Take a number, or what has a name."""
        end = _end(_WORD, self._buffer, self._at)
        if end == self._at or end - self._at > _WORD_BYTES:
            return False
        if end == len(self._buffer):
            self._tokens -= 1
            return None
        self._expected, self._at = _NEXT, end
        return True


def _end(pattern: re.Pattern[bytes], buffer: bytearray, start: int) -> int:
    """Return where a pattern that matches everywhere ends."""
    match = pattern.match(buffer, start)
    assert match is not None
    return match.end()
