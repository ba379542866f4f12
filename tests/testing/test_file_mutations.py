"""Rules about files, broken one at a time: the simulator has to notice each; see test_mutations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from chatproto.events import Written
from chatproto.federation import files_fetching
from chatproto.federation.files_fetch import Fetch
from chatproto.federation.files_serving import Serving
from chatproto.files.memory import Content, MemoryPart
from chatproto.realm.files.downloading import Downloads
from chatproto.realm.files.elsewhere import Elsewhere
from chatproto.realm.files.garbage import Garbage
from chatproto.realm.files.upload import Upload
from chatproto.realm.files.uploading import Uploads
from chatproto.testing.simulation import Mode, Options, simulate

pytestmark = pytest.mark.usefixtures("judged")

#: So many seeds may pass before a broken rule is noticed.
SEEDS = 60

Mutation = Callable[[pytest.MonkeyPatch], None]


def skip_the_hash(patch: pytest.MonkeyPatch) -> None:
    def keep(self: Any, size: int, sha256: str) -> Deferred[str]:
        self._store.disk.contents[sha256] = Content(bytes(self._there().data), self._store.now())
        self._kept = True
        return succeed(sha256)

    patch.setattr(MemoryPart, "keep", keep)


def serve_any_realm(patch: pytest.MonkeyPatch) -> None:
    async def may(self: Any, realm: Any, row: Any) -> bool:
        return True

    patch.setattr(Elsewhere, "_may_have", may)


def give_it_to_anybody(patch: pytest.MonkeyPatch) -> None:
    async def may(self: Any, login: Any, row: Any) -> bool:
        return True

    patch.setattr(Downloads, "_may_read", may)


def drop_the_part_before_the_row_is_durable(patch: pytest.MonkeyPatch) -> None:
    original = MemoryPart.keep

    def keep(self: Any, size: int, sha256: str) -> Deferred[str]:
        kept = original(self, size, sha256)
        self._store.disk.parts.pop(self._name, None)
        return kept

    patch.setattr(MemoryPart, "keep", keep)


def say_that_it_is_here_before_it_is(patch: pytest.MonkeyPatch) -> None:
    original = Fetch._fill

    async def fill(self: Any, part: Any) -> None:
        await self._files.arrived(self.row)
        await original(self, part)

    patch.setattr(Fetch, "_fill", fill)


def ack_chunks_that_are_not_written(patch: pytest.MonkeyPatch) -> None:
    original = Upload.take

    def take(self: Any, offset: int, data: bytes, answer: Any) -> None:
        original(self, offset, data, lambda _: None)
        answer(Written(file=self.row.mid, offset=offset + len(data)))

    patch.setattr(Upload, "take", take)


def fetch_again_what_came_wrong(patch: pytest.MonkeyPatch) -> None:
    original = files_fetching.Fetching._postpone

    def postpone(self: Any, mid: str, least: float = 0.0) -> Any:
        tried = original(self, mid, least)
        tried.wrong = 0
        return tried

    patch.setattr(files_fetching.Fetching, "_postpone", postpone)


def send_more_than_is_asked_for(patch: pytest.MonkeyPatch) -> None:
    original = Serving._wake

    def wake(self: Any) -> None:
        for served in self._served.values():
            served.until = served.size
        original(self)

    patch.setattr(Serving, "_wake", wake)


def leave_parts(patch: pytest.MonkeyPatch) -> None:
    async def drop(self: Any, files: Any, name: str) -> bool:
        return False

    patch.setattr(Garbage, "_drop", drop)


def remove_what_is_needed(patch: pytest.MonkeyPatch) -> None:
    async def contents(self: Any, files: Any, after: str, *, careful: bool) -> Any:
        for sha256, _ in await files.contents("", 500):
            await files.remove(sha256)
        return await original(self, files, after, careful=careful)

    original = Garbage._contents
    patch.setattr(Garbage, "_contents", contents)


def forget_what_was_cancelled(patch: pytest.MonkeyPatch) -> None:
    async def over(self: Any, upload: Any, outcome: Any) -> None:
        upload.end(outcome)
        self._open.pop(upload.row.mid, None)

    patch.setattr(Uploads, "over", over)


def never_fetch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(files_fetching.Fetching, "wanted", lambda self, row: None)
    patch.setattr(files_fetching.Fetching, "_read_again", lambda self: None)


MUTATIONS: list[Mutation] = [
    skip_the_hash,
    serve_any_realm,
    give_it_to_anybody,
    drop_the_part_before_the_row_is_durable,
    say_that_it_is_here_before_it_is,
    ack_chunks_that_are_not_written,
    fetch_again_what_came_wrong,
    send_more_than_is_asked_for,
    leave_parts,
    remove_what_is_needed,
    forget_what_was_cancelled,
    never_fetch,
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_broken_rule_about_files_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)
    for seed in range(SEEDS):
        if simulate(seed, Options(realms=2, groups=1, files=4, mode=Mode.SAFETY, seconds=100)).broken:
            return
    pytest.fail(f"{mutation.__name__} was not noticed in {SEEDS} seeds", pytrace=False)
