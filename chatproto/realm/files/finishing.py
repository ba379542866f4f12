"""From the last byte of a file to its message: verified, made durable, and only then sent.

The content is kept first, which can be repeated; then its message, its row and the end of the upload are one
entry. So a crash leaves an upload that can be finished, or a file that was sent, and nothing else.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatproto import commands
from chatproto.errors import (
    ChatError,
    CidReused,
    FileTooLarge,
    InternalError,
    NoSuchFile,
    NotLoggedIn,
    StoreFailed,
    Unavailable,
    WrongContent,
)
from chatproto.events import PENDING, Reply, Sent
from chatproto.interfaces import IFileStore, IStore
from chatproto.limits import Limits
from chatproto.names import clean_file_name, fold
from chatproto.realm.accounts import Accounts
from chatproto.realm.failing import answer_failure, refusal_of
from chatproto.realm.files.elsewhere import Elsewhere
from chatproto.realm.files.pins import Pins
from chatproto.realm.files.quotas import check_quota
from chatproto.realm.files.upload import Upload
from chatproto.realm.files.uploading import Uploads, upload_digest
from chatproto.realm.gate import Gate
from chatproto.realm.log import Log
from chatproto.realm.logins import Login
from chatproto.realm.offers import file_row
from chatproto.realm.sending import Answer, Filing, Sending
from chatproto.realm.writer import Writer
from chatproto.records import NOWHERE, FileRow, FileState, MessageRow, Offer, UploadRow, offer_text

#: Refusals after which the same upload can be finished later; and what a message that took its cid meanwhile
#: leads to, which is no reason to throw its bytes away unasked.
_PASSING = (Unavailable, InternalError, CidReused)
#: Fires with the answer to a command.
_Sending = Deferred[Reply | ChatError]


class Finishing:
    """Sends files whose bytes are here."""

    def __init__(
        self,
        files: IFileStore,
        store: IStore,
        writer: Writer,
        accounts: Accounts,
        log: Log,
        sending: Sending,
        uploads: Uploads,
        pins: Pins,
        elsewhere: Elsewhere,
    ) -> None:
        self._files = files
        self._store = store
        self._writer = writer
        self._accounts = accounts
        self._log = log
        self._sending = sending
        self._uploads = uploads
        self._pins = pins
        self._elsewhere = elsewhere

    # -- uploads

    def finish(self, login: Login, command: commands.Finish, answer: Answer, gate: Gate) -> None:
        """Send the file that an upload is; the answer comes later, and other commands go on."""
        done = Deferred.fromCoroutine(self._begin(login, command, answer, gate))
        done.addErrback(answer_failure, answer, self._writer)

    async def _begin(self, login: Login, command: commands.Finish, answer: Answer, gate: Gate) -> None:
        try:
            upload = self._uploads.at_hand(login, command.file)
            upload = upload or await self._uploads.find(login, command.file)
        except NoSuchFile:
            sent = await self._sent(login, command.file)
            if sent is None:
                raise
            answer(sent)
            return
        upload.join(answer)
        if upload.finishing:
            return
        upload.finishing = True
        try:
            outcome: Reply | ChatError = await self._finish(upload, login, command.sha256 or "", gate)
        except StoreFailed:
            raise
        except Exception:
            outcome = refusal_of(Failure())
        await self._conclude(upload, outcome)

    async def _sent(self, login: Login, mid: str) -> Sent | None:
        """Return the answer to a command that finishes what is finished already."""
        row = await self._store.file(mid)
        if row is None or row.realm or fold(row.sender) != fold(login.address):
            return None
        return Sent(mid=mid, state=PENDING) if row.conversation == NOWHERE else Sent(mid=mid, seq=row.seq)

    async def _finish(self, upload: Upload, login: Login, sha256: str, gate: Gate) -> Reply | ChatError:
        await upload.written()
        row = upload.row
        if upload.part.size < row.size and upload.refusal is not None:
            return upload.refusal  # it can be sent again, and the rest
        if upload.part.size != row.size:
            return WrongContent(f"{upload.part.size} bytes of {row.size} came")
        if sha256 and row.sha256 and sha256 != row.sha256:
            return WrongContent("another hash was said at the beginning")
        async with self._pins.held():
            kept = await upload.part.keep(row.size, sha256 or row.sha256)
            async with self._uploads.turns.alone(row.account):
                return await self._send_or_bring(upload, login, kept, gate)

    async def _send_or_bring(self, upload: Upload, login: Login, kept: str, gate: Gate) -> Reply | ChatError:
        row = upload.row
        if upload.outcome is not None:
            return upload.outcome
        if login.room is None and await self._accounts.find(row.account) is None:
            return NotLoggedIn()
        file = await self._store.file(row.mid)
        if file is not None:
            return await self._bring(row, file, kept)
        return await (await self._send(upload, login, kept, gate))

    async def _bring(self, row: UploadRow, file: FileRow, kept: str) -> Reply | ChatError:
        """End an upload that was sent, and came back as an entry to a store that had lost that."""
        if file.sha256 != kept:
            return WrongContent("something else was sent")
        await self._elsewhere.brought(file, row, await self._uploads.claims(row, file))
        return Sent(mid=row.mid, seq=file.seq)

    async def _send(self, upload: Upload, login: Login, kept: str, gate: Gate) -> _Sending:
        row = upload.row
        offer = Offer(name=row.name, size=row.size, sha256=kept, type=row.type)
        filing = Filing(partial(_stored, offer), upload_digest(row), row.mid, (row,))
        command = commands.Send(to=row.to, text=offer_text(offer), cid=row.cid or None)
        return await self._post(login, command, filing, gate)

    async def _post(
        self, login: Login, command: commands.Send, filing: Filing, gate: Gate, box: str = ""
    ) -> _Sending:
        """Append the message of a file, and return what fires with the answer when that is certain."""
        recipients = 1 if isinstance(command.to, str) else len(command.to)
        gate.message(login, recipients, command.text)
        done: _Sending = Deferred()
        await self._sending.send_slowly(login, command, done.callback, gate, filing, box)
        return done.addCallback(self._count, recipients)

    def _count(self, outcome: Reply | ChatError, recipients: int) -> Reply | ChatError:
        if not isinstance(outcome, ChatError):
            self._writer.meters.files += recipients
        return outcome

    async def _conclude(self, upload: Upload, outcome: Reply | ChatError) -> None:
        """Answer all who wait, and keep the upload only if it can be finished later."""
        if upload.outcome is not None:
            return  # it was ended meanwhile
        # Chunks that were refused, whatever for, can be sent again.
        passing = isinstance(outcome, _PASSING) or outcome is upload.refusal
        if isinstance(outcome, ChatError) and not passing:
            try:
                await self._writer.save(removes=(upload.row,))
            except Unavailable as error:
                outcome, passing = error, True
        if passing:
            assert isinstance(outcome, ChatError)
            upload.postpone(outcome)
        else:
            await self._uploads.over(upload, outcome)

    # -- small files, which come whole

    async def store_small(
        self,
        login: Login,
        to: str | list[str],
        name: str,
        data: bytes,
        answer: Answer,
        gate: Gate,
        limits: Limits,
        *,
        plain: bool = False,
        wait: bool = True,
        box: str = "",
    ) -> None:
        """Send a file that is in memory, to one or to each of a list; answered as ``send`` is.

        With ``box`` it is for the recipients' boxes of that name.

        :raises ChatError: it is refused, and nothing of it stays.
        """
        if len(data) > limits.sendfile_bytes:
            raise FileTooLarge(f"a file in a line has at most {limits.sendfile_bytes} bytes")
        copies = 1 if isinstance(to, str) else len(to)
        async with self._pins.held(), self._uploads.turns.alone(login.account):
            now = self._log.now()
            rows = await self._store.uploads(login.account)
            await check_quota(self._store, login, limits, len(data), now, rows, copies)
            for each in (to,) if isinstance(to, str) else to:
                await self._sending.file_way(login, each, len(data))
            kept = await self._files.put(data)
            self._writer.meters.file_bytes_in += len(data)
            offer = Offer(name=clean_file_name(name), size=len(data), sha256=kept, plain=plain)
            command = commands.Send(to=to, text=offer_text(offer), wait=wait)
            sending = await self._post(login, command, Filing(partial(_stored, offer), b""), gate, box)
            # The next one of the account finds the rows of this one, or that there are none.
            with suppress(Unavailable):
                await self._writer.save()
        answer(await sending)  # which may have to wait for another realm


def _stored(offer: Offer, message: MessageRow, recipient: str) -> FileRow:
    return file_row(message, offer, recipient, "", message.at, FileState.STORED)
