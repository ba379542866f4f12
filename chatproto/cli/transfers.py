"""Files that a talk sends and saves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from rich.filesize import decimal
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from chatproto.cli.slashes.base import Mistake
from chatproto.client import FileInfo, Progress, Sent, Stage, State
from chatproto.errors import ChatError

if TYPE_CHECKING:
    from chatproto.cli.talk import Talk


#: How far a file is is shown anew after so long, and not at each chunk.
_SHOWN_SECONDS = 0.1


class Transfer(Struct):
    """A file on its way; ``to`` is empty of one that is saved."""

    name: str
    to: str
    title: str
    progress: Progress
    done: Deferred[Any] | None = None


class Transfers:
    """Begins them, waits for them if the talk is patient, and tells what becomes of them."""

    def __init__(self, talk: Talk) -> None:
        #: Those under way, in their order.
        self.running: dict[int, Transfer] = {}
        self._talk = talk
        self._number = 0
        self._shown_at = 0.0

    async def send(self, to: str, path: Path) -> None:
        """Send a file.

        :raises Mistake: it cannot be read.
        """
        talk = self._talk
        name = talk.printing.name(to)

        def begin(progress: Callable[[Progress], None]) -> Deferred[str]:
            def sent(result: Sent) -> str:
                if not talk.patient:
                    return ""  # it comes back as a message that is shown
                return f"sent {path.name} to {to} as {result.mid}"  # which /save takes

            return talk.client.send_file(to, path, progress=progress).addCallback(sent)

        await self._run(Transfer(path.name, to, f"{path.name} to {name}", _BEGIN), begin)

    async def save(self, file: FileInfo, folder: Path) -> None:
        """Save a file.

        :raises Mistake: it cannot be written there.
        """

        def begin(progress: Callable[[Progress], None]) -> Deferred[str]:
            saving = self._talk.client.save(file, folder, progress=progress)
            return saving.addCallback(lambda path: f"saved {path} ({decimal(file.size)})")

        await self._run(Transfer(file.name, "", f"saving {file.name}", _BEGIN), begin)

    async def cancel(self, name: str | None) -> int:
        """End those of a name, or all, and return how many; what the realm has of them is forgotten."""
        ended = [each for each in self.running.values() if name in (None, each.name)]
        for transfer in ended:
            if transfer.done is not None:
                transfer.done.cancel()
        sent = {(transfer.name, transfer.to) for transfer in ended if transfer.to}
        if sent and self._talk.client.state is State.ONLINE:
            for upload in (await self._talk.client.files.uploads()).uploads:
                if (upload.name, upload.to) in sent:
                    await self._talk.client.files.cancel(upload.file)
        return len(ended)

    def stop(self) -> list[str]:
        """Stop all, to go on another time, and return what they are."""
        left = list(self.running.values())
        for transfer in left:
            if transfer.done is not None:
                transfer.done.cancel()
        return [transfer.title for transfer in left]

    async def _run(
        self, transfer: Transfer, begin: Callable[[Callable[[Progress], None]], Deferred[str]]
    ) -> None:
        self._number += 1
        number = self._number

        def heard(progress: Progress) -> None:
            news = progress.stage is not transfer.progress.stage
            transfer.progress = progress
            now = self._talk.clock.seconds()
            if news or now - self._shown_at >= _SHOWN_SECONDS:
                self._shown_at = now
                self._talk.view.changed()

        self.running[number] = transfer
        transfer.done = begin(heard).addBoth(self._over, number)
        transfer.done.addCallback(lambda said: self._talk.note(said) if said else None)
        if self._talk.patient:
            await transfer.done
        else:
            transfer.done.addErrback(self._failed, transfer)

    def _over(self, result: Any, number: int) -> Any:
        del self.running[number]
        self._talk.view.changed()
        if isinstance(result, Failure) and isinstance(result.value, OSError):
            raise Mistake(says(result.value))
        return result

    def _failed(self, failure: Failure, transfer: Transfer) -> None:
        failure.trap(ChatError, Mistake, CancelledError)
        if not failure.check(CancelledError) and self._talk.client.state is not State.CLOSED:
            error = failure.value
            reason = error.text if isinstance(error, ChatError) else str(error)
            self._talk.failed(f"{transfer.title}: {reason}")


_BEGIN = Progress(Stage.READING, 0, 0)


def says(error: OSError, *, name: bool = True) -> str:
    """Return in words what the system says of a file, with its name if it knows it."""
    if isinstance(error, BlockingIOError):
        return f"{error.filename or 'the file'} is being saved already"
    reason = (error.strerror or type(error).__name__).lower()
    return f"{error.filename}: {reason}" if name and error.filename else reason
