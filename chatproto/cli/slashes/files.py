"""Files: sent to whom one talks to, and saved."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from chatproto.cli.finding import file_of_id, newest_file
from chatproto.cli.slashes.base import Mistake

if TYPE_CHECKING:
    from chatproto.cli.talk import Talk


async def file(talk: Talk, path: str) -> None:
    """Send a file to whom /to named; what was sent of it before is not sent again."""
    if talk.to is None:
        raise Mistake("whom to? begin with /to NAME")
    await talk.transfers.send(talk.to, as_path(path))


async def save(talk: Talk, file: str | None = None, folder: str = ".") -> None:
    """Save a file, by the number that stands behind it, its name or its id.

    Without any it is the newest file of the conversation. It is saved in the folder that is named, or in the
    one where the chat was started. A file that is there already is never overwritten.
    """
    if file is None:
        found = await newest_file(talk.client, talk.here(None), talk.conversations.own)
    else:
        found = talk.printing.shelf.find(file)
        if found is None and "/" in file:
            found = await file_of_id(talk.client, file)
        elif found is None and talk.to is not None:
            found = await newest_file(talk.client, talk.to, word=file)
    if found is None:
        raise Mistake("nobody has sent you a file here" if file is None else f"there is no file {file} here")
    await talk.transfers.save(found, as_path(folder))


async def cancel(talk: Talk, file: str | None = None) -> None:
    """End the sending and saving of a file, or of all; what the realm has of them is forgotten."""
    ended = await talk.transfers.cancel(file)
    if not ended:
        raise Mistake("nothing is being sent or saved" if file is None else f"{file} is not on its way")
    talk.note("ended" if ended == 1 else f"ended {ended}")


def as_path(text: str) -> Path:
    """Return the path that was typed, perhaps quoted, or dropped there by a window system."""
    if text[:1] in ("'", '"') and text[-1:] == text[0]:
        with contextlib.suppress(ValueError):  # a quote of its own
            [text] = shlex.split(text)
    elif "\\ " in text:
        text = text.replace("\\ ", " ")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise Mistake(f"nobody's home is {text}") from None
