"""What a client may be told about a file."""

from __future__ import annotations

from chatproto.errors.refusals import BadRequest, ChatError, Unavailable


class NoSuchFile(ChatError):
    """There is no such file, or not for this user."""

    code = "no-such-file"
    message = "there is no such file"


class FileNotHere(Unavailable):
    """The file's bytes are still on their way from another realm; ``retry_after`` says when to ask again."""

    code = "file-not-here"
    message = "the file is on its way from another realm"


class FileGone(ChatError):
    """The file's bytes are not kept any more, or never came as they were announced."""

    code = "file-gone"
    message = "the file is not kept any more"


class FileTooLarge(ChatError):
    """The file has more bytes than are taken."""

    code = "file-too-large"
    message = "the file has more bytes than are taken"


class WrongContent(ChatError):
    """The bytes of a file do not have the size or the hash that was said."""

    code = "wrong-content"
    message = "the bytes do not have the size or the hash that was said"


class BadOffset(BadRequest):
    """A chunk does not begin where the one before ended; ``upload`` again tells where that is."""

    code = "bad-offset"
    message = "the chunk does not begin where the one before ended"
