"""Failures of ours as they are logged.

What went wrong where is for the log. The text of an exception is not: it may hold what was being worked on,
which is a password or what people wrote, as in ``invalid literal for int(): '...'``.
"""

from __future__ import annotations

import io
from typing import Any

from twisted.python.failure import Failure

from chatproto.errors import ChatError, ConfigError, StoreError

#: Their texts are ours, and made for operators.
_TOLD = (StoreError, ConfigError, ChatError, OSError)
_LEFT_OUT = "(what it said is left out, as it may be a user's secret)"


class _Untold(Exception):
    """Stands for an exception whose text is left out."""

    def __str__(self) -> str:
        return _LEFT_OUT


class Discreet(Failure):
    """A failure whose traceback shows all of it but the text of the exception."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)

    def getErrorMessage(self) -> str:
        """Return what it is."""
        if isinstance(self.value, _TOLD):
            return str(super().getErrorMessage())
        return f"{self._name()} {_LEFT_OUT}"

    def printTraceback(self, file: Any = None, *_: Any, detail: str = "default", **__: Any) -> None:
        """Write where it happened, and what it is."""
        if isinstance(self.value, _TOLD):
            super().printTraceback(file, detail=detail)
            return
        shown = Failure(_Untold(), None, self.getTracebackObject())
        shown.frames = self.frames
        text = io.StringIO()
        shown.printTraceback(text, detail="brief" if detail == "brief" else "default")
        file.write(text.getvalue().replace(f"{__name__}._Untold", self._name()))

    def _name(self) -> str:
        kind = self.type
        return getattr(kind, "__qualname__", str(kind))
