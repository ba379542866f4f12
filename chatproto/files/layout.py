"""How a folder of files is laid out, and which names are allowed in it.

``contents/ab/abcd...`` is a content, ``parts/...`` what is not whole yet, by its encoded name, and ``new``
has small files for the moment in which they are written. ``realm`` says whose the folder is, ``lock`` is held
by the process that uses it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from chatproto.names import is_sha256

#: A content that nothing refers to stays so long after it was kept, last: its message may be on its way.
GRACE_SECONDS = 3600.0

#: The end of a part's name: so none is ``.`` or ``..``.
_SUFFIX = ".part"
#: The end of a folder for names that are longer than a file's may be; it is never in an encoded name.
_MORE = "+"
#: Characters of an encoded name in one file name: some file systems have only 143 bytes for one.
_PIECE = 120


class Layout:
    """The paths in a folder of files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.contents = folder / "contents"
        self.parts = folder / "parts"
        self.new = folder / "new"
        self.realm = folder / "realm"
        self.lock = folder / "lock"

    def folders(self) -> list[Path]:
        """Return all folders that are made at first, so that only files get names later."""
        contents = [self.contents / f"{first:02x}" for first in range(256)]
        return [self.folder, self.contents, self.parts, self.new, *contents]

    def content(self, sha256: str) -> Path:
        """Return where a content is."""
        assert is_sha256(sha256)
        return self.contents / sha256[:2] / sha256

    def part(self, name: str) -> Path:
        """Return where a part is: whatever its name has in it, it stays in the folder of parts."""
        encoded = quote(name, safe="", errors="surrogatepass")
        pieces = [encoded[at : at + _PIECE] for at in range(0, len(encoded), _PIECE)] or [""]
        return self.parts.joinpath(*(piece + _MORE for piece in pieces[:-1]), pieces[-1] + _SUFFIX)

    def part_names(self) -> list[str]:
        """Return the names of all parts that are there, sorted."""
        found = []
        for folder, _, names in os.walk(self.parts):
            within = Path(folder).relative_to(self.parts).parts
            head = "".join(piece.removesuffix(_MORE) for piece in within)
            found += [head + name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
        return sorted(unquote(name, errors="surrogatepass") for name in found)

    def content_sizes(self, after: str) -> Iterator[tuple[str, int]]:
        """Yield the hashes above ``after`` with their sizes, in order."""
        for folder in sorted(self.contents.iterdir()):
            if len(folder.name) != 2 or folder.name < after[:2]:
                continue
            for content in sorted(folder.iterdir()):
                if content.name > after and is_sha256(content.name) and content.name.startswith(folder.name):
                    with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
                        yield content.name, content.stat(follow_symlinks=False).st_size


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
