"""Where the bytes of files are kept: in a folder, or in memory.

A content has its hash for a name, and is there once however often it was sent. What comes in is written into
a part, which outlives the process under its own name; only when all of it is there, verified and synced, it
becomes a content. Nothing here knows what a file is called, whose it is, or who may have it.
"""

from chatproto.files.disk import DiskFileStore
from chatproto.files.layout import GRACE_SECONDS
from chatproto.files.memory import MemoryFileDisk, MemoryFileStore
from chatproto.files.opening import open_files

__all__ = ["GRACE_SECONDS", "DiskFileStore", "MemoryFileDisk", "MemoryFileStore", "open_files"]
