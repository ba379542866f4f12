"""Rules, broken one at a time: the simulator has to notice each, within few seeds.

What is broken is one small method or one figure. A rule whose breaking nobody notices is not tested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from chatproto.federation.dialing import Dialer
from chatproto.federation.groups_incoming import GroupReceiver
from chatproto.federation.groups_members import Correction
from chatproto.federation.groups_sending import GroupSender
from chatproto.federation.incoming import IncomingStream
from chatproto.federation.judging import Judge
from chatproto.federation.outgoing import OutgoingStream
from chatproto.federation.overdue import Overdue
from chatproto.federation.sending import Sender
from chatproto.federation.settling import Settlement
from chatproto.frames import Ack, Ready
from chatproto.names import fold
from chatproto.realm.copies import Copies
from chatproto.realm.copying import EFFECTS
from chatproto.testing.simulation import Mode, Options, simulate

pytestmark = pytest.mark.usefixtures("judged")

#: So many seeds may pass before a broken rule is noticed.
SEEDS = 60
#: Where to begin with what takes rare circumstances, to be quick.
FIRST = {"drop_the_queue_when_the_store_is_full": 45, "do_not_wait_for_the_older_connection": 20}

Mutation = Callable[[pytest.MonkeyPatch], None]


def ack_before_commit(patch: pytest.MonkeyPatch) -> None:
    original = IncomingStream._store_entry

    async def store(self: Any, entry: Any) -> bool:
        before, self.row = self.row, entry.row
        self._on_stored()
        self.row = before
        return await original(self, entry)

    patch.setattr(IncomingStream, "_store_entry", store)


def forget_the_epoch(patch: pytest.MonkeyPatch) -> None:
    def after(self: Any, ready: Ready, mid: str) -> int:
        return min(ready.number, int(self.row.offered))

    patch.setattr(OutgoingStream, "_after", after)


def skip_the_dedupe(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Judge, "_must_look_up", lambda self, frame, sent: False)


def refuse_without_moving_on(patch: pytest.MonkeyPatch) -> None:
    original = IncomingStream._stored

    def stored(self: Any, entry: Any) -> None:
        if entry.codes and self.row is not None:
            entry.row = replace(self.row, epoch=entry.row.epoch)
        original(self, entry)

    patch.setattr(IncomingStream, "_stored", stored)


def bounce_what_was_offered(patch: pytest.MonkeyPatch) -> None:
    async def withdraw(self: Any) -> bool:
        stream = self._stream
        late, _ = await self._overdue(stream.row.settled, stream.newest + 1)
        codes = dict.fromkeys((each.row.number for each in late), "expired")
        self._writer.append(Settlement(stream, self._bounces, self._ended, late, codes))
        return False

    patch.setattr(Overdue, "_withdraw_some", withdraw)


def reset_the_back_off_on_connect(patch: pytest.MonkeyPatch) -> None:
    original = Dialer.linked

    def linked(self: Any, realm: Any, dialled: bool) -> None:
        original(self, realm, dialled)
        self._clear(self._targets[realm])

    patch.setattr(Dialer, "linked", linked)


def settle_without_verdict(patch: pytest.MonkeyPatch) -> None:
    original = Sender.__init__

    def begin(self: Any, *arguments: Any, **more: Any) -> None:
        original(self, *arguments, **more)
        self._told = self._acked
        self._settling.soon()

    patch.setattr(Sender, "__init__", begin)


def send_before_the_mark_is_durable(patch: pytest.MonkeyPatch) -> None:
    def offer(self: Any) -> None:
        self.offered = self.newest

    patch.setattr(OutgoingStream, "_offer", offer)


def use_numbers_again_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    original = OutgoingStream._load

    async def load(self: Any) -> None:
        await original(self)
        self.newest = max(self.row.settled, self.row.first - 1)

    patch.setattr(OutgoingStream, "_load", load)


def ack_beyond_the_listed_refusals(patch: pytest.MonkeyPatch) -> None:
    original = IncomingStream.ack

    def ack(self: Any) -> Ack | None:
        full = original(self)
        return None if full is None else replace(full, refused=full.refused[:1])

    patch.setattr(IncomingStream, "ack", ack)


def do_not_wait_for_the_older_connection(patch: pytest.MonkeyPatch) -> None:
    original = IncomingStream.ready

    async def ready(self: Any) -> Ready:
        entry, self._entry = self._entry, None
        try:
            return await original(self)
        finally:
            self._entry = entry

    patch.setattr(IncomingStream, "ready", ready)


def drop_the_queue_when_the_store_is_full(patch: pytest.MonkeyPatch) -> None:
    original = IncomingStream._store_entry

    async def store(self: Any, entry: Any) -> bool:
        going_on = await original(self, entry)
        if self._writer.refusing:
            self._queue.clear()
        return going_on

    patch.setattr(IncomingStream, "_store_entry", store)


def ack_entries_before_commit(patch: pytest.MonkeyPatch) -> None:
    original = GroupReceiver._judge

    def judge(self: Any) -> Any:
        work = original(self)
        for frame in work.frames:
            self._acks[frame.stream] = Ack(stream=frame.stream, epoch=frame.epoch, number=frame.number)
        self._on_acks()
        return work

    patch.setattr(GroupReceiver, "_judge", judge)


def send_entries_after_the_last_member_went(patch: pytest.MonkeyPatch) -> None:
    page = GroupSender._send_page

    async def send_page(self: Any, *arguments: Any) -> None:
        find = self._copies.find
        patch.setattr(self._copies, "find", lambda *key: (row := find(*key)) and replace(row, until=0))
        try:
            await page(self, *arguments)
        finally:
            patch.setattr(self._copies, "find", find)

    patch.setattr(GroupSender, "_send_page", send_page)


def believe_that_members_are_the_same(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Correction, "doubt", lambda self, group: None)


def let_newcomers_read_what_was_said_before(patch: pytest.MonkeyPatch) -> None:
    original = EFFECTS["joined"]

    def joined(change: Any, group: Any, message: Any, realm: Any) -> None:
        original(change, group, message, realm)
        change.member(group, replace(group.members[fold(message.sender)], since=0))

    patch.setitem(EFFECTS, "joined", joined)


def begin_copies_without_their_past(patch: pytest.MonkeyPatch) -> None:
    async def history(self: Any, *arguments: Any) -> str:
        return ""

    patch.setattr(Copies, "history", history)


#: Of groups, which the others do without.
OF_GROUPS: list[Mutation] = [
    ack_entries_before_commit,
    send_entries_after_the_last_member_went,
    believe_that_members_are_the_same,
    let_newcomers_read_what_was_said_before,
    begin_copies_without_their_past,
]
MUTATIONS: list[Mutation] = [
    ack_before_commit,
    forget_the_epoch,
    skip_the_dedupe,
    refuse_without_moving_on,
    bounce_what_was_offered,
    reset_the_back_off_on_connect,
    settle_without_verdict,
    send_before_the_mark_is_durable,
    use_numbers_again_after_a_restart,
    ack_beyond_the_listed_refusals,
    do_not_wait_for_the_older_connection,
    drop_the_queue_when_the_store_is_full,
]


@pytest.mark.parametrize("mutation", MUTATIONS + OF_GROUPS, ids=lambda mutation: mutation.__name__)
def test_a_broken_rule_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)
    groups = 2 if mutation in OF_GROUPS else 0
    first = FIRST.get(mutation.__name__, 0)
    for seed in range(first, first + SEEDS):
        if simulate(seed, Options(realms=2, groups=groups, mode=Mode.SAFETY)).broken:
            return
    pytest.fail(f"{mutation.__name__} was not noticed in {SEEDS} seeds", pytrace=False)
