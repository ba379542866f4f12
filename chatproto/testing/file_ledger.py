"""What became of files: whose bytes are where, who was given any, and what is left of them on disks.

Their messages are in the ledger as all others are. Here it is about their bytes: those that were sent, no
other ones, to nobody else, and for as long as somebody may ask for them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

from chatproto.names import fold
from chatproto.records import (
    FILE,
    NOWHERE,
    FileRow,
    FileState,
    MemberRow,
    MessageRow,
    Record,
    SubscriptionRow,
    UploadRow,
)
from chatproto.testing.group_ledger import GroupLedger
from chatproto.testing.hosts import RealmHost
from chatproto.testing.mirror import Mirror

#: How often a file may come with other bytes than were said: by a gateway, which may alter them, more often.
_WRONG = 2
_WRONG_ROUTED = 8
_COMING = (FileState.WANTED, FileState.OFFERED)


class FileLedger:
    """The files of a simulation. ``reset`` are the realms whose store was replaced by an older copy."""

    def __init__(
        self,
        mirrors: Mapping[str, Mirror],
        counts: Counter[str],
        broke: Callable[[str], None],
        groups: GroupLedger,
        reset: Container[str],
    ) -> None:
        self._mirrors = mirrors
        self._counts = counts
        self._broke = broke
        self._groups = groups
        self._reset = reset
        self._hosts: dict[str, RealmHost] = {}
        #: The bytes of all files that anybody ever sent, by their hash, and the mids that anybody knows.
        self.contents: dict[str, bytes] = {}
        self.mids: list[str] = []
        #: How often a realm's files were replaced by older ones; and contents that were lost by that.
        self._replaced: Counter[str] = Counter()
        self._lost: set[tuple[str, str]] = set()
        #: How often a file came wrong in one life of a realm.
        self._wrong: Counter[tuple[str, int, str]] = Counter()
        #: What was ever stored in which realm; by a link; and who was given bytes of what.
        self._ever: dict[tuple[str, str], FileRow] = {}
        self._came: set[tuple[str, str]] = set()
        #: What of groups one realm gave another.
        self._granted: set[tuple[str, str, str]] = set()
        self._given: dict[tuple[str, str], str] = {}
        #: What users were told in the end when they asked for a file.
        self.outcomes: dict[tuple[str, str], str] = {}

    def watch(self, host: RealmHost) -> None:
        """Follow a realm."""
        self._hosts[host.name] = host

    def shaken(self, realm: str) -> int:
        """Return how often a realm's disk for files has lost what was written there."""
        return self._replaced[realm] + self._hosts[realm].outages

    # -- what users see

    def made(self, data: bytes) -> str:
        """Hear of bytes that are going to be sent, and return their hash."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.contents[sha256] = data
        return sha256

    def given(self, user: str, mid: str, offset: int, data: bytes) -> None:
        """Hear that somebody was given bytes of a file."""
        realm = user.rpartition("@")[2]
        row = self._ever.get((realm, mid))
        if row is None:
            self._broke(f"file-access: {user} was given bytes of {mid}, which never were on disk")
            return
        self._counts["bytes downloaded"] += len(data)
        self._check_bytes(f"{user} was given", row, offset, data)
        if fold(user) == fold(row.sender):
            return
        self._given[user, mid] = row.recipient
        if not self._groups.has(row.recipient) and fold(user) != fold(row.recipient):
            self._broke(f"file-access: {user} was given bytes of {row}")

    def _check_bytes(self, who: str, row: FileRow, offset: int, data: bytes) -> None:
        right = self.contents.get(row.sha256)
        if right is not None and right[offset : offset + len(data)] != data:
            self._broke(f"file-content: {who} other bytes of {row} at {offset}")

    # -- what realms say

    def sends(self, realm: str, to: str, mid: str, offset: int, data: bytes) -> None:
        """Hear that a realm gives another one bytes of a file."""
        mirror = self._mirrors[realm]
        row = mirror.find(FileRow, mid)
        if row is None or row.state != FileState.STORED or offset + len(data) > row.size:
            self._broke(f"file-access: {realm} sends {to} bytes of {mid}, and on disk is {row}")
            return
        self._counts["bytes between realms"] += len(data)
        self._check_bytes(f"{realm} sends {to}", row, offset, data)
        if fold(row.recipient).endswith(f"@{to}"):
            return
        if self._has_entry(realm, to, row):
            self._granted.add((realm, to, mid))
        elif (realm, to, mid) not in self._granted:  # what has begun may go on
            self._broke(f"file-access: {realm} sends {to} bytes of {row}")

    def came_wrong(self, mid: str) -> None:
        """Hear that a file has come whole and is another one."""
        for name, mirror in self._mirrors.items():
            row = mirror.find(FileRow, mid)
            if row is None or row.state != FileState.WANTED:
                continue
            self._counts["came wrong"] += 1
            key = (name, self._hosts[name].lives, mid)
            self._wrong[key] += 1
            most = _WRONG_ROUTED if row.realm in self._hosts[name].routes else _WRONG
            if self._wrong[key] > most:
                self._broke(f"file-twice: {name} fetches {mid} again that came wrong {most} times")

    # -- what stores do

    def committed(self, realm: str, rows: Sequence[Record]) -> None:
        """Hear of rows on a realm's disk."""
        for row in rows:
            if isinstance(row, FileRow) and row.state == FileState.STORED:
                self._stored(realm, row)

    def _stored(self, realm: str, row: FileRow) -> None:
        self._ever[realm, row.mid] = row
        content = self._hosts[realm].files.contents.get(row.sha256)
        if content is None:
            if (realm, row.sha256) not in self._lost:
                self._broke(f"durable-first: {row} is on the disk of {realm}, and its bytes are not")
        elif len(content.data) != row.size:
            self._broke(f"file-content: {row} of {realm} has {len(content.data)} bytes")
        if content is not None:
            self._lost.discard((realm, row.sha256))
        if row.realm and (realm, row.mid) not in self._came:
            self._came.add((realm, row.mid))
            self._counts["files fetched"] += 1

    def lost_store(self, realm: str) -> None:
        """Hear that a realm has an older copy of its store."""
        self._came -= {each for each in self._came if each[0] == realm}
        self._note_lost(realm)

    def put_back(self, host: RealmHost, copy: Any) -> None:
        """Replace the files of a realm that does not run by an older copy."""
        host.files.restore(copy)
        self._replaced[host.name] += 1
        self._note_lost(host.name)

    def _note_lost(self, realm: str) -> None:
        """Note what there are rows of, and no bytes."""
        contents = self._hosts[realm].files.contents
        for row in self._mirrors[realm].every(FileRow):
            if row.state == FileState.STORED and row.sha256 not in contents:
                self._lost.add((realm, row.sha256))

    # -- the end

    def open(self, realms: Container[str]) -> Iterator[str]:
        """Return the files that have to come between these realms and are not there yet."""
        for name, mirror in self._mirrors.items():
            for row in mirror.every(FileRow) if name in realms else ():
                if row.state == FileState.WANTED and row.realm in realms and self.is_between(row.mid, realms):
                    yield f"the file {row.mid} for {name}"

    def is_between(self, mid: str, realms: Container[str]) -> bool:
        """Tell whether a file is of, and went by, realms of these only."""
        rows = [row for mirror in self._mirrors.values() if (row := mirror.find(FileRow, mid)) is not None]
        ways = {row.recipient.rpartition("@")[2] for row in rows}
        return mid.partition("/")[0] in realms and all(way in realms for way in ways)

    def check(self) -> None:
        """Check what must be so at any time."""
        for name, mirror in self._mirrors.items():
            for row in self._messages(mirror):
                if mirror.find(FileRow, row.mid) is None:
                    self._broke(f"file-row: {name} has {row}, and nothing of its file")
            for sha256, content in self._hosts[name].files.contents.items():
                if hashlib.sha256(content.data).hexdigest() != sha256:
                    self._broke(f"file-content: {name} has other bytes as {sha256}")
        for (user, mid), group in self._given.items():
            if self._groups.has(group):
                self._groups.check_reader(user, mid, fold(group))

    def _messages(self, mirror: Mirror) -> Iterator[MessageRow]:
        logs = (row for log in mirror.logs.values() for row in log.values())
        for row in (*mirror.by_mid.values(), *mirror.posts.values(), *logs):
            if row.kind == FILE:
                yield row

    def settled(self, realms: Container[str]) -> None:
        """Check what must be so when everything between these realms is at rest."""
        for lost in self.open(realms):
            self._broke(f"no-loss: {lost} has neither come nor was it refused")
        for name, mirror in self._mirrors.items():
            for row in mirror.every(FileRow) if name in realms else ():
                self._check_state(name, row)
        for (user, mid), code in self.outcomes.items():
            if user.rpartition("@")[2] in realms:
                self._check_outcome(user, mid, code)

    def _check_state(self, realm: str, row: FileRow) -> None:
        here = row.sha256 in self._hosts[realm].files.contents
        if row.state == FileState.STORED and not here and (realm, row.sha256) not in self._lost:
            self._broke(f"file-lost: {realm} has no bytes of {row}")
        if row.state == FileState.GONE:
            self._broke(f"file-lost: {realm} has let go of {row}")
        if row.state == FileState.REFUSED and not self._may_be_refused(realm, row):
            self._broke(f"file-lost: {realm} has refused {row}")

    def _may_be_refused(self, realm: str, row: FileRow) -> bool:
        """Tell whether a file may have been lost, or come altered, where it came from."""
        origin, home = row.mid.partition("/")[0], row.recipient.rpartition("@")[2]
        if origin not in self._mirrors or self._is_altered(row.mid):
            return True
        ways = {origin, home, realm}
        lost = any((name, row.sha256) in self._lost or name in self._reset for name in ways)
        return lost or not (fold(row.recipient).endswith(f"@{realm}") or self._has_entry(home, realm, row))

    def _has_entry(self, home: str, realm: str, row: FileRow) -> bool:
        """Tell whether a group's home gives a realm a file's entry: it may have left, and come again."""
        mirror = self._mirrors[home]
        conversation = mirror.groups.get(fold(row.recipient), 0)
        subscription = mirror.find(SubscriptionRow, (realm, conversation))
        number = next(
            (each.gseq for each in mirror.logs.get(conversation, {}).values() if each.mid == row.mid), 0
        )
        return subscription is not None and subscription.first <= number <= (subscription.until or 2**53)

    def _is_altered(self, mid: str) -> bool:
        gateways = (host.tampering for host in self._hosts.values())
        return any(gateway is not None and mid in gateway.altered for gateway in gateways)

    def _check_outcome(self, user: str, mid: str, code: str) -> None:
        realm = user.rpartition("@")[2]
        row = self._mirrors[realm].find(FileRow, mid)
        if not code:
            return
        if row is None:
            if realm not in self._reset:
                self._broke(f"file-lost: {user} was told {code} of {mid}, and {realm} knows nothing of it")
        elif code == "file-gone":
            if row.state == FileState.STORED and (realm, row.sha256) not in self._lost:
                self._broke(f"file-lost: {user} was told {code} of {row}")
        elif realm not in self._reset and self._reads(realm, user, row):  # else it may have come again since
            self._broke(f"file-lost: {user} was told {code} of {row}")

    def _reads(self, realm: str, user: str, row: FileRow) -> bool:
        if not self._groups.has(row.recipient):
            return True
        member = self._mirrors[realm].find(MemberRow, (row.conversation, fold(user)))
        return member is not None and not member.until and member.since < row.seq

    # -- what is left on disks

    def check_rubbish(self, host: RealmHost, *, all_old: bool = False) -> None:
        """See, after a realm has removed what nobody needs, that it did; after a week also old uploads."""
        mirror = self._mirrors[host.name]
        uploads = {row.mid for row in mirror.every(UploadRow)}
        coming = {row.mid for row in mirror.every(FileRow) if row.state in _COMING}
        left = host.files.parts.keys() - coming - uploads
        if left or (all_old and uploads):
            self._broke(f"rubbish: {host.name} has parts of {sorted(left)}, and uploads {sorted(uploads)}")
        needed = {row.sha256 for row in mirror.every(FileRow) if row.state == FileState.STORED}
        loose = host.files.contents.keys() - needed
        if all_old and loose:
            self._broke(f"rubbish: {host.name} has {sorted(loose)}, which nothing refers to")
        for row in mirror.every(FileRow):
            missing = row.state == FileState.STORED and row.sha256 not in host.files.contents
            if missing and (host.name, row.sha256) not in self._lost:
                self._broke(f"file-lost: {host.name} has removed the bytes of {row}")
        if any(row.conversation == NOWHERE and row.realm for row in mirror.every(FileRow)):
            self._broke(f"file-row: {host.name} waits for a file of others to go to a group")
