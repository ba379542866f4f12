"""Files for the realm of the tests of clients: kept in memory, spoiled and held back on request."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.internet.task import Clock

from tests.fake_realm import Connection, FakeRealm, refusal

#: Bytes that a client may have under way.
WINDOW = 256 * 1024


class Upload:
    """A file that is not whole yet."""

    def __init__(self, file: str, command: dict[str, Any]) -> None:
        self.file = file
        self.cid: str = command["cid"]
        self.said = {key: command[key] for key in ("to", "name", "size", "sha256", "type") if key in command}
        self.data = bytearray()


class FakeFileRealm(FakeRealm):
    """A realm with files."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.uploads: dict[str, Upload] = {}
        self.files: dict[str, bytes] = {}
        self.sent: dict[str, dict[str, Any]] = {}
        #: Files whose bytes are not here yet.
        self.away_files: set[str] = set()
        #: So many downloads answer with wrong bytes, so many chunks are stored wrong.
        self.wrong_downloads = 0
        self.wrong_chunks = 0
        self.chunk_bytes = 0

    def do_upload(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        if command["cid"] in self.sent:
            return self.sent[command["cid"]]
        upload = next((each for each in self.uploads.values() if each.cid == command["cid"]), None)
        if upload is None:
            upload = Upload(f"alpha/f{len(self.commands)}", command)
            self.uploads[upload.file] = upload
        return {"file": upload.file, "offset": len(upload.data), "window": WINDOW}

    def do_chunk(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        upload, data = self.uploads.get(command["file"]), command["data"]
        if upload is None:
            return refusal("no-such-file")
        if command["offset"] != len(upload.data):
            return refusal("bad-offset")
        if self.wrong_chunks:
            self.wrong_chunks -= 1
            data = bytes(len(data))
        upload.data += data
        self.chunk_bytes += len(data)
        return {"file": upload.file, "offset": len(upload.data)}

    def do_finish(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        upload = self.uploads.pop(command["file"])
        if hashlib.sha256(upload.data).hexdigest() != command["sha256"]:
            return refusal("wrong-content")
        self.files[upload.file] = bytes(upload.data)
        self.sent[upload.cid] = {"mid": upload.file, "seq": len(self.files)}
        return self.sent[upload.cid]

    def do_uploads(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        return {
            "uploads": [
                {"file": each.file, "cid": each.cid, "offset": len(each.data), "at": "", **each.said}
                for each in self.uploads.values()
            ]
        }

    def do_cancel(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        return {} if self.uploads.pop(command["file"], None) else refusal("no-such-file")

    def do_download(self, connection: Connection, command: dict[str, Any]) -> dict[str, Any]:
        file, offset = command["file"], command["offset"]
        if file not in self.files:
            return refusal("no-such-file")
        if file in self.away_files:
            return refusal("file-not-here", 30)
        data = self.files[file][offset : offset + command["size"]]
        if self.wrong_downloads:
            self.wrong_downloads -= 1
            data = bytes(len(data))
        return {"file": file, "offset": offset, "size": len(data), "data": data}

    def file_comes(self, file: str) -> None:
        """Let the bytes of a file be here now, and tell those who listen."""
        self.away_files.discard(file)
        for connection in self.connections:
            connection.tell(event="file", file=file, state="stored")
